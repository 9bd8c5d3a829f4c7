//! The command session-store: look into, import, move, verify and repair stores of agent session logs.

fn main() {}
