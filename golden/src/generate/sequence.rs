//! Random programs: blocks of instructions from the table that branch to one another, loops among them.
//!
//! RBX, RBP and R15 are not written: memory operands are moved to RBX or RBP, sometimes with R15 as a small index, so that most accesses are
//! in the window, across its pages now and then. Left out is what would end nearly every program: loads of the control words and of RFLAGS
//! from anything, and writes of RSP.

use super::encode::encode;
use super::memory::{overlapping, write};
use super::values::Lane;
use super::{Family, Random, Shape, codes, fill};
use crate::case::Case;
use crate::layout;
use crate::operand::memory_operand;
use iced_x86::{
    Code, Decoder, DecoderOptions, Encoder, FlowControl, Instruction, InstructionInfoFactory, Mnemonic, OpAccess,
    OpKind, Register,
};
use std::sync::LazyLock;

/// The bases that memory operands are moved to.
const POINTERS: [Register; 2] = [Register::RBX, Register::RBP];
/// Their small index.
const INDEX: Register = Register::R15;
/// Bytes of a conditional jump, and of a jump, with 32 bits of distance.
const CONDITIONAL: usize = 6;
const JUMP: usize = 5;

/// The codes that programs are made of.
static CODES: LazyLock<Vec<Code>> =
    LazyLock::new(|| Family::ALL.into_iter().flat_map(codes).filter(|&code| takes_part(code)).collect());

fn takes_part(code: Code) -> bool {
    use Mnemonic as M;
    let ends = matches!(
        code.mnemonic(),
        M::Popf | M::Popfq | M::Wrfsbase | M::Wrgsbase | M::Ldmxcsr | M::Vldmxcsr | M::Fldcw | M::Fldenv | M::Frstor
    );
    code.flow_control() == FlowControl::Next && !ends
}

/// How a block ends.
enum End {
    /// Jcc to a block.
    Conditional(usize),
    /// JMP to a block.
    Jump(usize),
    /// With the next block.
    Falls,
}

/// A program of `length` instructions beside its jumps; `None` if it is too large.
pub fn sequence(length: usize, random: &mut Random) -> Option<Case> {
    let blocks = 1 + random.below(6) as usize;
    let mut bodies = vec![Vec::new(); blocks];
    for _ in 0..length {
        let insn = std::iter::from_fn(|| Some(instruction(random))).flatten().next()?;
        bodies[random.below(blocks as u64) as usize].extend(insn);
    }
    let ends: Vec<End> = (0..blocks).map(|number| end(number, blocks, random)).collect();
    let code = joined(&bodies, &ends, random);
    Case::new(&code, state(random)).ok()
}

/// Mostly Jcc to any block, or behind the last; jumps mostly go forward, since one that goes back alone is an endless loop.
fn end(number: usize, blocks: usize, random: &mut Random) -> End {
    let any = random.below(blocks as u64 + 1) as usize;
    match random.below(6) {
        0 => End::Falls,
        1 if random.one_in(4) => End::Jump(any),
        1 => End::Jump(number + 1 + random.below((blocks - number) as u64) as usize),
        _ => End::Conditional(any),
    }
}

fn joined(bodies: &[Vec<u8>], ends: &[End], random: &mut Random) -> Vec<u8> {
    let mut starts = vec![0];
    for (body, end) in bodies.iter().zip(ends) {
        let jump = match end {
            End::Conditional(_) => CONDITIONAL,
            End::Jump(_) => JUMP,
            End::Falls => 0,
        };
        starts.push(starts[starts.len() - 1] + body.len() + jump);
    }
    let mut code = Vec::new();
    for ((body, end), next) in bodies.iter().zip(ends).zip(&starts[1..]) {
        code.extend(body);
        let to = match end {
            End::Conditional(to) => {
                code.extend([0x0f, 0x80 | random.below(16) as u8]);
                to
            }
            End::Jump(to) => {
                code.push(0xe9);
                to
            }
            End::Falls => continue,
        };
        code.extend((starts[*to] as i32 - *next as i32).to_le_bytes());
    }
    code
}

/// One attempt at an instruction's bytes.
fn instruction(random: &mut Random) -> Option<Vec<u8>> {
    let code = random.pick(&CODES);
    let (mut insn, _) = encode(code, Shape::Any, random)?;
    move_operand(&mut insn, random);
    let mut encoder = Encoder::new(64);
    encoder.encode(&insn, layout::CODE).ok()?;
    let bytes = encoder.take_buffer();
    let decoded = Decoder::with_ip(64, &bytes, layout::CODE, DecoderOptions::NONE).decode();
    (decoded.code() == code && keeps_pointers(&decoded)).then_some(bytes)
}

fn move_operand(insn: &mut Instruction, random: &mut Random) {
    let implied = insn.mnemonic() == Mnemonic::Xlatb;
    if memory_operand(insn).is_none() || implied {
        return;
    }
    insn.set_memory_base(random.pick(&POINTERS));
    insn.set_segment_prefix(Register::None);
    let size = insn.memory_size().size();
    let alignment = if size < 16 || random.one_in(12) { 1 } else { 32 };
    insn.set_memory_displ_size(4);
    insn.set_memory_displacement64((alignment * random.below(16)).wrapping_sub(alignment * 8));
    if insn.is_vsib() {
        return;
    }
    let index = if size < 16 && random.one_in(3) { INDEX } else { Register::None };
    insn.set_memory_index(index);
    insn.set_memory_index_scale(if index == INDEX { 1 << random.below(4) } else { 1 });
}

/// Whether it writes none of the pointers, nor RSP but as the stack's.
fn keeps_pointers(insn: &Instruction) -> bool {
    let mut factory = InstructionInfoFactory::new();
    let info = factory.info(insn);
    let writes = |access: OpAccess| {
        !matches!(access, OpAccess::Read | OpAccess::CondRead | OpAccess::NoMemAccess | OpAccess::None)
    };
    let is_pointer = |register: Register| POINTERS.contains(&register) || register == INDEX;
    let implied =
        info.used_registers().iter().any(|used| writes(used.access()) && is_pointer(used.register().full_register()));
    let stack = (0..insn.op_count()).any(|n| {
        insn.op_kind(n) == OpKind::Register
            && insn.op_register(n).full_register() == Register::RSP
            && writes(info.op_access(n))
    });
    !implied && !stack
}

fn state(random: &mut Random) -> crate::State {
    let mut state = fill::any(random);
    state.gpr[1] = random.below(40);
    state.gpr[3] = layout::WINDOW + 0x400 + 0x40 * random.below(8);
    state.gpr[4] = layout::STACK;
    state.gpr[5] = layout::WINDOW + 0xe00 + 0x40 * random.below(8);
    state.gpr[6] = layout::WINDOW + 0x200 + random.below(0x100);
    state.gpr[7] = overlapping(state.gpr[6], random);
    state.gpr[15] = random.below(0x40);
    if random.one_in(2) {
        state.mxcsr = 0x1fa0;
    }
    let random_bytes = Lane::Integer(64).bytes(0x1000, random);
    write(&mut state, layout::WINDOW + 0x180, &random_bytes);
    state
}
