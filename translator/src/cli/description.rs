//! What a conversion came to, as text for a person.

use crate::convert::{CodeSummary, Summary};
use runtime::session::StreamKind;

/// Mnemonics on a line.
const COLUMNS: usize = 6;

/// All that a module's `prelift` section records.
pub(super) fn conversion(summary: &Summary) -> String {
    let Summary { version, image, image_size, ram_size, program, snapshot_pages, trained, code: of_code } = summary;
    let mut text = row("made by", &format!("prelift {version}"));
    text += &row("image", &format!("{image}, root file system of {} KiB", image_size >> 10));
    text +=
        &row("machine", &format!("{} MiB of RAM, {} KiB of it in the snapshot", ram_size >> 20, snapshot_pages * 4));
    let begins = match program {
        None => "with a program that is to be named",
        Some(StreamKind::Pipes) => "in a program that has started, with pipes",
        Some(StreamKind::Terminal) => "in a program that has started, on a terminal",
    };
    text += &row("begins", begins);
    text += &row("training", &format!("{trained} instructions"));
    text + &code(of_code)
}

/// The translated code: its size, and what is left to the interpreter and why.
pub(super) fn code(code: &CodeSummary) -> String {
    let mut text = row("translated", &format!("{} regions with {} entries", code.regions, code.entries));
    let (x86, wasm) = (code.guest_bytes >> 10, code.wasm_bytes >> 10);
    text += &row("", &format!("{} instructions: {x86} KiB of x86 code, {wasm} KiB of Wasm", code.instructions));
    text += &row("refused", &format!("{} regions", code.refused.len()));
    for reason in &code.refused {
        text += &row("", reason);
    }
    text + &unlifted(&code.unlifted)
}

fn unlifted(mnemonics: &[(String, u64)]) -> String {
    let places: u64 = mnemonics.iter().map(|(_, count)| count).sum();
    let mut text = row("not lifted", &format!("{} mnemonics at {places} places", mnemonics.len()));
    for line in mnemonics.chunks(COLUMNS) {
        let cells: String = line.iter().map(|(name, count)| format!("{:<16}", format!("{name} {count}"))).collect();
        text += &row("", &cells);
    }
    text
}

fn row(name: &str, value: &str) -> String {
    format!("{name:<15} {value}").trim_end().to_owned() + "\n"
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
        let summary = Summary {
            version: "9.9".into(),
            image: "6c00".into(),
            image_size: 2 << 20,
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
        assert_eq!(conversion(&summary), expected);
    }
}
