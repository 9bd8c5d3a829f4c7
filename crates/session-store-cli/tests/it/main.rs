//! Tests of the command as its users run it. A test starts the real program, and compares its
//! output and its exit status.

mod append;
mod bad_input;
mod check;
mod create;
mod damage;
mod demo;
#[cfg(unix)]
mod exclusive;
mod export;
mod follow;
mod import;
mod import_logs;
#[cfg(unix)]
mod interrupted_copy;
mod kill;
mod leftovers;
#[cfg(unix)]
mod limits;
mod listing;
mod look;
mod message_json;
mod migrate;
mod migrate_options;
mod output;
#[cfg(unix)]
mod password;
mod pods;
#[cfg(target_os = "linux")]
mod power;
mod program;
mod qualify;
mod reference;
mod report_json;
mod restore;
mod rm;
mod salvage;
mod search;
mod segment;
mod serve;
mod shell;
mod show;
mod show_html;
mod show_text;
mod snapshots;
mod stat;
mod tail;
mod tree;
mod verify;
