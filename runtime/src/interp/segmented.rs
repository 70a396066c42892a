//! Code and data through segments in compatibility mode. SDM volume 3A, sections 5.3 (limits) and 5.5 (types); AMD APM
//! volume 2, section 4.8.
//!
//! A body asks for a linear address and then accesses it. What the segment does not allow is said by the address: linear
//! addresses of compatibility mode have 32 bits, and these have bits above that make them not canonical, so that no
//! translation is ever found for them and the slow path decides.
//!
//! | address | meaning |
//! |---|---|
//! | `4000_0000_xxxx_xxxx` | may be read, at the low 32 bits; #GP(0) when it is written |
//! | `8000_0000_0000_0000` | #GP(0) |
//! | `a000_0000_0000_0000` | #SS(0) |
//!
//! Departure from the manual, which leaves it to the implementation: an access that goes on behind address 2^32 − 1 faults
//! as one beyond the limit does.

use super::access::Target;
use crate::cpu::state::SegmentRegister;
use crate::exception::Exception;
use crate::mmu::{Access, Privilege};
use crate::vm::Vm;
use x86::{CodeMode, Segment, Width};

const READ_ONLY: u64 = 4 << 60;
const BEYOND: u64 = x86::machine::NOT_CANONICAL;
const BEYOND_STACK: u64 = 0xa << 60;
const KIND: u64 = 0xf << 60;
const ADDRESS: u64 = u32::MAX as u64;

impl SegmentRegister {
    const WRITABLE: u16 = 1 << 1;
    const EXPANDS_DOWN: u16 = 1 << 2;
    const CODE: u16 = 1 << 3;
    const PRESENT: u16 = 1 << 7;
    const LONG: u16 = 1 << 13;
    const BIG: u16 = 1 << 14;

    /// The mode of code in this segment.
    pub(crate) fn code_mode(&self) -> CodeMode {
        if self.rights & Self::LONG != 0 { CodeMode::Long } else { CodeMode::Compatibility }
    }

    fn is_data(&self) -> bool {
        self.rights & Self::CODE == 0
    }

    /// Whether it is a writable data segment; one of code is not.
    fn is_writable(&self) -> bool {
        self.is_data() && self.rights & Self::WRITABLE != 0
    }

    /// Whether it is a data segment, or one of code that may be read: the bit is the same.
    fn is_readable(&self) -> bool {
        self.is_data() || self.rights & Self::WRITABLE != 0
    }

    /// The offsets that there are, first and last.
    fn offsets(&self) -> (u64, u64) {
        if self.is_data() && self.rights & Self::EXPANDS_DOWN != 0 {
            let last = if self.rights & Self::BIG != 0 { Width::W32.mask() } else { Width::W16.mask() };
            return (u64::from(self.limit) + 1, last);
        }
        (0, self.limit.into())
    }

    /// Whether `size` bytes from an offset on are in the segment. No selector was loaded where it is not present.
    fn holds(&self, offset: u64, size: u64) -> bool {
        let (first, last) = self.offsets();
        self.rights & Self::PRESENT != 0 && offset >= first && offset + (size.max(1) - 1) <= last
    }

    /// Whether every offset of 32 bits is in the segment.
    pub(crate) fn is_whole(&self) -> bool {
        self.rights & Self::PRESENT != 0 && self.offsets() == (0, ADDRESS)
    }

    /// How much of RSP counts with this stack segment.
    pub(crate) fn stack_width(&self) -> Width {
        if self.rights & Self::BIG != 0 { Width::W32 } else { Width::W16 }
    }
}

impl Vm {
    /// [`x86::Machine::segmented`].
    #[inline(never)]
    pub(super) fn through_segment(&self, segment: Segment, offset: u64, size: u64) -> u64 {
        let register = self.cpu.segment(segment);
        let linear = register.base.wrapping_add(offset) & ADDRESS;
        let allowed = register.holds(offset, size) && linear + (size.max(1) - 1) <= ADDRESS;
        match segment {
            _ if allowed && register.is_writable() => linear,
            _ if allowed && register.is_readable() => READ_ONLY | linear,
            Segment::Ss => BEYOND_STACK,
            _ => BEYOND,
        }
    }

    /// Where an address leads that is not canonical.
    #[cold]
    #[inline(never)]
    pub(super) fn translate_marked(
        &mut self,
        address: u64,
        access: Access,
        privilege: Privilege,
    ) -> Result<Target, Exception> {
        match (self.mode, address & KIND) {
            (CodeMode::Long, _) => Err(Exception::NOT_CANONICAL),
            (_, READ_ONLY) if access == Access::Read => self.translate(address & ADDRESS, access, privilege),
            (_, BEYOND_STACK) => Err(Exception::SS0),
            _ => Err(Exception::GP0),
        }
    }

    /// Makes the mode follow CS, which was loaded.
    pub(crate) fn follow_code_segment(&mut self) {
        let cs = *self.cpu.segment(Segment::Cs);
        self.mode = cs.code_mode();
        // Blocks are found by offset: those of another segment are not this one's.
        if self.mode == CodeMode::Compatibility && (cs.base, cs.limit) != self.code_window {
            self.code_window = (cs.base, cs.limit);
            self.code.forget_front();
        }
    }

    /// Linear address of an offset in the code segment.
    pub(crate) fn linear_rip(&self, offset: u64) -> u64 {
        match self.mode {
            CodeMode::Long => offset,
            CodeMode::Compatibility => self.code_window.0.wrapping_add(offset) & ADDRESS,
        }
    }

    /// Linear address of the instruction at RIP, whose upper half is cleared in compatibility mode.
    ///
    /// # Errors
    /// #GP(0) behind the code segment's limit.
    pub(super) fn fetch_address(&mut self) -> Result<u64, Exception> {
        if self.mode == CodeMode::Compatibility {
            self.cpu.rip &= ADDRESS;
            self.check_code_limit(1)?;
        }
        Ok(self.linear_rip(self.cpu.rip))
    }

    /// #GP(0) unless `length` bytes from RIP on are in the code segment.
    pub(super) fn check_code_limit(&self, length: u64) -> Result<(), Exception> {
        match self.mode {
            CodeMode::Compatibility if self.cpu.rip + length - 1 > u64::from(self.code_window.1) => Err(Exception::GP0),
            _ => Ok(()),
        }
    }
}
