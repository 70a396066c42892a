//! What crosses the process boundary: one slot per case, overwritten with its outcome.

use crate::case::{Access, Case, End, Fault, Outcome};
use crate::layout;
use crate::state::{FLAGS, Memory, State, X87};

/// Cases in one request.
pub(super) const SLOTS: usize = 64;
/// Bytes of the FXSAVE image that hold registers (the rest is the operating system's).
pub(super) const FX_LEN: usize = 416;
/// Value of [`Slot::trap`] for a case that the timer ended.
pub(super) const TIMEOUT: u64 = 1000;

/// The shared memory.
#[repr(C)]
pub(super) struct Shared {
    /// Cases of this request that have ended.
    pub(super) done: u32,
    /// Ticks of the timer that a case may outlive.
    pub(super) patience: u32,
    pub(super) slots: [Slot; SLOTS],
}

/// One case on its way in, its outcome on the way out.
#[repr(C, align(64))]
pub(super) struct Slot {
    pub(super) gpr: [u64; 16],
    pub(super) rip: u64,
    pub(super) flags: u64,
    pub(super) fs_base: u64,
    pub(super) gs_base: u64,
    /// Trap number, error code and CR2 as the kernel reports them.
    pub(super) trap: u64,
    pub(super) error: u64,
    pub(super) cr2: u64,
    pub(super) code_len: usize,
    pub(super) code: [u8; layout::CODE_MAX],
    /// FXSAVE64 image (SDM volume 1, table 10-2) without its last 96 bytes.
    pub(super) fx: [u8; FX_LEN],
    /// Upper halves of YMM0–15.
    pub(super) ymm_high: [[u64; 2]; 16],
    /// The window, then the read-only page.
    pub(super) data: [u8; layout::DATA_LEN],
}

impl Slot {
    /// Writes a case into the slot.
    pub(super) fn load(&mut self, case: &Case) {
        let state = &case.state;
        self.gpr = state.gpr;
        self.rip = layout::CODE;
        self.flags = state.flags & FLAGS | 0x202;
        (self.fs_base, self.gs_base) = (state.fs_base, state.gs_base);
        self.code_len = case.code().len();
        self.code[..self.code_len].copy_from_slice(case.code());
        self.fx = fx_image(state);
        for (high, ymm) in self.ymm_high.iter_mut().zip(&state.ymm) {
            high.copy_from_slice(&ymm[2..]);
        }
        self.data.fill(0);
        for (address, byte) in state.memory.iter() {
            if let Some(offset) = layout::data_offset(address) {
                self.data[offset] = byte;
            }
        }
    }

    /// Reads the outcome of `case`, which the worker has run in this slot.
    pub(super) fn outcome(&self, case: &Case) -> Outcome {
        let exit = self.rip.wrapping_sub(1);
        let in_code = (layout::CODE..layout::CODE + self.code_len as u64).contains(&exit);
        let in_pages = (layout::CODE_PAGES..layout::CODE_PAGES + layout::CODE_PAGES_LEN).contains(&exit);
        let done = self.trap == 3 && in_pages && !in_code;
        let rip = if done { exit } else { self.rip };
        let end = if done { End::Done } else { self.end() };
        Outcome { end, rip: rip.wrapping_sub(layout::CODE) as i64, state: self.state(case) }
    }

    /// The kernel's trap number as an end (numbers: SDM volume 3, table 6-1).
    fn end(&self) -> End {
        let code = self.error as u16;
        End::Fault(match self.trap {
            0 => Fault::Divide,
            1 => Fault::Debug,
            3 => Fault::Breakpoint,
            6 => Fault::InvalidOpcode,
            11 => Fault::NotPresent(code),
            12 => Fault::Stack(code),
            13 => Fault::Protection(code),
            14 => Fault::Page { address: self.cr2, access: self.access(), present: self.error & 1 != 0 },
            16 => Fault::X87,
            17 => Fault::Alignment,
            19 => Fault::Simd,
            TIMEOUT => return End::Timeout,
            other => return End::Refused(format!("trap {other}, which no user-mode code raises")),
        })
    }

    fn access(&self) -> Access {
        match self.error {
            e if e & 16 != 0 => Access::Execute,
            e if e & 2 != 0 => Access::Write,
            _ => Access::Read,
        }
    }

    fn state(&self, case: &Case) -> State {
        let mut ymm = [[0; 4]; 16];
        for (i, register) in ymm.iter_mut().enumerate() {
            *register =
                [self.fx_u64(160 + 16 * i), self.fx_u64(168 + 16 * i), self.ymm_high[i][0], self.ymm_high[i][1]];
        }
        State {
            gpr: self.gpr,
            flags: self.flags & FLAGS,
            fs_base: self.fs_base,
            gs_base: self.gs_base,
            mxcsr: self.fx_u64(24) as u32,
            ymm,
            x87: self.x87(),
            memory: self.memory(&case.state.memory),
        }
    }

    fn x87(&self) -> X87 {
        let word = |at| u16::from_le_bytes([self.fx[at], self.fx[at + 1]]);
        let mut x87 = X87 { control: word(0), status: word(2), tags: self.fx[4], registers: [0; 8] };
        for i in 0..8 {
            let value = u128::from(self.fx_u64(32 + 16 * i)) | u128::from(word(40 + 16 * i)) << 64;
            x87.registers[x87.physical(i)] = value;
        }
        x87
    }

    fn memory(&self, before: &Memory) -> Memory {
        let mut memory = Memory::default();
        // Most of the data is zero: whole quadwords are skipped.
        for (word, bytes) in self.data.chunks_exact(8).enumerate() {
            if bytes != [0; 8] {
                memory.set(layout::data_address(8 * word), bytes);
            }
        }
        let outside = before.iter().filter(|&(address, _)| layout::data_offset(address).is_none());
        outside.for_each(|(address, byte)| memory.set_byte(address, byte));
        memory
    }

    fn fx_u64(&self, at: usize) -> u64 {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.fx[at..at + 8]);
        u64::from_le_bytes(bytes)
    }
}

fn fx_image(state: &State) -> [u8; FX_LEN] {
    let (mut fx, x87) = ([0; FX_LEN], &state.x87);
    fx[..2].copy_from_slice(&x87.control.to_le_bytes());
    fx[2..4].copy_from_slice(&x87.status.to_le_bytes());
    fx[4] = x87.tags;
    fx[24..28].copy_from_slice(&state.mxcsr.to_le_bytes());
    for i in 0..8 {
        fx[32 + 16 * i..42 + 16 * i].copy_from_slice(&x87.registers[x87.physical(i)].to_le_bytes()[..10]);
    }
    for (i, word) in state.ymm.iter().flat_map(|y| &y[..2]).enumerate() {
        fx[160 + 8 * i..168 + 8 * i].copy_from_slice(&word.to_le_bytes());
    }
    fx
}
