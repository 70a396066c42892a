//! Runs small WASI modules.

use super::*;
use kernel_snapshot::cache::Cache;

/// Copies what it reads from standard input to standard output, then exits with its number of arguments plus 200.
const PROGRAM: &str = r#"
(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\10\00\00\00\00\10\00\00")
  (func (export "_start")
    (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 4)))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
    (drop (call $args (i32.const 8) (i32.const 12)))
    (call $exit (i32.add (i32.const 200) (i32.load (i32.const 8))))))
"#;

#[test]
fn streams_arguments_and_exit_codes_pass_through() {
    let engine = Engine::new().unwrap();
    let program = engine.load(&wat::parse_str(PROGRAM).unwrap(), &Cache::Refused, &|_| ()).unwrap();
    let args = ["program", "one", "two"].map(String::from).to_vec();
    let streams = Streams::Captured(b"hello\n".to_vec());
    let outcome = program.run(&engine, &RunOptions { args, streams, ..RunOptions::default() }).unwrap();
    assert_eq!(outcome, Outcome { code: 203, stdout: b"hello\n".to_vec(), stderr: Vec::new() });
}

#[test]
fn code_is_compiled_once_and_a_damaged_entry_does_no_harm() {
    let directory = tempfile::tempdir().unwrap();
    let cache = Cache::Directory(directory.path().to_owned());
    let engine = Engine::new().unwrap();
    let module = wat::parse_str(r#"(module (func (export "_start")))"#).unwrap();
    let load = || engine.load(&module, &cache, &|_| ()).unwrap();
    assert!(matches!(load().origin, Origin::Compiled(_)));
    assert_eq!(load().origin, Origin::Cached);
    assert_eq!(load().run(&engine, &RunOptions::default()).unwrap().code, 0);
    for entry in std::fs::read_dir(directory.path().join("compiled")).unwrap() {
        let file = entry.unwrap().path().join("module.cwasm");
        if file.exists() {
            std::fs::write(file, b"\x7fELF damaged").unwrap();
        }
    }
    assert!(matches!(load().origin, Origin::Compiled(_)));
}

#[test]
fn what_is_no_wasi_program_is_an_error() {
    let engine = Engine::new().unwrap();
    let fails = |wat: &str| -> String {
        let program = engine.load(&wat::parse_str(wat).unwrap(), &Cache::Refused, &|_| ()).unwrap();
        format!("{:#}", program.run(&engine, &RunOptions::default()).unwrap_err())
    };
    assert!(fails("(module)").contains("_start"));
    assert!(fails(r#"(module (import "env" "f" (func)) (func (export "_start")))"#).contains("env"));
    assert!(fails(r#"(module (func (export "_start") unreachable))"#).contains("unreachable"));
    assert!(engine.load(b"not a module", &Cache::Refused, &|_| ()).is_err());
}
