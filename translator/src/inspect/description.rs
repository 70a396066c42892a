//! What a conversion came to, in words for a person: one fact a line.

use crate::convert::{CodeSummary, ImageFile, Summary};
use runtime::image_file;
use runtime::session::StreamKind;

/// Mnemonics on a line.
const COLUMNS: usize = 6;

/// What a fact is about, or nothing where that of the line before goes on; and the fact.
pub(crate) type Fact = (&'static str, String);

/// All that a module's `prelift` section records.
pub(crate) fn conversion(summary: &Summary) -> Vec<Fact> {
    let Summary { version, image, image_size, image_file, ram_size, program, snapshot_pages, trained, code: _ } =
        summary;
    let begins = match program {
        None => "with a program that is to be named",
        Some(StreamKind::Pipes) => "in a program that has started, with pipes",
        Some(StreamKind::Terminal) => "in a program that has started, on a terminal",
    };
    let facts = [
        ("made by", format!("prelift {version}")),
        ("image", format!("{image}, root file system of {} KiB", image_size >> 10)),
    ];
    let outside = image_file.iter().flat_map(|ImageFile { name, sha256, drive }| {
        let (size, how) = (image_file::file_size(*image_size), if *drive { "; a drive of the guest" } else { "" });
        let place = format!("outside of the module, in the file {name} of {size} bytes{how}");
        [("", place), ("", format!("sha256:{sha256}"))]
    });
    let rest = [
        (
            "machine",
            format!("{} MiB of RAM, {} KiB of it in the snapshot", ram_size >> 20, snapshot_pages.saturating_mul(4)),
        ),
        ("begins", begins.to_owned()),
        ("training", format!("{trained} instructions")),
    ];
    facts.into_iter().chain(outside).chain(rest).chain(code(&summary.code)).collect()
}

/// The translated code: its size, and what could not be translated and why.
pub(crate) fn code(code: &CodeSummary) -> Vec<Fact> {
    let (x86, wasm) = (code.guest_bytes >> 10, code.wasm_bytes >> 10);
    let mut facts = vec![
        ("translated", format!("{} regions with {} entries", code.regions, code.entries)),
        ("", format!("{} instructions: {x86} KiB of x86 code, {wasm} KiB of Wasm", code.instructions)),
        ("refused", format!("{} regions", code.refused.len())),
    ];
    facts.extend(code.refused.iter().map(|reason| ("", reason.clone())));
    facts
}

/// What is left to the interpreter.
pub(crate) fn unlifted(code: &CodeSummary) -> Vec<Fact> {
    let mnemonics = &code.unlifted;
    let places: u64 = mnemonics.iter().map(|(_, count)| count).sum();
    let lines = mnemonics.chunks(COLUMNS).map(|line| {
        let cells = line.iter().map(|(name, count)| format!("{:<16}", format!("{name} {count}")));
        ("", cells.collect())
    });
    let first = ("not lifted", format!("{} mnemonics at {places} places", mnemonics.len()));
    std::iter::once(first).chain(lines).collect()
}

/// Facts as lines.
pub(crate) fn lines(facts: impl IntoIterator<Item = Fact>) -> String {
    facts.into_iter().map(|(name, value)| format!("{name:<15} {value}").trim_end().to_owned() + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fact_is_told() {
        let code = CodeSummary {
            regions: 2169,
            entries: 13188,
            instructions: 145_035,
            guest_bytes: 3 << 10,
            wasm_bytes: 7 << 10,
            refused: vec!["do_far: too far".into()],
            unlifted: vec![("Ud2".into(), 457), ("Sti".into(), 308)],
        };
        let mut summary = Summary {
            version: "9.9".into(),
            image: "6c00".into(),
            image_size: 2 << 20,
            image_file: None,
            ram_size: 128 << 20,
            program: None,
            snapshot_pages: 10,
            trained: 2_950_890_195,
            code,
        };
        let expected = "\
made by         prelift 9.9
image           6c00, root file system of 2048 KiB
machine         128 MiB of RAM, 40 KiB of it in the snapshot
begins          with a program that is to be named
training        2950890195 instructions
translated      2169 regions with 13188 entries
                145035 instructions: 3 KiB of x86 code, 7 KiB of Wasm
refused         1 regions
                do_far: too far
not lifted      2 mnemonics at 765 places
                Ud2 457         Sti 308
";
        assert_eq!(lines(conversion(&summary).into_iter().chain(unlifted(&summary.code))), expected);
        for (drive, how) in [(false, ""), (true, "; a drive of the guest")] {
            summary.image_file = Some(ImageFile { name: "x.erofs".into(), sha256: "00ff".into(), drive });
            let outside = format!(
                "2048 KiB\n                outside of the module, in the file x.erofs of 2101248 bytes{how}\n                \
                 sha256:00ff\nmachine"
            );
            assert!(lines(conversion(&summary)).contains(&outside), "{}", lines(conversion(&summary)));
        }
    }
}
