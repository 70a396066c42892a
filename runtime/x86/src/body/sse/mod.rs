//! SSE to SSE4.1 on XMM registers. SDM volume 1, sections 5.5 to 5.10.
//!
//! Not here, so refused or left to the runtime's helper: forms with MMX registers, MPSADBW, and SSE4.2's string
//! comparisons.

pub mod integer;
pub mod moves;
mod operand;

use crate::insn::Insn;
use crate::machine::Machine;
use crate::vector::shuffle::*;
use crate::vector::{VecOp, VecShift, VecUnOp};
use crate::width::Width;
use iced_x86::Mnemonic as Mn;

const PAIRS16: [[u8; 16]; 2] = [every_second::<8>(0), every_second::<8>(1)];
const PAIRS32: [[u8; 16]; 2] = [every_second::<4>(0), every_second::<4>(1)];

/// Carries out an XMM instruction, one line a mnemonic; what is none goes to the helper.
///
/// # Errors
/// What stopped it: a fault, and no state but MXCSR's flags has changed.
#[inline(always)]
#[rustfmt::skip]
pub fn exec<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    use VecOp::*;
    use VecShift::*;
    use VecUnOp::*;
    use Width::*;
    let imm = insn.imm as u8;
    match insn.mnemonic {
        // 5.5.1.1, 5.6.1.1, 5.6.3, 5.6.4 Moves
        Mn::Movaps | Mn::Movapd | Mn::Movdqa
        | Mn::Movntps | Mn::Movntpd | Mn::Movntdq | Mn::Movntdqa => moves::aligned(m, insn),
        Mn::Movups | Mn::Movupd | Mn::Movdqu | Mn::Lddqu => moves::unaligned(m, insn),
        Mn::Movss               => moves::scalar(m, insn, W32),
        Mn::Movsd if !insn.is_string() => moves::scalar(m, insn, W64),
        Mn::Movd | Mn::Movq     => moves::movd(m, insn),
        Mn::Movlps | Mn::Movlpd => moves::half(m, insn, 0),
        Mn::Movhps | Mn::Movhpd => moves::half(m, insn, 1),
        Mn::Movhlps             => moves::half_to_half(m, insn, 1, 0),
        Mn::Movlhps             => moves::half_to_half(m, insn, 0, 1),
        Mn::Movnti              => moves::movnti(m, insn),
        Mn::Maskmovdqu          => moves::maskmovdqu(m, insn),
        Mn::Movmskps            => moves::mask(m, insn, W32),
        Mn::Movmskpd            => moves::mask(m, insn, W64),
        Mn::Pmovmskb            => moves::mask(m, insn, W8),
        Mn::Pinsrb              => moves::insert(m, insn, W8),
        Mn::Pinsrw              => moves::insert(m, insn, W16),
        Mn::Pinsrd              => moves::insert(m, insn, W32),
        Mn::Pinsrq              => moves::insert(m, insn, W64),
        Mn::Pextrb              => moves::extract(m, insn, W8),
        Mn::Pextrw              => moves::extract(m, insn, W16),
        Mn::Pextrd              => moves::extract(m, insn, W32),
        Mn::Extractps           => moves::extract(m, insn, W32),
        Mn::Pextrq              => moves::extract(m, insn, W64),
        Mn::Insertps            => moves::insertps(m, insn),
        // 5.5.1.4, 5.6.1.3, 5.6.1.5 Logic
        Mn::Pand | Mn::Andps | Mn::Andpd => integer::bin(m, insn, V128And),
        Mn::Por | Mn::Orps | Mn::Orpd    => integer::bin(m, insn, V128Or),
        Mn::Pxor | Mn::Xorps | Mn::Xorpd => integer::xor(m, insn),
        Mn::Pandn | Mn::Andnps | Mn::Andnpd => integer::andnot(m, insn),
        Mn::Ptest               => integer::ptest(m, insn),
        // 5.5.2, 5.6.3 Integer arithmetic
        Mn::Paddb               => integer::bin(m, insn, I8x16Add),
        Mn::Paddw               => integer::bin(m, insn, I16x8Add),
        Mn::Paddd               => integer::bin(m, insn, I32x4Add),
        Mn::Paddq               => integer::bin(m, insn, I64x2Add),
        Mn::Paddsb              => integer::bin(m, insn, I8x16AddSatS),
        Mn::Paddsw              => integer::bin(m, insn, I16x8AddSatS),
        Mn::Paddusb             => integer::bin(m, insn, I8x16AddSatU),
        Mn::Paddusw             => integer::bin(m, insn, I16x8AddSatU),
        Mn::Psubb               => integer::bin(m, insn, I8x16Sub),
        Mn::Psubw               => integer::bin(m, insn, I16x8Sub),
        Mn::Psubd               => integer::bin(m, insn, I32x4Sub),
        Mn::Psubq               => integer::bin(m, insn, I64x2Sub),
        Mn::Psubsb              => integer::bin(m, insn, I8x16SubSatS),
        Mn::Psubsw              => integer::bin(m, insn, I16x8SubSatS),
        Mn::Psubusb             => integer::bin(m, insn, I8x16SubSatU),
        Mn::Psubusw             => integer::bin(m, insn, I16x8SubSatU),
        Mn::Pmullw              => integer::bin(m, insn, I16x8Mul),
        Mn::Pmulld              => integer::bin(m, insn, I32x4Mul),
        Mn::Pmulhw              => integer::bin(m, insn, I16x8MulHighS),
        Mn::Pmulhuw             => integer::bin(m, insn, I16x8MulHighU),
        Mn::Pmulhrsw            => integer::bin(m, insn, I16x8MulRoundQ15),
        Mn::Pmuludq             => integer::bin(m, insn, I64x2MulEvenI32x4U),
        Mn::Pmuldq              => integer::bin(m, insn, I64x2MulEvenI32x4S),
        Mn::Pmaddwd             => integer::bin(m, insn, I32x4DotI16x8S),
        Mn::Pmaddubsw           => integer::bin(m, insn, I16x8DotI8x16UsSat),
        Mn::Psadbw              => integer::bin(m, insn, I64x2SadI8x16U),
        Mn::Pavgb               => integer::bin(m, insn, I8x16AvgrU),
        Mn::Pavgw               => integer::bin(m, insn, I16x8AvgrU),
        Mn::Pminsb              => integer::bin(m, insn, I8x16MinS),
        Mn::Pminsw              => integer::bin(m, insn, I16x8MinS),
        Mn::Pminsd              => integer::bin(m, insn, I32x4MinS),
        Mn::Pminub              => integer::bin(m, insn, I8x16MinU),
        Mn::Pminuw              => integer::bin(m, insn, I16x8MinU),
        Mn::Pminud              => integer::bin(m, insn, I32x4MinU),
        Mn::Pmaxsb              => integer::bin(m, insn, I8x16MaxS),
        Mn::Pmaxsw              => integer::bin(m, insn, I16x8MaxS),
        Mn::Pmaxsd              => integer::bin(m, insn, I32x4MaxS),
        Mn::Pmaxub              => integer::bin(m, insn, I8x16MaxU),
        Mn::Pmaxuw              => integer::bin(m, insn, I16x8MaxU),
        Mn::Pmaxud              => integer::bin(m, insn, I32x4MaxU),
        Mn::Pcmpeqb             => integer::bin(m, insn, I8x16Eq),
        Mn::Pcmpeqw             => integer::bin(m, insn, I16x8Eq),
        Mn::Pcmpeqd             => integer::bin(m, insn, I32x4Eq),
        Mn::Pcmpeqq             => integer::bin(m, insn, I64x2Eq),
        Mn::Pcmpgtb             => integer::bin(m, insn, I8x16GtS),
        Mn::Pcmpgtw             => integer::bin(m, insn, I16x8GtS),
        Mn::Pcmpgtd             => integer::bin(m, insn, I32x4GtS),
        Mn::Pcmpgtq             => integer::bin(m, insn, I64x2GtS),
        Mn::Packsswb            => integer::bin(m, insn, I8x16NarrowI16x8S),
        Mn::Packuswb            => integer::bin(m, insn, I8x16NarrowI16x8U),
        Mn::Packssdw            => integer::bin(m, insn, I16x8NarrowI32x4S),
        Mn::Packusdw            => integer::bin(m, insn, I16x8NarrowI32x4U),
        Mn::Pshufb              => integer::bin(m, insn, I8x16Pshufb),
        Mn::Psignb              => integer::bin(m, insn, I8x16Sign),
        Mn::Psignw              => integer::bin(m, insn, I16x8Sign),
        Mn::Psignd              => integer::bin(m, insn, I32x4Sign),
        Mn::Phaddw              => integer::horizontal(m, insn, I16x8Add, PAIRS16),
        Mn::Phaddd              => integer::horizontal(m, insn, I32x4Add, PAIRS32),
        Mn::Phaddsw             => integer::horizontal(m, insn, I16x8AddSatS, PAIRS16),
        Mn::Phsubw              => integer::horizontal(m, insn, I16x8Sub, PAIRS16),
        Mn::Phsubd              => integer::horizontal(m, insn, I32x4Sub, PAIRS32),
        Mn::Phsubsw             => integer::horizontal(m, insn, I16x8SubSatS, PAIRS16),
        Mn::Pabsb               => integer::un(m, insn, I8x16Abs),
        Mn::Pabsw               => integer::un(m, insn, I16x8Abs),
        Mn::Pabsd               => integer::un(m, insn, I32x4Abs),
        Mn::Phminposuw          => integer::un(m, insn, I16x8MinPosU),
        Mn::Pmovsxbw            => integer::extend(m, insn, &[I16x8ExtendLowI8x16S]),
        Mn::Pmovsxbd            => integer::extend(m, insn, &[I16x8ExtendLowI8x16S, I32x4ExtendLowI16x8S]),
        Mn::Pmovsxbq            => integer::extend(m, insn, &[I16x8ExtendLowI8x16S, I32x4ExtendLowI16x8S, I64x2ExtendLowI32x4S]),
        Mn::Pmovsxwd            => integer::extend(m, insn, &[I32x4ExtendLowI16x8S]),
        Mn::Pmovsxwq            => integer::extend(m, insn, &[I32x4ExtendLowI16x8S, I64x2ExtendLowI32x4S]),
        Mn::Pmovsxdq            => integer::extend(m, insn, &[I64x2ExtendLowI32x4S]),
        Mn::Pmovzxbw            => integer::extend(m, insn, &[I16x8ExtendLowI8x16U]),
        Mn::Pmovzxbd            => integer::extend(m, insn, &[I16x8ExtendLowI8x16U, I32x4ExtendLowI16x8U]),
        Mn::Pmovzxbq            => integer::extend(m, insn, &[I16x8ExtendLowI8x16U, I32x4ExtendLowI16x8U, I64x2ExtendLowI32x4U]),
        Mn::Pmovzxwd            => integer::extend(m, insn, &[I32x4ExtendLowI16x8U]),
        Mn::Pmovzxwq            => integer::extend(m, insn, &[I32x4ExtendLowI16x8U, I64x2ExtendLowI32x4U]),
        Mn::Pmovzxdq            => integer::extend(m, insn, &[I64x2ExtendLowI32x4U]),
        // 5.6.3 Shifts
        Mn::Psllw               => integer::shift(m, insn, I16x8Shl),
        Mn::Pslld               => integer::shift(m, insn, I32x4Shl),
        Mn::Psllq               => integer::shift(m, insn, I64x2Shl),
        Mn::Psrlw               => integer::shift(m, insn, I16x8ShrU),
        Mn::Psrld               => integer::shift(m, insn, I32x4ShrU),
        Mn::Psrlq               => integer::shift(m, insn, I64x2ShrU),
        Mn::Psraw               => integer::shift(m, insn, I16x8ShrS),
        Mn::Psrad               => integer::shift(m, insn, I32x4ShrS),
        Mn::Pslldq              => integer::shift_bytes(m, insn, true),
        Mn::Psrldq              => integer::shift_bytes(m, insn, false),
        // 5.5.1.5, 5.6.1.5, 5.6.3 Shuffles
        Mn::Punpcklbw           => integer::shuffle(m, insn, interleave_low::<16>()),
        Mn::Punpcklwd           => integer::shuffle(m, insn, interleave_low::<8>()),
        Mn::Punpckldq | Mn::Unpcklps  => integer::shuffle(m, insn, interleave_low::<4>()),
        Mn::Punpcklqdq | Mn::Unpcklpd => integer::shuffle(m, insn, interleave_low::<2>()),
        Mn::Punpckhbw           => integer::shuffle(m, insn, interleave_high::<16>()),
        Mn::Punpckhwd           => integer::shuffle(m, insn, interleave_high::<8>()),
        Mn::Punpckhdq | Mn::Unpckhps  => integer::shuffle(m, insn, interleave_high::<4>()),
        Mn::Punpckhqdq | Mn::Unpckhpd => integer::shuffle(m, insn, interleave_high::<2>()),
        Mn::Shufps              => integer::shuffle(m, insn, shufps(imm)),
        Mn::Shufpd              => integer::shuffle(m, insn, shufpd(imm)),
        Mn::Pshufd              => integer::shuffle_source(m, insn, pshufd(imm)),
        Mn::Pshuflw             => integer::shuffle_source(m, insn, pshufw(imm, 0)),
        Mn::Pshufhw             => integer::shuffle_source(m, insn, pshufw(imm, 4)),
        Mn::Movddup             => integer::shuffle_source(m, insn, lanes64([0, 0])),
        Mn::Movsldup            => integer::shuffle_source(m, insn, lanes32([0, 0, 2, 2])),
        Mn::Movshdup            => integer::shuffle_source(m, insn, lanes32([1, 1, 3, 3])),
        Mn::Palignr             => integer::palignr(m, insn),
        Mn::Pblendw             => integer::shuffle(m, insn, blend::<8>(imm)),
        Mn::Blendps             => integer::shuffle(m, insn, blend::<4>(imm)),
        Mn::Blendpd             => integer::shuffle(m, insn, blend::<2>(imm)),
        Mn::Pblendvb            => integer::blend_by_sign(m, insn, I8x16GtS),
        Mn::Blendvps            => integer::blend_by_sign(m, insn, I32x4GtS),
        Mn::Blendvpd            => integer::blend_by_sign(m, insn, I64x2GtS),
        // What is large or rare: one function of the runtime. It refuses what it does not know.
        _ => m.helper(insn),
    }
}
