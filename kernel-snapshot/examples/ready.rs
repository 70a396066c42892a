//! Boots to `Ready`, tells how dense the snapshot is, and runs a command: `ready VMLINUX INIT EROFS EXTRA COMMAND...`.

use kernel_snapshot::ready::{self, ReadyRequest};
use runtime::devices::Stream;
use runtime::memory::ImageSource;
use runtime::session::Output;
use runtime::snapshot::Snapshot;
use std::io::Write;
use std::time::Instant;

struct Console;

impl Output for Console {
    fn write(&mut self, stream: Stream, bytes: &[u8]) {
        print!("<{stream:?}> ");
        let _ = std::io::stdout().write_all(bytes);
    }
}

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [vmlinux, init, image, extra, command @ ..] = arguments.as_slice() else { anyhow::bail!("see the source") };
    let mut image = std::fs::read(image)?;
    image.resize(image.len().next_multiple_of(2 << 20), 0);
    let image = ImageSource::of_bytes(image);
    let (vmlinux, init) = (std::fs::read(vmlinux)?, std::fs::read(init)?);
    let request = ReadyRequest {
        vmlinux: &vmlinux,
        init: &init,
        ram_size: 128 << 20,
        level: x86::Level::default(),
        image: &image,
        drive: false,
        extra,
    };
    let begun = Instant::now();
    let mut session = ready::boot(&request, &|line| println!("{line}, {:?}", begun.elapsed()))?;
    println!("tsc {}, next timer {:?}", session.vm.tsc(), session.vm.devices.next_deadline());
    let snapshot = Snapshot::take(&mut session, request.boot_digest().0);
    let mut file = Vec::new();
    snapshot.write(&mut file)?;
    let ram = &snapshot.ram;
    println!(
        "{} pages in {} runs, span {}, {} bytes, state {} bytes",
        ram.count(),
        ram.run_count(),
        ram.span(),
        file.len(),
        snapshot.state.len()
    );
    let mut per_mib = vec![0; 128];
    for (run, _) in ram.runs() {
        (run.first..run.end()).for_each(|page| per_mib[page as usize / 256] += 1);
    }
    println!("pages by MiB: {per_mib:?}");

    let begun = Instant::now();
    let mut session = Snapshot::read(&mut file.as_slice())?.restore(&image, ready::backends())?;
    println!("restored in {:?}", begun.elapsed());
    let before = session.vm.retired();
    let begun = Instant::now();
    let start = channel::Start {
        args: command.to_vec(),
        env: vec!["PATH=/bin".into()],
        cwd: "/".into(),
        hostname: "guest".into(),
        wall_clock_ns: 1_800_000_000_000_000_000,
        seed: vec![1; 32],
        ..channel::Start::default()
    };
    let code = kernel_snapshot::command::run(&mut session, start, b"", before + 4_000_000_000, &mut Console);
    println!("exit {code:?} after {} instructions, {:?}", session.vm.retired() - before, begun.elapsed());
    for (code, count) in session.vm.unimplemented() {
        println!("unimplemented {code:?} {count}");
    }
    for (bytes, count) in session.vm.undecodable() {
        println!("undecodable {bytes:02x?} {count}");
    }
    Ok(())
}
