//! Tests of the public interface that need several backends or features.

mod clones;
mod instrumented;
