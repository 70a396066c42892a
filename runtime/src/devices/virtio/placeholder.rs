//! The empty slot: device ID 0, which a driver ignores (virtio 1.2, 4.2.2).

use super::{Context, QueueError, VirtioDevice};
use crate::snapshot::codec::{CodecError, Reader, Writer};

/// A slot without a device.
#[derive(Debug)]
pub(in super::super) struct Placeholder;

impl VirtioDevice for Placeholder {
    fn id(&self) -> u32 {
        0
    }
    fn features(&self) -> u64 {
        0
    }
    fn queue_sizes(&self) -> &'static [u16] {
        &[]
    }
    fn config(&self) -> Vec<u8> {
        Vec::new()
    }
    fn notify(&mut self, _queue: usize, _context: &mut Context<'_>) -> Result<(), QueueError> {
        Ok(())
    }
    fn reset(&mut self) {}
    fn save(&self, _to: &mut Writer) {}
    fn load(&mut self, _from: &mut Reader<'_>) -> Result<bool, CodecError> {
        Ok(false)
    }
}
