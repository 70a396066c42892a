//! Builds the runtime and links it: the toolchain's output must be what the linker expects.

use super::{runtime_module, stock_wasmtime};
use crate::engine::{Engine, RunOptions, Streams};
use crate::link::{Additions, Overlay, Runtime};
use kernel_snapshot::cache::Cache;
use std::process::Command;

#[test]
fn the_heap_lies_behind_everything_linked() {
    let module = runtime_module(&Cache::of_user().unwrap(), &|_| ()).unwrap();
    assert!(!module.windows(14).any(|bytes| bytes == b"command_export"), "exports are wrapped");
    let runtime = Runtime::parse(&module).unwrap();
    let (free, end) = (u32::try_from(runtime.memory_end()).unwrap(), 100 << 20);
    let data = vec![Overlay { address: free, bytes: vec![7; 4096].into() }];
    let additions = Additions { data, memory_end: end, ..Additions::default() };
    let linked = runtime.link(additions, &tempfile::tempfile().unwrap()).unwrap();
    let engine = Engine::new().unwrap();
    let module = wasmtime::Module::new(engine.wasmtime(), &linked).unwrap();
    let mut linker = wasmtime::Linker::new(engine.wasmtime());
    linker.define_unknown_imports_as_traps(&module).unwrap();
    let mut store = wasmtime::Store::new(engine.wasmtime(), ());
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let malloc = instance.get_typed_func::<u32, u32>(&mut store, "malloc").unwrap();
    for size in [100, 4 << 20, 20 << 20] {
        let block = malloc.call(&mut store, size).unwrap();
        assert!(u64::from(block) >= end, "{block:#x} is before {end:#x}");
    }
    let memory = instance.get_memory(&mut store, "memory").unwrap();
    assert_eq!(memory.data(&store)[free as usize..][..4096], [7; 4096]);
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
