//! Tests of the passwords of Redis that are not in a URL.

use std::fs;
use std::io::{Read, Write};
use std::process::{Command, Stdio};

use rstest::rstest;
use test_deadlines::Process;
use test_servers::RedisServer;

use crate::program::{Ended, Place, SEGMENT, SESSION, program, run};

const PASSWORD: &str = "hunter2";

fn server(password: &str) -> RedisServer {
    RedisServer::start_durable(&["--requirepass", password])
}

/// Creates a store on a server. Returns its URL without the password.
fn create_store(server: &RedisServer, password: &str) -> String {
    let url = server.url();
    let login = url.replace("redis://", &format!("redis://:{password}@"));
    run(["create", &login, "--session", SESSION, "--segment", SEGMENT]).ok();
    url
}

#[test]
fn a_password_comes_from_a_file_or_the_environment() {
    let (server, place) = (server(PASSWORD), Place::new());
    let url = create_store(&server, PASSWORD);
    let file = place.path("password");
    fs::write(&file, format!("{PASSWORD}\n")).unwrap();
    let file = file.to_str().unwrap();

    let message = run(["exists", &url, SEGMENT]).refused(3);
    assert!(message.contains("NOAUTH"), "{message}");
    assert_eq!(run(["exists", "--password-file", file, &url, SEGMENT]).ok(), "yes\n");
    assert_eq!(run(["--password-file", file, "exists", &url, SEGMENT]).ok(), "yes\n");
    let mut command = program(["exists", &url, SEGMENT]);
    command.env("SESSION_STORE_PASSWORD", PASSWORD);
    assert_eq!(ended(&mut command).ok(), "yes\n");

    fs::write(file, "").unwrap();
    let message = run(["exists", "--password-file", file, &url, SEGMENT]).refused(3);
    assert!(message.contains("first line is empty"), "{message}");
}

#[test]
fn two_stores_can_have_two_password_files() {
    let (from, to, place) = (server("one"), server("two"), Place::new());
    let [from, to] = [(from, "one"), (to, "two")].map(|(server, password)| {
        let url = create_store(&server, password);
        let file = place.path(password);
        fs::write(&file, password).unwrap();
        (server, url, file.to_str().unwrap().to_owned())
    });
    let verify = ["verify", &from.1, &to.1, "--password-file", &from.2, "--password-file", &to.2];
    assert!(run(verify).ok().starts_with("equal: 1 segment"));
}

#[test]
fn a_password_is_typed_on_the_terminal_and_not_shown() {
    let server = server(PASSWORD);
    let url = create_store(&server, PASSWORD);
    let store = env!("CARGO_BIN_EXE_session-store");
    // The program `script` runs a command on a terminal of its own.
    let command = format!("{store} exists --ask-password {url} {SEGMENT}");
    let mut script = Command::new("script");
    script.args(["-qec", &command, "/dev/null"]);
    script.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = Process::start(&mut script);
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut shown = Vec::new();
    let mut byte = [0];
    while !shown.ends_with(b": ") && stdout.read(&mut byte).unwrap() == 1 {
        shown.push(byte[0]);
    }
    writeln!(stdin, "{PASSWORD}").unwrap();
    stdout.read_to_end(&mut shown).unwrap();
    drop(stdin);
    let shown = String::from_utf8(shown).unwrap();
    assert!(shown.contains(&format!("Password for {url}")), "{shown}");
    assert!(shown.contains("yes"), "{shown}");
    assert!(!shown.contains(PASSWORD), "{shown}");
}

#[rstest]
#[case(&["ls", "rdis://:hunter2@localhost"])]
#[case(&["ls", "redis//:hunter2@localhost"])]
#[case(&["ls", "redis://:hunter2@localhost:x"])]
#[case(&["show", SEGMENT, "redis://:hunter2@localhost"])]
#[case(&["ls", "memory:", SESSION, "redis://:hunter2@localhost"])]
#[case(&["lss", "redis://:hunter2@localhost"])]
fn no_message_about_arguments_contains_a_password(#[case] args: &[&str]) {
    let message = run(args).refused(2);
    assert!(!message.contains(PASSWORD), "{message}");
}

fn ended(command: &mut Command) -> Ended {
    Process::start(command).wait_with_output().into()
}
