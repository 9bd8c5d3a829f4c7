//! Imports the logs of agent programs into a session store.
//!
//! Every program stores its logs in its own way. A [`Format`] describes the logs of one program:
//! their folders, their ids, and the readable content of their entries. [`FORMATS`] is the table of
//! all formats. The last format, [`AnyJsonl`], accepts every file of JSON lines.
//!
//! [`Import`] searches files and folders, and brings each log into a store with
//! [`extend`](session_store_migrate::extend()). Each log has its own outcome ([`State`]), and a
//! failure of one log does not affect other logs. Files that are not logs are counted by kind
//! ([`Summary`]). The import writes one line to the trace of each new segment. The line names the
//! file from which the log comes.
//!
//! # Ids
//!
//! The id of a session is the id that the program shows to its user. The id of a segment is usually
//! the last id in the name of the file. If a program gives no id, the id is derived from a name
//! that never changes. So an import from another folder, or an import after a folder was renamed,
//! finds the same segments. The rules for ids never change, because the next import would then
//! store every log again.
//!
//! # Memory
//!
//! Each thread ([`Options::jobs`]) holds a log of up to 8 MiB in memory. A larger log is read twice
//! instead. A thread also needs twice the size of its longest line. [`Options::max_line`] limits
//! the size of a line. A file that is one JSON document counts as one line. Reports and paths add
//! less than a KiB for each file.
//!
//! # Entries
//!
//! A format also describes the entries of stored logs:
//!
//! ```
//! use session_store_core::LogEntry;
//! use session_store_import::{Role, format_of};
//!
//! let entry = LogEntry::from_json(
//!     r#"{"type":"user","uuid":"u1","parentUuid":null,"message":{"role":"user","content":"hello"}}"#,
//! )?;
//! let format = format_of(&[entry.clone()]);
//! assert_eq!(format.name(), "claude-code");
//! let description = format.describe(&entry);
//! assert_eq!((description.role, description.text.as_deref()), (Some(Role::User), Some("hello")));
//! # Ok::<(), session_store_core::StoreError>(())
//! ```

mod candidate;
mod description;
mod discover;
pub mod document;
mod environment;
mod event;
mod filter;
mod fork;
mod format;
mod formats;
mod identity;
mod import;
mod item;
mod jobs;
pub mod lines;
mod options;
mod pieces;
mod pod;
mod provenance;
mod records;
mod report;
mod search;
mod source;
mod store_log;
mod text;
mod time;
mod unit;
mod value;

pub use candidate::{Candidate, HEAD_BYTES, Nearby};
pub use description::{Description, Role, ToolCall};
pub use discover::{Discovered, discover};
pub use environment::Environment;
pub use event::Event;
pub use filter::Filter;
pub use format::{Encoding, FileKind, Format};
pub use formats::{
    AnyJsonl, ClaudeCode, Cline, Codex, CopilotCli, FORMATS, GeminiCli, OpenClaw, OwnLayout, Pi,
    QwenCode, RooCode, format_of,
};
pub use identity::{Identity, Origin, as_uuid, derived_id, uuids_in};
pub use import::Import;
pub use options::{OnConflict, Options};
pub use pieces::Reason;
pub use provenance::imported_origin;
pub use records::{Action, Duplicate, Oddities, ReadError, Records, SalvagedLine};
pub use report::{PassedOver, State, Summary, UnitReport};
pub use text::plural;
pub use time::{time_in, time_of};
pub use value::lenient_value;
