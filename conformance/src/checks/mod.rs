//! The bodies of the checks, one module for each area of the contract. `list.rs` lists them.

pub(crate) mod append;
pub(crate) mod coming_and_going;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod entries;
pub(crate) mod full_disks;
pub(crate) mod handles;
pub(crate) mod head;
pub(crate) mod histories;
pub(crate) mod infos;
pub(crate) mod kills;
pub(crate) mod listing;
pub(crate) mod maintenance;
pub(crate) mod pages;
pub(crate) mod pods;
pub(crate) mod processes;
pub(crate) mod read;
pub(crate) mod refusals;
pub(crate) mod returned_heads;
pub(crate) mod same_ids;
pub(crate) mod tails;
pub(crate) mod traces;
pub(crate) mod truncate;
