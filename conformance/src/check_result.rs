//! The result of a check, and the comparisons that produce it.

use std::fmt;

use session_store_core::{Entry, StoreError, error_chain};

/// A result with the error of a store, or with another error.
pub(crate) type Result<T, E = StoreError> = std::result::Result<T, E>;

/// The result of a check's body.
pub(crate) type CheckResult = Result<(), CheckError>;

/// The reason why a check did not pass.
#[derive(Debug)]
pub(crate) enum CheckError {
    /// The store broke the promise.
    Broken(String),
    /// The check does not apply to this store. The check found this out while it ran.
    CannotRun(String),
}

impl CheckError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self::Broken(message.into())
    }

    pub(crate) fn cannot_run(reason: impl Into<String>) -> Self {
        Self::CannotRun(reason.into())
    }
}

impl fmt::Display for CheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Broken(message) | Self::CannotRun(message)) = self;
        f.write_str(message)
    }
}

/// A call that must succeed failed. The call log names the call.
impl From<StoreError> for CheckError {
    fn from(error: StoreError) -> Self {
        Self::new(format!("a call that must succeed failed: {}", error_chain(&error)))
    }
}

impl From<std::io::Error> for CheckError {
    fn from(error: std::io::Error) -> Self {
        Self::new(format!("the harness failed: {}", error_chain(&error)))
    }
}

/// Fails with the message unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err($crate::check_result::CheckError::new(format!($($message)+)));
        }
    };
}

/// Fails unless the result is an error that matches the pattern.
macro_rules! ensure_err {
    ($result:expr, $pattern:pat $(if $guard:expr)?) => {
        match &$result {
            Err($pattern) $(if $guard)? => {}
            other => {
                let expected = concat!(stringify!($pattern), $(" if ", stringify!($guard))?);
                return Err($crate::check_result::mismatch(
                    "the call returned something else",
                    &format!("Err({expected})"),
                    &format!("{other:?}"),
                ));
            }
        }
    };
}

pub(crate) use {ensure, ensure_err};

/// Fails unless the two values are equal. `context` names the comparison.
pub(crate) fn ensure_eq<T: PartialEq + fmt::Debug>(
    found: &T,
    expected: &T,
    context: &str,
) -> CheckResult {
    if found == expected {
        return Ok(());
    }
    Err(mismatch(context, &format!("{expected:?}"), &format!("{found:?}")))
}

/// Fails unless the two lists of entries are equal, and reports the first difference.
pub(crate) fn ensure_entries<T: Entry>(found: &[T], expected: &[T], context: &str) -> CheckResult {
    ensure_lists(("entry", "entries"), found, expected, Entry::as_json, context)
}

/// Fails unless the two lists of ids are equal, and reports the first difference.
pub(crate) fn ensure_ids<T: fmt::Display + PartialEq>(
    found: &[T],
    expected: &[T],
    context: &str,
) -> CheckResult {
    ensure_lists(("id", "ids"), found, expected, |id| id, context)
}

fn ensure_lists<'a, T, P: PartialEq + fmt::Display + ?Sized + 'a>(
    (one, many): (&str, &str),
    found: &'a [T],
    expected: &'a [T],
    part: impl Fn(&'a T) -> &'a P,
    context: &str,
) -> CheckResult {
    let at = |list: &'a [T], index| list.get(index).map(&part);
    let longest = found.len().max(expected.len());
    let Some(first) = (0..longest).find(|&n| at(found, n) != at(expected, n)) else {
        return Ok(());
    };
    let described = |list: &'a [T]| {
        let item = at(list, first).map_or_else(|| String::from("nothing"), ToString::to_string);
        format!("{} {many}, number {first} is {item}", list.len())
    };
    Err(mismatch(
        &format!("{context} (first difference at {one} {first}, counted from 0)"),
        &described(expected),
        &described(found),
    ))
}

pub(crate) fn mismatch(context: &str, expected: &str, found: &str) -> CheckError {
    let (expected, found) = (shortened(expected), shortened(found));
    CheckError::new(format!("{context}\n  expected: {expected}\n  found:    {found}"))
}

/// Returns at most a few hundred characters of a text.
fn shortened(text: &str) -> String {
    const SHOWN: usize = 400;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
        None => text.to_owned(),
    }
}
