//! Tests of the public interface that need several backends or features.

mod instrumented;
