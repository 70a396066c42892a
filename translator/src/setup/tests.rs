//! Builds the runtime and links it: the toolchain's output must be what the linker expects.

use super::{HEAP_ARENA, runtime_module, stock_wasmtime};
use crate::engine::{Engine, RunOptions, Streams};
use crate::link::{Additions, Overlay, Runtime, WASM_PAGE};
use kernel_snapshot::cache::Cache;
use std::process::Command;

#[test]
fn runtime_builds_with_its_arena_before_everything_linked() {
    let module = runtime_module(&Cache::of_user().unwrap(), &|_| ()).unwrap();
    let runtime = Runtime::parse(&module).unwrap();
    let base = runtime.address("__heap_base").unwrap().0;
    let end = runtime.address("__heap_end").unwrap().0;
    assert!(end - base >= HEAP_ARENA - 16, "arena {base:#x}..{end:#x}");
    assert_eq!(u64::from(end), runtime.memory_end());
    let data = vec![Overlay { address: end, bytes: vec![7; 4096].into() }];
    let linked = runtime.link(Additions { data, memory_end: 100 << 20, ..Additions::default() }).unwrap();
    assert_eq!(Runtime::parse(&linked).unwrap().memory_end(), (100u64 << 20).next_multiple_of(WASM_PAGE));
}

#[test]
fn the_stock_command_runs_the_runtime_as_the_engine_does() {
    let cache = Cache::of_user().unwrap();
    let module = runtime_module(&cache, &|_| ()).unwrap();
    let engine = Engine::new().unwrap();
    let options =
        RunOptions { args: vec!["m.wasm".into()], streams: Streams::Captured(Vec::new()), ..Default::default() };
    let embedded = engine.load(&module, &cache, &|_| ()).unwrap().run(&engine, &options).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.wasm");
    std::fs::write(&path, &module).unwrap();
    let (_entry, command) = stock_wasmtime(&cache, &|_| ()).unwrap();
    let stock = Command::new(command).arg("run").arg(&path).output().unwrap();
    assert_eq!(stock.status.code(), Some(embedded.code));
    assert_eq!(stock.stdout, embedded.stdout);
    assert_eq!(stock.stderr, embedded.stderr);
}
