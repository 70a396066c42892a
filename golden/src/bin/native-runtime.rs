//! The runtime as a native program, for tests that go on natively from a module's snapshot.

fn main() -> std::process::ExitCode {
    std::process::ExitCode::from(runtime::host::run::main(None, runtime::host::files::load))
}
