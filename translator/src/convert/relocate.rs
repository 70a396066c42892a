//! Code of an image that is a drive, named by its place in the image.
//!
//! A guest that has its image as memory runs programs where they lie in it, and so profiles name their code ([`runtime::profile`]).
//! One that has a drive reads them into its RAM, each run to other places. Before a profile is used, each page of it that has the
//! bytes of a page of one of the image's programs gets the name that it would have had in the image; all that follows need not
//! know how the guest came by its image. Regions have their home there, where no code ever lies, and are bound wherever their bytes
//! are, as those of any code that moves.

use super::guest::{Guest, Root};
use anyhow::{Context, Result};
use runtime::memory::{IMAGE_BASE, PAGE};
use runtime::profile::{CodeAddress, Mode, Profile};
use std::collections::{BTreeMap, HashMap};
use std::os::unix::fs::FileExt;

/// Bytes that are read at once, whole pages.
const PIECE: usize = 1 << 20;

impl Guest {
    /// What ran in this guest, under names that hold for every run.
    ///
    /// # Errors
    /// If the image cannot be read.
    pub(super) fn located(&self, profile: Profile) -> Result<Profile> {
        if !self.snapshot.header.drive {
            return Ok(profile);
        }
        let names = names(&profile, &self.root)?;
        Ok(profile.renamed(&names))
    }
}

/// Which of the profile's pages are pages of programs of the image: of pages that are the same there, the first.
fn names(profile: &Profile, root: &Root) -> Result<BTreeMap<CodeAddress, CodeAddress>> {
    let mut wanted: HashMap<&[u8], Vec<CodeAddress>> = HashMap::new();
    for (&page, bytes) in profile.pages.iter().filter(|(page, _)| page.mode == Mode::User) {
        wanted.entry(&bytes[..]).or_default().push(page);
    }
    let mut names = BTreeMap::new();
    let mut piece = vec![0; PIECE];
    for file in &root.layout.files {
        if wanted.is_empty() {
            break;
        }
        if !file.is_elf(&root.file)? {
            continue;
        }
        let end = file.offset + file.len.next_multiple_of(PAGE as u64);
        for start in (file.offset..end).step_by(PIECE) {
            let piece = &mut piece[..(end - start).min(PIECE as u64) as usize];
            // A file's last page is whole in the image: it begins at a block, and zeros follow it.
            let read = root.file.read_exact_at(piece, start);
            read.with_context(|| format!("{}: cannot read it in the image", file.path.display()))?;
            for (page, number) in piece.chunks(PAGE).zip(0..) {
                let address = IMAGE_BASE.0 + start + number * PAGE as u64;
                for from in wanted.remove(page).unwrap_or_default() {
                    names.insert(from, CodeAddress { mode: Mode::User, address });
                }
            }
        }
    }
    Ok(names)
}
