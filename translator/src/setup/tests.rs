//! Builds the runtime and links it: the toolchain's output must be what the linker expects.

use super::{HEAP_ARENA, runtime_module, stock_wasmtime};
use crate::engine::{Engine, RunOptions, Streams};
use crate::link::{Additions, Overlay, Runtime};
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
    assert!(!module.windows(14).any(|bytes| bytes == b"command_export"), "exports are wrapped");
}

#[test]
fn the_heap_keeps_to_its_arena_in_a_linked_module() {
    let runtime = Runtime::parse(&runtime_module(&Cache::of_user().unwrap(), &|_| ()).unwrap()).unwrap();
    let (base, end) = (runtime.address("__heap_base").unwrap().0, runtime.address("__heap_end").unwrap().0);
    let data = vec![Overlay { address: end, bytes: vec![7; 4096].into() }];
    let linked = runtime.link(Additions { data, memory_end: 100 << 20, ..Additions::default() }).unwrap();
    let engine = Engine::new().unwrap();
    let module = wasmtime::Module::new(engine.wasmtime(), &linked).unwrap();
    let mut linker = wasmtime::Linker::new(engine.wasmtime());
    linker.define_unknown_imports_as_traps(&module).unwrap();
    let mut store = wasmtime::Store::new(engine.wasmtime(), ());
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let malloc = instance.get_typed_func::<u32, u32>(&mut store, "malloc").unwrap();
    assert_eq!(malloc.call(&mut store, HEAP_ARENA + 65_536).unwrap(), 0, "more than the arena holds");
    for _ in 0..3 {
        let block = malloc.call(&mut store, HEAP_ARENA / 4).unwrap();
        assert!((base..end - HEAP_ARENA / 4).contains(&block), "{block:#x} is not in {base:#x}..{end:#x}");
    }
    let memory = instance.get_memory(&mut store, "memory").unwrap();
    assert_eq!(memory.data_size(&store), 100 << 20);
    assert_eq!(memory.data(&store)[end as usize..][..4096], [7; 4096]);
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
