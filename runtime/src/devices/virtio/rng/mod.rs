//! Virtio entropy device (virtio 1.2, 5.4): fills the buffers that the driver offers.

mod entropy;

use super::{Context, QueueError, VirtioDevice};
use crate::snapshot::codec::{CodecError, Reader, Writer};
pub use entropy::{Entropy, SeededEntropy};

/// At most this many bytes a request; the driver comes again for more.
const MAX_REQUEST: usize = 4096;

/// The entropy device.
pub(in super::super) struct Rng {
    source: Box<dyn Entropy>,
}

impl Rng {
    pub(in super::super) fn new(source: Box<dyn Entropy>) -> Rng {
        Rng { source }
    }
}

impl VirtioDevice for Rng {
    fn id(&self) -> u32 {
        4
    }
    fn features(&self) -> u64 {
        0
    }
    fn queue_sizes(&self) -> &'static [u16] {
        &[64]
    }
    fn config(&self) -> Vec<u8> {
        Vec::new()
    }

    fn notify(&mut self, queue: usize, context: &mut Context<'_>) -> Result<(), QueueError> {
        while let Some(chain) = context.peek(queue)? {
            let mut bytes = [0; MAX_REQUEST];
            let length = chain.writable_length().min(MAX_REQUEST as u64) as usize;
            self.source.fill(&mut bytes[..length]);
            chain.write(context.memory, 0, &bytes[..length])?;
            context.complete(queue, &chain, length)?;
        }
        Ok(())
    }

    fn reset(&mut self) {}

    fn save(&self, to: &mut Writer) {
        to.section("rng", 1, |to| to.field(&self.source.position()));
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<bool, CodecError> {
        let position = from.section("rng", 1, |from| from.field())?;
        self.source.seek(position);
        Ok(false)
    }
}
