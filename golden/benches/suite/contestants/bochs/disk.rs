//! A disk that firmware reads into memory: the boot image's stores one after the other, in whole sectors.

use anyhow::{Context, Result, ensure};
use kernel_snapshot::boot::{BootImage, Store};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

const SECTOR: usize = 512;
/// Disks are whole cylinders of 16 heads and 63 sectors.
const CYLINDER: usize = 16 * 63 * SECTOR;
const FIRMWARE: &str = include_str!("firmware.s");

/// Writes the disk; gives the firmware's table of it.
pub(super) fn write(stores: &[Store], path: &Path) -> Result<String> {
    let mut disk = BufWriter::new(File::create(path).with_context(|| format!("cannot make {}", path.display()))?);
    let (mut table, mut at) = (String::new(), 0);
    for Store { at: address, bytes } in stores {
        let sectors = bytes.len().div_ceil(SECTOR);
        disk.write_all(bytes)?;
        disk.write_all(&vec![0; sectors * SECTOR - bytes.len()])?;
        let _ = writeln!(table, " .long {:#x}, {at}, {sectors}", address.0);
        at += sectors;
    }
    let file = disk.into_inner().context("cannot write the disk")?;
    file.set_len((at * SECTOR).next_multiple_of(CYLINDER) as u64)?;
    Ok(table + " .long 0, 0, 0\n")
}

/// Assembles the firmware for a boot image whose disk has this table.
pub(super) fn firmware(folder: &Path, boot: &BootImage, table: &str) -> Result<PathBuf> {
    let file = |name: &str| folder.join(format!("firmware.{name}"));
    std::fs::write(file("s"), format!("{FIRMWARE}{table}"))?;
    let symbols = [
        ("CR3", boot.cr3.0),
        ("GDT", boot.gdt.0),
        ("GDT_LIMIT", boot.gdt_limit.into()),
        ("ENTRY", boot.entry.0),
        ("BOOT_PARAMS", boot.boot_params.0),
    ];
    let mut assembler = Command::new("as");
    assembler.arg("-o").arg(file("o")).arg(file("s"));
    assembler.args(symbols.iter().flat_map(|(name, value)| ["--defsym".to_owned(), format!("{name}={value}")]));
    let mut linker = Command::new("ld");
    linker.args(["--oformat", "binary", "-Ttext", "0xf0000", "--section-start", ".reset=0xffff0", "-e", "0", "-o"]);
    linker.arg(file("bin")).arg(file("o"));
    for mut tool in [assembler, linker] {
        let output = tool.output().with_context(|| format!("{tool:?} (Debian package binutils)"))?;
        ensure!(output.status.success(), "{tool:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let file = file("bin");
    File::options().write(true).open(&file)?.set_len(64 << 10)?;
    Ok(file)
}
