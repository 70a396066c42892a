//! The static init of the guest: process 1 of the machine.
//!
//! It mounts the image, waits for the program on the configuration channel ([`channel`]), runs it as a container
//! runtime would, pumps its streams, and reports how it ended. One thread, no signals, one child.
//!
//! ```text
//!  boot      mounts of init's own, configuration port             ──► Booted      (snapshot `boot`)
//!  Prepare   image + overlay, cgroup, loopback, stream ports; the
//!            container's first process is forked: namespaces,
//!            mounts, pivot_root; it waits on a socket             ──► Ready       (snapshot `ready`)
//!  Start     clock, entropy, terminal; the waiting process takes
//!            on host name, user, limits, capabilities, and execs
//!            (a container with other mounts, or with a layer on a
//!            disk, is made anew first)
//!  run       bytes between ports and pipes (or the terminal),
//!            Resize, Signal, Resumed; the program's end through
//!            a pidfd                                              ──► Exit
//! ```
//!
//! All that does not depend on the program happens before `Ready`, so that a resumed snapshot does little.
//! A step that fails ends the run with `Failed`, naming the step and the kernel's error. After `Exit` or `Failed`
//! init waits for ever: stopping the machine is the host's part.
//!
//! | module | part |
//! |---|---|
//! | `boot`, `image`, `network`, `probe` | the machine: init's own mounts, image and overlay, loopback, devices that are found late |
//! | `ports`, `host` | virtio-console ports by name, messages of the configuration channel |
//! | `container`, `rootfs`, `nodes`, `etc` | the container's first process: namespaces, mounts, device nodes, generated files |
//! | `identity`, `timens` | who and when it is in namespaces of users and time |
//! | `shared`, `mounts` | the host's directories, one mount, a read-only root |
//! | `layer` | the host's disk with what the container writes |
//! | `memory` | RAM that the run adds |
//! | `devices` | which devices the container may use |
//! | `program`, `user`, `environment`, `lookup`, `privileges`, `seccomp`, `keyring`, `directory` | what that process becomes |
//! | `reaper` | what it becomes where the program is to have another process before it |
//! | `rehearsal` | what it does before in a training run |
//! | `streams`, `terminal`, `flow`, `pump` | pipes and pseudo terminal, and the loop that moves the bytes |
//! | `clock`, `entropy` | what a resumed machine must be told |
//! | `syscalls` | the system calls that need `unsafe` |
//!
//! # What the machine must offer
//! - An initial file system that holds this program as `/init` and the device node `/dev/console`.
//! - Console ports with the names of [`channel::CONFIG_PORT`] and [`channel::STDIO_PORTS`]. The stream ports are
//!   connected before `Start` is sent. Standard input ends where the host closes its port; a host that closes an
//!   output port closes the program's pipe. Output is in the ports' queues before `Exit` is in that of its port.
//! - The image as `/dev/pmem0` (EROFS, DAX), `/dev/vdb` (EROFS, beside the drive `/dev/vda`) or `/dev/vda` (EROFS, SquashFS or ext4).
//! - For a layer on a disk: the drive `/dev/vda`, into which an ext4 is put before `Start` is sent.
//!
//! # Departures from Docker's defaults
//! The network namespace is the machine's own, which holds nothing but the container's interfaces, unless a user namespace is to
//! own one. No seccomp filter is set unless the host asks for one: it keeps a container's hands off its host's kernel, and this
//! kernel is the container's own. No name server is configured.
//!
//! # Build
//! ```text
//! RUSTFLAGS='-C target-feature=+crt-static -C relocation-model=static' \
//!     cargo build --profile guest -p guest-init --target x86_64-unknown-linux-gnu
//! ```

mod boot;
mod clock;
mod container;
mod devices;
mod directory;
mod entropy;
mod environment;
mod etc;
mod flow;
mod host;
mod identity;
mod image;
mod keyring;
mod layer;
mod lookup;
mod memory;
mod mounts;
mod network;
mod nodes;
mod ports;
mod privileges;
mod probe;
mod program;
mod pump;
mod reaper;
mod rehearsal;
mod rootfs;
mod seccomp;
mod shared;
mod streams;
mod syscalls;
mod terminal;
mod timens;
mod user;

use anyhow::{Context, Result, bail};
use channel::{Start, ToGuest, ToHost, World};
use container::Container;
use host::Host;
use pump::Pump;
use streams::Streams;
use terminal::Terminal;

fn main() {
    let set_up = boot::yield_to_programs().and_then(|()| boot::mount_own());
    let ended = set_up.and_then(|()| Host::connect()).and_then(|mut host| {
        let last_word = match serve(&mut host) {
            Ok(code) => ToHost::Exit(code),
            Err(error) => ToHost::Failed(format!("{error:#}")),
        };
        rustix::fs::sync();
        host.send(&last_word)
    });
    if let Err(error) = ended {
        // Without the channel the console is all there is; the kernel panics when process 1 ends.
        eprintln!("init: {error:#}");
        std::process::exit(1);
    }
    loop {
        let _ = rustix::event::poll(&mut [], None);
    }
}

/// The stages from `Booted` to the program's end; returns its exit code.
fn serve(host: &mut Host) -> Result<u8> {
    host.send(&ToHost::Booted)?;
    match host.receive()? {
        ToGuest::Prepare => {}
        other => bail!("configuration channel: expected Prepare, got {other:?}"),
    }
    let (container, ports) = prepare().context("Prepare")?;
    host.send(&ToHost::Ready)?;
    let start = match host.receive()? {
        ToGuest::Start(start) => *start,
        other => bail!("configuration channel: expected Start, got {other:?}"),
    };
    clock::set(start.wall_clock_ns)?;
    entropy::reseed(&start.seed)?;
    run(container, ports, &start, host)
}

/// Everything that does not depend on the program.
fn prepare() -> Result<(Container, Streams)> {
    let ports = Streams::open_ports()?;
    image::mount_image()?;
    image::mount_overlay(image::MEMORY)?;
    boot::mount_cgroup()?;
    network::bring_up()?;
    Ok((Container::create(&World::default(), None)?, ports))
}

/// Runs the program in the container that waits for it, or in another that is asked for; returns its exit code.
fn run(container: Container, ports: Streams, start: &Start, host: &mut Host) -> Result<u8> {
    if let Some(block) = start.memory_block {
        memory::take(block)?;
    }
    if start.rehearsal {
        layer::rehearse()?;
    }
    if !start.layer && start.world.is_none() {
        return launch(container, ports, start)?.run(host);
    }
    container.abandon()?;
    let world = start.world.clone().unwrap_or_default();
    let anew = || create_anew(start, &world).context("make the container that is asked for");
    if !start.layer {
        image::forget_memory()?;
        return launch(anew()?, ports, start)?.run(host);
    }
    layer::mount()?;
    let code = anew().and_then(|container| launch(container, ports, start)?.run(host));
    let unmounted = layer::unmount();
    code.and_then(|code| unmounted.map(|()| code))
}

/// Makes the container that is asked for. One with a user namespace is lent the host's directories: what nobody owns there yet is its
/// user's.
fn create_anew(start: &Start, world: &World) -> Result<Container> {
    let directories = (world.namespaces.user.is_some()).then(|| {
        let account = user::find(&start.user, image::ROOT)?;
        // One that is not mapped is refused later.
        let owner = world.namespaces.outside((account.uid, account.gid)).unwrap_or_default();
        shared::lend(&start.directories, owner)
    });
    Container::create(world, directories.transpose()?)
}

/// Starts the program in a container.
fn launch(container: Container, ports: Streams, start: &Start) -> Result<Pump> {
    boot::limit("pids", start.confinement.pids)?;
    boot::limit("memory", start.confinement.memory)?;
    start.confinement.controls.iter().try_for_each(|control| boot::control(&control.file, &control.value))?;
    let terminal = start.terminal.map(|size| Terminal::open(container.pid(), container.root(), size)).transpose()?;
    let (program, pipes) = container.start(start, terminal.as_ref().map(Terminal::path))?;
    Ok(Pump::new(program, ports, pipes, terminal)?.announcing(start.listens))
}
