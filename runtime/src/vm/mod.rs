//! The machine: processor, memory and devices, and the loop that runs them.
//!
//! ```text
//! run ──► devices' time, interrupts ──► a slice of instructions ──► dispatch ──┬► translated region
//!   ▲                                        ▲         └── attention ◄──────────┴► interpreted block
//!   └────────── Pause: idle, out of budget, shut down ◄──┘
//! ```
//!
//! Guest time is the number of retired instructions plus an offset: one TSC tick an instruction, [`TSC_KHZ`]. In
//! deterministic mode the offset changes only when an idle guest jumps to its next timer, so that the state after so many
//! instructions depends on nothing else. Otherwise the caller moves it along with the host's clock.

mod bus;
mod careful;
mod clock;
mod overtime;
mod spaces;
mod stack_fault;
mod state;

use crate::cpu::CpuCell;
use crate::cpu::state::SHADOW_OF_STACK;
use crate::devices::{Backends, Devices, Request};
use crate::exception::{Exception, vector};
use crate::interp::{Block, CodeCache};
use crate::memory::{ImageError, ImageSource, Memory};
use crate::mmu::Writers;
use crate::profile::Recorder;
use crate::system;
use crate::translated::Translated;
use clock::{Clock, Random};
use overtime::Overtime;
use spaces::Spaces;
use stack_fault::resolved;
pub use state::Resume;
use std::collections::BTreeMap;
use x86::{Code, CodeMode, Insn, Mnemonic, Operand, exec};

/// Frequency of the guest's TSC: one tick is a nanosecond, and an instruction.
pub const TSC_KHZ: u32 = 1_000_000;

/// Most instructions between two looks at the host.
const SLICE: u64 = 1_000_000;

/// Why [`Vm::run`] came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// As many instructions retired as were asked for.
    Budget,
    /// The guest waits for an interrupt; its next timer is at this TSC tick.
    Idle(Option<u64>),
    /// A slice of instructions ran: time to look at the host.
    Slice,
    /// The guest wrote to a stream: the output must be taken before it goes on.
    Output,
    /// The guest shut down: triple fault.
    Shutdown,
    /// The guest asked for a restart.
    Reset,
    /// A part of the image cannot be read: [`Vm::image_failure`]. The machine is in no state to go on from.
    Unreadable,
}

/// Counts of where instructions ran.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Instructions that the interpreter retired.
    pub interpreted: u64,
    /// Returns from translated code, by `ExitReason`.
    pub exits: [u64; 6],
    /// Those for want of a translation.
    pub unlifted: Mnemonics,
    /// Those for a rare case.
    pub rare: Mnemonics,
    /// Exceptions and interrupts delivered.
    pub events: u64,
    /// Regions bound: their code was compared and found.
    pub bound: u64,
}

/// How often instructions were met, by `Mnemonic`; as many as were.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mnemonics(Vec<u64>);

impl Mnemonics {
    /// Counts one.
    #[inline]
    pub(crate) fn add(&mut self, mnemonic: Mnemonic) {
        let index = mnemonic as usize;
        if index >= self.0.len() {
            self.0.resize(index + 1, 0);
        }
        self.0[index] += 1;
    }

    /// Those that were met.
    pub fn met(&self) -> impl Iterator<Item = (Mnemonic, u64)> {
        let met = self.0.iter().enumerate().filter(|(_, count)| **count > 0);
        met.filter_map(|(mnemonic, count)| Some((Mnemonic::try_from(mnemonic).ok()?, *count)))
    }
}

/// The machine.
pub struct Vm {
    /// The processor.
    pub cpu: CpuCell,
    /// RAM and image.
    pub memory: Memory,
    /// The devices.
    pub devices: Devices,
    /// Where instructions ran.
    pub counts: Counts,
    pub(crate) code: CodeCache,
    pub(crate) writers: Writers,
    pub(crate) translated: Translated,
    pub(crate) spaces: Spaces,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    pub(crate) overtime: Overtime,
    /// CS's.
    pub(crate) mode: CodeMode,
    /// Base and limit of the code segment that blocks of compatibility mode were found in.
    pub(crate) code_window: (u64, u32),
    /// Address of the instruction after the current one.
    pub(crate) next_rip: u64,
    /// Something happened that the loop must look at before the next instruction.
    pub(crate) attention: bool,
    /// The next instruction needs care: see [`careful`].
    pub(crate) careful: bool,
    /// It does for more than an interrupt shadow.
    debugged: bool,
    /// Alignment is checked, and nothing of user mode is in the TLB.
    aligned: bool,
    /// The largest alignment that is asked of the current instruction's accesses: 1 for none.
    alignment: u64,
    /// HLT: waiting for an interrupt.
    pub(crate) halted: bool,
    /// A triple fault.
    pub(crate) shutdown: bool,
    pub(crate) recorder: Option<Box<Recorder>>,
    unimplemented: BTreeMap<u16, (Code, u64)>,
    undecodable: BTreeMap<Vec<u8>, u64>,
}

impl Vm {
    /// A machine after power-up, with zeroed registers; what boots it sets them.
    pub fn new(memory: Memory, wall_clock_ns: u64, backends: Backends) -> Vm {
        Vm::with_devices(memory, Devices::new(TSC_KHZ, wall_clock_ns, backends))
    }

    /// A machine with these devices.
    pub fn with_devices(memory: Memory, devices: Devices) -> Vm {
        let writers = Writers::new(memory.end_page());
        Vm {
            cpu: CpuCell::new(),
            memory,
            devices,
            counts: Counts::default(),
            code: CodeCache::default(),
            writers,
            translated: Translated::default(),
            spaces: Spaces::default(),
            clock: Clock::default(),
            random: Random(0),
            overtime: Overtime::default(),
            mode: CodeMode::Long,
            code_window: (0, 0),
            next_rip: 0,
            attention: false,
            careful: false,
            debugged: false,
            aligned: false,
            alignment: 1,
            halted: false,
            shutdown: false,
            recorder: None,
            unimplemented: BTreeMap::new(),
            undecodable: BTreeMap::new(),
        }
    }

    /// Makes what the processor caches follow its registers: to be called once after they were set from outside.
    pub fn start(&mut self) {
        self.follow_code_segment();
        self.flush_everything();
    }

    /// RFLAGS as a whole.
    pub fn rflags(&mut self) -> u64 {
        system::rflags(self)
    }

    /// Instructions retired since reset.
    pub fn retired(&self) -> u64 {
        self.cpu.retired.wrapping_add((self.cpu.slice - self.cpu.budget) as u64)
    }

    /// The guest's TSC.
    pub fn tsc(&self) -> u64 {
        self.retired().wrapping_add(self.cpu.tsc_offset)
    }

    /// Moves the guest's TSC forward to `tsc`; never back.
    pub fn advance_tsc(&mut self, tsc: u64) {
        let now = self.tsc();
        if tsc > now {
            self.cpu.tsc_offset = self.cpu.tsc_offset.wrapping_add(tsc - now);
        }
    }

    /// Accounts for the instructions of the slice.
    fn settle(&mut self) {
        self.cpu.retired = self.retired();
        self.cpu.budget = 0;
        self.cpu.slice = 0;
    }

    /// Runs until `limit` instructions have retired since reset, or something else needs the caller.
    pub fn run(&mut self, limit: u64) -> Pause {
        let end = self.cpu.retired.saturating_add(SLICE).min(limit);
        loop {
            if let Some(pause) = self.begin_slice(end) {
                self.settle();
                return match pause {
                    Pause::Slice if self.cpu.retired >= limit => Pause::Budget,
                    pause => pause,
                };
            }
            while self.cpu.budget > 0 && !self.shutdown {
                if self.attention && self.attend() {
                    break;
                }
                self.dispatch();
            }
            self.settle();
        }
    }

    /// Brings the devices up to date, takes an interrupt, and sets the budget up to the next timer. A reason to pause
    /// comes back instead of a slice of no instructions.
    fn begin_slice(&mut self, end: u64) -> Option<Pause> {
        self.settle();
        self.forget_overtime();
        if self.image_failed() {
            return Some(Pause::Unreadable);
        }
        let now = self.tsc();
        self.devices.advance(now);
        if self.shutdown {
            return Some(Pause::Shutdown);
        }
        if let Some(Request::Reset) = self.devices.take_request() {
            return Some(Pause::Reset);
        }
        if self.devices.has_output() {
            return Some(Pause::Output);
        }
        self.attention = false;
        self.take_interrupt();
        self.look_for_care();
        if self.halted {
            return Some(Pause::Idle(self.devices.next_deadline()));
        }
        if self.cpu.retired >= end {
            return Some(Pause::Slice);
        }
        let mut budget = end - self.cpu.retired;
        if let Some(deadline) = self.devices.next_deadline() {
            budget = budget.min(deadline.saturating_sub(now).max(1));
        }
        self.cpu.slice = budget as i64;
        self.cpu.budget = self.cpu.slice;
        None
    }

    /// Whether a part of the image that the guest asked for could not be read: it must not go on.
    fn image_failed(&self) -> bool {
        self.memory.failed() || self.devices.image().is_some_and(ImageSource::failed)
    }

    /// The first part of the image that could not be read, and why.
    pub fn image_failure(&self) -> Option<ImageError> {
        self.memory.failure().or_else(|| self.devices.image()?.failure())
    }

    /// SHA-256 of the image.
    pub fn image_digest(&self) -> [u8; 32] {
        self.devices.image().map_or_else(|| self.memory.image_digest(), |image| image.digest)
    }

    /// Looks at what the last instruction asked for. Returns whether the slice must end.
    fn attend(&mut self) -> bool {
        self.attention = false;
        if self.halted || self.devices.has_output() || self.image_failed() {
            return true;
        }
        self.take_interrupt();
        self.look_for_care();
        // A timer that was set anew may be due before the budget ends.
        let due = self.devices.next_deadline().unwrap_or(u64::MAX);
        due < self.tsc().saturating_add(self.cpu.budget as u64)
    }

    /// Delivers the interrupt that is pending, if the processor takes one now, and notes whether another waits.
    fn take_interrupt(&mut self) {
        self.deliver_interrupt();
        self.cpu.interrupt_waits = self.devices.pending_interrupt().is_some().into();
    }

    fn deliver_interrupt(&mut self) {
        const IF: u64 = 1 << 9;
        let open = self.cpu.nmi_blocked == 0 && self.cpu.interrupt_shadow != SHADOW_OF_STACK;
        if open && self.devices.take_nmi() {
            self.cpu.nmi_blocked = 1;
            return self.interrupt(vector::NMI);
        }
        if self.cpu.interrupt_shadow != 0 || self.cpu.rflags & IF == 0 {
            return;
        }
        if let Some(vector) = self.devices.acknowledge() {
            self.interrupt(vector);
        }
    }

    fn interrupt(&mut self, vector: u8) {
        self.halted = false;
        self.counts.events += 1;
        system::interrupt(self, vector);
    }

    /// Runs translated code or a block at RIP.
    #[inline]
    fn dispatch(&mut self) {
        if self.careful {
            return self.careful_step();
        }
        if self.run_translated() {
            return;
        }
        self.interpret(usize::MAX);
    }

    /// Interprets at most `most` instructions of the block at RIP.
    pub(crate) fn interpret(&mut self, most: usize) {
        match self.fetch() {
            Ok(block) => self.interpret_block(&block, most),
            Err(fault) => self.raise_at(fault, None),
        }
    }

    /// Interprets at most `most` instructions of the block, which is at RIP.
    #[inline]
    pub(crate) fn interpret_block(&mut self, block: &Block, most: usize) {
        let count = block.insns.len().min(most).min(self.cpu.budget.max(1) as usize);
        if self.recorder.is_some() && block.mode == CodeMode::Long {
            self.record(block);
        }
        let mut done = 0;
        for insn in &block.insns[..count] {
            self.next_rip = self.cpu.rip.wrapping_add(insn.length.into());
            if let Err(fault) = exec(self, insn) {
                self.counts.interpreted += done;
                return self.raise_at(fault, Some(insn));
            }
            self.cpu.rip = self.next_rip;
            // At once, so that an instruction that reads the time finds the same wherever its block begins.
            self.cpu.budget -= 1;
            done += 1;
            if self.attention {
                break;
            }
        }
        self.counts.interpreted += done;
    }

    /// Carries out the instruction at RIP, and gives its fault instead of delivering it. For tests of instructions;
    /// neither time nor interrupts go on.
    ///
    /// # Errors
    /// The fault; RIP is still the instruction's, but the next one's with the traps of INT1 and INT3.
    pub fn execute_one(&mut self) -> Result<(), Exception> {
        const RF: u64 = 1 << 16;
        let block = self.fetch()?;
        let insn = &block.insns[0];
        self.next_rip = self.cpu.rip.wrapping_add(insn.length.into());
        self.cpu.rflags &= !RF;
        let trap = match insn.mnemonic {
            Mnemonic::Int3 => Some(vector::BP),
            Mnemonic::Int1 => Some(vector::DB),
            _ => None,
        };
        if let Some(vector) = trap {
            self.cpu.rip = self.next_rip;
            return Err(Exception::plain(vector));
        }
        exec(self, insn).map_err(|fault| resolved(self, fault, insn))?;
        self.cpu.rip = self.next_rip;
        Ok(())
    }

    #[cold]
    fn record(&mut self, block: &Block) {
        let last = block.insns.last().expect("a block has instructions");
        let indirect = matches!(last.mnemonic, Mnemonic::Ret | Mnemonic::Jmp | Mnemonic::Call)
            && (last.mnemonic == Mnemonic::Ret || last.operands[0] != Operand::Imm);
        self.record_block(self.cpu.rip, block.start, block.length, block.insns.len() as u32, indirect);
    }

    /// Delivers a fault of the instruction at RIP, which has changed nothing.
    #[cold]
    fn raise_at(&mut self, fault: Exception, insn: Option<&Insn>) {
        let fault = insn.map_or(fault, |insn| resolved(self, fault, insn));
        // What it met before the fault it will meet again.
        self.cpu.debug_hits = 0;
        self.raise(fault);
    }

    /// Delivers an exception.
    pub(crate) fn raise(&mut self, exception: Exception) {
        self.counts.events += 1;
        system::exception(self, exception);
    }

    /// Notes an instruction that has no body.
    pub(crate) fn log_unimplemented(&mut self, insn: &Insn) {
        self.unimplemented.entry(insn.code as u16).or_insert((insn.code, 0)).1 += 1;
    }

    /// Notes bytes that are no instruction.
    #[cold]
    pub(crate) fn log_undecodable(&mut self, bytes: &[u8]) -> Exception {
        const MOST: usize = 64;
        if self.undecodable.len() < MOST {
            *self.undecodable.entry(bytes[..bytes.len().min(15)].to_vec()).or_default() += 1;
        }
        Exception::UD
    }

    /// What raised #UD for want of a body, and how often.
    pub fn unimplemented(&self) -> impl Iterator<Item = (Code, u64)> + '_ {
        self.unimplemented.values().copied()
    }

    /// What raised #UD since it is no instruction, and how often.
    pub fn undecodable(&self) -> impl Iterator<Item = (&[u8], u64)> + '_ {
        self.undecodable.iter().map(|(bytes, count)| (bytes.as_slice(), *count))
    }
}
