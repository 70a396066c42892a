//! Virtio console (virtio 1.2, 5.3) with five ports: the terminal and four byte channels.
//!
//! Queues: port 0 has 0 (receive) and 1 (transmit), the control queues are 2 and 3, port `n` has 2 + 2n and 3 + 2n.
//! Input goes to a port once the driver has opened it, as Linux throws away what comes earlier. End of input is told
//! by PORT_OPEN(0), after the last byte is in the driver's buffers: a read in the guest then returns 0. A driver
//! without VIRTIO_CONSOLE_F_MULTIPORT has port 0 alone. RESIZE carries columns before rows, as virtio 1.2 says and as
//! Linux 6.1.192 reads it (kernels of 2010 to 2025 read them the other way round).

mod control;
mod port;

use super::{Context, QueueError, VirtioDevice};
use crate::snapshot::codec::{CodecError, Reader, Writer};
use control::{OWES_OPEN, OWES_RESIZE};
use port::Port;

const SIZE: u64 = 1 << 0;
const MULTIPORT: u64 = 1 << 1;

/// Ports there are.
const PORTS: usize = 5;
/// Names of the ports; the first is the terminal, whose name Linux gives (`hvc0`).
pub(in super::super) const PORT_NAMES: [&str; PORTS] =
    ["hvc0", "prelift.config", "prelift.stdin", "prelift.stdout", "prelift.stderr"];

const CONTROL_TO_GUEST: usize = 2;
const CONTROL_TO_HOST: usize = 3;
/// Receive and transmit for each port, and the control queues.
const QUEUE_SIZES: [u16; 2 * PORTS + 2] = [64; 2 * PORTS + 2];

/// What is saved.
#[derive(Debug)]
struct State {
    columns: u16,
    rows: u16,
    ports: [Port; PORTS],
}

/// The console.
#[derive(Debug)]
pub(in super::super) struct Console {
    state: State,
}

/// The receive queue of a port; the transmit queue is the one after it.
fn receive_queue(port: usize) -> usize {
    if port == 0 { 0 } else { 2 + 2 * port }
}

/// The port of a data queue.
fn port_of(queue: usize) -> usize {
    if queue < 2 { 0 } else { queue / 2 - 1 }
}

impl Console {
    pub(in super::super) fn new() -> Console {
        Console { state: State { columns: 80, rows: 24, ports: std::array::from_fn(|_| Port::new()) } }
    }

    /// Bytes of input that `port` has room for; 0 after its end.
    pub(in super::super) fn input_space(&self, port: usize) -> usize {
        self.state.ports[port].input_space()
    }

    /// Queues input; how many of `bytes` there was room for.
    pub(in super::super) fn push_input(&mut self, port: usize, bytes: &[u8]) -> usize {
        self.state.ports[port].push_input(bytes)
    }

    /// The driver has the port open and takes input.
    pub(in super::super) fn is_open(&self, port: usize) -> bool {
        self.state.ports[port].guest_open
    }

    /// Nothing more comes (`true`), or input comes again.
    pub(in super::super) fn set_ended(&mut self, port: usize, ended: bool) {
        let port = &mut self.state.ports[port];
        port.ended = ended;
        if !ended && !port.host_open {
            port.host_open = true;
            port.owed |= OWES_OPEN;
        }
    }

    pub(in super::super) fn has_output(&self) -> bool {
        self.state.ports.iter().any(Port::has_output)
    }

    /// Takes all output of `port`.
    pub(in super::super) fn take_output(&mut self, port: usize) -> Vec<u8> {
        self.state.ports[port].take_output()
    }

    /// Sets the terminal's size; true if it changed.
    pub(in super::super) fn resize(&mut self, columns: u16, rows: u16) -> bool {
        let changed = (self.state.columns, self.state.rows) != (columns, rows);
        (self.state.columns, self.state.rows) = (columns, rows);
        if changed {
            self.state.ports[0].owed |= OWES_RESIZE;
        }
        changed
    }

    /// Moves all that can move: input, ends of input, control messages, output.
    pub(in super::super) fn pump(&mut self, context: &mut Context<'_>) -> Result<(), QueueError> {
        for port in 0..PORTS {
            self.deliver(port, context)?;
            self.state.ports[port].collect(receive_queue(port) + 1, context)?;
        }
        self.pump_control(context)
    }

    fn deliver(&mut self, index: usize, context: &mut Context<'_>) -> Result<(), QueueError> {
        let multiport = context.features & MULTIPORT != 0;
        let port = &mut self.state.ports[index];
        if port.guest_open || !multiport {
            port.deliver(receive_queue(index), context)?;
        }
        if port.ended && port.host_open && !port.has_input() {
            port.host_open = false;
            port.owed |= OWES_OPEN;
        }
        Ok(())
    }

    /// Sends control messages to a driver that knows them; ports that it has not taken yet are owed theirs later.
    fn pump_control(&mut self, context: &mut Context<'_>) -> Result<(), QueueError> {
        match context.features & MULTIPORT != 0 {
            true => self.send_control(CONTROL_TO_GUEST, context),
            false => Ok(()),
        }
    }
}

impl VirtioDevice for Console {
    fn id(&self) -> u32 {
        3
    }

    fn features(&self) -> u64 {
        SIZE | MULTIPORT
    }

    fn queue_sizes(&self) -> &'static [u16] {
        &QUEUE_SIZES
    }

    /// `struct virtio_console_config`: columns, rows, number of ports, no emergency write.
    fn config(&self) -> Vec<u8> {
        let mut config = self.state.columns.to_le_bytes().to_vec();
        config.extend(self.state.rows.to_le_bytes());
        config.extend((PORTS as u32).to_le_bytes());
        config.extend([0; 4]);
        config
    }

    fn notify(&mut self, queue: usize, context: &mut Context<'_>) -> Result<(), QueueError> {
        match queue {
            CONTROL_TO_GUEST => self.pump_control(context),
            CONTROL_TO_HOST => {
                self.receive_control(queue, context)?;
                self.pump(context)
            }
            _ => {
                let index = port_of(queue);
                let Some(port) = self.state.ports.get_mut(index) else { return Ok(()) };
                match queue == receive_queue(index) {
                    true => {
                        self.deliver(index, context)?;
                        self.pump_control(context)
                    }
                    false => port.collect(queue, context),
                }
            }
        }
    }

    fn reset(&mut self) {
        self.state.ports.iter_mut().for_each(Port::reset);
    }

    fn save(&self, to: &mut Writer) {
        to.section("console", 1, |to| {
            to.field(&self.state.columns);
            to.field(&self.state.rows);
            self.state.ports.iter().for_each(|port| to.field(port));
        });
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<bool, CodecError> {
        from.section("console", 1, |from| {
            self.state.columns = from.field()?;
            self.state.rows = from.field()?;
            for port in &mut self.state.ports {
                *port = from.field()?;
            }
            Ok(false)
        })
    }
}
