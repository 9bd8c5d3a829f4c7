//! Agent session logs: one small Store trait, backends by feature flag and URL.
