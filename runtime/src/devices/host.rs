//! The host's end of the byte streams: the serial port and the console's ports.
//!
//! Both directions are bounded. Input that a stream has no room for stays with the host; output that the host does not
//! take makes the guest wait. Whatever is on the way is part of a snapshot.

use super::Devices;
use super::memory::Memory;
use super::virtio::CONSOLE_SLOT;

/// A byte stream between guest and host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stream {
    /// COM1 (`ttyS0`).
    Serial,
    /// The terminal, console port 0 (`hvc0`).
    Terminal,
    /// Console port `prelift.config`.
    Config,
    /// Console port `prelift.stdin`.
    Stdin,
    /// Console port `prelift.stdout`.
    Stdout,
    /// Console port `prelift.stderr`.
    Stderr,
}

impl Stream {
    /// All streams, in the order in which output is flushed.
    pub const ALL: [Stream; 6] =
        [Stream::Serial, Stream::Terminal, Stream::Config, Stream::Stdin, Stream::Stdout, Stream::Stderr];

    /// The console port; the serial port is none.
    fn port(self) -> Option<usize> {
        (self as usize).checked_sub(1)
    }
}

/// Takes what the guest puts out.
pub trait OutputSink {
    /// Takes all of `bytes`, which is not empty.
    fn write(&mut self, stream: Stream, bytes: &[u8]);
}

impl Devices {
    /// Bytes of input that `stream` has room for; 0 after its end.
    pub fn input_space(&self, stream: Stream) -> usize {
        match stream.port() {
            None => self.uart.input_space(),
            Some(port) => self.models.console.input_space(port),
        }
    }

    /// Gives input to the guest; how many of `bytes` there was room for.
    pub fn push_input(&mut self, memory: &mut dyn Memory, stream: Stream, bytes: &[u8]) -> usize {
        let Some(port) = stream.port() else {
            let taken = self.uart.push_input(bytes);
            self.update_uart_line();
            return taken;
        };
        let taken = self.models.console.push_input(port, bytes);
        self.pump_console(memory);
        taken
    }

    /// Whether a program of the guest has a console port open; the serial port always is.
    pub fn is_open(&self, stream: Stream) -> bool {
        stream.port().is_none_or(|port| self.models.console.is_open(port))
    }

    /// Ends a console port's input: after the bytes given so far, a read in the guest returns 0. The serial port and
    /// the terminal know no end; a terminal's is a byte (Ctrl-D, 4), given as input.
    pub fn close_input(&mut self, memory: &mut dyn Memory, stream: Stream) {
        self.set_ended(memory, stream, true);
    }

    /// Takes [`Devices::close_input`] back, for a run that resumes a snapshot with other input.
    pub fn reopen_input(&mut self, memory: &mut dyn Memory, stream: Stream) {
        self.set_ended(memory, stream, false);
    }

    fn set_ended(&mut self, memory: &mut dyn Memory, stream: Stream, ended: bool) {
        if let Some(port @ 1..) = stream.port() {
            self.models.console.set_ended(port, ended);
            self.pump_console(memory);
        }
    }

    /// Whether any stream has output to take.
    pub fn has_output(&self) -> bool {
        self.uart.has_output() || self.models.console.has_output()
    }

    /// Takes the output that `stream` has now; what the guest was waiting to put out follows in the next call.
    pub fn take_output(&mut self, memory: &mut dyn Memory, stream: Stream) -> Vec<u8> {
        let Some(port) = stream.port() else {
            let bytes = self.uart.take_output();
            self.update_uart_line();
            return bytes;
        };
        let bytes = self.models.console.take_output(port);
        if !bytes.is_empty() {
            self.pump_console(memory);
        }
        bytes
    }

    /// Takes all output of all streams into `sink`, until the guest has no more to put out.
    pub fn flush_output(&mut self, memory: &mut dyn Memory, sink: &mut dyn OutputSink) {
        while self.has_output() {
            for stream in Stream::ALL {
                let bytes = self.take_output(memory, stream);
                if !bytes.is_empty() {
                    sink.write(stream, &bytes);
                }
            }
        }
    }

    /// Tells the guest the terminal's size, in characters.
    pub fn resize(&mut self, memory: &mut dyn Memory, columns: u16, rows: u16) {
        if self.models.console.resize(columns, rows) {
            self.pump_console(memory);
            self.transports[CONSOLE_SLOT].config_changed();
            self.update_line(CONSOLE_SLOT);
        }
    }

    fn pump_console(&mut self, memory: &mut dyn Memory) {
        let console = &mut self.models.console;
        self.transports[CONSOLE_SLOT].with_device(memory, &mut self.journal, |context| console.pump(context));
        self.update_line(CONSOLE_SLOT);
    }
}
