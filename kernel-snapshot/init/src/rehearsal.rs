//! What a training run does before its program: it uses the kernel as programs do, so that the kernel's code for it is
//! translated though the program of the training has no need of it.
//!
//! Nothing of it is seen by the program: what is made is removed, and directories of the host that are there for the rehearsal
//! alone are unmounted.

use crate::syscalls;
use anyhow::{Context, Result, ensure};
use channel::Directory;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Timestamps, futimens, statfs};
use rustix::mount::{UnmountFlags, unmount};
use rustix::process::{WaitOptions, waitpid};
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{OptionalActions, Winsize, tcgetattr, tcsetattr, tcsetwinsize};
use rustix::time::Timespec;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::{FileExt, MetadataExt, symlink};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// How often what is short is done: so often that its code counts as hot.
const TIMES: usize = 40;
const BLOCK: usize = 64 << 10;

/// Uses files in the host's directories and in the container's own, processes, pipes, a terminal and sockets.
pub(crate) fn run(directories: &[Directory]) -> Result<()> {
    for Directory { path, .. } in directories {
        files(Path::new(path)).with_context(|| format!("rehearse files in {path}"))?;
        unmount(path, UnmountFlags::empty()).with_context(|| format!("unmount {path}"))?;
        fs::remove_dir(path).with_context(|| format!("remove {path}"))?;
    }
    let own = Path::new("/.rehearsal");
    fs::create_dir(own).context("make a directory")?;
    files(own).context("rehearse files")?;
    fs::remove_dir(own).context("remove a directory")?;
    processes().context("rehearse processes")?;
    terminal().context("rehearse a terminal")?;
    sockets().context("rehearse sockets")
}

/// Small files, many of them, and one that is large.
pub(crate) fn files(directory: &Path) -> Result<()> {
    let inside = directory.join("directory");
    fs::create_dir(&inside)?;
    let name = |number: usize| inside.join(format!("file-{number}"));
    for number in 0..TIMES {
        fs::write(name(number), "a line\n")?;
        File::options().append(true).open(name(number))?.write_all(b"another\n")?;
    }
    for entry in fs::read_dir(&inside)? {
        let entry = entry?;
        let size = entry.metadata()?.size() + fs::read(entry.path())?.len() as u64;
        ensure!(size == 30, "a file of 15 bytes");
    }
    for number in 0..TIMES {
        let (old, new) = (name(number), inside.join(format!("renamed-{number}")));
        fs::rename(&old, &new)?;
        let file = File::options().read(true).write(true).open(&new)?;
        file.set_len(5)?;
        file.sync_all()?;
        let time = Timespec { tv_sec: 1_000_000_000, tv_nsec: 0 };
        futimens(&file, &Timestamps { last_access: time, last_modification: time })?;
        symlink("renamed", &old)?;
        fs::read_link(&old)?;
        fs::remove_file(&old)?;
        let _ = fs::metadata(&old);
    }
    statfs(directory)?;
    fs::remove_dir_all(&inside)?;
    large(&directory.join("large"))
}

/// A file that is written, read, and read here and there.
fn large(path: &Path) -> Result<()> {
    let mut file = File::options().read(true).write(true).create_new(true).open(path)?;
    let mut block = vec![b'x'; BLOCK];
    for _ in 0..TIMES {
        file.write_all(&block)?;
    }
    file.seek(SeekFrom::Start(0))?;
    for _ in 0..TIMES {
        file.read_exact(&mut block)?;
    }
    for number in 0..TIMES {
        file.read_exact_at(&mut block[..100], (number * 4000) as u64)?;
        file.write_all_at(&block[..100], (number * 5000) as u64)?;
    }
    fs::remove_file(path)?;
    Ok(())
}

/// Children that write into a pipe, end, and are waited for.
fn processes() -> Result<()> {
    for number in 0..TIMES {
        let (mut from, to) = std::io::pipe()?;
        let Some(child) = syscalls::fork()? else {
            let done = (&to).write_all(&[b'x'; 4096]);
            std::process::exit(i32::from(done.is_err()));
        };
        drop(to);
        poll(&mut [PollFd::new(&from, PollFlags::IN)], None)?;
        let mut all = Vec::new();
        from.read_to_end(&mut all)?;
        let ended = waitpid(Some(child), WaitOptions::empty())?;
        ensure!(ended.is_some() && all.len() == 4096, "child {number}");
    }
    Ok(())
}

/// A terminal that is written to, and typed into by lines and, as editors have it, by keys.
fn terminal() -> Result<()> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = openpt(flags)?;
    unlockpt(&master)?;
    let slave = ioctl_tiocgptpeer(&master, flags)?;
    tcsetwinsize(&master, Winsize { ws_row: 40, ws_col: 132, ws_xpixel: 0, ws_ypixel: 0 })?;
    let (mut user, mut program) = (File::from(master), File::from(slave));
    let by_line = tcgetattr(&program)?;
    let mut by_key = by_line.clone();
    by_key.make_raw();
    let screen = "a line with a tab\tand a \u{1b}[1mword\u{1b}[0m that stands out\n".repeat(20);
    let mut block = [0; 4096];
    for settings in [&by_line, &by_key] {
        tcsetattr(&program, OptionalActions::Drain, settings)?;
        for _ in 0..TIMES {
            // What is shown is read as it comes, so that neither side waits for room.
            program.write_all(screen.as_bytes())?;
            let _ = user.read(&mut block)?;
            user.write_all(b"typed\x7f\r")?;
            let _ = program.read(&mut block)?;
        }
    }
    Ok(())
}

/// Streams and datagrams between two ends in this process.
fn sockets() -> Result<()> {
    let (one, other) = UnixStream::pair()?;
    exchange(one, other)?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    for _ in 0..TIMES {
        let one = TcpStream::connect(listener.local_addr()?)?;
        let (other, _) = listener.accept()?;
        one.set_nodelay(true)?;
        exchange(one, other)?;
    }
    let (one, other) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
    one.set_read_timeout(Some(Duration::from_secs(1)))?;
    for _ in 0..TIMES {
        other.send_to(b"datagram", one.local_addr()?)?;
        one.recv_from(&mut [0; 64])?;
    }
    Ok(())
}

fn exchange(mut one: impl Read + Write, mut other: impl Read + Write) -> Result<()> {
    let mut block = [0; 1000];
    for _ in 0..TIMES {
        one.write_all(&[b'x'; 1000])?;
        other.read_exact(&mut block)?;
        other.write_all(&block[..10])?;
        one.read_exact(&mut block[..10])?;
    }
    Ok(())
}
