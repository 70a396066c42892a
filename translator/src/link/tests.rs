//! Links small modules and runs what comes out.

use super::layout::{self, Layout, Segment};
use super::*;
use wasm_encoder::{Instruction, MemArgTarget, ValType};
use wasmtime::{Engine, Instance, Module, Store};

/// A runtime in miniature: `double` is called by translated code, `enter` calls a table entry.
const RUNTIME: &str = r#"
(module $mini
  (type $unary (func (param i64) (result i64)))
  (table $t 2 2 funcref)
  (memory (export "memory") 2)
  (global $sp (mut i32) (i32.const 1024))
  (global (export "STATE") i32 (i32.const 2048))
  (elem (i32.const 1) func $double)
  (func $double (export "double") (type $unary) (i64.mul (local.get 0) (i64.const 2)))
  (func $enter (export "enter") (param i32 i64) (result i64)
    (call_indirect (type $unary) (local.get 1) (local.get 0)))
  (data (i32.const 2048) "abcdefgh"))
"#;

fn runtime() -> Runtime {
    Runtime::parse(&wat::parse_str(RUNTIME).unwrap()).unwrap()
}

fn link(runtime: &Runtime, additions: Additions<'_>) -> anyhow::Result<crate::Mapping> {
    runtime.link(additions, &tempfile::tempfile().unwrap())
}

fn body(instructions: &[Instruction<'_>]) -> wasm_encoder::Function {
    let mut code = wasm_encoder::Function::new([]);
    instructions.iter().for_each(|instruction| {
        code.instruction(instruction);
    });
    code.instruction(&Instruction::End);
    code
}

/// `first` tail-calls `second`, which returns `double(argument) + the i64 at 3 pages`.
fn additions(runtime: &Runtime) -> Additions<'static> {
    let ty = runtime.first_type();
    let load =
        wasm_encoder::MemArg { offset: 3 * WASM_PAGE, align: 3, target: MemArgTarget::Memory(0), ordering: None };
    let second = runtime.first_function().plus(1).0;
    let double = runtime.function("double").unwrap().0;
    let first = body(&[Instruction::LocalGet(0), Instruction::ReturnCall(second)]);
    let second = body(&[
        Instruction::LocalGet(0),
        Instruction::Call(double),
        Instruction::I32Const(0),
        Instruction::I64Load(load),
        Instruction::I64Add,
    ]);
    Additions {
        types: vec![FuncType::new([ValType::I64], [ValType::I64])],
        functions: vec![
            Function { name: "guest:first".into(), ty, code: first, hints: Vec::new() },
            Function { name: "guest:second".into(), ty, code: second, hints: vec![] },
        ],
        data: vec![overlay(3 * 65_536 + 4, &[0; 4]), overlay(3 * 65_536, &[100, 0, 0, 0]), overlay(2049, b"X")],
        memory_end: 3 * WASM_PAGE + 8,
        description: br#"{"version":1}"#[..].into(),
        ..Additions::default()
    }
}

fn overlay(address: u32, bytes: &'static [u8]) -> Overlay<'static> {
    Overlay { address, bytes: bytes.into() }
}

#[test]
fn linked_code_runs_and_calls_the_runtime() {
    let runtime = runtime();
    let linked = link(&runtime, additions(&runtime)).unwrap();
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &Module::new(&engine, &linked).unwrap(), &[]).unwrap();
    let enter = instance.get_typed_func::<(i32, i64), i64>(&mut store, "enter").unwrap();
    let entry = i32::try_from(runtime.first_table_entry().0).unwrap();
    assert_eq!(enter.call(&mut store, (entry, 21)).unwrap(), 142);
    assert_eq!(enter.call(&mut store, (1, 21)).unwrap(), 42, "the runtime's own table entries stay");
    let memory = instance.get_memory(&mut store, "memory").unwrap();
    assert_eq!(memory.data_size(&store) as u64, 4 * WASM_PAGE);
    let state = runtime.address("STATE").unwrap().0 as usize;
    assert_eq!(&memory.data(&store)[state..state + 8], b"aXcdefgh", "an overlay wins over the runtime's data");
}

#[test]
fn the_first_data_are_found() {
    assert_eq!(runtime().first_data().unwrap(), 2048);
    let without = Runtime::parse(&wat::parse_str("(module (table 0 funcref) (memory 1))").unwrap()).unwrap();
    assert_eq!(without.first_data().unwrap(), u64::MAX);
}

#[test]
fn names_and_description_are_readable() {
    let runtime = runtime();
    let linked = link(&runtime, additions(&runtime)).unwrap();
    let mut names = Vec::new();
    for payload in wasmparser::Parser::new(0).parse_all(&linked) {
        let wasmparser::Payload::CustomSection(custom) = payload.unwrap() else { continue };
        let wasmparser::KnownCustom::Name(reader) = custom.as_known() else { continue };
        for subsection in reader {
            let wasmparser::Name::Function(map) = subsection.unwrap() else { continue };
            names.extend(map.into_iter().map(|naming| naming.map(|naming| (naming.index, naming.name)).unwrap()));
        }
    }
    assert_eq!(names, [(0, "double"), (1, "enter"), (2, "guest:first"), (3, "guest:second")]);
    let summary = Summary::read(&linked).unwrap();
    assert_eq!(summary.description.unwrap()["version"], 1);
    assert_eq!(summary.memory, 4 * WASM_PAGE);
    assert_eq!(summary.layout.segments, 3, "touching overlays are one segment");
}

#[test]
fn hints_stand_before_the_code_under_the_functions_indices() {
    let runtime = runtime();
    let mut additions = additions(&runtime);
    let hint = |place, taken| Hint { place, taken };
    additions.functions[1].hints = vec![hint(3, false), hint(9, true)];
    let linked = link(&runtime, additions).unwrap();
    let (mut hints, mut code) = (Vec::new(), false);
    for payload in wasmparser::Parser::new(0).parse_all(&linked) {
        match payload.unwrap() {
            wasmparser::Payload::CodeSectionStart { .. } => code = true,
            wasmparser::Payload::CustomSection(custom) => {
                let wasmparser::KnownCustom::BranchHints(reader) = custom.as_known() else { continue };
                assert!(!code, "the proposal has the section before the code");
                for function in reader {
                    let function = function.unwrap();
                    let places = function.hints.into_iter().map(Result::unwrap);
                    hints.extend(places.map(|hint| (function.func, hint.func_offset, hint.taken)));
                }
            }
            _ => {}
        }
    }
    assert_eq!(hints, [(3, 3, false), (3, 9, true)]);
}

#[test]
fn a_runtime_without_elements_names_or_data_links() {
    let bare = wat::parse_str("(module (table 0 funcref) (memory 1))").unwrap();
    let runtime = Runtime::parse(&bare).unwrap();
    let ty = runtime.first_type();
    let code = body(&[]);
    let linked = link(
        &runtime,
        Additions {
            types: vec![FuncType::new([], [])],
            functions: vec![Function { name: "f".into(), ty, code, hints: Vec::new() }],
            data: vec![overlay(8, b"x")],
            ..Additions::default()
        },
    );
    wasmparser::Validator::new_with_features(features()).validate_all(&linked.unwrap()).unwrap();
}

#[test]
fn an_invalid_function_is_named() {
    let runtime = runtime();
    let mut additions = additions(&runtime);
    additions.functions[1].code = body(&[]);
    let error = format!("{:#}", link(&runtime, additions).unwrap_err());
    assert!(error.contains("guest:second"), "{error}");
}

#[test]
fn bad_data_and_bad_runtimes_are_refused() {
    let runtime = runtime();
    let refuse = |data: Vec<Overlay<'static>>, expected: &str| {
        let error = link(&runtime, Additions { data, ..additions(&runtime) }).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    refuse(vec![overlay(0, b"abcd"), overlay(3, b"x")], "overlaps");
    refuse(vec![overlay(u32::MAX, b"xy")], "past the end of memory");
    for (wat, expected) in [
        ("(module (memory 1))", "0 tables"),
        ("(module (table 0 funcref))", "0 memories"),
        (r#"(module (import "env" "f" (func)) (memory 1) (table 0 funcref))"#, "imports env.f"),
    ] {
        let error = Runtime::parse(&wat::parse_str(wat).unwrap()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    assert!(Runtime::parse(b"\0asm\x01\0\0\0\x01\xff").is_err());
}

#[test]
fn sparse_layouts_are_refused_as_wasmtime_does() {
    let at = |address, size| Segment { address, size };
    let big = layout::ALWAYS_MAPPED;
    layout::check(&[at(0, 1), at(big - 2, 1)]).unwrap();
    layout::check(&[at(0, 1), at(big - 1, 1)]).unwrap_err();
    layout::check(&[at(4096, big), at(4096 + 2 * big - 1, big)]).unwrap();
    layout::check(&[at(0, big / 2), at(2 * big - big / 2, big / 2)]).unwrap_err();
    assert_eq!(layout::check(&[]).unwrap(), Layout::default());
}
