//! Bodies of the fuzz targets in `golden/fuzz`, which the tests of tier 1 run too, on seeded inputs.
//!
//! A target takes any bytes, and says which rule they broke; a panic is a finding as well. Inputs that once broke one are kept in
//! `golden/fuzz/found/`, a line of hexadecimal digits each.

mod execute;
mod translate;

pub use execute::execute;
pub use translate::translate;

use crate::generate::{self, Random, Shape};
use iced_x86::Code;

/// Most bytes of a seeded input's code.
const MOST: usize = 48;

/// An input: bytes of nothing, or instructions of the table with some bits wrong. The first bytes are the target's to interpret.
pub fn seeded(random: &mut Random) -> Vec<u8> {
    let mut input: Vec<u8> = (0..10).map(|_| random.bits() as u8).collect();
    let codes: Vec<Code> = (0..6).map(|_| any_code(random)).collect();
    match random.below(3) {
        0 => input.extend((0..1 + random.below(MOST as u64)).map(|_| random.bits() as u8)),
        damage => {
            let cases = codes.into_iter().filter_map(|code| generate::unchecked_case(code, Shape::Any, random));
            let code: Vec<u8> = cases.flat_map(|case| case.code().to_vec()).take(MOST).collect();
            input.extend(code);
            let len = input.len() as u64;
            (0..damage - 1).for_each(|_| input[random.below(len) as usize] ^= 1 << random.below(8));
        }
    }
    input
}

fn any_code(random: &mut Random) -> Code {
    let number = random.below(Code::values().len() as u64) as usize;
    Code::values().nth(number).unwrap_or(Code::Nopd)
}
