//! Requests of the driver as checked values, and the answers (virtio 1.2, 5.15.6).

use crate::memory::{ADDED_BASE, ADDED_BLOCK};

/// Bytes of `struct virtio_mem_req`.
pub(super) const REQUEST: usize = 24;

/// What is asked for: blocks by their numbers in the region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Request {
    Plug {
        first: u64,
        count: u16,
    },
    Unplug {
        first: u64,
        count: u16,
    },
    UnplugAll,
    State {
        first: u64,
        count: u16,
    },
    /// Another type, or an address that is no block's.
    Malformed,
}

impl Request {
    pub(super) fn parse(bytes: &[u8; REQUEST]) -> Request {
        let [t0, t1, ..] = *bytes;
        let address = u64::from_le_bytes(bytes[8..16].try_into().unwrap_or_default());
        let count = u16::from_le_bytes([bytes[16], bytes[17]]);
        let kind = u16::from_le_bytes([t0, t1]);
        if kind == 2 {
            return Request::UnplugAll;
        }
        let Some(offset) = address.checked_sub(ADDED_BASE.0).filter(|offset| offset.is_multiple_of(ADDED_BLOCK)) else {
            return Request::Malformed;
        };
        let first = offset / ADDED_BLOCK;
        match kind {
            0 => Request::Plug { first, count },
            1 => Request::Unplug { first, count },
            3 => Request::State { first, count },
            _ => Request::Malformed,
        }
    }
}

/// What the driver is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Ack,
    Error,
    /// `ACK` with the blocks' state.
    Plugged,
    Unplugged,
    Mixed,
}

impl Answer {
    /// `struct virtio_mem_resp`: type, padding, state.
    pub(super) fn encode(self) -> [u8; 10] {
        let (kind, state) = match self {
            Answer::Ack | Answer::Plugged => (0, 0),
            Answer::Error => (3, 0),
            Answer::Unplugged => (0, 1),
            Answer::Mixed => (0, 2),
        };
        [kind, 0, 0, 0, 0, 0, 0, 0, state, 0]
    }
}
