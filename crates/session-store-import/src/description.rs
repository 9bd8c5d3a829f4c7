//! `Description`: the readable content of an entry, for example its time, author and text.

use std::time::SystemTime;

/// The content of one entry, in terms that are the same for every program.
///
/// Each field is empty if the entry does not contain it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// The time of the entry.
    pub time: Option<SystemTime>,
    /// The author of the text.
    pub role: Option<Role>,
    /// The title of the whole session, if the entry contains a title.
    pub title: Option<String>,
    /// The text of the entry. The program's markup is removed.
    pub text: Option<String>,
    /// The calls of tools that the entry contains.
    pub tool_calls: Vec<ToolCall>,
    /// The program's own id of the entry.
    pub id: Option<String>,
    /// The program's own id of the entry that this entry follows, if the program records a tree.
    pub parent: Option<String>,
}

/// The author of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The person.
    User,
    /// The model.
    Assistant,
    /// A tool that returned a result.
    Tool,
    /// The program, or its instructions to the model.
    System,
}

impl Role {
    /// Returns the role with this name in the interfaces of the model providers.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        match name {
            "user" | "human" => Some(Self::User),
            "assistant" | "model" => Some(Self::Assistant),
            "tool" | "toolResult" | "tool_result" | "function" => Some(Self::Tool),
            "system" | "developer" => Some(Self::System),
            _ => None,
        }
    }
}

/// A call of a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolCall {
    /// The name of the tool.
    pub name: String,
    /// The arguments, as JSON.
    pub input: String,
}
