//! The 8254 interval timer (ports 0x40 to 0x43) and the gate of channel 2 in port 0x61, by guest time.
//!
//! A channel keeps the tick at which its count was loaded; count and output are functions of the ticks since
//! (Intel 8254 data sheet, modes 0 to 5, binary and BCD, latch and read-back commands). Channel 0 drives ISA
//! interrupt 0. Limits: periods that pass between two looks give one interrupt; a new count in modes 2 and 3 takes
//! effect at once, not at the end of the running period. Ticks are of 1,193,182 Hz.

/// Which bytes an access moves.
const LOW: u8 = 1;
const HIGH: u8 = 2;
const BOTH: u8 = 3;

/// One counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Channel {
    mode: u8,
    access: u8,
    bcd: bool,
    gate: bool,
    /// Count loaded, 1 to 65,536; 0 before the first.
    reload: u32,
    /// Tick at which counting began; `None` while it has not.
    start: Option<u64>,
    /// Ticks counted before the gate closed.
    halted: Option<u64>,
    write_low: Option<u8>,
    read_high: bool,
    latched_count: Option<u16>,
    latched_status: Option<u8>,
}
crate::fields!(Channel {
    mode, access, bcd, gate, reload, start, halted, write_low, read_high, latched_count, latched_status,
} where Channel::is_valid, "a mode up to 5 and a count up to 65536");

impl Channel {
    fn is_valid(&self) -> bool {
        self.mode <= 5 && self.reload <= 0x1_0000
    }

    fn control(&mut self, value: u8) {
        let mode = value >> 1 & 7;
        *self = Channel {
            mode: if mode > 5 { mode - 4 } else { mode },
            access: value >> 4 & 3,
            bcd: value & 1 != 0,
            gate: self.gate,
            ..Channel::default()
        };
    }

    fn modulus(&self) -> u64 {
        if self.bcd { 10_000 } else { 0x1_0000 }
    }

    /// Ticks counted so far; `None` before counting began.
    fn elapsed(&self, tick: u64) -> Option<u64> {
        self.halted.or_else(|| self.start.map(|start| tick.saturating_sub(start)))
    }

    fn write(&mut self, value: u8, tick: u64) {
        let count = match (self.access, self.write_low.take()) {
            (LOW, _) => u16::from(value),
            (HIGH, _) => u16::from(value) << 8,
            (BOTH, Some(low)) => u16::from_le_bytes([low, value]),
            (BOTH, None) => {
                self.write_low = Some(value);
                return;
            }
            _ => return,
        };
        self.load(count, tick);
    }

    fn load(&mut self, count: u16, tick: u64) {
        let count = if self.bcd { from_bcd(count) } else { u32::from(count) };
        self.reload = if count == 0 { self.modulus() as u32 } else { count };
        // Modes 1 and 5 wait for the gate's rising edge.
        if !matches!(self.mode, 1 | 5) {
            self.start = Some(tick);
            self.halted = (!self.gate).then_some(0);
        }
    }

    fn set_gate(&mut self, gate: bool, tick: u64) {
        if gate == self.gate {
            return;
        }
        let elapsed = self.elapsed(tick);
        self.gate = gate;
        match (self.mode, gate) {
            (1 | 5, true) | (2 | 3, true) if self.reload != 0 => {
                self.start = Some(tick);
                self.halted = None;
            }
            (0 | 4, true) => {
                self.start = elapsed.map(|elapsed| tick.saturating_sub(elapsed));
                self.halted = None;
            }
            (0 | 2 | 3 | 4, false) => self.halted = elapsed,
            _ => {}
        }
    }

    /// The counting element, and whether the output is high.
    fn observe(&self, tick: u64) -> (u16, bool) {
        let idle_output = self.mode != 0;
        let (Some(elapsed), reload @ 1..) = (self.elapsed(tick), u64::from(self.reload)) else {
            return (0, idle_output);
        };
        let (count, output) = match self.mode {
            0 | 1 => (self.wrapped(reload, elapsed), elapsed >= reload),
            2 => (reload - elapsed % reload, elapsed % reload != reload - 1),
            3 => {
                let phase = elapsed % reload;
                let high = phase < reload.div_ceil(2);
                let within = if high { phase } else { phase - reload.div_ceil(2) };
                (((reload & !1).saturating_sub(2 * within)).max(u64::from(reload == 1)), high)
            }
            _ => (self.wrapped(reload, elapsed), elapsed != reload),
        };
        let output = output || matches!(self.mode, 2 | 3) && self.halted.is_some();
        let count = count % self.modulus();
        (if self.bcd { to_bcd(count as u32) } else { count as u16 }, output)
    }

    /// A count that goes on from 0 at the modulus.
    fn wrapped(&self, reload: u64, elapsed: u64) -> u64 {
        let modulus = self.modulus();
        (reload % modulus + modulus - elapsed % modulus) % modulus
    }

    fn latch(&mut self, count: bool, status: bool, tick: u64) {
        let (value, output) = self.observe(tick);
        if count && self.latched_count.is_none() {
            self.latched_count = Some(value);
        }
        if status && self.latched_status.is_none() {
            let no_count = self.reload == 0;
            self.latched_status = Some(
                u8::from(output) << 7
                    | u8::from(no_count) << 6
                    | self.access << 4
                    | self.mode << 1
                    | u8::from(self.bcd),
            );
        }
    }

    fn read(&mut self, tick: u64) -> u8 {
        if let Some(status) = self.latched_status.take() {
            return status;
        }
        let [low, high] = self.latched_count.unwrap_or_else(|| self.observe(tick).0).to_le_bytes();
        let (value, done) = match self.access {
            LOW => (low, true),
            HIGH => (high, true),
            _ => (if self.read_high { high } else { low }, self.read_high),
        };
        self.read_high = self.access == BOTH && !self.read_high;
        if done {
            self.latched_count = None;
        }
        value
    }

    /// The first tick after `tick` at which the output rises.
    fn next_rise(&self, tick: u64) -> Option<u64> {
        let reload = u64::from(self.reload);
        let start = self.start.filter(|_| self.halted.is_none() && reload != 0)?;
        match self.mode {
            0 | 1 => Some(start.saturating_add(reload)).filter(|&rise| rise > tick),
            2 | 3 => {
                let periods = tick.checked_sub(start).map_or(1, |elapsed| elapsed / reload + 1);
                Some(start.saturating_add(periods.saturating_mul(reload)))
            }
            _ => Some(start.saturating_add(reload + 1)).filter(|&rise| rise > tick),
        }
    }
}

fn from_bcd(value: u16) -> u32 {
    (0..4).rev().fold(0, |sum, digit| sum * 10 + u32::from(value >> (4 * digit) & 0xf))
}

fn to_bcd(value: u32) -> u16 {
    (0..4).fold(0, |bcd, digit| bcd | ((value / 10u32.pow(digit) % 10) as u16) << (4 * digit))
}

/// The three counters and port 0x61.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pit {
    channels: [Channel; 3],
    speaker: bool,
    /// The tick up to which channel 0's interrupts were raised.
    seen: u64,
}
crate::fields!(Pit { channels, speaker, seen });

impl Pit {
    pub(super) fn new() -> Pit {
        let open = Channel { gate: true, ..Channel::default() };
        Pit { channels: [open, open, Channel::default()], speaker: false, seen: 0 }
    }

    pub(super) fn read(&mut self, port: u16, tick: u64) -> u8 {
        match port {
            0x40..=0x42 => self.channels[usize::from(port - 0x40)].read(tick),
            0x61 => self.port_61(tick),
            _ => 0xff,
        }
    }

    /// Gate and speaker as written, bit 4 toggling with the refresh clock, bit 5 the output of channel 2.
    fn port_61(&self, tick: u64) -> u8 {
        let channel = &self.channels[2];
        let refresh = (tick / 18) & 1;
        let output = channel.observe(tick).1;
        u8::from(channel.gate) | u8::from(self.speaker) << 1 | (refresh as u8) << 4 | u8::from(output) << 5
    }

    pub(super) fn write(&mut self, port: u16, value: u8, tick: u64) {
        match port {
            0x40..=0x42 => self.channels[usize::from(port - 0x40)].write(value, tick),
            0x43 => self.command(value, tick),
            _ => {
                self.channels[2].set_gate(value & 1 != 0, tick);
                self.speaker = value & 2 != 0;
            }
        }
    }

    fn command(&mut self, value: u8, tick: u64) {
        match (value >> 6, value >> 4 & 3) {
            (3, _) => {
                for (index, channel) in self.channels.iter_mut().enumerate() {
                    if value >> (index + 1) & 1 != 0 {
                        channel.latch(value & 0x20 == 0, value & 0x10 == 0, tick);
                    }
                }
            }
            (index, 0) => self.channels[usize::from(index)].latch(true, false, tick),
            (index, _) => self.channels[usize::from(index)].control(value),
        }
    }

    /// Moves to `tick`; true if channel 0's output has risen since.
    pub(super) fn advance(&mut self, tick: u64) -> bool {
        let rose = self.next_tick().is_some_and(|rise| rise <= tick);
        self.seen = self.seen.max(tick);
        rose
    }

    /// The tick at which channel 0 interrupts next.
    pub(super) fn next_tick(&self) -> Option<u64> {
        self.channels[0].next_rise(self.seen)
    }

    /// Channel 0's output, which is the interrupt line.
    pub(super) fn output(&self, tick: u64) -> bool {
        self.channels[0].observe(tick).1
    }
}
