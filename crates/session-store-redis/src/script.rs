//! The Lua scripts: each is one atomic step on the server, and names all its keys.
//!
//! Redis does not roll back, so a script checks everything before it writes anything.

use std::sync::LazyLock;

use redis::{Cmd, Script};

/// The program, and its hash, by which the server knows it once it has run.
pub(crate) struct Program {
    text: &'static str,
    script: Script,
}

macro_rules! programs {
    ($($(#[$doc:meta])* $name:ident = $flags:literal, [$($file:literal),+];)*) => {
        $(
            $(#[$doc])*
            pub(crate) static $name: LazyLock<Program> = LazyLock::new(|| {
                Program::new(concat!("#!lua", $flags, "\n", $(include_str!($file)),+))
            });
        )*
    };
}

programs! {
    /// Appends to a log, conditionally or not, creates or replaces it.
    APPEND = "", ["lua/once.lua", "lua/head.lua", "lua/append.lua"];
    /// Begins to collect entries, the rest of which a command for lists adds.
    BEGIN = "", ["lua/begin.lua"];
    /// Collects entries that are too many for one call.
    STAGE = "", ["lua/once.lua", "lua/stage.lua"];
    /// Cuts a log. A server that is out of memory must still do so.
    TRUNCATE = " flags=allow-oom", ["lua/once.lua", "lua/head.lua", "lua/truncate.lua"];
    /// Deletes segments. A server that is out of memory must still do so.
    DELETE = " flags=allow-oom", ["lua/once.lua", "lua/delete.lua"];
    /// Appends to a trace.
    TRACE = "", ["lua/once.lua", "lua/trace.lua"];
    /// Puts a pod.
    PUT_POD = "", ["lua/once.lua", "lua/put_pod.lua"];
    /// Deletes a pod. A server that is out of memory must still do so.
    DELETE_POD = " flags=allow-oom", ["lua/once.lua", "lua/delete_pod.lua"];
    /// Reads the head of a log.
    READ_HEAD = " flags=no-writes", ["lua/head.lua", "lua/read_head.lua"];
    /// Reads a part of a log.
    READ = " flags=no-writes", ["lua/head.lua", "lua/page.lua", "lua/read.lua"];
    /// Reads a part of a trace.
    READ_TRACE = " flags=no-writes", ["lua/page.lua", "lua/read_trace.lua"];
}

impl Program {
    fn new(text: &'static str) -> Self {
        Self { text, script: Script::new(text) }
    }

    /// The command that runs the program by its hash; a server that does not know it answers NOSCRIPT.
    pub(crate) fn by_hash(&self, keys: &[String], args: &[&[u8]]) -> Cmd {
        run("EVALSHA", self.script.get_hash(), keys, args)
    }

    /// The command that runs the program by its text, which the server then knows.
    pub(crate) fn by_text(&self, keys: &[String], args: &[&[u8]]) -> Cmd {
        run("EVAL", self.text, keys, args)
    }
}

fn run(command: &str, program: &str, keys: &[String], args: &[&[u8]]) -> Cmd {
    let mut command = redis::cmd(command);
    command.arg(program).arg(keys.len()).arg(keys).arg(args);
    command
}
