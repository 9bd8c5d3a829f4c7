//! Every chore of this workspace as a command.

fn main() {}
