//! How much of what ran was taken, and what was left out.

use super::budget::Rank;
use super::regions::Region;
use runtime::profile::Mode;
use std::fmt;

/// Numbers of one privilege. Instructions count as often as they ran while the profile was recorded, unless said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Share {
    /// Functions with code that ran.
    pub functions: u64,
    /// Regions.
    pub regions: u64,
    /// Blocks in them.
    pub blocks: u64,
    /// Blocks in them that never ran.
    pub cold_blocks: u64,
    /// Instructions in them, each once.
    pub insns: u64,
    /// Bytes of x86 code in them.
    pub bytes: u64,
    /// Entry points.
    pub entries: u64,
    /// Instructions that ran.
    pub ran: u64,
    /// Of them, those in regions.
    pub taken: u64,
    /// Of those taken, those that only the interpreter can carry out.
    pub left_to_interpreter: u64,
    /// Of those that ran, those whose bytes are unknown or no instruction.
    pub unknown: u64,
    /// Of those that ran, those left out since they ran less often than the threshold or the budget asks.
    pub cold: u64,
}

/// What discovery found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The kernel.
    pub kernel: Share,
    /// User mode.
    pub user: Share,
    /// The greatest rank of the blocks that the budget had no room for; `None` where all fit.
    pub cut: Option<Rank>,
    /// Files of which nothing could be learned, and why.
    pub notes: Vec<String>,
}

impl Report {
    /// The numbers of a privilege.
    pub fn share(&mut self, mode: Mode) -> &mut Share {
        match mode {
            Mode::Kernel => &mut self.kernel,
            Mode::User => &mut self.user,
        }
    }

    pub(super) fn add_region(&mut self, region: &Region) {
        let share = self.share(region.mode);
        share.regions += 1;
        share.blocks += region.blocks.len() as u64;
        share.entries += region.entries.len() as u64;
        share.taken = share.taken.saturating_add(region.weight);
        share.left_to_interpreter = share.left_to_interpreter.saturating_add(region.left_to_interpreter);
        for block in &region.blocks {
            share.cold_blocks += u64::from(block.count == 0);
            share.insns += u64::from(block.insns);
            share.bytes += block.bytes.len() as u64;
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, share) in [("kernel", &self.kernel), ("user", &self.user)] {
            let percent = |part: u64| part as f64 * 100.0 / share.ran.max(1) as f64;
            let Share { functions, regions, blocks, cold_blocks, insns, bytes, entries, ran, .. } = share;
            writeln!(
                f,
                "{name}: {functions} functions, {regions} regions, {blocks} blocks ({cold_blocks} never ran),"
            )?;
            writeln!(f, "  {insns} instructions, {bytes} bytes, {entries} entries")?;
            writeln!(f, "  of {ran} instructions that ran {:.4}% are taken,", percent(share.taken))?;
            let (left, unknown, cold) = (share.left_to_interpreter, share.unknown, share.cold);
            writeln!(f, "  {:.4}% among them the interpreter's;", percent(left))?;
            writeln!(f, "  not taken: {:.4}% unknown, {:.4}% cold", percent(unknown), percent(cold))?;
        }
        if let Some(cut) = self.cut {
            writeln!(f, "left out for the budget: blocks {cut}, and colder ones")?;
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "{note}"))
    }
}
