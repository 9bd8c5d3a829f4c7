//! Passwords of PostgreSQL and Redis stores. A password that is not in the URL comes from a file,
//! the terminal or the environment.

use std::env;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use session_store::{PasswordOf, StoreUrl};

use crate::args::PasswordArgs;
use crate::failure::{Context, Failure};

/// The maximum size of a password file.
const MAX_BYTES: u64 = 64 * 1024;

impl PasswordArgs {
    /// Sets the passwords that the URLs do not contain.
    pub(crate) fn supply(&self, urls: Vec<&mut StoreUrl>) -> Result<(), Failure> {
        let mut files = self.files.iter();
        // The first file is for the first store that needs a password, and so on. If there are more
        // such stores than files, the last file is for all remaining stores.
        let mut file = None;
        for url in urls {
            let missing = url.missing_passwords();
            if missing.is_empty() {
                continue;
            }
            file = files.next().or(file);
            let lines = file.map(|file| read_lines(file)).transpose()?;
            for of in missing {
                let password = match &lines {
                    Some(lines) => lines.get(line_of(of)).cloned(),
                    None if self.ask => ask(of, url)?,
                    None => from_environment(of)?,
                };
                if let Some(password) = password {
                    *url = url.clone().with_password(of, password);
                }
            }
        }
        Ok(())
    }
}

/// Returns the position of a password in a password file.
const fn line_of(of: PasswordOf) -> usize {
    match of {
        PasswordOf::Sentinels => 1,
        _ => 0,
    }
}

/// Reads the lines of a password file.
fn read_lines(path: &Path) -> Result<Vec<String>, Failure> {
    let operation = || format!("read the password file {}", path.display());
    let mut text = String::new();
    let file = File::open(path).context(operation)?;
    file.take(MAX_BYTES).read_to_string(&mut text).context(operation)?;
    let lines: Vec<_> = text.lines().map(str::to_owned).collect();
    match lines.first() {
        Some(first) if !first.is_empty() => Ok(lines),
        _ => Err(Failure::cannot(operation(), "its first line is empty")),
    }
}

fn from_environment(of: PasswordOf) -> Result<Option<String>, Failure> {
    let name = match of {
        PasswordOf::Sentinels => "SESSION_STORE_SENTINEL_PASSWORD",
        _ => "SESSION_STORE_PASSWORD",
    };
    match env::var(name) {
        Ok(password) => Ok(Some(password).filter(|password| !password.is_empty())),
        Err(env::VarError::NotPresent) => Ok(None),
        // Do not print the error, because its message would contain the password.
        Err(env::VarError::NotUnicode(_)) => {
            Err(Failure::cannot(format!("read the variable {name}"), "it is not UTF-8"))
        }
    }
}

/// Prompts for a password on the terminal of the process, even if standard input and output are
/// redirected. An empty answer means that the server has no password.
#[cfg(unix)]
fn ask(of: PasswordOf, url: &StoreUrl) -> Result<Option<String>, Failure> {
    use std::io::{BufRead, BufReader, Write};

    use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

    const INTERRUPT: char = '\x03';
    let operation = || format!("ask for the password of {url}");
    let mut terminal =
        File::options().read(true).write(true).open("/dev/tty").context(operation)?;
    let whose = if of == PasswordOf::Sentinels { "the Sentinels of " } else { "" };
    let shown = tcgetattr(&terminal).context(operation)?;
    let mut hidden = shown.clone();
    // Switch off ISIG too. Otherwise Ctrl-C could end the program while the terminal hides the
    // input, and the terminal would remain in this state.
    hidden.local_modes -= LocalModes::ECHO | LocalModes::ISIG;
    tcsetattr(&terminal, OptionalActions::Flush, &hidden).context(operation)?;
    // Print the question after this change of the terminal, because the change discards earlier
    // input.
    let mut answer = String::new();
    let read = write!(terminal, "Password for {whose}{url}: ")
        .and_then(|()| BufReader::new(&terminal).read_line(&mut answer));
    tcsetattr(&terminal, OptionalActions::Flush, &shown).context(operation)?;
    let _ = writeln!(terminal);
    read.context(operation)?;
    if answer.contains(INTERRUPT) {
        return Err(Failure::cannot(operation(), "interrupted"));
    }
    let answer = answer.trim_end_matches(['\r', '\n']);
    Ok(Some(answer.to_owned()).filter(|password| !password.is_empty()))
}

#[cfg(not(unix))]
fn ask(_: PasswordOf, url: &StoreUrl) -> Result<Option<String>, Failure> {
    let cause = "this system has no terminal that can hide it; use --password-file";
    Err(Failure::cannot(format!("ask for the password of {url}"), cause))
}
