//! FLDZ, FLD1 and the constants that have more bits than a register: rounded as the control word says. SDM volume 2,
//! FLD1.

use super::float::{Direction, Extended};

/// A positive constant.
#[derive(Debug, Clone, Copy)]
pub(super) struct Constant {
    /// Cut to 64 bits.
    cut: Extended,
    /// What was cut off, in 64ths of the last place; 0 where the constant is exact.
    rest: u8,
}

const fn constant(high: u16, significand: u64, rest: u8) -> Constant {
    Constant { cut: Extended { high, significand }, rest }
}

#[rustfmt::skip]
impl Constant {
    pub(super) const ZERO: Constant         = constant(0,      0,                     0);
    pub(super) const ONE: Constant          = constant(0x3fff, 0x8000_0000_0000_0000, 0);
    pub(super) const LOG2_10: Constant      = constant(0x4000, 0xd49a_784b_cd1b_8afe, 0x12);
    pub(super) const LOG2_E: Constant       = constant(0x3fff, 0xb8aa_3b29_5c17_f0bb, 0x2f);
    pub(super) const PI: Constant           = constant(0x4000, 0xc90f_daa2_2168_c234, 0x31);
    pub(super) const LOG10_2: Constant      = constant(0x3ffd, 0x9a20_9a84_fbcf_f798, 0x23);
    pub(super) const LN_2: Constant         = constant(0x3ffe, 0xb172_17f7_d1cf_79ab, 0x32);
}

impl Constant {
    /// Rounded to a register.
    pub(super) fn rounded(self, direction: Direction) -> Extended {
        let up = match direction {
            Direction::Nearest => self.rest > 32,
            Direction::Up => self.rest != 0,
            Direction::Down | Direction::Zero => false,
        };
        Extended { significand: self.cut.significand + u64::from(up), ..self.cut }
    }
}
