//! Fetching: from RIP to a decoded block.
//!
//! A block ends with the first instruction that may jump or that changes how instructions are fetched, at the end of the
//! page, or after [`MAX_BLOCK`] instructions. An instruction that crosses into the next page is a block of its own and
//! is decoded each time, since its second page may be mapped anew. So is one near the limit of a code segment.
//!
//! RIP is the linear address, but in compatibility mode an offset in CS: see [`super::segmented`].

use super::access::Target;
use super::code::{Block, MAX_BLOCK};
use crate::cpu::state::TLB_ENTRIES;
use crate::exception::Exception;
use crate::memory::{PAGE, Place};
use crate::mmu::Access;
use crate::vm::Vm;
use std::rc::Rc;
use x86::decode::Undecodable;
use x86::{Insn, Mnemonic, decode_in};

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
        let address = self.fetch_address()?;
        let place = self.fetch_place(address)?;
        let rest = PAGE as u64 - address % PAGE as u64;
        if self.check_code_limit(rest).is_err() {
            return self.limited(place);
        }
        let block = match self.code.decoded(self.mode, place) {
            Some(block) => block,
            None => {
                let Some(block) = self.decode_block(place)? else { return self.crossing(address, place) };
                if self.code.insert(block.clone()) {
                    self.protect_code(place.page());
                }
                block
            }
        };
        self.note_code_page(address, place, None);
        self.code.remember(self.cpu.rip, self.generation(), block.clone());
        Ok(block)
    }

    /// Where the instruction at a linear address lies.
    pub(crate) fn fetch_place(&mut self, address: u64) -> Result<Place, Exception> {
        let entry = &self.cpu.tlb().exec[(address >> 12) as usize % TLB_ENTRIES];
        if entry.tag == address & !0xfff {
            return Ok(Place(entry.addend.wrapping_add(address as u32)));
        }
        match self.translate(address, Access::Fetch, self.privilege())? {
            Target::Memory(place) => Ok(place),
            // Devices hold no code; the bus reads as all ones, which is no instruction.
            Target::Device(_) => Err(Exception::UD),
        }
    }

    /// Decodes what begins at `place` and ends in its page; `None` where not even one instruction does.
    fn decode_block(&mut self, place: Place) -> Result<Option<Rc<Block>>, Exception> {
        let rest = PAGE - place.0 as usize % PAGE;
        let (mode, level) = (self.mode, self.cpu.level());
        let bytes = self.memory.bytes(place, rest);
        let mut insns = Vec::new();
        let mut at = 0;
        while insns.len() < MAX_BLOCK && at < rest {
            match decode_in(mode, level, &bytes[at..]) {
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
        Ok(Some(Rc::new(Block::new(insns, mode, place, at as u32))))
    }

    /// The one instruction at a linear address that goes on in the next page.
    fn crossing(&mut self, address: u64, place: Place) -> Result<Rc<Block>, Exception> {
        let first = PAGE - place.0 as usize % PAGE;
        self.check_code_limit(first as u64 + 1)?;
        let mut bytes = self.memory.bytes(place, first).to_vec();
        let next = self.fetch_place(address.wrapping_add(first as u64))?;
        bytes.extend_from_slice(self.memory.bytes(next, 15));
        let block = self.one_instruction(place, &bytes)?;
        self.check_code_limit(block.length.into())?;
        Ok(block)
    }

    /// The one instruction at RIP, in whose page the code segment ends.
    fn limited(&mut self, place: Place) -> Result<Rc<Block>, Exception> {
        let bytes = (1..=15).rev().find(|&length| self.check_code_limit(length).is_ok()).unwrap_or(1) as usize;
        let bytes = self.memory.bytes(place, bytes.min(PAGE - place.0 as usize % PAGE)).to_vec();
        match decode_in(self.mode, self.cpu.level(), &bytes) {
            Err(Undecodable::Truncated) => Err(Exception::GP0),
            _ => self.one_instruction(place, &bytes),
        }
    }

    fn one_instruction(&mut self, place: Place, bytes: &[u8]) -> Result<Rc<Block>, Exception> {
        match decode_in(self.mode, self.cpu.level(), bytes) {
            Ok(insn) => Ok(Rc::new(Block::new(vec![insn], self.mode, place, insn.length.into()))),
            Err(Undecodable::TooLong) => Err(Exception::GP0),
            Err(_) => Err(self.log_undecodable(bytes)),
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
                | Mnemonic::Popfd
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
