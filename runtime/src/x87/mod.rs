//! The x87 unit, and MMX and FXSAVE, which share its registers. SDM volume 1, chapters 8 to 10.
//!
//! ```text
//! execute ── ready: #NM, #MF ── operands: memory, ST(i) ── float: exact result, rounded once ── commit: flags, C1, ES ── write, pop
//! ```
//!
//! Every function here does what can fault (#NM, #MF, the memory access) before it writes anything. A numeric exception
//! that is not masked sets ES, and the next waiting instruction raises #MF.
//!
//! Departures from the manual: #MF is raised whatever CR0.NE says (there is no FERR# pin); FOP is kept for every
//! instruction that left an exception unmasked only (as with IA32_MISC_ENABLE.FOPCODE clear); FCS and FDS are stored as 0
//! (as where CPUID.7.0:EBX bit 13 is set).

mod arith;
mod compare;
mod constants;
mod control;
mod environment;
mod float;
mod fxsave;
mod mmx;
mod operands;
mod stack;
#[cfg(test)]
mod tests;
mod transcendental;
mod transfer;
pub(crate) mod xsave;

use crate::exception::{Exception, vector};
use crate::vm::Vm;
use constants::Constant;
use float::{Binary, Direction, Rounded};
use x86::flags::Condition;
use x86::vector::float::FloatWidth;
use x86::vector::{VecOp, VecShift, VecUnOp, eval};
use x86::{Insn, Machine, Mnemonic as Mn, Width};

type Done = Result<(), Exception>;

const CR0_MP: u64 = 1 << 1;
const CR0_EM: u64 = 1 << 2;
const CR0_TS: u64 = 1 << 3;

/// Carries out an instruction of the x87 unit or of MMX.
#[rustfmt::skip]
pub(crate) fn execute(vm: &mut Vm, insn: &Insn) -> Done {
    match insn.mnemonic {
        // 5.2.6 x87 control
        Mn::Fninit              => control::initialize(vm),
        Mn::Fnclex              => control::clear_exceptions(vm),
        Mn::Fldcw               => control::load_control(vm, insn),
        Mn::Fnstcw              => control::store_control(vm, insn),
        Mn::Fnstsw              => control::store_status(vm, insn),
        Mn::Fincstp             => control::rotate(vm, 1),
        Mn::Fdecstp             => control::rotate(vm, 7),
        Mn::Ffree               => control::free(vm, insn, false),
        Mn::Ffreep              => control::free(vm, insn, true),
        Mn::Fnop                => ready(vm),
        Mn::Fneni | Mn::Fndisi | Mn::Fnsetpm => available(vm),
        Mn::Wait                => control::wait(vm),
        Mn::Fnstenv             => environment::store_environment(vm, insn),
        Mn::Fldenv              => environment::load_environment(vm, insn),
        Mn::Fnsave              => environment::save(vm, insn),
        Mn::Frstor              => environment::restore(vm, insn),
        // 5.3 x87 and SIMD state management
        Mn::Fxsave | Mn::Fxsave64   => fxsave::save(vm, insn),
        Mn::Fxrstor | Mn::Fxrstor64 => fxsave::restore(vm, insn),
        Mn::Xsave | Mn::Xsave64     => xsave::save(vm, insn, xsave::Variant::Plain),
        Mn::Xsaveopt | Mn::Xsaveopt64 => xsave::save(vm, insn, xsave::Variant::Optimized),
        Mn::Xsavec | Mn::Xsavec64   => xsave::save(vm, insn, xsave::Variant::Compacted),
        Mn::Xrstor | Mn::Xrstor64   => xsave::restore(vm, insn),
        // 5.4.8 MMX state management
        Mn::Emms                => control::empty_mmx(vm),
        _ => numeric(vm, insn),
    }
}

/// Carries out an instruction that computes or moves numbers, and keeps where it and its operand were.
#[rustfmt::skip]
fn numeric(vm: &mut Vm, insn: &Insn) -> Done {
    use Binary::*;
    use Condition::*;
    let body: fn(&mut Vm, &Insn) -> Done = match insn.mnemonic {
        // 5.2.1 Data transfer
        Mn::Fld                 => transfer::load_real,
        Mn::Fst                 => |vm, insn| transfer::store_real(vm, insn, false),
        Mn::Fstp                => |vm, insn| transfer::store_real(vm, insn, true),
        Mn::Fstpnce             => transfer::store_unchecked,
        Mn::Fild                => transfer::load_integer,
        Mn::Fist                => |vm, insn| { let d = vm.cpu.context().direction; transfer::store_integer(vm, insn, d, false) },
        Mn::Fistp               => |vm, insn| { let d = vm.cpu.context().direction; transfer::store_integer(vm, insn, d, true) },
        Mn::Fisttp              => |vm, insn| transfer::store_integer(vm, insn, Direction::Zero, true),
        Mn::Fbld                => transfer::load_decimal,
        Mn::Fbstp               => transfer::store_decimal,
        Mn::Fxch                => transfer::exchange,
        Mn::Fcmove              => |vm, insn| transfer::move_if(vm, insn, E),
        Mn::Fcmovne             => |vm, insn| transfer::move_if(vm, insn, Ne),
        Mn::Fcmovb              => |vm, insn| transfer::move_if(vm, insn, B),
        Mn::Fcmovbe             => |vm, insn| transfer::move_if(vm, insn, Be),
        Mn::Fcmovnb             => |vm, insn| transfer::move_if(vm, insn, Ae),
        Mn::Fcmovnbe            => |vm, insn| transfer::move_if(vm, insn, A),
        Mn::Fcmovu              => |vm, insn| transfer::move_if(vm, insn, P),
        Mn::Fcmovnu             => |vm, insn| transfer::move_if(vm, insn, Np),
        // 5.2.2 Basic arithmetic
        Mn::Fadd                => |vm, insn| arith::real(vm, insn, Add, false),
        Mn::Faddp               => |vm, insn| arith::popping(vm, insn, Add, false),
        Mn::Fiadd               => |vm, insn| arith::integer(vm, insn, Add, false),
        Mn::Fsub                => |vm, insn| arith::real(vm, insn, Sub, false),
        Mn::Fsubp               => |vm, insn| arith::popping(vm, insn, Sub, false),
        Mn::Fisub               => |vm, insn| arith::integer(vm, insn, Sub, false),
        Mn::Fsubr               => |vm, insn| arith::real(vm, insn, Sub, true),
        Mn::Fsubrp              => |vm, insn| arith::popping(vm, insn, Sub, true),
        Mn::Fisubr              => |vm, insn| arith::integer(vm, insn, Sub, true),
        Mn::Fmul                => |vm, insn| arith::real(vm, insn, Mul, false),
        Mn::Fmulp               => |vm, insn| arith::popping(vm, insn, Mul, false),
        Mn::Fimul               => |vm, insn| arith::integer(vm, insn, Mul, false),
        Mn::Fdiv                => |vm, insn| arith::real(vm, insn, Div, false),
        Mn::Fdivp               => |vm, insn| arith::popping(vm, insn, Div, false),
        Mn::Fidiv               => |vm, insn| arith::integer(vm, insn, Div, false),
        Mn::Fdivr               => |vm, insn| arith::real(vm, insn, Div, true),
        Mn::Fdivrp              => |vm, insn| arith::popping(vm, insn, Div, true),
        Mn::Fidivr              => |vm, insn| arith::integer(vm, insn, Div, true),
        Mn::Fprem               => |vm, _| arith::remainder(vm, false),
        Mn::Fprem1              => |vm, _| arith::remainder(vm, true),
        Mn::Fabs                => |vm, _| arith::unary(vm, |_, a| Rounded::new(a.with_sign(false), 0)),
        Mn::Fchs                => |vm, _| arith::unary(vm, |_, a| Rounded::new(a.with_sign(!a.is_negative()), 0)),
        Mn::Frndint             => |vm, _| arith::unary(vm, float::to_integral),
        Mn::Fscale              => |vm, _| arith::scale(vm),
        Mn::Fsqrt               => |vm, _| arith::unary(vm, float::sqrt),
        Mn::Fxtract             => |vm, _| arith::extract(vm),
        // 5.2.3 Comparison
        Mn::Fcom                => |vm, insn| compare::real(vm, insn, 0),
        Mn::Fcomp               => |vm, insn| compare::real(vm, insn, 1),
        Mn::Fcompp              => |vm, _| compare::both(vm, false),
        Mn::Fucom               => |vm, insn| compare::quiet(vm, insn, 0),
        Mn::Fucomp              => |vm, insn| compare::quiet(vm, insn, 1),
        Mn::Fucompp             => |vm, _| compare::both(vm, true),
        Mn::Ficom               => |vm, insn| compare::integer(vm, insn, 0),
        Mn::Ficomp              => |vm, insn| compare::integer(vm, insn, 1),
        Mn::Fcomi               => |vm, insn| compare::to_flags(vm, insn, false, false),
        Mn::Fcomip              => |vm, insn| compare::to_flags(vm, insn, false, true),
        Mn::Fucomi              => |vm, insn| compare::to_flags(vm, insn, true, false),
        Mn::Fucomip             => |vm, insn| compare::to_flags(vm, insn, true, true),
        Mn::Ftst                => |vm, _| compare::with_zero(vm),
        Mn::Fxam                => |vm, _| compare::examine(vm),
        // 5.2.4 Transcendental functions
        Mn::Fsin                => |vm, _| transcendental::of_angle(vm, float::sine),
        Mn::Fcos                => |vm, _| transcendental::of_angle(vm, float::cosine),
        Mn::Fsincos             => |vm, _| transcendental::sine_and_cosine(vm),
        Mn::Fptan               => |vm, _| transcendental::tangent(vm),
        Mn::Fpatan              => |vm, _| transcendental::of_pair(vm, float::arc_tangent),
        Mn::F2xm1               => |vm, _| arith::unary(vm, float::exponential),
        Mn::Fyl2x               => |vm, _| transcendental::of_pair(vm, float::logarithm),
        Mn::Fyl2xp1             => |vm, _| transcendental::of_pair(vm, float::logarithm_of_successor),
        // 5.2.5 Constants
        Mn::Fld1                => |vm, _| transfer::load_constant(vm, Constant::ONE),
        Mn::Fldz                => |vm, _| transfer::load_constant(vm, Constant::ZERO),
        Mn::Fldpi               => |vm, _| transfer::load_constant(vm, Constant::PI),
        Mn::Fldl2e              => |vm, _| transfer::load_constant(vm, Constant::LOG2_E),
        Mn::Fldln2              => |vm, _| transfer::load_constant(vm, Constant::LN_2),
        Mn::Fldl2t              => |vm, _| transfer::load_constant(vm, Constant::LOG2_10),
        Mn::Fldlg2              => |vm, _| transfer::load_constant(vm, Constant::LOG10_2),
        _ => return packed(vm, insn),
    };
    ready(vm)?;
    body(vm, insn)?;
    environment::keep_pointers(vm, insn);
    Ok(())
}

/// Carries out an MMX instruction. XMM forms of the same mnemonics have bodies of their own and do not come here.
#[rustfmt::skip]
fn packed(vm: &mut Vm, insn: &Insn) -> Done {
    use VecOp::*;
    use VecShift::*;
    use VecUnOp::*;
    use Width::*;
    use mmx::Op::*;
    match insn.mnemonic {
        // 5.4.1, 5.8.3 Moves
        Mn::Movd | Mn::Movq | Mn::Movntq=> mmx::transfer(vm, insn),
        Mn::Movq2dq | Mn::Movdq2q=> mmx::across(vm, insn),
        Mn::Maskmovq            => mmx::masked_store(vm, insn),
        Mn::Pmovmskb            => mmx::to_general(vm, insn, |a, _| eval::bitmask(W8, a)),
        Mn::Pextrw              => mmx::to_general(vm, insn, |a, index| eval::lane(W16, a, index)),
        Mn::Pinsrw              => mmx::insert(vm, insn),
        // 5.4.2, 5.4.3 Conversion
        Mn::Packsswb            => mmx::binary(vm, insn, Pack(I8x16NarrowI16x8S)),
        Mn::Packuswb            => mmx::binary(vm, insn, Pack(I8x16NarrowI16x8U)),
        Mn::Packssdw            => mmx::binary(vm, insn, Pack(I16x8NarrowI32x4S)),
        Mn::Punpcklbw           => mmx::binary(vm, insn, UnpackLow(W8)),
        Mn::Punpcklwd           => mmx::binary(vm, insn, UnpackLow(W16)),
        Mn::Punpckldq           => mmx::binary(vm, insn, UnpackLow(W32)),
        Mn::Punpckhbw           => mmx::binary(vm, insn, UnpackHigh(W8)),
        Mn::Punpckhwd           => mmx::binary(vm, insn, UnpackHigh(W16)),
        Mn::Punpckhdq           => mmx::binary(vm, insn, UnpackHigh(W32)),
        Mn::Pshufw              => mmx::binary(vm, insn, Shuffle),
        // 5.4.3, 5.5.2 Arithmetic and comparison
        Mn::Paddb               => mmx::binary(vm, insn, Lanes(I8x16Add)),
        Mn::Paddw               => mmx::binary(vm, insn, Lanes(I16x8Add)),
        Mn::Paddd               => mmx::binary(vm, insn, Lanes(I32x4Add)),
        Mn::Paddq               => mmx::binary(vm, insn, Lanes(I64x2Add)),
        Mn::Paddsb              => mmx::binary(vm, insn, Lanes(I8x16AddSatS)),
        Mn::Paddsw              => mmx::binary(vm, insn, Lanes(I16x8AddSatS)),
        Mn::Paddusb             => mmx::binary(vm, insn, Lanes(I8x16AddSatU)),
        Mn::Paddusw             => mmx::binary(vm, insn, Lanes(I16x8AddSatU)),
        Mn::Psubb               => mmx::binary(vm, insn, Lanes(I8x16Sub)),
        Mn::Psubw               => mmx::binary(vm, insn, Lanes(I16x8Sub)),
        Mn::Psubd               => mmx::binary(vm, insn, Lanes(I32x4Sub)),
        Mn::Psubq               => mmx::binary(vm, insn, Lanes(I64x2Sub)),
        Mn::Psubsb              => mmx::binary(vm, insn, Lanes(I8x16SubSatS)),
        Mn::Psubsw              => mmx::binary(vm, insn, Lanes(I16x8SubSatS)),
        Mn::Psubusb             => mmx::binary(vm, insn, Lanes(I8x16SubSatU)),
        Mn::Psubusw             => mmx::binary(vm, insn, Lanes(I16x8SubSatU)),
        Mn::Pmullw              => mmx::binary(vm, insn, Lanes(I16x8Mul)),
        Mn::Pmulhw              => mmx::binary(vm, insn, Lanes(I16x8MulHighS)),
        Mn::Pmulhuw             => mmx::binary(vm, insn, Lanes(I16x8MulHighU)),
        Mn::Pmuludq             => mmx::binary(vm, insn, Lanes(I64x2MulEvenI32x4U)),
        Mn::Pmaddwd             => mmx::binary(vm, insn, Lanes(I32x4DotI16x8S)),
        Mn::Psadbw              => mmx::binary(vm, insn, Lanes(I64x2SadI8x16U)),
        Mn::Pavgb               => mmx::binary(vm, insn, Lanes(I8x16AvgrU)),
        Mn::Pavgw               => mmx::binary(vm, insn, Lanes(I16x8AvgrU)),
        Mn::Pminsw              => mmx::binary(vm, insn, Lanes(I16x8MinS)),
        Mn::Pminub              => mmx::binary(vm, insn, Lanes(I8x16MinU)),
        Mn::Pmaxsw              => mmx::binary(vm, insn, Lanes(I16x8MaxS)),
        Mn::Pmaxub              => mmx::binary(vm, insn, Lanes(I8x16MaxU)),
        Mn::Pcmpeqb             => mmx::binary(vm, insn, Lanes(I8x16Eq)),
        Mn::Pcmpeqw             => mmx::binary(vm, insn, Lanes(I16x8Eq)),
        Mn::Pcmpeqd             => mmx::binary(vm, insn, Lanes(I32x4Eq)),
        Mn::Pcmpgtb             => mmx::binary(vm, insn, Lanes(I8x16GtS)),
        Mn::Pcmpgtw             => mmx::binary(vm, insn, Lanes(I16x8GtS)),
        Mn::Pcmpgtd             => mmx::binary(vm, insn, Lanes(I32x4GtS)),
        Mn::Pand                => mmx::binary(vm, insn, Lanes(V128And)),
        Mn::Por                 => mmx::binary(vm, insn, Lanes(V128Or)),
        Mn::Pxor                => mmx::binary(vm, insn, Lanes(V128Xor)),
        Mn::Pandn               => mmx::binary(vm, insn, AndNot),
        // 5.4.6 Shifts
        Mn::Psllw               => mmx::binary(vm, insn, Shift(I16x8Shl)),
        Mn::Pslld               => mmx::binary(vm, insn, Shift(I32x4Shl)),
        Mn::Psllq               => mmx::binary(vm, insn, Shift(I64x2Shl)),
        Mn::Psrlw               => mmx::binary(vm, insn, Shift(I16x8ShrU)),
        Mn::Psrld               => mmx::binary(vm, insn, Shift(I32x4ShrU)),
        Mn::Psrlq               => mmx::binary(vm, insn, Shift(I64x2ShrU)),
        Mn::Psraw               => mmx::binary(vm, insn, Shift(I16x8ShrS)),
        Mn::Psrad               => mmx::binary(vm, insn, Shift(I32x4ShrS)),
        // 5.8 SSSE3
        Mn::Pabsb               => mmx::binary(vm, insn, Each(I8x16Abs)),
        Mn::Pabsw               => mmx::binary(vm, insn, Each(I16x8Abs)),
        Mn::Pabsd               => mmx::binary(vm, insn, Each(I32x4Abs)),
        Mn::Psignb              => mmx::binary(vm, insn, Lanes(I8x16Sign)),
        Mn::Psignw              => mmx::binary(vm, insn, Lanes(I16x8Sign)),
        Mn::Psignd              => mmx::binary(vm, insn, Lanes(I32x4Sign)),
        Mn::Pmulhrsw            => mmx::binary(vm, insn, Lanes(I16x8MulRoundQ15)),
        Mn::Pmaddubsw           => mmx::binary(vm, insn, Lanes(I16x8DotI8x16UsSat)),
        Mn::Phaddw              => mmx::binary(vm, insn, Horizontal(I16x8Add)),
        Mn::Phaddd              => mmx::binary(vm, insn, Horizontal(I32x4Add)),
        Mn::Phaddsw             => mmx::binary(vm, insn, Horizontal(I16x8AddSatS)),
        Mn::Phsubw              => mmx::binary(vm, insn, Horizontal(I16x8Sub)),
        Mn::Phsubd              => mmx::binary(vm, insn, Horizontal(I32x4Sub)),
        Mn::Phsubsw             => mmx::binary(vm, insn, Horizontal(I16x8SubSatS)),
        Mn::Pshufb              => mmx::binary(vm, insn, Bytes),
        Mn::Palignr             => mmx::binary(vm, insn, Align),
        // 5.5.1.6, 5.6.1.6 Conversion of floating-point numbers
        Mn::Cvtpi2ps            => mmx::from_integers(vm, insn, FloatWidth::F32),
        Mn::Cvtpi2pd            => mmx::from_integers(vm, insn, FloatWidth::F64),
        Mn::Cvtps2pi            => mmx::to_integers(vm, insn, FloatWidth::F32, false),
        Mn::Cvttps2pi           => mmx::to_integers(vm, insn, FloatWidth::F32, true),
        Mn::Cvtpd2pi            => mmx::to_integers(vm, insn, FloatWidth::F64, false),
        Mn::Cvttpd2pi           => mmx::to_integers(vm, insn, FloatWidth::F64, true),
        _ => Err(vm.undefined(insn)),
    }
}

/// #NM while the unit is emulated or another task's state is in it.
fn available(vm: &Vm) -> Done {
    if vm.cpu.cr0 & (CR0_EM | CR0_TS) == 0 { Ok(()) } else { Err(Exception::plain(vector::NM)) }
}

/// What every waiting instruction does first: #NM, then #MF for an exception that is pending.
fn ready(vm: &Vm) -> Done {
    available(vm)?;
    if vm.cpu.fsw & stack::ES == 0 { Ok(()) } else { Err(Exception::plain(vector::MF)) }
}
