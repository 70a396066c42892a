//! The snapshot encoding: tagged, versioned sections of little-endian integers and byte strings.
//!
//! ```text
//! section := name_length u8, name, version u16, body_length u64, body
//! body    := integers (little endian), bool (0 or 1), byte strings (length u32, bytes), nested sections
//! ```
//!
//! A body has no field tags: its layout is fixed by the section's version. Structures list their fields once, with
//! [`fields!`](crate::fields), which writes and reads them in that order; a field that is forgotten does not compile.
//! The reader trusts nothing: every error names the section, the offset from the start of the snapshot and what was
//! expected, and no length that it reads is allocated before that many bytes are known to exist.

use std::collections::VecDeque;

/// Why a snapshot cannot be read. Offsets are in bytes from the start of the encoding.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The section, or the whole snapshot, ends too early.
    #[error("snapshot section {section:?}, offset {offset}: expected {expected} more bytes, {left} left")]
    Truncated {
        /// Innermost section.
        section: &'static str,
        /// Where the read began.
        offset: usize,
        /// Bytes wanted.
        expected: u64,
        /// Bytes there are.
        left: usize,
    },
    /// Another section stands where this one should.
    #[error("snapshot section {section:?}, offset {offset}: expected section {expected:?}, found {found:?}")]
    Section {
        /// Enclosing section.
        section: &'static str,
        /// Where the section begins.
        offset: usize,
        /// Name wanted.
        expected: &'static str,
        /// Name found.
        found: String,
    },
    /// A version that this build does not read.
    #[error("snapshot section {section:?}, offset {offset}: expected version {expected}, found {found}")]
    Version {
        /// The section.
        section: &'static str,
        /// Where the section begins.
        offset: usize,
        /// The version that this build reads.
        expected: u16,
        /// Version found.
        found: u16,
    },
    /// A section has bytes that its version does not define.
    #[error("snapshot section {section:?}, offset {offset}: expected the section's end, {left} bytes left")]
    Trailing {
        /// The section.
        section: &'static str,
        /// Where reading stopped.
        offset: usize,
        /// Bytes left over.
        left: usize,
    },
    /// A value outside its range.
    #[error("snapshot section {section:?}, before offset {offset}: expected {expected}")]
    Value {
        /// The section.
        section: &'static str,
        /// Offset after the value.
        offset: usize,
        /// What the value has to be.
        expected: &'static str,
    },
}

/// Writes an encoding into a buffer.
#[derive(Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// An empty encoding.
    pub fn new() -> Writer {
        Writer::default()
    }

    /// Writes a section: its head, then whatever `body` writes.
    ///
    /// # Panics
    /// If `name` is longer than 255 bytes, which is a defect of the caller.
    pub fn section(&mut self, name: &'static str, version: u16, body: impl FnOnce(&mut Writer)) {
        self.bytes.push(u8::try_from(name.len()).expect("section names are short literals"));
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.extend_from_slice(&version.to_le_bytes());
        let length_at = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 8]);
        body(self);
        let length = (self.bytes.len() - length_at - 8) as u64;
        self.bytes[length_at..length_at + 8].copy_from_slice(&length.to_le_bytes());
    }

    /// Writes one value.
    pub fn field(&mut self, value: &impl Field) {
        value.save(self);
    }

    /// Writes a byte string with its length.
    ///
    /// # Panics
    /// If `bytes` is 4 GiB or longer; larger data belongs into several strings.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.raw(&u32::try_from(bytes.len()).expect("byte strings are shorter than 4 GiB").to_le_bytes());
        self.raw(bytes);
    }

    /// Appends bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The encoding.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// Reads an encoding.
#[derive(Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
    end: usize,
    section: &'static str,
}

impl<'a> Reader<'a> {
    /// Starts at the beginning of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes, position: 0, end: bytes.len(), section: "" }
    }

    /// Reads the section `name` of exactly `version`; `body` has to consume all of it.
    ///
    /// # Errors
    /// If the section is another one, of another version, truncated or too long, and those of `body`.
    pub fn section<T>(
        &mut self,
        name: &'static str,
        version: u16,
        body: impl FnOnce(&mut Reader<'a>) -> Result<T, CodecError>,
    ) -> Result<T, CodecError> {
        let offset = self.position;
        let length = self.field::<u8>()?;
        let found = self.raw(u64::from(length))?;
        if found != name.as_bytes() {
            let found = String::from_utf8_lossy(found).into_owned();
            return Err(CodecError::Section { section: self.section, offset, expected: name, found });
        }
        let found = self.field::<u16>()?;
        if found != version {
            return Err(CodecError::Version { section: name, offset, expected: version, found });
        }
        let length = self.field::<u64>()?;
        let start = self.position;
        self.raw(length)?;
        let mut inner = Reader { bytes: self.bytes, position: start, end: self.position, section: name };
        let value = body(&mut inner)?;
        inner.finish()?;
        Ok(value)
    }

    /// Checks that everything was read.
    ///
    /// # Errors
    /// [`CodecError::Trailing`] if bytes are left.
    pub fn finish(&self) -> Result<(), CodecError> {
        match self.end - self.position {
            0 => Ok(()),
            left => Err(CodecError::Trailing { section: self.section, offset: self.position, left }),
        }
    }

    /// Reads one value.
    ///
    /// # Errors
    /// If the bytes are missing or are no such value.
    pub fn field<T: Field>(&mut self) -> Result<T, CodecError> {
        T::load(self)
    }

    /// Reads a byte string that [`Writer::bytes`] wrote.
    ///
    /// # Errors
    /// If it is truncated.
    pub fn bytes(&mut self) -> Result<&'a [u8], CodecError> {
        let length = self.field::<u32>()?;
        self.raw(u64::from(length))
    }

    /// Reads `length` bytes as they are.
    ///
    /// # Errors
    /// [`CodecError::Truncated`] if there are fewer.
    pub fn raw(&mut self, length: u64) -> Result<&'a [u8], CodecError> {
        let left = self.end - self.position;
        match usize::try_from(length) {
            Ok(length) if length <= left => {
                let start = self.position;
                self.position += length;
                Ok(&self.bytes[start..self.position])
            }
            _ => Err(CodecError::Truncated { section: self.section, offset: self.position, expected: length, left }),
        }
    }

    /// Reads all that is left of the section.
    pub fn rest(&mut self) -> &'a [u8] {
        let start = std::mem::replace(&mut self.position, self.end);
        &self.bytes[start..self.end]
    }

    /// `Ok` if `holds`, else the error that the value just read is not what is `expected`.
    ///
    /// # Errors
    /// [`CodecError::Value`].
    pub fn check(&self, holds: bool, expected: &'static str) -> Result<(), CodecError> {
        match holds {
            true => Ok(()),
            false => Err(CodecError::Value { section: self.section, offset: self.position, expected }),
        }
    }
}

/// A value with a fixed place in a section's body.
pub trait Field: Sized {
    /// Appends the value.
    fn save(&self, to: &mut Writer);
    /// Reads the value.
    ///
    /// # Errors
    /// If the bytes are missing or are no such value.
    fn load(from: &mut Reader<'_>) -> Result<Self, CodecError>;
}

macro_rules! integers {
    ($($integer:ty)*) => {$(
        impl Field for $integer {
            fn save(&self, to: &mut Writer) {
                to.raw(&self.to_le_bytes());
            }
            fn load(from: &mut Reader<'_>) -> Result<Self, CodecError> {
                const SIZE: usize = size_of::<$integer>();
                let mut bytes = [0; SIZE];
                bytes.copy_from_slice(from.raw(SIZE as u64)?);
                Ok(<$integer>::from_le_bytes(bytes))
            }
        }
    )*};
}
integers!(u8 u16 u32 u64);

impl Field for bool {
    fn save(&self, to: &mut Writer) {
        u8::from(*self).save(to);
    }
    fn load(from: &mut Reader<'_>) -> Result<Self, CodecError> {
        let value = u8::load(from)?;
        from.check(value <= 1, "0 or 1")?;
        Ok(value == 1)
    }
}

impl<T: Field> Field for Option<T> {
    fn save(&self, to: &mut Writer) {
        self.is_some().save(to);
        if let Some(value) = self {
            value.save(to);
        }
    }
    fn load(from: &mut Reader<'_>) -> Result<Self, CodecError> {
        Ok(if bool::load(from)? { Some(T::load(from)?) } else { None })
    }
}

impl<T: Field + Default + Copy, const N: usize> Field for [T; N] {
    fn save(&self, to: &mut Writer) {
        self.iter().for_each(|value| value.save(to));
    }
    fn load(from: &mut Reader<'_>) -> Result<Self, CodecError> {
        let mut values = [T::default(); N];
        for value in &mut values {
            *value = T::load(from)?;
        }
        Ok(values)
    }
}

impl Field for VecDeque<u8> {
    fn save(&self, to: &mut Writer) {
        to.bytes(&self.iter().copied().collect::<Vec<_>>());
    }
    fn load(from: &mut Reader<'_>) -> Result<Self, CodecError> {
        Ok(from.bytes()?.iter().copied().collect())
    }
}

/// Implements [`Field`](crate::snapshot::codec::Field) for a structure: all its fields, in the order of the encoding.
///
/// `fields!(Name { a, b })`, or `fields!(Name { a, b } where Name::holds, "what holds")` with a check
/// (`fn(&Name) -> bool`) that a value read has to pass.
#[macro_export]
macro_rules! fields {
    ($type:ty { $($field:ident),* $(,)? }) => {
        $crate::fields!($type { $($field),* } where |_: &$type| true, "");
    };
    ($type:ty { $($field:ident),* $(,)? } where $check:expr, $expected:literal) => {
        impl $crate::snapshot::codec::Field for $type {
            fn save(&self, to: &mut $crate::snapshot::codec::Writer) {
                $($crate::snapshot::codec::Field::save(&self.$field, to);)*
            }
            fn load(from: &mut $crate::snapshot::codec::Reader<'_>) -> Result<Self, $crate::snapshot::codec::CodecError> {
                let value = Self { $($field: $crate::snapshot::codec::Field::load(from)?),* };
                from.check($check(&value), $expected)?;
                Ok(value)
            }
        }
    };
}

#[cfg(test)]
#[path = "codec_tests.rs"]
mod tests;
