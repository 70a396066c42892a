//! The storage behind the block device.

use crate::memory::ImageSource;
use std::io::{self, Read, Seek, SeekFrom, Write};

/// A disk of fixed size. Offsets and lengths are in bytes, multiples of 512 and within [`Disk::length`].
pub trait Disk {
    /// Size in bytes; what is beyond the last whole sector is not shown to the guest.
    fn length(&self) -> u64;

    /// Whether writes are refused.
    fn is_read_only(&self) -> bool;

    /// Serial number, at most 20 bytes, shown in `/sys/block/vda/serial`.
    fn serial(&self) -> &str;

    /// Fills `into` from `offset` on.
    ///
    /// # Errors
    /// Those of the storage; the guest sees an I/O error.
    fn read(&mut self, offset: u64, into: &mut [u8]) -> io::Result<()>;

    /// Writes `bytes` from `offset` on.
    ///
    /// # Errors
    /// Those of the storage; the guest sees an I/O error.
    fn write(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Makes completed writes durable.
    ///
    /// # Errors
    /// Those of the storage; the guest sees an I/O error.
    fn flush(&mut self) -> io::Result<()>;

    /// The content of this range is not needed any more. Storage may ignore it.
    ///
    /// # Errors
    /// Those of the storage; the guest sees an I/O error.
    fn discard(&mut self, _offset: u64, _length: u64) -> io::Result<()> {
        Ok(())
    }
}

/// A drive without a disk: nothing to read, nowhere to write.
#[derive(Debug, Clone, Copy)]
pub struct EmptyDrive;

impl Disk for EmptyDrive {
    fn length(&self) -> u64 {
        0
    }
    fn is_read_only(&self) -> bool {
        false
    }
    fn serial(&self) -> &str {
        ""
    }
    fn read(&mut self, _offset: u64, _into: &mut [u8]) -> io::Result<()> {
        Err(io::ErrorKind::NotFound.into())
    }
    fn write(&mut self, _offset: u64, _bytes: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::NotFound.into())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The image as a disk, for a guest that does not have it in its memory.
#[derive(Debug)]
pub struct ImageDrive(pub ImageSource);

impl Disk for ImageDrive {
    fn length(&self) -> u64 {
        self.0.size
    }
    fn is_read_only(&self) -> bool {
        true
    }
    fn serial(&self) -> &str {
        "prelift-image"
    }
    fn read(&mut self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.0.read(into, offset)
    }
    fn write(&mut self, _offset: u64, _bytes: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A read-only disk over anything that reads and seeks.
#[derive(Debug)]
pub struct ReadOnlyDisk<T> {
    inner: T,
    length: u64,
    serial: String,
}

/// A writable disk over anything that reads, writes and seeks.
#[derive(Debug)]
pub struct WritableDisk<T>(ReadOnlyDisk<T>);

impl<T: Seek> ReadOnlyDisk<T> {
    /// All of `inner`, under this serial number.
    ///
    /// # Errors
    /// If the end cannot be found.
    pub fn new(mut inner: T, serial: &str) -> io::Result<ReadOnlyDisk<T>> {
        let length = inner.seek(SeekFrom::End(0))?;
        Ok(ReadOnlyDisk { inner, length, serial: serial.to_owned() })
    }

    fn at(&mut self, offset: u64) -> io::Result<&mut T> {
        self.inner.seek(SeekFrom::Start(offset))?;
        Ok(&mut self.inner)
    }
}

impl<T: Seek> WritableDisk<T> {
    /// All of `inner`, under this serial number.
    ///
    /// # Errors
    /// If the end cannot be found.
    pub fn new(inner: T, serial: &str) -> io::Result<WritableDisk<T>> {
        ReadOnlyDisk::new(inner, serial).map(WritableDisk)
    }
}

impl<T: Read + Seek> Disk for ReadOnlyDisk<T> {
    fn length(&self) -> u64 {
        self.length
    }
    fn is_read_only(&self) -> bool {
        true
    }
    fn serial(&self) -> &str {
        &self.serial
    }
    fn read(&mut self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.at(offset)?.read_exact(into)
    }
    fn write(&mut self, _offset: u64, _bytes: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<T: Read + Write + Seek> Disk for WritableDisk<T> {
    fn length(&self) -> u64 {
        self.0.length
    }
    fn is_read_only(&self) -> bool {
        false
    }
    fn serial(&self) -> &str {
        &self.0.serial
    }
    fn read(&mut self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, into)
    }
    fn write(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.at(offset)?.write_all(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.0.inner.flush()
    }
}
