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
mod direct;
mod environment;
mod float;
mod fxsave;
mod mmx;
mod operands;
pub(crate) mod quick;
mod stack;
#[cfg(test)]
mod tests;
mod transcendental;
mod transfer;
mod unit;
pub(crate) mod xsave;

use crate::cpu::Cpu;
use crate::exception::{Exception, vector};
use crate::vm::Vm;
use constants::Constant;
use direct::Direct;
pub use direct::Transfer;
pub(crate) use direct::execute_direct;
use float::{Binary, Direction, Rounded};
pub use quick::Quick;
pub use unit::Form;
use unit::{Interpreted, Unit};
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
        _ => match in_unit(&mut Interpreted { vm, insn }, Form::of(insn)) {
            Some(done) => done,
            None => packed(vm, insn),
        },
    }
}

/// Carries out an instruction of the unit, with an operand of at most ten bytes; `None` where it is none.
#[rustfmt::skip]
fn in_unit<U: Unit>(unit: &mut U, form: Form) -> Option<Done> {
    Some(match form.mnemonic {
        // 5.2.6 x87 control
        Mn::Fninit              => control::initialize(unit),
        Mn::Fnclex              => control::clear_exceptions(unit),
        Mn::Fldcw               => control::load_control(unit),
        Mn::Fnstcw              => control::store_control(unit),
        Mn::Fnstsw              => control::store_status(unit),
        Mn::Fincstp             => control::rotate(unit, 1),
        Mn::Fdecstp             => control::rotate(unit, 7),
        Mn::Ffree               => control::free(unit, form, false),
        Mn::Ffreep              => control::free(unit, form, true),
        Mn::Fnop                => ready(unit.cpu()),
        Mn::Fneni | Mn::Fndisi | Mn::Fnsetpm => available(unit.cpu()),
        Mn::Wait                => control::wait(unit),
        _ => return numeric(form).map(|body| {
            ready(unit.cpu())?;
            body(unit, form)?;
            unit.keep_pointers(form);
            Ok(())
        }),
    })
}

/// Whether [`in_unit`] knows it.
fn is_of_unit(form: Form) -> bool {
    let controls = matches!(
        form.mnemonic,
        Mn::Fninit
            | Mn::Fnclex
            | Mn::Fldcw
            | Mn::Fnstcw
            | Mn::Fnstsw
            | Mn::Fincstp
            | Mn::Fdecstp
            | Mn::Ffree
            | Mn::Ffreep
            | Mn::Fnop
            | Mn::Wait
    );
    controls || numeric::<Direct<'_>>(form).is_some()
}

/// The body of an instruction that computes or moves numbers.
#[rustfmt::skip]
fn numeric<U: Unit>(form: Form) -> Option<fn(&mut U, Form) -> Done> {
    use Binary::*;
    use Condition::*;
    Some(match form.mnemonic {
        // 5.2.1 Data transfer
        Mn::Fld                 => transfer::load_real,
        Mn::Fst                 => |unit, form| transfer::store_real(unit, form, false),
        Mn::Fstp                => |unit, form| transfer::store_real(unit, form, true),
        Mn::Fstpnce             => transfer::store_unchecked,
        Mn::Fild                => transfer::load_integer,
        Mn::Fist                => |unit, form| { let d = unit.cpu().context().direction; transfer::store_integer(unit, form, d, false) },
        Mn::Fistp               => |unit, form| { let d = unit.cpu().context().direction; transfer::store_integer(unit, form, d, true) },
        Mn::Fisttp              => |unit, form| transfer::store_integer(unit, form, Direction::Zero, true),
        Mn::Fbld                => |unit, _| transfer::load_decimal(unit),
        Mn::Fbstp               => |unit, _| transfer::store_decimal(unit),
        Mn::Fxch                => transfer::exchange,
        Mn::Fcmove              => |unit, form| transfer::move_if(unit, form, E),
        Mn::Fcmovne             => |unit, form| transfer::move_if(unit, form, Ne),
        Mn::Fcmovb              => |unit, form| transfer::move_if(unit, form, B),
        Mn::Fcmovbe             => |unit, form| transfer::move_if(unit, form, Be),
        Mn::Fcmovnb             => |unit, form| transfer::move_if(unit, form, Ae),
        Mn::Fcmovnbe            => |unit, form| transfer::move_if(unit, form, A),
        Mn::Fcmovu              => |unit, form| transfer::move_if(unit, form, P),
        Mn::Fcmovnu             => |unit, form| transfer::move_if(unit, form, Np),
        // 5.2.2 Basic arithmetic
        Mn::Fadd                => |unit, form| arith::real(unit, form, Add, false),
        Mn::Faddp               => |unit, form| arith::popping(unit, form, Add, false),
        Mn::Fiadd               => |unit, form| arith::integer(unit, form, Add, false),
        Mn::Fsub                => |unit, form| arith::real(unit, form, Sub, false),
        Mn::Fsubp               => |unit, form| arith::popping(unit, form, Sub, false),
        Mn::Fisub               => |unit, form| arith::integer(unit, form, Sub, false),
        Mn::Fsubr               => |unit, form| arith::real(unit, form, Sub, true),
        Mn::Fsubrp              => |unit, form| arith::popping(unit, form, Sub, true),
        Mn::Fisubr              => |unit, form| arith::integer(unit, form, Sub, true),
        Mn::Fmul                => |unit, form| arith::real(unit, form, Mul, false),
        Mn::Fmulp               => |unit, form| arith::popping(unit, form, Mul, false),
        Mn::Fimul               => |unit, form| arith::integer(unit, form, Mul, false),
        Mn::Fdiv                => |unit, form| arith::real(unit, form, Div, false),
        Mn::Fdivp               => |unit, form| arith::popping(unit, form, Div, false),
        Mn::Fidiv               => |unit, form| arith::integer(unit, form, Div, false),
        Mn::Fdivr               => |unit, form| arith::real(unit, form, Div, true),
        Mn::Fdivrp              => |unit, form| arith::popping(unit, form, Div, true),
        Mn::Fidivr              => |unit, form| arith::integer(unit, form, Div, true),
        Mn::Fprem               => |unit, _| arith::remainder(unit, false),
        Mn::Fprem1              => |unit, _| arith::remainder(unit, true),
        Mn::Fabs                => |unit, _| arith::unary(unit, |_, a| Rounded::new(a.with_sign(false), 0)),
        Mn::Fchs                => |unit, _| arith::unary(unit, |_, a| Rounded::new(a.with_sign(!a.is_negative()), 0)),
        Mn::Frndint             => |unit, _| arith::unary(unit, float::to_integral),
        Mn::Fscale              => |unit, _| arith::scale(unit),
        Mn::Fsqrt               => |unit, _| arith::unary(unit, float::sqrt),
        Mn::Fxtract             => |unit, _| arith::extract(unit),
        // 5.2.3 Comparison
        Mn::Fcom                => |unit, form| compare::real(unit, form, 0),
        Mn::Fcomp               => |unit, form| compare::real(unit, form, 1),
        Mn::Fcompp              => |unit, _| compare::both(unit, false),
        Mn::Fucom               => |unit, form| compare::quiet(unit, form, 0),
        Mn::Fucomp              => |unit, form| compare::quiet(unit, form, 1),
        Mn::Fucompp             => |unit, _| compare::both(unit, true),
        Mn::Ficom               => |unit, form| compare::integer(unit, form, 0),
        Mn::Ficomp              => |unit, form| compare::integer(unit, form, 1),
        Mn::Fcomi               => |unit, form| compare::to_flags(unit, form, false, false),
        Mn::Fcomip              => |unit, form| compare::to_flags(unit, form, false, true),
        Mn::Fucomi              => |unit, form| compare::to_flags(unit, form, true, false),
        Mn::Fucomip             => |unit, form| compare::to_flags(unit, form, true, true),
        Mn::Ftst                => |unit, _| compare::with_zero(unit),
        Mn::Fxam                => |unit, _| compare::examine(unit),
        // 5.2.4 Transcendental functions
        Mn::Fsin                => |unit, _| transcendental::of_angle(unit, float::sine),
        Mn::Fcos                => |unit, _| transcendental::of_angle(unit, float::cosine),
        Mn::Fsincos             => |unit, _| transcendental::sine_and_cosine(unit),
        Mn::Fptan               => |unit, _| transcendental::tangent(unit),
        Mn::Fpatan              => |unit, _| transcendental::of_pair(unit, float::arc_tangent),
        Mn::F2xm1               => |unit, _| arith::unary(unit, float::exponential),
        Mn::Fyl2x               => |unit, _| transcendental::of_pair(unit, float::logarithm),
        Mn::Fyl2xp1             => |unit, _| transcendental::of_pair(unit, float::logarithm_of_successor),
        // 5.2.5 Constants
        Mn::Fld1                => |unit, _| transfer::load_constant(unit, Constant::ONE),
        Mn::Fldz                => |unit, _| transfer::load_constant(unit, Constant::ZERO),
        Mn::Fldpi               => |unit, _| transfer::load_constant(unit, Constant::PI),
        Mn::Fldl2e              => |unit, _| transfer::load_constant(unit, Constant::LOG2_E),
        Mn::Fldln2              => |unit, _| transfer::load_constant(unit, Constant::LN_2),
        Mn::Fldl2t              => |unit, _| transfer::load_constant(unit, Constant::LOG2_10),
        Mn::Fldlg2              => |unit, _| transfer::load_constant(unit, Constant::LOG10_2),
        _ => return None,
    })
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
fn available(cpu: &Cpu) -> Done {
    if cpu.cr0 & (CR0_EM | CR0_TS) == 0 { Ok(()) } else { Err(Exception::plain(vector::NM)) }
}

/// What every waiting instruction does first: #NM, then #MF for an exception that is pending.
fn ready(cpu: &Cpu) -> Done {
    available(cpu)?;
    if cpu.fsw & stack::ES == 0 { Ok(()) } else { Err(Exception::plain(vector::MF)) }
}
