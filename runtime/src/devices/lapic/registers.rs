//! The local APIC's registers, by offset in its page (SDM volume 3, table 11-1) and by x2APIC MSR (table 11-6).

use super::{ILLEGAL_REGISTER, LVT_ERROR, LVT_MASKED, LVT_TIMER, LocalApic, Mode, SEND_ILLEGAL_VECTOR, SVR_ENABLED};

/// Integrated APIC, six LVT entries, no EOI-broadcast suppression.
const VERSION: u32 = 0x0005_0014;

/// First x2APIC MSR; MSR `0x800 + n` is the register at offset `n << 4`.
const MSR_BASE: u32 = 0x800;

/// Writable bits of the LVT entries: timer, thermal, performance, LINT0, LINT1, error.
const LVT_WRITABLE: [u32; 6] = [0x7_00ff, 0x1_07ff, 0x1_07ff, 0x1_a7ff, 0x1_a7ff, 0x1_00ff];

/// What a register write asks of the rest of the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in super::super) struct Effect {
    /// A level-triggered interrupt on this vector has ended.
    pub(in super::super) end_of_interrupt: Option<u8>,
    /// Messages that were refused may be accepted now.
    pub(in super::super) retry: bool,
}

impl LocalApic {
    /// Reads the 32-bit register at `offset`, a multiple of 16.
    pub(in super::super) fn read(&mut self, offset: u32, now: u64) -> u32 {
        self.advance(now);
        let bank = (offset >> 4 & 7) as usize;
        match offset {
            0x020 => u32::from(self.id) << 24,
            0x030 => VERSION,
            0x080 => u32::from(self.tpr),
            0x090 | 0x0a0 => u32::from(self.ppr()),
            0x0d0 => self.ldr,
            0x0e0 => self.dfr,
            0x0f0 => self.svr,
            0x100..=0x170 => self.isr.register(bank),
            0x180..=0x1f0 => self.tmr.register(bank),
            0x200..=0x270 => self.irr.register(bank),
            0x280 => self.esr,
            0x300 => self.icr as u32,
            0x310 => (self.icr >> 32) as u32,
            0x320..=0x370 => self.lvt[lvt_index(offset)],
            0x380 => self.timer.initial(),
            0x390 => self.timer.current(self.timer_mode(), now),
            0x3e0 => self.timer.divide(),
            0x0b0 | 0x0c0 | 0x2f0 => 0,
            _ => {
                self.error(ILLEGAL_REGISTER);
                0
            }
        }
    }

    /// Writes the 32-bit register at `offset`, a multiple of 16.
    pub(in super::super) fn write(&mut self, offset: u32, value: u32, now: u64) -> Effect {
        self.advance(now);
        let mut effect = Effect::default();
        match offset {
            0x020 => self.id = (value >> 24) as u8,
            0x080 => self.tpr = value as u8,
            0x0b0 => effect.end_of_interrupt = self.end_of_interrupt(),
            0x0d0 => self.ldr = value & 0xff00_0000,
            0x0e0 => self.dfr = value | 0x0fff_ffff,
            0x0f0 => self.set_svr(value),
            0x280 => self.esr = std::mem::take(&mut self.errors),
            0x300 => self.set_icr(self.icr & !0xffff_ffff | u64::from(value)),
            0x310 => self.icr = self.icr & 0xffff_ffff | u64::from(value & 0xff00_0000) << 32,
            0x320..=0x370 => self.set_lvt(lvt_index(offset), value),
            0x380 => self.timer.set_initial(self.timer_mode(), value, now),
            0x3e0 => self.timer.set_divide(self.timer_mode(), value, now),
            0x030 | 0x090 | 0x0a0 | 0x0c0 | 0x100..=0x270 | 0x2f0 | 0x390 => {}
            _ => self.error(ILLEGAL_REGISTER),
        }
        effect.retry = matches!(offset, 0x020 | 0x0d0 | 0x0e0 | 0x0f0);
        effect
    }

    fn set_icr(&mut self, icr: u64) {
        self.icr = icr & 0xff00_0000_000c_cfff;
        self.send(self.icr);
    }

    /// While the APIC is disabled by software all LVT entries are masked, and stay so.
    fn set_svr(&mut self, value: u32) {
        self.svr = value & 0x1ff;
        if value & SVR_ENABLED == 0 {
            self.lvt.iter_mut().for_each(|lvt| *lvt |= LVT_MASKED);
        }
    }

    fn set_lvt(&mut self, index: usize, value: u32) {
        let forced = if self.svr & SVR_ENABLED == 0 { LVT_MASKED } else { 0 };
        let value = value & LVT_WRITABLE[index] | forced;
        if index == LVT_TIMER {
            self.timer.change_mode(self.timer_mode(), Mode::of(value));
        }
        self.lvt[index] = value;
    }

    /// Reads an x2APIC MSR; `None` (#GP) where there is no readable register.
    pub(in super::super) fn msr_read(&mut self, msr: u32, now: u64) -> Option<u64> {
        let offset = msr.checked_sub(MSR_BASE)? << 4;
        let cluster = u32::from(self.id) >> 4 << 16 | 1 << (self.id & 15);
        Some(match offset {
            0x020 => u64::from(self.id),
            0x0d0 => u64::from(cluster),
            0x300 => self.icr & 0xffff_ffff | self.icr >> 56 << 32,
            0x030 | 0x080 | 0x0a0 | 0x0f0 | 0x100..=0x280 | 0x320..=0x390 | 0x3e0 => u64::from(self.read(offset, now)),
            _ => return None,
        })
    }

    /// Writes an x2APIC MSR; `None` (#GP) where there is no writable register or a reserved bit is set.
    pub(in super::super) fn msr_write(&mut self, msr: u32, value: u64, now: u64) -> Option<Effect> {
        let offset = msr.checked_sub(MSR_BASE)? << 4;
        let low = u32::try_from(value).ok();
        match offset {
            0x080 | 0x0f0 | 0x320..=0x380 | 0x3e0 => Some(self.write(offset, low?, now)),
            0x0b0 | 0x280 => (value == 0).then(|| self.write(offset, 0, now)),
            0x300 => {
                let broadcast = value >> 32 == 0xffff_ffff;
                let destination = if broadcast { 0xff } else { value >> 32 & 0xff };
                self.set_icr(destination << 56 | value & 0xffff_ffff);
                Some(Effect::default())
            }
            0x3f0 => {
                self.self_ipi(u8::try_from(value).ok()?);
                Some(Effect::default())
            }
            _ => None,
        }
    }

    fn self_ipi(&mut self, vector: u8) {
        match vector {
            0..16 => self.error(SEND_ILLEGAL_VECTOR),
            _ if self.software_enabled() => self.accept(vector, false),
            _ => {}
        }
    }
}

/// Index of the LVT entry at `offset`, 0x320 to 0x370.
fn lvt_index(offset: u32) -> usize {
    ((offset - 0x320) >> 4) as usize
}

const _: () = assert!(LVT_ERROR == (0x370 - 0x320) >> 4);
