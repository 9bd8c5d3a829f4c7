//! Messages on standard error: a line of text, or with `--json` one JSON object on a line.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use serde::Serialize;

use crate::terminal::visible;

/// The kind of a message. The help documents the names, which never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// Invalid arguments.
    Usage,
    /// A store, session, segment or pod that does not exist.
    NotFound,
    /// Another writer changed the data, or the data exists and is not replaced.
    Conflict,
    /// Stored data that is not readable.
    Damaged,
    /// Input that is not an entry, a pod, an id or a backup.
    InvalidInput,
    /// The place contains something that is not a session store.
    NotAStore,
    /// A newer version of this program wrote the data.
    NewerFormat,
    /// The backend cannot do this.
    Unsupported,
    /// Whether the change happened is unknown.
    Indeterminate,
    /// Only a part of the entries was stored.
    Partial,
    /// The store is busy or cannot be reached. The same command can succeed later.
    Unavailable,
    /// An error of the operating system.
    Io,
    /// Any other error.
    Failed,
    /// A message that is not an error.
    Note,
}

/// How messages are written.
struct Format {
    json: bool,
    /// The stores that the command line names.
    places: Vec<String>,
}

static FORMAT: OnceLock<Format> = OnceLock::new();

/// Whether an error was reported after which the command continues.
static IS_INCOMPLETE: AtomicBool = AtomicBool::new(false);

/// The hint that was printed last.
static LAST_HINT: Mutex<Option<String>> = Mutex::new(None);

/// Sets how all messages are written. `places` are the stores that the command line names.
pub(crate) fn set_format(json: bool, places: Vec<String>) {
    // The program calls this once, before the first message.
    let _ = FORMAT.set(Format { json, places });
}

/// Records that the command continues after an error. The exit status is then not 0.
pub(crate) fn set_incomplete() {
    IS_INCOMPLETE.store(true, Ordering::Relaxed);
}

/// Returns whether the command has continued after an error.
pub(crate) fn is_incomplete() -> bool {
    IS_INCOMPLETE.load(Ordering::Relaxed)
}

/// The JSON of a message.
#[derive(Serialize)]
struct MessageJson<'a> {
    kind: Kind,
    place: Option<&'a str>,
    message: &'a str,
    hint: Option<&'a str>,
}

/// Prints a message to standard error, and the action that the user can take.
///
/// On a terminal, hidden characters are printed as escape sequences. If printing fails, the error
/// is ignored, because there is no other place for a message. In text, a hint that equals the last
/// printed hint is not repeated.
pub(crate) fn print(kind: Kind, message: &str, hint: Option<&str>) {
    let format = FORMAT.get();
    if format.is_some_and(|format| format.json) {
        let place = format.and_then(|format| place_in(message, &format.places));
        let json = serde_json::to_string(&MessageJson { kind, place, message, hint });
        return print_line(&json.expect("texts always serialize"));
    }
    print_line(&format!("session-store: {message}"));
    let mut last = LAST_HINT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(hint) = hint.filter(|hint| last.as_deref() != Some(*hint)) {
        print_line(&format!("session-store: {hint}"));
        *last = Some(hint.to_owned());
    }
}

/// Prints a message that is not an error.
pub(crate) fn note(message: &str) {
    print(Kind::Note, message, None);
}

fn print_line(line: &str) {
    let stderr = io::stderr();
    let line = if stderr.is_terminal() { visible(line) } else { line.into() };
    let _ = writeln!(stderr.lock(), "{line}");
}

/// Returns the store that a message is about: the only one of `places` whose text is in the
/// message. A place whose text is only a part of another place in the message does not count.
fn place_in<'a>(message: &str, places: &'a [String]) -> Option<&'a str> {
    let found: Vec<_> = places.iter().filter(|place| message.contains(place.as_str())).collect();
    let is_part = |place: &String| {
        found.iter().any(|other| other.len() > place.len() && other.contains(place.as_str()))
    };
    let mut whole = found.iter().filter(|place| !is_part(place));
    let first = whole.next()?;
    whole.all(|place| place == first).then_some(first.as_str())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::one("cannot open fs:a: no", Some("fs:a"))]
    #[case::a_part_of_another("cannot open fs:a/b: no", Some("fs:a/b"))]
    #[case::two("cannot migrate fs:a to redis://host: no", None)]
    #[case::none("cannot write to standard output: no", None)]
    fn a_place_is_the_only_store_in_the_message(
        #[case] message: &str,
        #[case] expected: Option<&str>,
    ) {
        let places = ["fs:a", "fs:a/b", "redis://host"].map(str::to_owned);
        assert_eq!(place_in(message, &places), expected);
    }
}
