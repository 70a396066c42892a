//! The local APIC's timer (SDM volume 3, 11.5.4): one-shot, periodic and TSC-deadline, all kept as TSC deadlines.
//!
//! The counting modes decrement once every [`APIC_TSC_RATIO`] TSC ticks times the divide configuration. Periods that
//! pass between two calls of [`Timer::advance`] give one interrupt, as the IRR could hold no more.

/// TSC ticks in one tick of the APIC's bus clock: CPUID leaf 0x15 reports it as the ratio of TSC to crystal clock.
pub const APIC_TSC_RATIO: u64 = 8;

/// Mode in bits 17 and 18 of the timer's LVT entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    OneShot,
    Periodic,
    TscDeadline,
    Reserved,
}

impl Mode {
    pub(crate) fn of(lvt: u32) -> Mode {
        match lvt >> 17 & 3 {
            0 => Mode::OneShot,
            1 => Mode::Periodic,
            2 => Mode::TscDeadline,
            _ => Mode::Reserved,
        }
    }
}

/// The timer; its LVT entry is among the others.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Timer {
    initial: u32,
    divide: u32,
    /// When it fires next, in TSC ticks; `None` while stopped.
    expires: Option<u64>,
}
crate::fields!(Timer { initial, divide, expires });

impl Timer {
    /// TSC ticks in one count.
    fn unit(&self) -> u64 {
        let code = self.divide & 3 | self.divide >> 1 & 4;
        APIC_TSC_RATIO << ((code + 1) & 7)
    }

    pub(crate) fn expires(&self) -> Option<u64> {
        self.expires
    }

    pub(crate) fn initial(&self) -> u32 {
        self.initial
    }

    pub(crate) fn divide(&self) -> u32 {
        self.divide
    }

    /// Changing to or from TSC-deadline disarms; between the counting modes the count goes on.
    pub(crate) fn change_mode(&mut self, from: Mode, to: Mode) {
        if from != to && (from == Mode::TscDeadline || to == Mode::TscDeadline) {
            self.expires = None;
        }
    }

    pub(crate) fn set_initial(&mut self, mode: Mode, count: u32, now: u64) {
        self.initial = count;
        if mode != Mode::TscDeadline {
            self.start(count, now);
        }
    }

    pub(crate) fn set_divide(&mut self, mode: Mode, divide: u32, now: u64) {
        let left = self.current(mode, now);
        self.divide = divide & 0xb;
        if mode != Mode::TscDeadline && self.expires.is_some() {
            self.start(left, now);
        }
    }

    fn start(&mut self, count: u32, now: u64) {
        self.expires = (count != 0).then(|| now.saturating_add(u64::from(count) * self.unit()));
    }

    pub(crate) fn set_deadline(&mut self, tsc: u64) {
        self.expires = (tsc != 0).then_some(tsc);
    }

    /// The current-count register.
    pub(crate) fn current(&self, mode: Mode, now: u64) -> u32 {
        match self.expires {
            Some(expires) if mode != Mode::TscDeadline => {
                u32::try_from(expires.saturating_sub(now).div_ceil(self.unit())).unwrap_or(u32::MAX)
            }
            _ => 0,
        }
    }

    /// Moves to `now`; true if the timer fired.
    pub(crate) fn advance(&mut self, mode: Mode, now: u64) -> bool {
        let Some(expires) = self.expires.filter(|&expires| expires <= now) else { return false };
        let period = u64::from(self.initial) * self.unit();
        self.expires = match mode {
            Mode::Periodic if period != 0 => {
                Some(expires.saturating_add(((now - expires) / period + 1).saturating_mul(period)))
            }
            _ => None,
        };
        true
    }
}
