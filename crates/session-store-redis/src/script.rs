//! The Lua scripts. A script runs as one atomic step on the server, and declares all its keys.
//!
//! Redis does not roll back a script that fails half-way. Each script therefore makes all its
//! checks before its first write.

use std::borrow::Cow;
use std::sync::LazyLock;

use redis::{Arg, Cmd, Script};

use crate::keys::Tag;

/// A script: its text, and the hash under which a server caches it.
pub(crate) struct Program {
    text: &'static str,
    script: Script,
}

macro_rules! programs {
    ($($(#[$doc:meta])* $name:ident = $flags:literal, [$($file:literal),+];)*) => {
        $(
            $(#[$doc])*
            pub(crate) static $name: LazyLock<Program> = LazyLock::new(|| {
                let text = concat!("#!lua", $flags, "\n", $(include_str!($file)),+);
                Program { text, script: Script::new(text) }
            });
        )*
    };
}

programs! {
    /// Appends to a log, conditionally or not, creates it or replaces it.
    APPEND = "", ["lua/once.lua", "lua/head.lua", "lua/append.lua"];
    /// Appends to a log together with `RPUSHX`. Must also run on a server that is out of memory:
    /// such a server refuses the whole transaction because of `RPUSHX`, but must not refuse a part
    /// of it.
    PUSH = " flags=allow-oom", ["lua/once.lua", "lua/head.lua", "lua/push.lua"];
    /// Creates a list of staged entries with the first entry. `RPUSHX` then adds all other entries
    /// in the same pipeline. A later call adds the list to a log.
    BEGIN = "", ["lua/begin.lua"];
    /// Adds a part of the entries to a list of staged entries. Used if all entries together are too
    /// large for one call.
    STAGE = "", ["lua/once.lua", "lua/stage.lua"];
    /// Truncates a log. Must also run on a server that is out of memory, because it frees memory.
    TRUNCATE = " flags=allow-oom", ["lua/once.lua", "lua/head.lua", "lua/entries.lua", "lua/truncate.lua"];
    /// Deletes segments. Must also run on a server that is out of memory.
    DELETE = " flags=allow-oom", ["lua/once.lua", "lua/delete.lua"];
    /// Moves texts that are not entries out of a log or a trace.
    QUARANTINE = "", ["lua/once.lua", "lua/head.lua", "lua/entries.lua", "lua/quarantine.lua"];
    /// Appends to a trace.
    TRACE = "", ["lua/once.lua", "lua/trace.lua"];
    /// Puts a pod, conditionally or not.
    PUT_POD = "", ["lua/once.lua", "lua/put_pod.lua"];
    /// Deletes a pod. Must also run on a server that is out of memory.
    DELETE_POD = " flags=allow-oom", ["lua/once.lua", "lua/delete_pod.lua"];
    /// Reads which keys of segments exist, and which lists contain the segments.
    READ_SEGMENTS = " flags=no-writes", ["lua/read_segments.lua"];
    /// Reads which sessions have a list of segments, and which are in the list of sessions.
    READ_SESSIONS = " flags=no-writes", ["lua/read_sessions.lua"];
    /// Repairs one member of an index: adds the member if its keys exist, and otherwise removes the
    /// member.
    INDEX = "", ["lua/index.lua"];
    /// Executes commands that read. Used on a server that is out of memory: such a server refuses a
    /// transaction, but no script that only reads.
    READ_COMMANDS = " flags=no-writes", ["lua/read_commands.lua"];
    /// Reads a part of a log.
    READ = " flags=no-writes", ["lua/entries.lua", "lua/read.lua"];
    /// Reads a part of a trace.
    READ_TRACE = " flags=no-writes", ["lua/entries.lua", "lua/read_trace.lua"];
}

/// A call of a script.
#[derive(Clone)]
pub(crate) struct Call<'a> {
    /// The tag that all keys have, so that they are in one slot.
    pub(crate) tag: Tag,
    pub(crate) program: &'static Program,
    pub(crate) keys: Vec<String>,
    pub(crate) args: Vec<Cow<'a, [u8]>>,
}

impl<'a> Call<'a> {
    pub(crate) fn new(program: &'static Program, tag: Tag) -> Self {
        Self { tag, program, keys: Vec::new(), args: Vec::new() }
    }

    /// Returns the call that executes commands that read. The key of each command is its first
    /// argument.
    pub(crate) fn of_commands(tag: Tag, commands: &'a [Cmd]) -> Self {
        let mut call = Self::new(&READ_COMMANDS, tag);
        for command in commands {
            let words = command.args_iter().filter_map(|word| match word {
                Arg::Simple(word) => Some(word),
                _ => None,
            });
            let key = words.clone().nth(1).map(|key| String::from_utf8_lossy(key).into_owned());
            call = call.keys(key).arg(words.clone().count().to_string());
            call = words.fold(call, Self::bytes);
        }
        call
    }

    pub(crate) fn keys(mut self, keys: impl IntoIterator<Item = String>) -> Self {
        self.keys.extend(keys);
        self
    }

    pub(crate) fn arg(self, arg: impl Into<Cow<'a, str>>) -> Self {
        match arg.into() {
            Cow::Borrowed(text) => self.bytes(text.as_bytes()),
            Cow::Owned(text) => self.bytes(text.into_bytes()),
        }
    }

    pub(crate) fn args<T: Into<Cow<'a, str>>>(self, args: impl IntoIterator<Item = T>) -> Self {
        args.into_iter().fold(self, Self::arg)
    }

    /// Adds an argument of any bytes.
    pub(crate) fn bytes(mut self, arg: impl Into<Cow<'a, [u8]>>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Returns the command that runs the script by its hash. A server that has not cached the
    /// script replies `NOSCRIPT`.
    pub(crate) fn by_hash(&self) -> Cmd {
        self.command("EVALSHA", self.program.script.get_hash())
    }

    /// Returns the command that runs the script by its text, and makes the server cache it.
    pub(crate) fn by_text(&self) -> Cmd {
        self.command("EVAL", self.program.text)
    }

    fn command(&self, name: &str, program: &str) -> Cmd {
        let mut command = redis::cmd(name);
        command.arg(program).arg(self.keys.len()).arg(&self.keys);
        for arg in &self.args {
            command.arg(&**arg);
        }
        command
    }
}
