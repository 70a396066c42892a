//! Runs small WASI modules.

use super::*;
use kernel_snapshot::cache::Cache;
use std::cell::RefCell;

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

/// As old as it needs to be for something to be kept of it.
fn settled(path: &std::path::Path) {
    while let Ok(changed) = path.metadata().unwrap().modified()
        && changed.elapsed().is_ok_and(|age| age < Duration::from_secs(4))
    {
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_file_that_is_known_is_not_read_again_and_one_that_was_changed_is() {
    let directory = tempfile::tempdir().unwrap();
    let cache = Cache::Directory(directory.path().join("cache"));
    let path = directory.path().join("module.wasm");
    let module = |code: u32| {
        let exit = format!("(call $exit (i32.const {code}))");
        let import = r#"(import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))"#;
        wat::parse_str(format!(r#"(module {import} (memory (export "memory") 1) (func (export "_start") {exit}))"#))
    };
    let engine = Engine::new().unwrap();
    let run = || {
        let file = engine.open(&path, &cache).unwrap();
        let was_known = format!("{file:?}").contains("Known(");
        let program = engine.load_file(file, &cache, &|_| ()).unwrap();
        (program.run(&engine, &RunOptions::default()).unwrap().code, was_known)
    };
    std::fs::write(&path, module(1).unwrap()).unwrap();
    assert_eq!([run(), run()], [(1, false); 2], "nothing is kept of what was changed a moment ago");
    settled(&path);
    assert_eq!([run(), run()], [(1, false), (1, true)]);
    std::fs::write(&path, module(2).unwrap()).unwrap();
    assert_eq!(run(), (2, false));
    settled(&path);
    assert_eq!([run(), run()], [(2, false), (2, true)]);
    // Its code is gone: it is compiled again.
    std::fs::remove_dir_all(directory.path().join("cache/compiled")).unwrap();
    assert_eq!(run(), (2, true));
    assert_eq!(engine.load(&module(2).unwrap(), &cache, &|_| ()).unwrap().origin, Origin::Cached);
}

#[test]
fn data_are_not_said_to_be_compiled() {
    let said = RefCell::new(Vec::new());
    let module =
        format!(r#"(module (memory 32) (func (export "_start")) (data (i32.const 0) "{}"))"#, "x".repeat(2_000_000));
    let say = |text: &str| said.borrow_mut().push(text.to_owned());
    Engine::new().unwrap().load(&wat::parse_str(module).unwrap(), &Cache::Refused, &say).unwrap();
    assert_eq!(said.into_inner(), ["compiling 0.0 MB of WebAssembly"]);
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
