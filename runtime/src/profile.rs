//! What ran: recorded while the machine trains, read by the translator.
//!
//! Code is named by where it is the same in every run: kernel code by its virtual address, user code by its
//! guest-physical address, since files of the image are mapped page by page and lie one after the other in it (`physical
//! = base + offset in the image`, whatever the process and its address space layout). Where the image is a drive, whoever knows the
//! image gives pages these names afterwards ([`Profile::renamed`]). The profile holds the pages that
//! code ran on as they were, blocks that began on them, and where indirect jumps, calls and returns went.
//!
//! The translator trusts nothing here: a wrong profile costs speed.

use crate::devices::Gpa;
use crate::interp::pages::PageMap;
use crate::memory::{PAGE, Place};
use crate::snapshot::codec::{CodecError, Reader, Writer};
use crate::vm::Vm;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use x86::Level;

/// Which privilege code ran at, and with it what its addresses mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Mode {
    /// Privilege level 0; addresses are virtual.
    Kernel = 0,
    /// Privilege level 3; addresses are guest-physical.
    User = 1,
}

/// Names a byte of code: see the module's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CodeAddress {
    /// Who runs it.
    pub mode: Mode,
    /// Virtual or guest-physical address.
    pub address: u64,
}

impl CodeAddress {
    /// The first byte of its page.
    pub fn page(self) -> CodeAddress {
        CodeAddress { address: self.address & !(PAGE as u64 - 1), ..self }
    }
}

/// A run of instructions that was entered at its first and left after its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BlockProfile {
    /// Bytes of its instructions; all begin in one page, the last may end in the next.
    pub length: u32,
    /// Instructions.
    pub insns: u32,
    /// How often it was entered.
    pub count: u64,
}

impl BlockProfile {
    /// Adds what was seen of the same block another time: it may have been left earlier.
    fn add(&mut self, other: BlockProfile) {
        self.count = self.count.saturating_add(other.count);
        if other.length > self.length {
            (self.length, self.insns) = (other.length, other.insns);
        }
    }
}

/// A profile, in ascending order of everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Profile {
    /// Blocks that ran.
    pub blocks: BTreeMap<CodeAddress, BlockProfile>,
    /// From a block's start to the start of the one that ran next, where the block ends with an indirect jump or call, or
    /// a return; and how often.
    pub indirect: BTreeMap<(CodeAddress, CodeAddress), u64>,
    /// Pages that blocks lie on, with their bytes when a block of theirs ran first.
    pub pages: BTreeMap<CodeAddress, Box<[u8; PAGE]>>,
    /// Instructions that ran while it was recorded.
    pub retired: u64,
    /// Which processor they ran on.
    pub level: Level,
}

impl Profile {
    /// Writes it as one section.
    pub fn save(&self, to: &mut Writer) {
        to.section("profile", 2, |to| {
            to.field(&self.retired);
            to.field(&(self.level as u8));
            to.field(&(self.blocks.len() as u64));
            for (address, block) in &self.blocks {
                save_address(*address, to);
                to.field(&block.length);
                to.field(&block.insns);
                to.field(&block.count);
            }
            to.field(&(self.indirect.len() as u64));
            for ((from, target), count) in &self.indirect {
                save_address(*from, to);
                save_address(*target, to);
                to.field(count);
            }
            to.field(&(self.pages.len() as u64));
            for (address, bytes) in &self.pages {
                save_address(*address, to);
                to.raw(&bytes[..]);
            }
        });
    }

    /// Reads what [`Profile::save`] wrote.
    ///
    /// # Errors
    /// [`CodecError`] says where it is damaged.
    pub fn load(from: &mut Reader<'_>) -> Result<Profile, CodecError> {
        from.section("profile", 2, |from| {
            let mut profile = Profile { retired: from.field()?, ..Profile::default() };
            let level = Level::from_number(from.field()?);
            from.check(level.is_some(), "a processor level from 1 to 3")?;
            profile.level = level.unwrap_or_default();
            for _ in 0..from.field::<u64>()? {
                let address = load_address(from)?;
                let block = BlockProfile { length: from.field()?, insns: from.field()?, count: from.field()? };
                from.check(block.length <= 15 * 64 && block.length > 0, "a block of 1 to 960 bytes")?;
                profile.blocks.insert(address, block);
            }
            for _ in 0..from.field::<u64>()? {
                let edge = (load_address(from)?, load_address(from)?);
                let count = from.field()?;
                profile.indirect.insert(edge, count);
            }
            for _ in 0..from.field::<u64>()? {
                let address = load_address(from)?;
                from.check(address == address.page(), "the address of a page")?;
                let bytes: [u8; PAGE] = from.raw(PAGE as u64)?.try_into().expect("as many bytes as asked for");
                profile.pages.insert(address, Box::new(bytes));
            }
            Ok(profile)
        })
    }

    /// Adds what ran in another run, on whose memory a module will begin: where a page held something else then, what ran there
    /// before is forgotten.
    pub fn add(&mut self, later: Profile) {
        let differs = |(page, after): &(&CodeAddress, _)| self.pages.get(page).is_some_and(|before| before != *after);
        let changed: BTreeSet<CodeAddress> = later.pages.iter().filter(differs).map(|(page, _)| *page).collect();
        self.blocks.retain(|address, _| !changed.contains(&address.page()));
        self.indirect.retain(|(from, to), _| !changed.contains(&from.page()) && !changed.contains(&to.page()));
        for (address, block) in later.blocks {
            self.blocks.entry(address).or_default().add(block);
        }
        for (edge, count) in later.indirect {
            let all = self.indirect.entry(edge).or_default();
            *all = all.saturating_add(count);
        }
        self.pages.extend(later.pages);
        self.retired += later.retired;
    }

    /// The same with some pages under other names; two that get one name are one.
    pub fn renamed(self, names: &BTreeMap<CodeAddress, CodeAddress>) -> Profile {
        let rename = |at: CodeAddress| match names.get(&at.page()) {
            Some(page) => CodeAddress { address: page.address + at.address % PAGE as u64, ..*page },
            None => at,
        };
        let mut renamed = Profile { retired: self.retired, level: self.level, ..Profile::default() };
        for (at, block) in self.blocks {
            renamed.blocks.entry(rename(at)).or_default().add(block);
        }
        for ((from, to), count) in self.indirect {
            let all = renamed.indirect.entry((rename(from), rename(to))).or_default();
            *all = all.saturating_add(count);
        }
        renamed.pages = self.pages.into_iter().map(|(page, bytes)| (rename(page), bytes)).collect();
        renamed
    }

    /// Bytes from `address` on, at most `most`, as far as pages are known.
    pub fn bytes(&self, address: CodeAddress, most: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(most);
        while bytes.len() < most {
            let at = CodeAddress { address: address.address.wrapping_add(bytes.len() as u64), ..address };
            let Some(page) = self.pages.get(&at.page()) else { break };
            let rest = &page[at.address as usize % PAGE..];
            bytes.extend_from_slice(&rest[..rest.len().min(most - bytes.len())]);
        }
        bytes
    }
}

fn save_address(address: CodeAddress, to: &mut Writer) {
    to.field(&(address.mode as u8));
    to.field(&address.address);
}

fn load_address(from: &mut Reader<'_>) -> Result<CodeAddress, CodecError> {
    let mode: u8 = from.field()?;
    from.check(mode <= 1, "0 for the kernel or 1 for user mode")?;
    let mode = if mode == 0 { Mode::Kernel } else { Mode::User };
    Ok(CodeAddress { mode, address: from.field()? })
}

/// Records a profile.
#[derive(Default)]
pub(crate) struct Recorder {
    blocks: PageMap<CodeAddress, BlockProfile>,
    indirect: PageMap<(CodeAddress, CodeAddress), u64>,
    pages: PageMap<CodeAddress, Box<[u8; PAGE]>>,
    /// The block that ran last, if where it went must be recorded.
    last: Option<CodeAddress>,
    begun: u64,
}

impl Vm {
    /// Starts to record a profile.
    pub fn start_profile(&mut self) {
        self.recorder = Some(Box::new(Recorder { begun: self.retired(), ..Recorder::default() }));
    }

    /// Ends recording; `None` if it never started.
    pub fn take_profile(&mut self) -> Option<Profile> {
        let recorder = self.recorder.take()?;
        Some(Profile {
            blocks: recorder.blocks.into_iter().collect(),
            indirect: recorder.indirect.into_iter().collect(),
            pages: recorder.pages.into_iter().collect(),
            retired: self.retired() - recorder.begun,
            level: self.cpu.level(),
        })
    }

    /// Ends recording, for a module that goes on from here: programs' pages are as they are now, with all that a program has
    /// written since it first ran code there.
    pub fn take_profile_to_go_on(&mut self) -> Option<Profile> {
        let mut profile = self.take_profile()?;
        for (address, page) in profile.pages.iter_mut().filter(|(address, _)| address.mode == Mode::User) {
            if let Some(place) = self.memory.place(Gpa(address.address)) {
                page.copy_from_slice(self.memory.bytes(place, PAGE));
            }
        }
        Some(profile)
    }

    /// Records that a block ran at RIP: `count` of its instructions, of `length` bytes, the last of them an indirect
    /// transfer or not.
    pub(crate) fn record_block(&mut self, rip: u64, start: Place, length: u32, count: u32, indirect: bool) {
        let Some(mut recorder) = self.recorder.take() else { return };
        let here = self.code_address(rip, start);
        if let Some(last) = recorder.last.take() {
            *recorder.indirect.entry((last, here)).or_default() += 1;
        }
        let block = match recorder.blocks.entry(here) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(first) => {
                let page = || self.memory.bytes(Place(start.0 & !(PAGE as u32 - 1)), PAGE).try_into().expect("a page");
                recorder.pages.entry(here.page()).or_insert_with(|| Box::new(page()));
                first.insert(BlockProfile::default())
            }
        };
        block.add(BlockProfile { length, insns: count, count: 1 });
        recorder.last = indirect.then_some(here);
        self.recorder = Some(recorder);
    }

    /// What names the code at RIP, which lies at `place`.
    pub(crate) fn code_address(&self, rip: u64, place: Place) -> CodeAddress {
        if self.cpu.cpl == 0 {
            CodeAddress { mode: Mode::Kernel, address: rip }
        } else {
            let Gpa(address) = self.memory.gpa(place);
            CodeAddress { mode: Mode::User, address }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pages: &[(u64, u8)], blocks: &[(u64, u64)]) -> Profile {
        let at = |address| CodeAddress { mode: Mode::User, address };
        let mut profile = Profile { retired: 10, ..Profile::default() };
        profile.pages.extend(pages.iter().map(|&(address, byte)| (at(address), Box::new([byte; PAGE]))));
        for &(address, count) in blocks {
            profile.blocks.insert(at(address), BlockProfile { length: 4, insns: 1, count });
            profile.indirect.insert((at(address), at(0x1000)), count);
        }
        profile
    }

    #[test]
    fn pages_get_other_names_with_all_that_is_on_them() {
        let profile = of(&[(0x1000, 1), (0x2000, 2), (0x3000, 2)], &[(0x1010, 5), (0x2010, 7), (0x3010, 8)]);
        let at = |address| CodeAddress { mode: Mode::User, address };
        let names = BTreeMap::from([(at(0x2000), at(0x9000)), (at(0x3000), at(0x9000))]);
        let expected = of(&[(0x1000, 1), (0x9000, 2)], &[(0x1010, 5), (0x9010, 15)]);
        assert_eq!(profile.renamed(&names), expected);
    }

    #[test]
    fn a_later_run_adds_to_what_is_the_same_and_replaces_what_is_not() {
        let mut profile = of(&[(0x1000, 1), (0x2000, 2)], &[(0x1010, 5), (0x2010, 7), (0x2020, 8)]);
        profile.add(of(&[(0x1000, 1), (0x2000, 3), (0x3000, 4)], &[(0x1010, 1), (0x2020, 2), (0x3000, 3)]));
        let expected = of(&[(0x1000, 1), (0x2000, 3), (0x3000, 4)], &[(0x1010, 6), (0x2020, 2), (0x3000, 3)]);
        assert_eq!(profile, Profile { retired: 20, ..expected });
    }
}
