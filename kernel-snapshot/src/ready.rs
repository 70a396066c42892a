//! From kernel, init and image to a machine that waits for its program, and its snapshot.
//!
//! The run is deterministic: the same request gives the same bytes. The wall clock starts at [`EPOCH_NS`], what seeds
//! the guest's generators is fixed (a resumed machine is seeded anew), and an idle guest jumps to its next timer.

use crate::boot::{self, BootRequest};
use crate::cache::{Cache, Digest, Recipe};
use crate::cmdline::{Slot, command_line};
use crate::console::Tail;
use crate::{initramfs, machine};
use anyhow::{Context, Result, bail, ensure};
use channel::{ToGuest, ToHost};
use runtime::devices::{Backends, EmptyDrive, SeededEntropy};
use runtime::memory::ImageSource;
use runtime::session::{Event, Session};
use runtime::snapshot::Snapshot;
use runtime::vm::TSC_KHZ;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use x86::Level;

/// The guest's wall clock at power-up, in nanoseconds since the Unix epoch: 2024-01-01. `Start` sets the true time.
pub const EPOCH_NS: u64 = 1_704_067_200 * 1_000_000_000;
/// Most instructions up to `Ready`; a boot takes about 30 million.
const LIMIT: u64 = 2_000_000_000;
/// Version of the way in which snapshots are made.
const KIND: &str = "ready snapshot 4";
/// What the boot loader gives the kernel's generator, and the key of the entropy device: both of no secret.
const BOOT_SEED: [u8; 32] = [0x5a; 32];
const ENTROPY_KEY: [u8; 32] = [0xa5; 32];

/// What becomes a waiting machine.
#[derive(Debug, Clone, Copy)]
pub struct ReadyRequest<'a> {
    /// The kernel, an ELF file.
    pub vmlinux: &'a [u8],
    /// The init, an ELF file: [`guest::init_binary`](crate::guest::init_binary).
    pub init: &'a [u8],
    /// Bytes of RAM.
    pub ram_size: u64,
    /// Which instructions the processor has.
    pub level: Level,
    /// The image: an EROFS file system, padded with zeros to a multiple of 2 MiB. It is read as the guest touches it.
    pub image: &'a ImageSource,
    /// Whether the guest has it as a drive, and not in its memory.
    pub drive: bool,
    /// Appended to the kernel's command line; empty for nothing.
    pub extra: &'a str,
}

impl ReadyRequest<'_> {
    fn command_line(&self) -> String {
        command_line(TSC_KHZ, &Slot::all(), self.extra)
    }

    /// Digest of all that the machine is made from, the image aside: [`Header::boot`](runtime::snapshot::Header::boot).
    pub fn boot_digest(&self) -> Digest {
        Recipe::new(KIND)
            .bytes("kernel", self.vmlinux)
            .bytes("init", self.init)
            .text("command line", &self.command_line())
            .text("RAM", &self.ram_size.to_string())
            .text("processor", self.level.name())
            .text("image", if self.drive { "drive" } else { "memory" })
            .digest()
    }
}

/// What the machine is lent up to `Ready`; a resumed machine gets a source of true entropy instead, and the run's
/// directories and disk.
pub fn backends() -> Backends {
    let entropy = Some(Box::new(SeededEntropy::new(ENTROPY_KEY)) as _);
    Backends { disk: Some(Box::new(EmptyDrive)), entropy, directories: Some(Vec::new()), image: None }
}

/// The machine at the kernel's first instruction.
///
/// # Errors
/// Those of [`boot::load`] and [`machine::power_up`].
pub fn power_up(request: &ReadyRequest<'_>) -> Result<Session> {
    let mapped = if request.drive { 0 } else { request.image.size };
    let sizes = machine::Sizes { ram: request.ram_size, image: mapped };
    let boot = boot::load(&BootRequest {
        vmlinux: request.vmlinux,
        initramfs: &initramfs::initramfs(request.init),
        command_line: &request.command_line(),
        ram_size: sizes.ram,
        image_size: sizes.image,
        seed: &BOOT_SEED,
    })?;
    let drive = request.drive.then(|| request.image.clone());
    let backends = Backends { image: drive, ..backends() };
    let mut vm = machine::power_up(&boot, sizes, request.level, EPOCH_NS, backends)?;
    if !request.drive {
        vm.memory.lend(request.image.clone());
    }
    Ok(Session::new(vm))
}

/// Boots, mounts the image, and returns the machine idle, with init waiting for `Start` and nothing on its way.
///
/// # Errors
/// When the request cannot be booted, init fails, or the guest shuts down, waits for ever or takes over two billion
/// instructions: with the last lines of its console.
pub fn boot(request: &ReadyRequest<'_>, progress: &dyn Fn(&str)) -> Result<Session> {
    let mut session = power_up(request)?;
    let mut console = Tail::default();
    let done = reach_ready(&mut session, &mut console, progress);
    done.map_err(|error| error.context(console.report("the guest did not get ready")))?;
    Ok(session)
}

fn reach_ready(session: &mut Session, console: &mut Tail, progress: &dyn Fn(&str)) -> Result<()> {
    expect(session, console, &ToHost::Booted)?;
    progress(&format!("guest: booted after {} instructions", session.vm.retired()));
    session.send(&ToGuest::Prepare);
    expect(session, console, &ToHost::Ready)?;
    come_to_rest(session, console)?;
    progress(&format!("guest: ready after {} instructions", session.vm.retired()));
    Ok(())
}

/// Runs until init says what is expected.
fn expect(session: &mut Session, console: &mut Tail, expected: &ToHost) -> Result<()> {
    loop {
        match session.step(LIMIT, console)? {
            Event::Message(message) if message == *expected => return Ok(()),
            Event::Message(ToHost::Failed(why)) => bail!("init failed before {expected:?}: {why}"),
            Event::Message(other) => bail!("configuration channel: expected {expected:?}, got {other:?}"),
            event => go_on(session, &event).with_context(|| format!("waiting for {expected:?}"))?,
        }
    }
}

/// Runs until the guest is idle.
fn come_to_rest(session: &mut Session, console: &mut Tail) -> Result<()> {
    loop {
        match session.step(LIMIT, console)? {
            Event::Idle(_) => break,
            Event::Message(other) => bail!("configuration channel: expected nothing after Ready, got {other:?}"),
            event => go_on(session, &event).context("coming to rest")?,
        }
    }
    ensure!(session.is_drained(), "configuration channel: init stopped in the middle of a message");
    Ok(())
}

/// What a deterministic run does between two steps: an idle guest jumps to its next timer.
///
/// # Errors
/// When the guest waits for ever, or the limit was reached.
pub fn go_on(session: &mut Session, event: &Event) -> Result<()> {
    match event {
        Event::Idle(Some(deadline)) => session.vm.advance_tsc(*deadline),
        Event::Idle(None) => bail!("the guest waits, and no timer is set"),
        Event::Limit => bail!("the limit of instructions is reached: {}", session.vm.retired()),
        Event::Slice | Event::Message(_) => {}
    }
    Ok(())
}

/// The snapshot of the waiting machine: from `cache`, or by [`boot()`].
///
/// The key covers this program too, since the machine is part of it.
///
/// # Errors
/// Those of [`boot()`], of the file system, and of a cached snapshot that was damaged.
pub fn ready_snapshot(request: &ReadyRequest<'_>, cache: &Cache, progress: &dyn Fn(&str)) -> Result<Snapshot> {
    // This program's own file, even where another has taken its place meanwhile.
    let program = Path::new("/proc/self/exe");
    let recipe = Recipe::new(KIND).bytes("boot", &request.boot_digest().0).bytes("image", &request.image.digest);
    let digest = recipe.file("program", program)?.digest();
    let mut made = None;
    let entry = cache.entry("ready", digest, progress, |directory| {
        let snapshot = Snapshot::take(&mut boot(request, progress)?, request.boot_digest().0);
        let path = directory.join("snapshot");
        let file = File::create(&path).with_context(|| format!("create {}", path.display()))?;
        snapshot.write(&mut BufWriter::new(file)).with_context(|| format!("write {}", path.display()))?;
        made = Some(snapshot);
        Ok(())
    })?;
    if let Some(snapshot) = made {
        return Ok(snapshot);
    }
    let path = entry.path().join("snapshot");
    let mut file = File::open(&path).with_context(|| format!("open {}", path.display()))?;
    Snapshot::read(&mut file).with_context(|| format!("{}", path.display()))
}
