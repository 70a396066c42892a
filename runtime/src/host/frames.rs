//! Framed standard input: bytes, their end, signals and window sizes in one stream.
//!
//! WASI knows neither signals nor windows. An embedder that has both (`prelift run`) gives the module the option
//! `--framed-stdin` and writes frames to its standard input: one byte of kind, the payload's length as 16 bits
//! little-endian, the payload.
//!
//! | kind | payload |
//! |---|---|
//! | 0 | bytes of the program's standard input |
//! | 1 | none: its standard input is at its end; signals and sizes may follow |
//! | 2 | the number of a signal for the program, one byte; for SIGTERM it gets the image's stop signal |
//! | 3 | the terminal's rows and columns, 16 bits each, little-endian |
//! | 4 | none: save the machine (`--checkpoint`) |

use channel::WindowSize;

/// Bytes before the payload.
const HEAD: usize = 3;
/// Most bytes that [`Frame::encode`] puts in one frame: with its head no more than what a pipe takes in one piece, so
/// that several threads can write frames to one pipe.
pub const MAX_DATA: usize = 4096 - HEAD;

/// A frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame<'a> {
    /// Standard input.
    Data(&'a [u8]),
    /// The end of standard input.
    End,
    /// A signal, by its number in Linux on x86-64.
    Signal(u8),
    /// The terminal's new size.
    Resize(WindowSize),
    /// Save the machine.
    Checkpoint,
}

/// What is no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("--framed-stdin: expected a frame on standard input, got kind {kind} with {length} bytes")]
pub struct FrameError {
    /// Its first byte.
    pub kind: u8,
    /// Bytes of its payload.
    pub length: usize,
}

impl Frame<'_> {
    /// The frame's bytes.
    ///
    /// # Panics
    /// For data of more than [`MAX_DATA`] bytes.
    pub fn encode(&self) -> Vec<u8> {
        let size = |size: &WindowSize| [size.rows.to_le_bytes(), size.columns.to_le_bytes()].concat();
        let (kind, payload) = match self {
            Frame::Data(bytes) => (0, bytes.to_vec()),
            Frame::End => (1, Vec::new()),
            Frame::Signal(signal) => (2, vec![*signal]),
            Frame::Resize(window) => (3, size(window)),
            Frame::Checkpoint => (4, Vec::new()),
        };
        assert!(payload.len() <= MAX_DATA, "a frame of {} bytes", payload.len());
        let mut frame = vec![kind];
        frame.extend((payload.len() as u16).to_le_bytes());
        frame.extend(payload);
        frame
    }

    fn parse(kind: u8, payload: &[u8]) -> Result<Frame<'_>, FrameError> {
        match (kind, payload) {
            (0, bytes) => Ok(Frame::Data(bytes)),
            (1, []) => Ok(Frame::End),
            (2, &[signal]) => Ok(Frame::Signal(signal)),
            (3, &[r0, r1, c0, c1]) => Ok(Frame::Resize(WindowSize {
                rows: u16::from_le_bytes([r0, r1]),
                columns: u16::from_le_bytes([c0, c1]),
            })),
            (4, []) => Ok(Frame::Checkpoint),
            _ => Err(FrameError { kind, length: payload.len() }),
        }
    }
}

/// A stream of frames that arrives in pieces.
#[derive(Debug, Default)]
pub struct Frames {
    rest: Vec<u8>,
}

impl Frames {
    /// Takes a piece of the stream, and gives `each` the frames that are complete with it.
    ///
    /// # Errors
    /// [`FrameError`] for the first that is none; what follows it is lost.
    pub fn take(&mut self, piece: &[u8], mut each: impl FnMut(Frame<'_>)) -> Result<(), FrameError> {
        self.rest.extend(piece);
        let mut at = 0;
        while let Some(&[kind, low, high]) = self.rest[at..].first_chunk::<HEAD>() {
            let length = usize::from(u16::from_le_bytes([low, high]));
            let Some(payload) = self.rest[at + HEAD..].get(..length) else { break };
            each(Frame::parse(kind, payload)?);
            at += HEAD + length;
        }
        self.rest.drain(..at);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_survive_being_cut() {
        let size = WindowSize { rows: 300, columns: 80 };
        let all = [
            Frame::Data(b"ab"),
            Frame::Resize(size),
            Frame::Signal(15),
            Frame::Data(b""),
            Frame::Checkpoint,
            Frame::End,
        ];
        let stream: Vec<u8> = all.iter().flat_map(Frame::encode).collect();
        for piece in 1..=stream.len() {
            let (mut frames, mut seen) = (Frames::default(), 0);
            for bytes in stream.chunks(piece) {
                frames
                    .take(bytes, |frame| {
                        assert_eq!(frame, all[seen]);
                        seen += 1;
                    })
                    .unwrap();
            }
            assert_eq!((seen, frames.rest.len()), (all.len(), 0), "{piece}");
        }
    }

    #[test]
    fn what_is_no_frame_is_an_error() {
        for (bytes, kind, length) in [
            (&b"\x01\x01\0x"[..], 1, 1),
            (b"\x02\0\0", 2, 0),
            (b"\x03\0\0", 3, 0),
            (b"\x04\x01\0x", 4, 1),
            (b"e\0\0", b'e', 0),
        ] {
            assert_eq!(Frames::default().take(bytes, |_| ()), Err(FrameError { kind, length }));
        }
    }
}
