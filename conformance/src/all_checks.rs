//! All checks as values, generated from the list.

use crate::check::Check;
use crate::requirement::names::*;

macro_rules! checks {
    ($($module:ident {
        $(#[doc = $promise:literal] $id:ident $clause:ident [$($requirement:ident),*];)*
    })*) => {
        /// Every check of the kit, grouped by the areas of the contract.
        pub const CHECKS: &[Check] = &[$($(Check {
            id: stringify!($id),
            clause: stringify!($clause),
            promise: $promise.trim_ascii(),
            requires: &[$($requirement),*],
            body: crate::checks::$module::$id,
        },)*)*];
    };
}

crate::for_each_check!(checks);

/// Returns every check of [`CHECKS`], and the comparison with a model.
pub fn all_checks() -> impl Iterator<Item = &'static Check> {
    #[cfg(feature = "model")]
    let model = [&crate::model::MODEL];
    #[cfg(not(feature = "model"))]
    let model: [&Check; 0] = [];
    CHECKS.iter().chain(model)
}
