//! Tests of the formats, through the public interface.

mod claude_code;
