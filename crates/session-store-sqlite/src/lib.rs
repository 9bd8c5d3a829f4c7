//! session-store in one SQLite database file.
