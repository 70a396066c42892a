//! Reading the section `prelift.regions`, of which nothing is trusted: see `write` for its form.

use super::{Figures, RegionFigures, Unlifted, VERSION};
use crate::discover::{Binary, BinaryId};
use crate::link::FuncIndex;
use crate::lower::SideExits;
use anyhow::{Context, Result, bail, ensure};
use runtime::profile::Mode;
use wasmparser::BinaryReader;

impl Figures {
    /// Reads the section's contents, which begin at `offset` of their file.
    ///
    /// # Errors
    /// Says where in the file it is not what was expected.
    pub fn decode(contents: &[u8], offset: u64) -> Result<Figures> {
        let mut from = Fields(BinaryReader::new(contents, offset));
        let version: u32 = from.number("the version")?;
        ensure!(version == VERSION, "offset {offset:#x}: expected version {VERSION}, found {version}");
        let first_function = FuncIndex(from.number("the first region's function")?);
        let binaries = from.vector("the number of binaries", Fields::binary)?;
        let mnemonics = from.vector("the number of mnemonics", |from| from.name("a mnemonic"))?;
        let regions = from.vector("the number of regions", |from| from.region(binaries.len(), &mnemonics))?;
        ensure!(from.0.eof(), "offset {:#x}: expected the section's end", from.0.original_position());
        Ok(Figures { first_function, binaries, regions })
    }
}

/// What is left of the section.
struct Fields<'a>(BinaryReader<'a>);

impl<'a> Fields<'a> {
    fn number<T: TryFrom<u64>>(&mut self, expected: &str) -> Result<T> {
        let offset = self.0.original_position();
        let number = self.0.read_var_u64().ok().and_then(|number| T::try_from(number).ok());
        number.with_context(|| format!("offset {offset:#x}: expected {expected}"))
    }

    /// A number below `end`.
    fn below(&mut self, end: usize, expected: &str) -> Result<usize> {
        let offset = self.0.original_position();
        let number: usize = self.number(expected)?;
        ensure!(number < end, "offset {offset:#x}: expected {expected}, one of {end}, found {number}");
        Ok(number)
    }

    fn name(&mut self, expected: &str) -> Result<&'a str> {
        let offset = self.0.original_position();
        self.0.read_string().ok().with_context(|| format!("offset {offset:#x}: expected {expected}'s name"))
    }

    /// Items after their number. Nothing is reserved for them before they are there.
    fn vector<T>(&mut self, expected: &str, mut item: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let count: u32 = self.number(expected)?;
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(item(self)?);
        }
        Ok(items)
    }

    fn binary(&mut self) -> Result<Binary> {
        let offset = self.0.original_position();
        let mode = match self.number("a binary's mode")? {
            0u8 => Mode::Kernel,
            1 => Mode::User,
            other => bail!("offset {offset:#x}: expected mode 0 (kernel) or 1 (user), found {other}"),
        };
        Ok(Binary { mode, name: self.name("a binary")?.to_owned(), ran: self.number("what ran of a binary")? })
    }

    fn region(&mut self, binaries: usize, mnemonics: &[&str]) -> Result<RegionFigures> {
        let binary = BinaryId(self.below(binaries, "a region's binary")? as u32);
        let entries = self.number("a region's entries")?;
        let instructions = self.number("a region's instructions")?;
        let guest_bytes = self.number("a region's bytes of x86 code")?;
        let ran = self.number("what ran of a region")?;
        let offset = self.0.original_position();
        let left = self.number("what a region leaves to the interpreter")?;
        ensure!(left <= ran, "offset {offset:#x}: expected at most the {ran} instructions that ran, found {left}");
        let side_exits = self.side_exits()?;
        let unlifted = self.vector("a region's unlifted mnemonics", |from| from.unlifted(mnemonics))?;
        Ok(RegionFigures { binary, entries, instructions, guest_bytes, ran, left, side_exits, unlifted })
    }

    fn side_exits(&mut self) -> Result<SideExits> {
        let mut count = || self.number("a region's side exits");
        Ok(SideExits { miss: count()?, rare: count()?, budget: count()?, unlifted: count()? })
    }

    fn unlifted(&mut self, mnemonics: &[&str]) -> Result<Unlifted> {
        let mnemonic = mnemonics[self.below(mnemonics.len(), "a mnemonic")?].to_owned();
        Ok(Unlifted { mnemonic, places: self.number("a mnemonic's places")?, ran: self.number("how often these ran")? })
    }
}
