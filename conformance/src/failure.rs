//! Why a check failed, and the comparisons by which checks find out.

use std::error::Error;
use std::fmt;

use session_store_core::{LogEntry, StoreError, TraceEntry};

/// What a check comes to.
pub(crate) type Verdict = Result<(), Failure>;

/// Why a check did not pass, in words.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A broken promise.
    Broken(String),
    /// The check found out on its way that it says nothing about this store.
    CannotRun(String),
}

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self::Broken(message.into())
    }

    pub(crate) fn cannot_run(reason: impl Into<String>) -> Self {
        Self::CannotRun(reason.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Broken(message) | Self::CannotRun(message)) = self;
        f.write_str(message)
    }
}

/// A call that had to succeed did not; the trail says which.
impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::new(format!("a call that must succeed failed: {}", with_causes(&error)))
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(format!("the harness cannot do its part: {}", with_causes(&error)))
    }
}

pub(crate) fn with_causes(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |message, cause| format!("{message}: {cause}"))
}

/// Fails with the message unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err($crate::failure::Failure::new(format!($($message)+)));
        }
    };
}

/// Fails unless the result is an error of the given pattern.
macro_rules! ensure_err {
    ($result:expr, $pattern:pat $(if $guard:expr)?) => {
        match &$result {
            Err($pattern) $(if $guard)? => {}
            other => {
                let expected = concat!(stringify!($pattern), $(" if ", stringify!($guard))?);
                return Err($crate::failure::mismatch(
                    "the wrong answer",
                    &format!("Err({expected})"),
                    &format!("{other:?}"),
                ));
            }
        }
    };
}

pub(crate) use {ensure, ensure_err};

/// Fails unless the two are equal; `promise` says what a difference means.
pub(crate) fn same<T: PartialEq + fmt::Debug>(found: &T, expected: &T, promise: &str) -> Verdict {
    if found == expected {
        return Ok(());
    }
    Err(mismatch(promise, &format!("{expected:?}"), &format!("{found:?}")))
}

/// As [`same`], for entries: says where the first difference is.
pub(crate) fn same_entries<T: Text>(found: &[T], expected: &[T], promise: &str) -> Verdict {
    same_lists(("entry", "entries"), found, expected, Text::text, promise)
}

/// As [`same_entries`], for many ids, of which nobody wants to see all.
pub(crate) fn same_ids<T: fmt::Display + PartialEq>(
    found: &[T],
    expected: &[T],
    promise: &str,
) -> Verdict {
    same_lists(("id", "ids"), found, expected, |id| id, promise)
}

fn same_lists<'a, T, P: PartialEq + fmt::Display + ?Sized + 'a>(
    (one, many): (&str, &str),
    found: &'a [T],
    expected: &'a [T],
    part: impl Fn(&'a T) -> &'a P,
    promise: &str,
) -> Verdict {
    let at = |list: &'a [T], at| list.get(at).map(&part);
    let longest = found.len().max(expected.len());
    let Some(first) = (0..longest).find(|&n| at(found, n) != at(expected, n)) else {
        return Ok(());
    };
    let described = |list: &'a [T]| {
        let there = at(list, first).map_or_else(|| String::from("no more"), ToString::to_string);
        format!("{} {many}, there {there}", list.len())
    };
    Err(mismatch(
        &format!("{promise} (the first difference is {one} {first}, counted from 0)"),
        &described(expected),
        &described(found),
    ))
}

pub(crate) fn mismatch(promise: &str, expected: &str, found: &str) -> Failure {
    let (expected, found) = (shortened(expected), shortened(found));
    Failure::new(format!("{promise}\n  expected: {expected}\n  found:    {found}"))
}

/// At most a few hundred characters of a text.
fn shortened(text: &str) -> String {
    const SHOWN: usize = 400;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
        None => text.to_owned(),
    }
}

/// What log and trace entries have in common.
pub(crate) trait Text {
    fn text(&self) -> &str;
}

impl Text for LogEntry {
    fn text(&self) -> &str {
        self.as_json()
    }
}

impl Text for TraceEntry {
    fn text(&self) -> &str {
        self.as_json()
    }
}
