//! Boots a kernel with an init natively, profiles it, and prints what discovery finds:
//! `discover VMLINUX INIT [hot|reachable] [MAX_BYTES]`.

use anyhow::{Context, Result, bail};
use kernel_snapshot::{boot, cmdline, initramfs, machine};
use runtime::devices::{Backends, SeededEntropy, Stream};
use runtime::profile::Profile;
use runtime::session::{Event, Output, Session};
use runtime::vm::TSC_KHZ;
use std::time::Instant;
use translator::discover::{Coverage, Directory, Inputs, Options, Region, discover};
use x86::{Insn, Mnemonic, Operand};

struct Silent;

impl Output for Silent {
    fn write(&mut self, _stream: Stream, _bytes: &[u8]) {}
}

/// Runs up to init's first message.
fn profile(vmlinux: &[u8], init: &[u8]) -> Result<Profile> {
    let initramfs = initramfs::initramfs(init);
    let command_line = cmdline::command_line(TSC_KHZ, &cmdline::Slot::all(), "");
    let sizes = machine::Sizes { ram: 128 << 20, image: 0 };
    let request = boot::BootRequest {
        vmlinux,
        initramfs: &initramfs,
        command_line: &command_line,
        ram_size: sizes.ram,
        image_size: sizes.image,
        seed: &[7; 32],
    };
    let entropy = Some(Box::new(SeededEntropy::new([1; 32])) as _);
    let backends = Backends { entropy, directories: Some(Vec::new()), ..Backends::default() };
    let vm =
        machine::power_up(&boot::load(&request)?, sizes, x86::Level::default(), 1_700_000_000_000_000_000, backends)?;
    let mut session = Session::new(vm);
    session.vm.start_profile();
    loop {
        match session.step(2_000_000_000, &mut Silent)? {
            Event::Idle(Some(deadline)) => session.vm.advance_tsc(deadline),
            Event::Slice => {}
            Event::Message(_) => break,
            event => bail!("the guest stopped before init's first message: {event:?}"),
        }
    }
    session.vm.take_profile().context("nothing was recorded")
}

/// Privileged instructions and those that leave the program.
fn leaves(insn: &Insn) -> bool {
    use Mnemonic::*;
    matches!(insn.mnemonic, Cli | Sti | Hlt | Cpuid | Rdmsr | Wrmsr | Invlpg | In | Out | Swapgs | Rdtsc | Iretq)
        || insn.operands.iter().any(|operand| matches!(operand, Operand::Control(_) | Operand::Debug(_)))
}

fn print_largest(regions: &[Region]) {
    let mut hottest: Vec<&Region> = regions.iter().collect();
    hottest.sort_by_key(|region| (std::cmp::Reverse(region.weight), region.id));
    for region in hottest.into_iter().take(15) {
        let insns: u32 = region.blocks.iter().map(|block| block.insns).sum();
        let (weight, blocks, entries) = (region.weight, region.blocks.len(), region.entries.len());
        println!("{weight:>12} {blocks:>5} blocks {insns:>6} instructions {entries:>4} entries  {}", region.name);
    }
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [vmlinux, init, rest @ ..] = &arguments[..] else { bail!("expected VMLINUX INIT [hot|reachable] [MAX_BYTES]") };
    let (vmlinux, init) = (std::fs::read(vmlinux)?, std::fs::read(init)?);
    let mut options = Options::default();
    match rest.first().map(String::as_str) {
        Some("hot") => options.coverage = Coverage::Hot,
        Some("reachable") | None => {}
        Some(other) => bail!("{other}: expected hot or reachable"),
    }
    if let Some(most) = rest.get(1) {
        options.max_bytes = most.parse().with_context(|| format!("{most}: expected a number of bytes"))?;
    }
    let begun = Instant::now();
    let profile = profile(&vmlinux, &init)?;
    println!("{} blocks, {} pages in {:?}", profile.blocks.len(), profile.pages.len(), begun.elapsed());
    let begun = Instant::now();
    let inputs = Inputs { profile: &profile, vmlinux: Some(&vmlinux), image: None };
    let found = discover(inputs, &leaves, &options)?;
    println!("discovered in {:?}", begun.elapsed());
    print!("{}", found.report);
    let directory = Directory::new(&found.regions);
    let bound: usize = found.regions.iter().flat_map(|r| r.code().ranges).map(|(_, bytes)| bytes.len()).sum();
    println!("{} entries in the directory, {bound} bytes to bind", directory.len());
    print_largest(&found.regions);
    Ok(())
}
