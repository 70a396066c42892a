//! Fetching: from RIP to a decoded block.
//!
//! A block ends with the first instruction that may jump or that changes how instructions are fetched, at the end of the
//! page, or after [`MAX_BLOCK`] instructions. An instruction that crosses into the next page is a block of its own and
//! is decoded each time, since its second page may be mapped anew.

use super::access::Target;
use super::code::{Block, MAX_BLOCK};
use crate::cpu::state::TLB_ENTRIES;
use crate::exception::Exception;
use crate::memory::{PAGE, Place};
use crate::mmu::Access;
use crate::vm::Vm;
use std::cell::Cell;
use std::rc::Rc;
use x86::decode::Undecodable;
use x86::{Insn, Mnemonic, decode_for};

impl Vm {
    /// The block at RIP.
    ///
    /// # Errors
    /// The fault of the fetch or of the first instruction's decoding.
    #[inline(always)]
    pub(crate) fn fetch(&mut self) -> Result<Rc<Block>, Exception> {
        match self.code.at(self.cpu.rip, self.generation()) {
            Some(block) => Ok(block),
            None => self.fetch_slow(),
        }
    }

    #[inline(never)]
    fn fetch_slow(&mut self) -> Result<Rc<Block>, Exception> {
        let rip = self.cpu.rip;
        let place = self.fetch_place(rip)?;
        let block = match self.code.decoded(place) {
            Some(block) => block,
            None => {
                let Some(block) = self.decode_block(place)? else { return self.crossing(rip, place) };
                if self.code.insert(block.clone()) {
                    self.protect_code(place.page());
                }
                block
            }
        };
        self.note_code_page(rip);
        self.code.remember(rip, self.generation(), block.clone());
        Ok(block)
    }

    /// Where the instruction at `rip` lies.
    pub(crate) fn fetch_place(&mut self, rip: u64) -> Result<Place, Exception> {
        let entry = &self.cpu.tlb().exec[(rip >> 12) as usize % TLB_ENTRIES];
        if entry.tag == rip & !0xfff {
            return Ok(Place(entry.addend.wrapping_add(rip as u32)));
        }
        let user = self.cpu.cpl == 3;
        match self.translate(rip, Access::Fetch, user)? {
            Target::Memory(place) => Ok(place),
            // Devices hold no code; the bus reads as all ones, which is no instruction.
            Target::Device(_) => Err(Exception::UD),
        }
    }

    /// Decodes what begins at `place` and ends in its page; `None` where not even one instruction does.
    fn decode_block(&mut self, place: Place) -> Result<Option<Rc<Block>>, Exception> {
        let rest = PAGE - place.0 as usize % PAGE;
        let level = self.cpu.level();
        let bytes = self.memory.bytes(place, rest);
        let mut insns = Vec::new();
        let mut at = 0;
        while insns.len() < MAX_BLOCK && at < rest {
            match decode_for(level, &bytes[at..]) {
                Ok(insn) => {
                    at += usize::from(insn.length);
                    insns.push(insn);
                    if ends_block(&insn) {
                        break;
                    }
                }
                Err(_) if !insns.is_empty() => break,
                Err(Undecodable::Truncated) => return Ok(None),
                Err(Undecodable::TooLong) => return Err(Exception::GP0),
                Err(Undecodable::Invalid) => {
                    let unknown = bytes[..rest.min(15)].to_vec();
                    return Err(self.log_undecodable(&unknown));
                }
            }
        }
        Ok(Some(Rc::new(Block { insns: insns.into(), start: place, length: at as u32, tried: Cell::new(u64::MAX) })))
    }

    /// The one instruction at `rip` that goes on in the next page.
    fn crossing(&mut self, rip: u64, place: Place) -> Result<Rc<Block>, Exception> {
        let first = PAGE - place.0 as usize % PAGE;
        let mut bytes = self.memory.bytes(place, first).to_vec();
        let next = self.fetch_place(rip.wrapping_add(first as u64))?;
        bytes.extend_from_slice(self.memory.bytes(next, 15));
        match decode_for(self.cpu.level(), &bytes) {
            Ok(insn) => Ok(Rc::new(Block {
                insns: Box::new([insn]),
                start: place,
                length: insn.length.into(),
                tried: Cell::new(u64::MAX),
            })),
            Err(Undecodable::TooLong) => Err(Exception::GP0),
            Err(_) => Err(self.log_undecodable(&bytes)),
        }
    }
}

/// Whether the instruction after this one may not be the next in memory, or may be fetched in another way.
pub(crate) fn ends_block(insn: &Insn) -> bool {
    use iced_x86::FlowControl;
    insn.code.flow_control() != FlowControl::Next
        || repeats(insn)
        || matches!(
            insn.mnemonic,
            Mnemonic::Sti
                | Mnemonic::Popfq
                | Mnemonic::Popf
                | Mnemonic::Hlt
                | Mnemonic::Invlpg
                | Mnemonic::Invpcid
                | Mnemonic::Wrmsr
                | Mnemonic::Cpuid
                | Mnemonic::Lmsw
                | Mnemonic::Xsetbv
        )
        || insn.operands.iter().any(|o| matches!(o, x86::Operand::Control(_)))
}

/// Whether the instruction may be executed again in place of the next: a string instruction with a repeat prefix, which does
/// at most a chunk at a time.
fn repeats(insn: &Insn) -> bool {
    (insn.prefixes.rep || insn.prefixes.repne) && insn.code.is_string_instruction()
}
