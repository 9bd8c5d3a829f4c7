//! `cargo xtask pictures`: makes the pictures of docs/pictures from invented data.
//!
//! The program `script` runs the command in a terminal, and Chromium draws the page of HTML.

use std::fs;
use std::path::Path;

use xshell::{Shell, cmd};

use crate::Done;

/// The width of the terminal in characters.
const COLUMNS: usize = 166;

/// The size of a character in the picture, in pixels.
const CHARACTER: (usize, usize) = (8, 18);

/// The page at the width of a desktop and of a phone.
const FRAMES: &str = r#"<body style="margin:0;display:flex;gap:16px;background:#888">
<iframe src="page.html" style="border:0;width:840px;height:900px"></iframe>
<iframe src="page.html" style="border:0;width:390px;height:900px"></iframe>"#;

/// Makes all pictures.
pub(crate) fn run(shell: &Shell) -> Done {
    cmd!(shell, "cargo build --quiet --package session-store-cli").run()?;
    let program = shell.current_dir().join("target/debug/session-store");
    let pictures = shell.current_dir().join("docs/pictures");
    fs::create_dir_all(&pictures)?;
    let folder = shell.create_temp_dir()?;
    let _inside = shell.push_dir(folder.path());
    cmd!(shell, "{program} demo demo").quiet().ignore_stdout().run()?;
    shell.copy_file("demo/sessions.db", "logs.db")?;

    let list = "session-store ls -l sqlite:logs.db";
    let tree = "session-store tree sqlite:logs.db";
    let lines = [terminal(shell, &program, list)?, terminal(shell, &program, tree)?].concat();
    fs::write(pictures.join("ls-and-tree.svg"), svg(&lines))?;

    write_many_sessions(&folder.path().join("many"))?;
    let migrate = "session-store migrate fs:many sqlite:copy.db";
    let lines = terminal(shell, &program, migrate)?;
    fs::write(pictures.join("migrate.svg"), svg(&lines))?;

    let listed = cmd!(shell, "{program} ls sqlite:logs.db --sort size --limit 1").read()?;
    let session = listed.split('\t').next().unwrap_or_default();
    cmd!(shell, "{program} show sqlite:logs.db {session} --html page.html")
        .ignore_stdout()
        .run()?;
    shell.write_file("frames.html", FRAMES)?;
    let (picture, frames) = (pictures.join("page.png"), folder.path().join("frames.html"));
    cmd!(
        shell,
        "chromium --headless --no-sandbox --disable-gpu --hide-scrollbars
            --allow-file-access-from-files --window-size=1246,900
            --screenshot={picture} {frames}"
    )
    .ignore_stderr()
    .run()?;
    Ok(())
}

/// Writes sessions whose migration takes some seconds, so that the command shows its progress.
fn write_many_sessions(folder: &Path) -> Done {
    for session in 0..60 {
        let id = format!("0ccf1a04-1b4c-43b6-8aa5-0000000000{session:02}");
        fs::create_dir_all(folder.join(&id))?;
        let entry = format!("{{\"kind\":\"note\",\"text\":\"{}\"}}\n", "invented ".repeat(30));
        fs::write(folder.join(format!("{id}/{id}.jsonl")), entry.repeat(5_000))?;
    }
    Ok(())
}

/// Runs a command line in a terminal. Returns the line and its output. The output has only the
/// middle frame of a progress bar. It has no notes, because notes contain the temporary folder.
fn terminal(shell: &Shell, program: &Path, line: &str) -> Result<Vec<String>, xshell::Error> {
    let words = line.replacen("session-store", &program.display().to_string(), 1);
    let size = format!("stty columns {COLUMNS}; {words}");
    let output = cmd!(shell, "script --quiet --return --command {size} /dev/null").read()?;
    let plain = without_escapes(&output);
    let is_frame = |line: &&str| line.contains("copying [");
    let frames: Vec<_> = plain.split(['\r', '\n']).filter(is_frame).collect();
    let frame = frames.get(frames.len() / 2).copied();
    let is_left_out = |line: &str| line.contains(" [") || line.starts_with("note: ");
    let is_result = |line: &&str| !line.trim().is_empty() && !is_left_out(line);
    let results = plain.split(['\r', '\n']).filter(is_result);
    let prompt = format!("$ {line}");
    let shown = [prompt.as_str()].into_iter().chain(frame).chain(results).chain([""]);
    Ok(shown.map(|line| line.trim_end().to_owned()).collect())
}

/// Removes the escape sequences of a terminal.
fn without_escapes(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| c.is_ascii_alphabetic()).map_or(part.len(), |at| at + 1);
        plain.push_str(&part[end..]);
    }
    plain
}

/// Returns the picture of a terminal with these lines.
fn svg(lines: &[String]) -> String {
    let (width, height) = CHARACTER;
    let lines: Vec<_> = lines.iter().flat_map(|line| wrapped(line)).collect();
    let (right, bottom) = (COLUMNS * width + 32, lines.len() * height + 24);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {right} {bottom}\" \
         font-family=\"monospace\" font-size=\"13\">\n\
         <rect width=\"{right}\" height=\"{bottom}\" rx=\"8\" fill=\"#1d1d20\"/>\n"
    );
    for (number, line) in lines.iter().enumerate() {
        let color = if line.starts_with("$ ") { "#5bc27a" } else { "#e6e6ea" };
        let y = (number + 1) * height + 10;
        let text = line.replace('&', "&amp;").replace('<', "&lt;").replace(' ', "\u{a0}");
        svg += &format!("<text x=\"16\" y=\"{y}\" fill=\"{color}\">{text}</text>\n");
    }
    svg + "</svg>\n"
}

/// Splits a line at the width of the terminal.
fn wrapped(line: &str) -> Vec<String> {
    let characters: Vec<_> = line.chars().collect();
    if characters.is_empty() {
        return vec![String::new()];
    }
    characters.chunks(COLUMNS).map(|part| part.iter().collect()).collect()
}
