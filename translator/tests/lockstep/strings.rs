//! Repeated MOVS and STOS of all lengths: by elements, by words whose last may overlap the one before, and by bulk operators; with
//! source and target apart, one just before the other, and the same.

use crate::random::Random;
use crate::reference::{DATA, Reference};
use crate::run::{BASE, compare_in, load_as, source};
use runtime::translated::abi::ExitReason;
use translator::lift::Options;

/// REP MOVSB, MOVSW, MOVSD and MOVSQ, and REP STOS of the same; with the shift that makes bytes of elements.
const STRINGS: [(&[u8], u32); 8] = [
    (&[0xf3, 0xa4], 0),
    (&[0x66, 0xf3, 0xa5], 1),
    (&[0xf3, 0xa5], 2),
    (&[0xf3, 0x48, 0xa5], 3),
    (&[0xf3, 0xaa], 0),
    (&[0x66, 0xf3, 0xab], 1),
    (&[0xf3, 0xab], 2),
    (&[0xf3, 0x48, 0xab], 3),
];
/// Most bytes at a time: bulk operators begin below.
const MOST: u64 = 200;

#[test]
fn copies_and_fills_of_all_lengths_agree() {
    for (code, shift) in STRINGS {
        // What follows leaves.
        let source = source(&[(0, [code, &[0xe9, 0xf7, 0x0f, 0, 0]].concat())], &[0]);
        let mut engine = load_as(&source, &Options::default());
        let mut random = Random::new(77 + u64::from(shift));
        let mut translated = 0;
        for bytes in (0..=MOST).step_by(1 << shift) {
            for distance in [0, 1, 2, 4, 7, 8, 9, 15, 16, 24, 0x300] {
                let mut state = Reference::new(BASE);
                state.memory.iter_mut().for_each(|byte| *byte = random.next() as u8);
                let target = DATA + 0x400 + random.below(16);
                (state.gpr[0], state.gpr[1], state.gpr[7]) = (random.next(), bytes >> shift, target);
                state.gpr[6] = target + distance;
                let tally = compare_in(&mut engine, &source, state, 1000);
                translated += tally.translated;
                assert_eq!(tally.exits(ExitReason::Rare), 0, "{code:x?} of {bytes} bytes, {distance} apart");
            }
        }
        assert_eq!(translated, 2 * 11 * (MOST / (1 << shift) + 1));
    }
}
