//! session-store on a local file system: one JSONL file per segment.
