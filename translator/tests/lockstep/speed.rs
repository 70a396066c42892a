//! How fast translated loops run. Not a test of anything: `cargo test --release -p translator -- --ignored --nocapture`.

use crate::engine::Engine;
use crate::reference::{DATA, Reference};
use crate::run::{BASE, source};
use std::time::Instant;

/// Nanoseconds an instruction, the best of several runs, of a loop that ends with RCX = 0.
fn measure(name: &str, code: &[u8], per_turn: u64) {
    let source = source(&[(0, code.to_vec())], &[0]);
    let mut engine = Engine::optimised(&source);
    engine.bind(source.index, BASE);
    let turns = 20_000_000u64;
    let mut best = f64::MAX;
    for _ in 0..5 {
        let mut state = Reference::new(BASE);
        (state.gpr[1], state.gpr[3], state.gpr[4]) = (turns, DATA + 0x100, DATA + 0x1800);
        // What DEC leaves, with which the loop's head is entered.
        state.flags.op = x86::FlagOp::Dec;
        state.gpr[6] = DATA + 0x1000;
        engine.load(&state, i64::MAX / 2);
        let start = Instant::now();
        let reason = engine.call(0, BASE, 0);
        best = best.min(start.elapsed().as_secs_f64());
        assert_eq!(engine.state().gpr[1], 0, "{name}: {reason:?}\n{}", crate::engine::show(&source));
    }
    println!("{name:30} {:.3} ns/instruction", best * 1e9 / (turns * per_turn) as f64);
}

#[test]
#[ignore = "measures"]
fn loops() {
    // add rax,rcx; xor rdx,rax; lea rdi,[rdx+rax*2]; sub rax,rdi; shr rdx,1; dec rcx; jnz
    let alu = [
        0x48, 0x01, 0xc8, 0x48, 0x31, 0xc2, 0x48, 0x8d, 0x3c, 0x42, 0x48, 0x29, 0xf8, 0x48, 0xd1, 0xea, 0x48, 0xff,
        0xc9, 0x75, 0xeb,
    ];
    measure("integer", &alu, 7);
    // mov eax,[rbx]; add eax,[rbx+8]; mov [rbx+16],eax; add dword [rbx+24],1; dec rcx; jnz
    let memory = [0x8b, 0x03, 0x03, 0x43, 0x08, 0x89, 0x43, 0x10, 0x83, 0x43, 0x18, 0x01, 0x48, 0xff, 0xc9, 0x75, 0xef];
    measure("four accesses off one base", &memory, 6);
    // mov rax,[rbx+rcx*8 & ..]: movzx eax,cl; mov rdx,[rsi+rax*8]; add rdi,rdx; mov [rbx],rdi; dec rcx; jnz
    let table =
        [0x0f, 0xb6, 0xc1, 0x48, 0x8b, 0x14, 0xc6, 0x48, 0x01, 0xd7, 0x48, 0x89, 0x3b, 0x48, 0xff, 0xc9, 0x75, 0xee];
    measure("table", &table, 6);
    // push rax; push rdx; pop rdx; pop rax; dec rcx; jnz
    measure("stack", &[0x50, 0x52, 0x5a, 0x58, 0x48, 0xff, 0xc9, 0x75, 0xf7], 6);
}
