//! Function ranges from `.eh_frame` (System V ABI for x86-64, 4.2.4; Linux Standard Base, 10.6): every FDE tells the
//! first address and the length of the code that it unwinds. Stripped files still have them.

use gimli::{BaseAddresses, CieOrFde, EhFrame, LittleEndian, UnwindSection};
use std::ops::Range;

/// The ranges of the section's FDEs, as virtual addresses, in the section's order, up to where it is damaged.
pub(super) fn ranges(section: &[u8], section_address: u64, text_address: u64) -> Vec<Range<u64>> {
    let bases = BaseAddresses::default().set_eh_frame(section_address).set_text(text_address);
    let frames = EhFrame::new(section, LittleEndian);
    let mut entries = frames.entries(&bases);
    let mut ranges = Vec::new();
    while let Ok(Some(entry)) = entries.next() {
        let CieOrFde::Fde(partial) = entry else { continue };
        let Ok(frame) = partial.parse(|section, bases, offset| section.cie_from_offset(bases, offset)) else {
            continue;
        };
        let start = frame.initial_address();
        if let Some(end) = start.checked_add(frame.len()) {
            ranges.push(start..end);
        }
    }
    ranges
}
