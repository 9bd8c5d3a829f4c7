//! The names of the calls, as a server lists them.

pub(crate) const STORE_CALLS: &[&str] = &[
    "append",
    "append_all",
    "append_if",
    "append_trace",
    "create_segment",
    "delete_segment",
    "delete_session",
    "exists",
    "head",
    "list_infos",
    "list_segments",
    "list_sessions",
    "lookup_session_of",
    "read_all",
    "read_entry_count",
    "read_page",
    "read_trace_page",
    "segment_info",
    "sync",
    "truncate",
    "truncate_if",
];

pub(crate) const POD_CALLS: &[&str] =
    &["delete_pod", "list_pods", "put_pod", "put_pod_if", "read_pod"];

pub(crate) const MAINTENANCE_CALLS: &[&str] = &["check", "repair"];
