//! The virtio-mmio transport, version 2 (virtio 1.2, 4.2.2): registers of one slot.
//!
//! The transport offers VERSION_1, indirect descriptors and event indices on top of the device's features. A driver
//! that breaks a rule gets DEVICE_NEEDS_RESET and a message in the journal; the device then serves nothing until it is
//! reset. The interrupt line is high while the interrupt status is not 0, and each new cause gives a new edge, so that
//! edge-triggered and level-triggered routing both work.

use super::super::journal::Journal;
use super::super::memory::{Memory, Width};
use super::{Context, Queue, QueueError, RingFeatures, VirtioDevice};
use crate::snapshot::codec::{CodecError, Reader, Writer};

const MAGIC: u32 = u32::from_le_bytes(*b"virt");
const VENDOR: u32 = u32::from_le_bytes(*b"plft");
const VERSION: u32 = 2;
const CONFIG: u64 = 0x100;

const INDIRECT_DESCRIPTORS: u64 = 1 << 28;
const EVENT_INDEX: u64 = 1 << 29;
const VERSION_1: u64 = 1 << 32;
const TRANSPORT_FEATURES: u64 = INDIRECT_DESCRIPTORS | EVENT_INDEX | VERSION_1;

const STATUS_DRIVER_OK: u32 = 4;
const STATUS_FEATURES_OK: u32 = 8;
const STATUS_NEEDS_RESET: u32 = 0x40;

const INTERRUPT_USED: u32 = 1;
const INTERRUPT_CONFIG: u32 = 2;

/// Registers of a slot.
#[derive(Debug, Clone, Default)]
struct Registers {
    status: u32,
    device_features_select: u32,
    driver_features_select: u32,
    driver_features: u64,
    queue_select: u32,
    interrupt_status: u32,
    config_generation: u32,
}
crate::fields!(Registers {
    status,
    device_features_select,
    driver_features_select,
    driver_features,
    queue_select,
    interrupt_status,
    config_generation,
});

/// The transport of one slot; the device behind it is an argument of each call.
#[derive(Debug)]
pub(in super::super) struct Transport {
    name: &'static str,
    registers: Registers,
    queues: Vec<Queue>,
    /// A new interrupt cause since the last [`Transport::take_interrupt`].
    raised: bool,
}

fn fresh_queues(device: &dyn VirtioDevice) -> Vec<Queue> {
    device.queue_sizes().iter().map(|&maximum| Queue::new(maximum)).collect()
}

impl Transport {
    /// A slot after reset.
    pub(in super::super) fn new(name: &'static str, device: &dyn VirtioDevice) -> Transport {
        Transport { name, registers: Registers::default(), queues: fresh_queues(device), raised: false }
    }

    /// Level of the interrupt line, and whether it is due a new edge.
    pub(in super::super) fn take_interrupt(&mut self) -> (bool, bool) {
        (self.registers.interrupt_status != 0, std::mem::take(&mut self.raised))
    }

    /// The driver is ready and the device in order.
    pub(in super::super) fn is_live(&self) -> bool {
        self.registers.status & (STATUS_DRIVER_OK | STATUS_NEEDS_RESET) == STATUS_DRIVER_OK
    }

    /// Reads `width` bytes at `offset` of the slot.
    pub(in super::super) fn read(&self, device: &dyn VirtioDevice, offset: u64, width: Width) -> u64 {
        if offset >= CONFIG {
            return read_config(&device.config(), offset - CONFIG, width);
        }
        match width {
            Width::Dword => u64::from(self.read_register(device, offset)),
            _ => 0,
        }
    }

    fn read_register(&self, device: &dyn VirtioDevice, offset: u64) -> u32 {
        let registers = &self.registers;
        match offset {
            0x000 => MAGIC,
            0x004 => VERSION,
            0x008 => device.id(),
            0x00c => VENDOR,
            0x010 => select_half(offered(device), registers.device_features_select),
            0x034 => self.selected().map_or(0, |queue| u32::from(queue.maximum)),
            0x044 => self.selected().map_or(0, |queue| u32::from(queue.ready)),
            0x060 => registers.interrupt_status,
            0x070 => registers.status,
            // There are no shared memory regions: length and base of all ones.
            0x0b0..=0x0bc => u32::MAX,
            0x0fc => registers.config_generation,
            _ => 0,
        }
    }

    fn selected(&self) -> Option<&Queue> {
        self.queues.get(self.registers.queue_select as usize)
    }

    /// Writes `width` bytes at `offset` of the slot.
    pub(in super::super) fn write(
        &mut self,
        device: &mut dyn VirtioDevice,
        memory: &mut dyn Memory,
        journal: &mut Journal,
        (offset, width, value): (u64, Width, u64),
    ) {
        if offset >= CONFIG {
            let bytes = value.to_le_bytes();
            for (index, &byte) in bytes.iter().enumerate().take(width.bytes()) {
                device.write_config((offset - CONFIG) as usize + index, byte);
            }
            return;
        }
        if width != Width::Dword {
            return journal.trace(|| format!("virtio {}: {width:?} write at {offset:#x} ignored", self.name));
        }
        let value = value as u32;
        match offset {
            0x050 => self.serve(device, memory, journal, value as usize..(value as usize).saturating_add(1)),
            0x070 => self.write_status(device, memory, journal, value),
            0x030..=0x0c0 if offset != 0x064 => self.write_queue(journal, offset, value),
            _ => self.write_register(offset, value),
        }
    }

    fn write_register(&mut self, offset: u64, value: u32) {
        let registers = &mut self.registers;
        match offset {
            0x014 => registers.device_features_select = value,
            0x020 if registers.status & STATUS_FEATURES_OK == 0 => {
                set_half(&mut registers.driver_features, registers.driver_features_select, value);
            }
            0x024 => registers.driver_features_select = value,
            0x064 => registers.interrupt_status &= !value,
            _ => {}
        }
    }

    /// Queue registers. Size and addresses are fixed while a queue is ready.
    fn write_queue(&mut self, journal: &mut Journal, offset: u64, value: u32) {
        if offset == 0x030 {
            self.registers.queue_select = value;
            return;
        }
        let Some(queue) = self.queues.get_mut(self.registers.queue_select as usize) else { return };
        let half = u32::from(offset & 4 != 0);
        match (offset, queue.ready) {
            (0x044, true) if value & 1 == 0 => *queue = Queue::new(queue.maximum),
            (0x044, false) if value & 1 == 1 => {
                queue.ready = queue.is_sound();
                if !queue.ready {
                    let queue = queue.clone();
                    self.needs_reset(journal, || format!("unsound virtqueue {queue:?}"));
                }
            }
            (0x038, false) => queue.size = u16::try_from(value).unwrap_or(0),
            (0x080 | 0x084, false) => set_half(&mut queue.descriptors, half, value),
            (0x090 | 0x094, false) => set_half(&mut queue.driver, half, value),
            (0x0a0 | 0x0a4, false) => set_half(&mut queue.device, half, value),
            _ => {}
        }
    }

    fn write_status(
        &mut self,
        device: &mut dyn VirtioDevice,
        memory: &mut dyn Memory,
        journal: &mut Journal,
        value: u32,
    ) {
        if value == 0 {
            return self.reset(device);
        }
        let was_live = self.is_live();
        let mut status = value & 0xff | self.registers.status & STATUS_NEEDS_RESET;
        // Refusing features is leaving FEATURES_OK clear (virtio 1.2, 2.2.2).
        let accepted = self.registers.driver_features;
        if accepted & !offered(device) != 0 || accepted & VERSION_1 == 0 {
            status &= !STATUS_FEATURES_OK;
        }
        if status & STATUS_FEATURES_OK == 0 {
            status &= !STATUS_DRIVER_OK;
        }
        self.registers.status = status;
        if self.is_live() && !was_live {
            self.serve(device, memory, journal, 0..self.queues.len());
        }
    }

    fn reset(&mut self, device: &mut dyn VirtioDevice) {
        let config_generation = self.registers.config_generation;
        self.registers = Registers { config_generation, ..Registers::default() };
        self.queues = fresh_queues(device);
        self.raised = false;
        device.reset();
    }

    /// Lets the device serve the queues of `range`.
    pub(in super::super) fn serve(
        &mut self,
        device: &mut dyn VirtioDevice,
        memory: &mut dyn Memory,
        journal: &mut Journal,
        range: std::ops::Range<usize>,
    ) {
        self.with_device(memory, journal, |context| {
            range.into_iter().try_for_each(|queue| device.notify(queue, context))
        });
    }

    /// Runs `work` on the queues, if the driver is ready; an error of it asks for a reset.
    pub(in super::super) fn with_device(
        &mut self,
        memory: &mut dyn Memory,
        journal: &mut Journal,
        work: impl FnOnce(&mut Context<'_>) -> Result<(), QueueError>,
    ) {
        if !self.is_live() {
            return;
        }
        let features = self.registers.driver_features;
        let ring =
            RingFeatures { indirect: features & INDIRECT_DESCRIPTORS != 0, event_index: features & EVENT_INDEX != 0 };
        let mut context =
            Context { memory, journal: &mut *journal, queues: &mut self.queues, ring, features, interrupt: false };
        let result = work(&mut context);
        if context.interrupt {
            self.interrupt(INTERRUPT_USED);
        }
        if let Err(error) = result {
            self.needs_reset(journal, || error.to_string());
        }
    }

    fn interrupt(&mut self, cause: u32) {
        self.registers.interrupt_status |= cause;
        self.raised = true;
    }

    fn needs_reset(&mut self, journal: &mut Journal, reason: impl FnOnce() -> String) {
        journal.error(|| format!("virtio {}: the driver must reset it: {}", self.name, reason()));
        self.registers.status |= STATUS_NEEDS_RESET;
        if self.registers.status & STATUS_DRIVER_OK != 0 {
            self.interrupt(INTERRUPT_CONFIG);
        }
    }

    /// The configuration space changed: tells a live driver.
    pub(in super::super) fn config_changed(&mut self) {
        self.registers.config_generation = self.registers.config_generation.wrapping_add(1);
        if self.is_live() {
            self.interrupt(INTERRUPT_CONFIG);
        }
    }

    /// Writes the slot's section: device ID, registers, queues, then the device's own.
    pub(in super::super) fn save(&self, device: &dyn VirtioDevice, to: &mut Writer) {
        to.section("virtio-slot", 1, |to| {
            to.field(&device.id());
            to.field(&self.registers);
            to.field(&self.raised);
            self.queues.iter().for_each(|queue| to.field(queue));
            device.save(to);
        });
    }

    /// Reads the slot's section into a slot with the same kind of device.
    pub(in super::super) fn load(
        name: &'static str,
        device: &mut dyn VirtioDevice,
        from: &mut Reader<'_>,
    ) -> Result<Transport, CodecError> {
        from.section("virtio-slot", 1, |from| {
            let id = from.field::<u32>()?;
            from.check(id == device.id(), "the device ID of the backend attached to this slot")?;
            let registers = from.field()?;
            let raised = from.field()?;
            let mut queues = fresh_queues(device);
            for queue in &mut queues {
                let loaded: Queue = from.field()?;
                from.check(loaded.maximum == queue.maximum, "the queue size of this device")?;
                *queue = loaded;
            }
            let mut transport = Transport { name, registers, queues, raised };
            if device.load(from)? {
                transport.config_changed();
            }
            Ok(transport)
        })
    }
}

fn offered(device: &dyn VirtioDevice) -> u64 {
    device.features() | TRANSPORT_FEATURES
}

fn select_half(value: u64, select: u32) -> u32 {
    match select {
        0 => value as u32,
        1 => (value >> 32) as u32,
        _ => 0,
    }
}

fn set_half(value: &mut u64, select: u32, half: u32) {
    match select {
        0 => *value = *value & !0xffff_ffff | u64::from(half),
        1 => *value = *value & 0xffff_ffff | u64::from(half) << 32,
        _ => {}
    }
}

fn read_config(config: &[u8], offset: u64, width: Width) -> u64 {
    let start = config.len().min(offset as usize);
    let end = config.len().min(start + width.bytes());
    let mut bytes = [0; 8];
    bytes[..end - start].copy_from_slice(&config[start..end]);
    u64::from_le_bytes(bytes)
}
