//! The conformance kit of session-store.
