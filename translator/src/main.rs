//! The `prelift` command.

fn main() {}
