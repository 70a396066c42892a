//! Fields of 9P messages: little-endian integers, and strings of 16-bit length (intro(5) of Plan 9, "Messages").

use super::errno::Errno;

/// Takes fields off the front of a message.
#[derive(Debug, Clone)]
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Errno> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(Errno::PROTO)?;
        self.0 = rest;
        Ok(*head)
    }

    pub(super) fn u8(&mut self) -> Result<u8, Errno> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    pub(super) fn u16(&mut self) -> Result<u16, Errno> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    pub(super) fn u32(&mut self) -> Result<u32, Errno> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(super) fn u64(&mut self) -> Result<u64, Errno> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// As many bytes as the 16-bit length before them says.
    pub(super) fn string(&mut self) -> Result<&'a [u8], Errno> {
        let length = self.u16()?;
        self.bytes(length.into())
    }

    pub(super) fn bytes(&mut self, length: usize) -> Result<&'a [u8], Errno> {
        let (head, rest) = self.0.split_at_checked(length).ok_or(Errno::PROTO)?;
        self.0 = rest;
        Ok(head)
    }

    /// Checks that nothing is left.
    pub(super) fn finish(&self) -> Result<(), Errno> {
        if self.0.is_empty() { Ok(()) } else { Err(Errno::PROTO) }
    }
}

/// Appends fields to a reply.
pub(super) trait Append {
    fn u8(&mut self, value: u8);
    fn u16(&mut self, value: u16);
    fn u32(&mut self, value: u32);
    fn u64(&mut self, value: u64);
    /// A string with its length. Callers have checked that it is no longer than a path.
    fn string(&mut self, text: &[u8]);
}

impl Append for Vec<u8> {
    fn u8(&mut self, value: u8) {
        self.push(value);
    }

    fn u16(&mut self, value: u16) {
        self.extend_from_slice(&value.to_le_bytes());
    }

    fn u32(&mut self, value: u32) {
        self.extend_from_slice(&value.to_le_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.extend_from_slice(&value.to_le_bytes());
    }

    fn string(&mut self, text: &[u8]) {
        let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
        self.u16(length);
        self.extend_from_slice(&text[..length.into()]);
    }
}
