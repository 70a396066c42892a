//! A linear reading of a file's code: where instructions begin, and which addresses code and data name.
//!
//! Compilers put no data among code, so that reading on from a known start meets every instruction. Whatever else stands there
//! costs time and size: what is read is where control might come to, never what must be true.

use super::elf::{ElfCode, Segment};
use iced_x86::{Code, Decoder, DecoderOptions, FlowControl, Instruction, Mnemonic, OpKind};
use std::ops::Range;

/// An instruction begins here.
const START: u8 = 1;
/// Control does not come here from the instruction before.
const FRESH: u8 = 2;
/// This is no instruction that a program has.
const NONSENSE: u8 = 4;
/// Only fills up the space between functions.
const PADDING: u8 = 8;

/// The bytes of one segment, as they were read.
pub(super) struct Marks {
    address: u64,
    marks: Vec<u8>,
}

/// An address of a table that code names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Named {
    /// The address.
    pub(super) address: u64,
    /// The instruction that names it.
    pub(super) by: u64,
    /// Last byte of the next indirect jump after it, if one follows before the function's end.
    pub(super) jump: Option<u64>,
}

/// What was read.
#[derive(Default)]
pub(super) struct Survey {
    /// By segment of code, ascending.
    pub(super) marks: Vec<Marks>,
    /// Targets of direct calls. Ascending.
    pub(super) called: Vec<u64>,
    /// Other addresses within the code that code, data or relocations name. Ascending.
    pub(super) pointed: Vec<u64>,
    /// Addresses of data that code names. Ascending.
    pub(super) named: Vec<Named>,
}

impl Survey {
    /// Reads the parts of the code one by one, and the data.
    pub(super) fn of(code: &ElfCode, bytes: &[u8], parts: &[Range<u64>]) -> Survey {
        let mut survey = Survey::default();
        for segment in &code.segments {
            let marks = vec![0; segment.file.len()];
            survey.marks.push(Marks { address: segment.address, marks });
        }
        for part in parts {
            let holder = code.segments.iter().position(|segment| segment.addresses().contains(&part.start));
            let Some(number) = holder else { continue };
            let first = (part.start - code.segments[number].address) as usize;
            let text = &bytes[code.segments[number].file.clone()][first..][..(part.end - part.start) as usize];
            survey.read(code, number, part.start, text);
        }
        for segment in code.data.iter().chain(&code.segments) {
            survey.pointed.extend(pointers(segment, bytes));
        }
        survey.pointed.extend(&code.addends);
        survey.pointed.retain(|&address| code.holds(address));
        for addresses in [&mut survey.called, &mut survey.pointed] {
            addresses.sort_unstable();
            addresses.dedup();
        }
        survey.named.sort_unstable();
        survey
    }

    /// The marks at an address.
    fn at(&self, address: u64) -> u8 {
        let found = self.marks.iter().find_map(|marks| {
            let offset = usize::try_from(address.checked_sub(marks.address)?).ok()?;
            marks.marks.get(offset).copied()
        });
        found.unwrap_or(0)
    }

    /// Whether an instruction begins there.
    pub(super) fn begins(&self, address: u64) -> bool {
        self.at(address) & START != 0
    }

    /// Whether code may begin there: an instruction that control does not come to from the one before.
    pub(super) fn begins_afresh(&self, address: u64) -> bool {
        self.at(address) & (START | FRESH | PADDING) == START | FRESH
    }

    /// Whether that is no instruction of a program's.
    pub(super) fn is_nonsense(&self, address: u64) -> bool {
        self.at(address) & NONSENSE != 0
    }

    /// Reads a part of a segment from its start to its end.
    fn read(&mut self, code: &ElfCode, segment: usize, address: u64, text: &[u8]) {
        let mut decoder = Decoder::with_ip(64, text, address, DecoderOptions::NONE);
        let mut insn = Instruction::default();
        let mut fresh = true;
        let open = self.named.len();
        while decoder.can_decode() {
            let place = (decoder.ip() - self.marks[segment].address) as usize;
            let position = decoder.position();
            decoder.decode_out(&mut insn);
            let mark = &mut self.marks[segment].marks[place];
            if is_nonsense(&insn, &text[position..]) {
                *mark = NONSENSE;
                fresh = true;
                // Both are within the part.
                let _ = decoder.set_position(position + 1);
                decoder.set_ip(address + position as u64 + 1);
                continue;
            }
            *mark = START | if fresh { FRESH } else { 0 };
            if matches!(insn.mnemonic(), Mnemonic::Nop | Mnemonic::Int3) {
                *mark |= PADDING;
                continue;
            }
            fresh = ends(&insn);
            self.note(code, &insn);
            if insn.flow_control() == FlowControl::IndirectBranch {
                let waiting = self.named[open..].iter_mut().rev().take_while(|named| named.jump.is_none());
                waiting.for_each(|named| named.jump = Some(insn.next_ip() - 1));
            }
        }
    }

    /// Keeps the addresses that an instruction names.
    fn note(&mut self, code: &ElfCode, insn: &Instruction) {
        if insn.is_call_near() {
            self.called.push(insn.near_branch_target());
            return;
        }
        let address = match insn.code() {
            Code::Lea_r64_m if insn.is_ip_rel_memory_operand() => insn.ip_rel_memory_address(),
            Code::Mov_r32_imm32 if code.is_fixed => insn.immediate32().into(),
            _ => return,
        };
        if code.holds(address) {
            self.pointed.push(address);
        } else {
            self.named.push(Named { address, by: insn.ip(), jump: None });
        }
    }
}

/// Aligned words of a segment. Older linkers put constants into that of the code.
fn pointers<'b>(segment: &Segment, bytes: &'b [u8]) -> impl Iterator<Item = u64> + use<'b> {
    let skipped = segment.address.wrapping_neg() as usize % 8;
    let words = bytes[segment.file.clone()].get(skipped..).unwrap_or_default().as_chunks::<8>().0;
    words.iter().map(|word| u64::from_le_bytes(*word))
}

/// Whether a program has no use for it: no instruction at all, one of the kernel's, or zeros.
fn is_nonsense(insn: &Instruction, bytes: &[u8]) -> bool {
    let zeros = insn.code() == Code::Add_rm8_r8 && bytes.starts_with(&[0, 0]);
    let far = matches!(insn.op0_kind(), OpKind::FarBranch16 | OpKind::FarBranch32);
    insn.is_invalid() || zeros || far || insn.is_privileged() && insn.code() != Code::Hlt
}

/// Whether control never goes on with the next instruction.
fn ends(insn: &Instruction) -> bool {
    matches!(
        insn.flow_control(),
        FlowControl::UnconditionalBranch | FlowControl::IndirectBranch | FlowControl::Return | FlowControl::Exception
    ) || insn.code() == Code::Hlt
}
