//! The control queues of a multi-port console (virtio 1.2, 5.3.6.2): messages both ways.
//!
//! What the driver is owed is a set of bits for each port, sent in a fixed order as it offers buffers: a driver that
//! asks without end makes nothing grow, and PORT_OPEN always tells the present state.

use super::super::{Chain, Context, QueueError};
use super::{Console, PORT_NAMES};

/// Length of `struct virtio_console_control`: port, event, value.
const HEADER: usize = 8;

const DEVICE_READY: u16 = 0;
const PORT_ADD: u16 = 1;
const PORT_READY: u16 = 3;
const CONSOLE_PORT: u16 = 4;
const RESIZE: u16 = 5;
const PORT_OPEN: u16 = 6;
const PORT_NAME: u16 = 7;

/// Messages to the driver, in the order in which they are sent: the bit of each, and its event.
#[rustfmt::skip]
const OWED: [(u8, u16); 5] = [
    (OWES_ADD,     PORT_ADD),
    (OWES_CONSOLE, CONSOLE_PORT),
    (OWES_NAME,    PORT_NAME),
    (OWES_OPEN,    PORT_OPEN),
    (OWES_RESIZE,  RESIZE),
];
const OWES_ADD: u8 = 1;
const OWES_CONSOLE: u8 = 2;
const OWES_NAME: u8 = 4;
/// The host's connection changed.
pub(super) const OWES_OPEN: u8 = 8;
/// The terminal's size changed.
pub(super) const OWES_RESIZE: u8 = 16;

impl Console {
    /// Takes the driver's control messages from `queue`.
    pub(super) fn receive_control(&mut self, queue: usize, context: &mut Context<'_>) -> Result<(), QueueError> {
        while let Some(chain) = context.peek(queue)? {
            self.handle(&chain, context)?;
            context.complete(queue, &chain, 0)?;
        }
        Ok(())
    }

    fn handle(&mut self, chain: &Chain, context: &mut Context<'_>) -> Result<(), QueueError> {
        let mut message = [0; HEADER];
        if chain.read(context.memory, 0, &mut message)? < HEADER {
            return Err(QueueError::ShortBuffer { length: chain.readable_length(), expected: HEADER });
        }
        let [a, b, c, d, e, f, g, h] = message;
        let id = u32::from_le_bytes([a, b, c, d]) as usize;
        let value = u16::from_le_bytes([g, h]);
        match (u16::from_le_bytes([e, f]), self.state.ports.get_mut(id)) {
            (DEVICE_READY, _) if value == 1 => self.state.ports.iter_mut().for_each(|port| port.owed |= OWES_ADD),
            (PORT_READY, Some(port)) if value == 1 => {
                port.ready = true;
                port.owed |= OWES_OPEN | if id == 0 { OWES_CONSOLE | OWES_RESIZE } else { OWES_NAME };
            }
            (PORT_OPEN, Some(port)) => port.guest_open = value == 1,
            (event, _) => {
                context.journal.trace(|| format!("console port {id}: control event {event}, value {value} ignored"));
            }
        }
        Ok(())
    }

    /// Sends what the driver is owed, as far as it offers buffers in `queue`.
    pub(super) fn send_control(&mut self, queue: usize, context: &mut Context<'_>) -> Result<(), QueueError> {
        for id in 0..self.state.ports.len() {
            for (bit, event) in OWED {
                if self.state.ports[id].owed & bit == 0 {
                    continue;
                }
                let Some(chain) = context.peek(queue)? else { return Ok(()) };
                let message = self.message(id, event);
                if chain.write(context.memory, 0, &message)? < message.len() {
                    return Err(QueueError::ShortBuffer { length: chain.writable_length(), expected: message.len() });
                }
                context.complete(queue, &chain, message.len())?;
                self.state.ports[id].owed &= !bit;
            }
        }
        Ok(())
    }

    fn message(&self, id: usize, event: u16) -> Vec<u8> {
        let value = match event {
            PORT_OPEN => u16::from(self.state.ports[id].host_open),
            PORT_ADD => 0,
            _ => 1,
        };
        let mut message = (id as u32).to_le_bytes().to_vec();
        message.extend(event.to_le_bytes());
        message.extend(value.to_le_bytes());
        match event {
            PORT_NAME => message.extend(PORT_NAMES[id].bytes()),
            RESIZE => {
                message.extend(self.state.columns.to_le_bytes());
                message.extend(self.state.rows.to_le_bytes());
            }
            _ => {}
        }
        message
    }
}
