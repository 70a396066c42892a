//! The platform: every device of the machine, as one value that the processor's memory and port accesses reach.
//!
//! ```text
//!            ports                  MMIO pages                      host (console streams, resize)
//!   bus.rs ──┬─ uart, pit, rtc      ├─ virtio/ (8 slots) ◄───────── host.rs
//!            └─ pic                 ├─ ioapic ─┐
//!                                   └─ lapic ◄─┴─ interrupts.rs ──► processor
//! ```
//!
//! Nothing here knows the host: guest memory is a [`Memory`], storage a [`Disk`], random numbers an [`Entropy`], time
//! an argument in guest TSC ticks. The same calls with the same arguments give the same states and bytes. All state
//! but that of the backends is saved by [`Devices::save`] in the format of [`crate::snapshot::codec`].
//!
//! The caller's part: call [`Devices::advance`] when [`Devices::next_deadline`] is reached, look at
//! [`Devices::pending_interrupt`] after every access and advance, and take output while [`Devices::has_output`].

mod bus;
pub mod clock;
mod host;
mod interrupts;
mod ioapic;
mod journal;
mod lapic;
mod memory;
mod pic;
mod pit;
mod rtc;
mod time;
mod uart;
pub mod virtio;

#[cfg(test)]
mod tests;

use crate::memory::ImageSource;
use crate::snapshot::codec::{CodecError, Reader, Writer};
pub use bus::{IOAPIC_BASE, LAPIC_BASE, Request};
pub use host::{OutputSink, Stream};
pub use interrupts::Gsi;
use interrupts::{Interrupts, PIT_GSI};
use journal::Journal;
pub use lapic::APIC_TSC_RATIO;
pub use memory::{Gpa, Memory, OutOfRange, Width};
use pit::Pit;
use rtc::Rtc;
use time::TscRate;
use uart::Uart;
pub use virtio::blk::{Disk, EmptyDrive, ImageDrive, ReadOnlyDisk, WritableDisk};
use virtio::ninep::{NineP, SharedDirectory};
pub use virtio::rng::{Entropy, SeededEntropy};
use virtio::{
    BLOCK_SLOT, CONSOLE_SLOT, ENTROPY_SLOT, IMAGE_SLOT, MEMORY_SLOT, NINEP_SLOT, Placeholder, SLOT_COUNT, SLOTS,
    Transport, VirtioDevice,
};
use virtio::{blk::Block, console::Console, mem::Mem, rng::Rng};

/// What the host lends the devices. A device without a backend is an empty slot.
#[derive(Default)]
pub struct Backends {
    /// Storage of the block device.
    pub disk: Option<Box<dyn Disk>>,
    /// Source of the entropy device.
    pub entropy: Option<Box<dyn Entropy>>,
    /// Directories of the host, for a device that has none, some or many.
    pub directories: Option<Vec<SharedDirectory>>,
    /// The image, where it is a drive and not memory.
    pub image: Option<ImageSource>,
}

/// The wall clock: what time it was at which TSC tick.
#[derive(Debug, Clone, PartialEq, Eq)]
struct WallClock {
    tsc: u64,
    ns: u64,
}
crate::fields!(WallClock { tsc, ns });

/// The devices of each kind; console and memory are always there.
struct Models {
    console: Console,
    block: Option<Block>,
    entropy: Option<Rng>,
    directories: Option<NineP>,
    image: Option<Block>,
    memory: Mem,
    placeholder: Placeholder,
}

impl Models {
    fn new(backends: Backends) -> Models {
        Models {
            console: Console::new(),
            block: backends.disk.map(Block::new),
            entropy: backends.entropy.map(Rng::new),
            directories: backends.directories.map(NineP::new),
            image: backends.image.map(|image| Block::new(Box::new(ImageDrive(image)))),
            memory: Mem::default(),
            placeholder: Placeholder,
        }
    }

    /// The device of `slot`; a new kind of device is one more line here.
    fn of(&mut self, slot: usize) -> &mut dyn VirtioDevice {
        let device: Option<&mut dyn VirtioDevice> = match slot {
            CONSOLE_SLOT => Some(&mut self.console),
            BLOCK_SLOT => self.block.as_mut().map(|device| device as _),
            ENTROPY_SLOT => self.entropy.as_mut().map(|device| device as _),
            NINEP_SLOT => self.directories.as_mut().map(|device| device as _),
            MEMORY_SLOT => Some(&mut self.memory),
            IMAGE_SLOT => self.image.as_mut().map(|device| device as _),
            _ => None,
        };
        device.unwrap_or(&mut self.placeholder)
    }

    fn view(&self, slot: usize) -> &dyn VirtioDevice {
        let device: Option<&dyn VirtioDevice> = match slot {
            CONSOLE_SLOT => Some(&self.console),
            BLOCK_SLOT => self.block.as_ref().map(|device| device as _),
            ENTROPY_SLOT => self.entropy.as_ref().map(|device| device as _),
            NINEP_SLOT => self.directories.as_ref().map(|device| device as _),
            MEMORY_SLOT => Some(&self.memory),
            IMAGE_SLOT => self.image.as_ref().map(|device| device as _),
            _ => None,
        };
        device.unwrap_or(&self.placeholder)
    }
}

/// All devices of the machine.
pub struct Devices {
    rate: TscRate,
    wall: WallClock,
    interrupts: Interrupts,
    pit: Pit,
    rtc: Rtc,
    uart: Uart,
    transports: [Transport; SLOT_COUNT],
    models: Models,
    /// What the image's drive reads.
    image: Option<ImageSource>,
    request: Option<Request>,
    journal: Journal,
}

impl Devices {
    /// The platform after power-up, at TSC tick 0.
    ///
    /// `tsc_khz` is the frequency of the guest's TSC (0 counts as 1); `wall_clock_ns` the time of day in nanoseconds
    /// since the Unix epoch.
    pub fn new(tsc_khz: u32, wall_clock_ns: u64, backends: Backends) -> Devices {
        let image = backends.image.clone();
        let models = Models::new(backends);
        Devices {
            rate: TscRate::new(tsc_khz),
            wall: WallClock { tsc: 0, ns: wall_clock_ns },
            interrupts: Interrupts::new(),
            pit: Pit::new(),
            rtc: Rtc::default(),
            uart: Uart::new(),
            transports: std::array::from_fn(|slot| Transport::new(SLOTS[slot].name, models.view(slot))),
            models,
            image,
            request: None,
            journal: Journal::default(),
        }
    }

    /// Writes the state of all devices as one section.
    pub fn save(&self, to: &mut Writer) {
        to.section("devices", 1, |to| {
            to.field(&self.rate);
            to.field(&self.wall);
            to.field(&self.interrupts);
            to.field(&self.pit);
            to.field(&self.rtc);
            to.field(&self.uart);
            to.field(&self.request.is_some());
            for (slot, transport) in self.transports.iter().enumerate() {
                transport.save(self.models.view(slot), to);
            }
        });
    }

    /// Reads what [`Devices::save`] wrote. `backends` has to lend the same kinds of devices as there were.
    ///
    /// # Errors
    /// If the section is damaged, of another version, or has a device for which there is no backend.
    pub fn load(from: &mut Reader<'_>, backends: Backends) -> Result<Devices, CodecError> {
        let mut devices = Devices::new(1, 0, backends);
        from.section("devices", 1, |from| {
            devices.rate = from.field()?;
            devices.wall = from.field()?;
            devices.interrupts = from.field()?;
            devices.pit = from.field()?;
            devices.rtc = from.field()?;
            devices.uart = from.field()?;
            devices.request = from.field::<bool>()?.then_some(Request::Reset);
            for (slot, transport) in devices.transports.iter_mut().enumerate() {
                *transport = Transport::load(SLOTS[slot].name, devices.models.of(slot), from)?;
            }
            Ok(())
        })?;
        (0..SLOT_COUNT).for_each(|slot| devices.update_line(slot));
        Ok(devices)
    }

    /// The image, where it is a drive.
    pub fn image(&self) -> Option<&ImageSource> {
        self.image.as_ref()
    }

    /// Puts a disk into the block device in place of its own, and tells the guest; false where there is no block device.
    pub fn insert_disk(&mut self, disk: Box<dyn Disk>) -> bool {
        let Some(block) = &mut self.models.block else { return false };
        block.insert(disk);
        self.transports[BLOCK_SLOT].config_changed();
        self.update_line(BLOCK_SLOT);
        true
    }

    /// Offers the guest so many bytes of memory at [`ADDED_BASE`](crate::memory::ADDED_BASE).
    pub(crate) fn add_memory(&mut self, size: u64) {
        self.models.memory.offer(size);
        self.transports[MEMORY_SLOT].config_changed();
        self.update_line(MEMORY_SLOT);
    }

    /// Frequency of the guest's TSC in kHz.
    pub fn tsc_khz(&self) -> u32 {
        self.rate.khz()
    }

    /// Sets the time of day at `now`: nanoseconds since the Unix epoch.
    pub fn set_wall_clock(&mut self, now: u64, ns: u64) {
        self.wall = WallClock { tsc: now, ns };
    }

    /// The time of day at `now`, in nanoseconds since the Unix epoch.
    pub fn wall_clock(&self, now: u64) -> u64 {
        self.wall.ns.saturating_add(self.rate.ns(now.saturating_sub(self.wall.tsc)))
    }

    /// Moves the timers on to `now`, in guest TSC ticks.
    pub fn advance(&mut self, now: u64) {
        self.interrupts.lapic.advance(now);
        if self.pit.next_tick().is_some() {
            self.advance_pit(now);
        }
    }

    fn advance_pit(&mut self, now: u64) {
        let tick = self.rate.pit_ticks(now);
        if self.pit.advance(tick) {
            self.interrupts.raise(PIT_GSI);
        }
        self.interrupts.set_line(PIT_GSI, self.pit.output(tick));
    }

    /// When a timer interrupts next, in guest TSC ticks; `None` if none is set.
    pub fn next_deadline(&self) -> Option<u64> {
        let pit = self.pit.next_tick().filter(|_| self.interrupts.wants_pit());
        let pit = pit.map(|tick| self.rate.tsc_of_pit_ticks(tick));
        [self.interrupts.lapic.next_deadline(), pit].into_iter().flatten().min()
    }

    /// The vector with which to interrupt the processor, if there is one that priorities let through.
    pub fn pending_interrupt(&self) -> Option<u8> {
        self.interrupts.pending()
    }

    /// Takes that interrupt: its vector, which is in service from now on.
    pub fn acknowledge(&mut self) -> Option<u8> {
        self.interrupts.acknowledge()
    }

    /// Takes a pending NMI.
    pub fn take_nmi(&mut self) -> bool {
        self.interrupts.lapic.take_nmi()
    }

    /// The task priority, which is also CR8 shifted left by 4.
    pub fn task_priority(&self) -> u8 {
        self.interrupts.lapic.tpr()
    }

    /// Writes the task priority.
    pub fn set_task_priority(&mut self, priority: u8) {
        self.interrupts.lapic.set_tpr(priority);
    }

    /// The global enable bit of IA32_APIC_BASE.
    pub fn set_apic_enabled(&mut self, enabled: bool) {
        self.interrupts.lapic.set_enabled(enabled);
    }

    /// Reads IA32_TSC_DEADLINE.
    pub fn tsc_deadline(&self) -> u64 {
        self.interrupts.lapic.tsc_deadline()
    }

    /// Writes IA32_TSC_DEADLINE at `now`.
    pub fn write_tsc_deadline(&mut self, now: u64, deadline: u64) {
        self.interrupts.lapic.set_tsc_deadline(deadline, now);
    }

    /// Reads an x2APIC MSR (0x800 to 0x8ff) at `now`; `None` means #GP. The processor decides whether x2APIC is on.
    pub fn apic_msr_read(&mut self, now: u64, msr: u32) -> Option<u64> {
        self.interrupts.lapic.msr_read(msr, now)
    }

    /// Writes an x2APIC MSR at `now`; false means #GP.
    pub fn apic_msr_write(&mut self, now: u64, msr: u32, value: u64) -> bool {
        self.interrupts.write_lapic_msr(msr, value, now)
    }

    /// Takes what the guest asks of the machine as a whole.
    pub fn take_request(&mut self) -> Option<Request> {
        self.request.take()
    }

    /// Whether accesses that nobody answers are reported in the log.
    pub fn set_tracing(&mut self, tracing: bool) {
        self.journal.tracing = tracing;
    }

    /// Takes the log: drivers' errors, and what [`Devices::set_tracing`] adds. At most 256 lines are kept.
    pub fn take_log(&mut self) -> Vec<String> {
        self.journal.take()
    }

    /// Drives a slot's interrupt line as its transport says.
    fn update_line(&mut self, slot: usize) {
        let gsi = Gsi(virtio::FIRST_GSI + slot as u8);
        match self.transports[slot].take_interrupt() {
            (true, true) => self.interrupts.raise(gsi),
            (level, _) => self.interrupts.set_line(gsi, level),
        }
    }

    fn update_uart_line(&mut self) {
        self.interrupts.set_line(bus::UART_GSI, self.uart.line());
    }
}
