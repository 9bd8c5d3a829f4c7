//! The environment variables that make a run longer than usual: larger data, and more repetitions.

use std::env;

/// The environment variable that multiplies the sizes of the checks with much data.
const SCALE: &str = "SESSION_STORE_CONFORMANCE_SCALE";

/// The environment variable for the number of runs of a check with concurrent calls.
const REPEAT: &str = "SESSION_STORE_CONFORMANCE_REPEAT";

/// Returns the factor for the sizes of the checks with much data, usually 1.
pub(crate) fn scale() -> usize {
    number(SCALE)
}

/// Returns how many times a check with concurrent calls runs, usually once.
pub fn repetitions() -> usize {
    number(REPEAT)
}

/// Returns the number in an environment variable, or 1 if there is none.
///
/// # Panics
/// If the variable is not a number from 1 on. Otherwise a mistyped number would make a run short.
fn number(variable: &str) -> usize {
    let Some(text) = env::var_os(variable) else { return 1 };
    let number = text.to_str().and_then(|text| text.parse().ok()).filter(|&number| number > 0);
    number.unwrap_or_else(|| panic!("{variable} is {text:?}, which is not a number from 1 on"))
}
