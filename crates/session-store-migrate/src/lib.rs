//! The copy engine of session-store: moves sessions between any two stores and proves it.
