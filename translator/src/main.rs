//! The `prelift` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    translator::cli::main()
}
