//! Messages in the form of the model providers: a role, and a text or a list of blocks.

use serde_json::Value;

use crate::description::ToolCall;

/// Returns the text of a message's content. The content is a text, or a list of blocks with texts.
/// Leaves out the thoughts of the model.
pub(super) fn text_of(content: &Value) -> Option<String> {
    match content {
        Value::String(text) => Some(text.clone()),
        Value::Array(blocks) => {
            let texts: Vec<_> = blocks.iter().filter_map(block_text).collect();
            (!texts.is_empty()).then(|| texts.join("\n"))
        }
        _ => None,
    }
}

fn block_text(block: &Value) -> Option<String> {
    match block["type"].as_str() {
        Some("tool_result") => text_of(&block["content"]),
        Some("text" | "input_text" | "output_text") => block["text"].as_str().map(str::to_owned),
        // In messages of Gemini, a block is called a part and has no type.
        None if block["thought"] != true => block["text"].as_str().map(str::to_owned),
        _ => None,
    }
}

/// Returns whether a block of the content is the result of a tool.
pub(super) fn has_result(content: &Value) -> bool {
    blocks(content).any(|block| block["type"] == "tool_result")
}

/// Returns the calls of tools in a message's content. A call is a block in one of three forms:
/// `tool_use`, `toolCall` or `functionCall`.
pub(super) fn tool_calls(content: &Value) -> Vec<ToolCall> {
    blocks(content).filter_map(tool_call).collect()
}

fn tool_call(block: &Value) -> Option<ToolCall> {
    let (call, input) = match block["type"].as_str() {
        Some("tool_use") => (block, "input"),
        Some("toolCall") => (block, "arguments"),
        _ => (block.get("functionCall")?, "args"),
    };
    let name = call["name"].as_str()?.to_owned();
    Some(ToolCall { name, input: call[input].to_string() })
}

fn blocks(content: &Value) -> impl Iterator<Item = &Value> {
    content.as_array().into_iter().flatten()
}
