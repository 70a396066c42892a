//! Multiplication and division: MUL, IMUL, DIV, IDIV, and the sign extensions that prepare them: CBW, CWDE, CDQE,
//! CWD, CDQ, CQO. SDM volume 1, section 5.1.2.

use crate::flags::FlagOp;
use crate::insn::{Gpr, Insn, Operand};
use crate::integer::IntegerOp;
use crate::machine::{BinOp, Compare, Machine, UnOp};
use crate::operands::{read, read_gpr, sign_extend, sign_fill, write, write_gpr};
use crate::width::Width;

/// Low and high half of a product.
fn product<M: Machine>(m: &mut M, w: Width, signed: bool, a: M::Int, b: M::Int) -> (M::Int, M::Int) {
    let low = m.bin(BinOp::Mul, w, a, b);
    let high = if signed { BinOp::MulHighSigned } else { BinOp::MulHighUnsigned };
    (low, m.bin(high, w, a, b))
}

/// CF = OF = whether the high half says more than the low half's extension.
fn product_flags<M: Machine>(m: &mut M, w: Width, signed: bool, low: M::Int, high: M::Int) {
    let plain = if signed { sign_fill(m, w, low) } else { m.imm(0) };
    let over = m.compare(Compare::Ne, w, high, plain);
    let over = m.int(over);
    let none = m.imm(0);
    m.set_flags(FlagOp::Mul, w, low, over, none);
}

/// MUL and one-operand IMUL.
pub fn mul<M: Machine>(m: &mut M, insn: &Insn, signed: bool) -> Result<(), M::Stop> {
    let w = insn.width;
    let b = read(m, insn, 0, w)?;
    let a = read_gpr(m, Gpr::RAX, w);
    let (low, high) = product(m, w, signed, a, b);
    if w == Width::W8 {
        let upper = m.shl_imm(high, 8);
        let both = m.or(upper, low);
        write_gpr(m, Gpr::RAX, Width::W16, both);
    } else {
        write_gpr(m, Gpr::RAX, w, low);
        write_gpr(m, Gpr::RDX, w, high);
    }
    product_flags(m, w, signed, low, high);
    Ok(())
}

/// IMUL, all three forms.
pub fn imul<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    if insn.operands[1] == Operand::None {
        return mul(m, insn, true);
    }
    let w = insn.width;
    let (first, second) = if insn.operands[2] == Operand::None { (0, 1) } else { (1, 2) };
    let a = read(m, insn, first, w)?;
    let b = read(m, insn, second, w)?;
    let (low, high) = product(m, w, true, a, b);
    write(m, insn, 0, w, low)?;
    product_flags(m, w, true, low, high);
    Ok(())
}

/// DIV and IDIV of a dividend that is as wide as twice the operand. But for DIV of 64 bits a dividend that is no wider than
/// the operand is computed here, any other the helper's; a quotient that does not fit is #DE. The flags, undefined, stay.
pub fn div<M: Machine>(m: &mut M, insn: &Insn, signed: bool) -> Result<(), M::Stop> {
    let w = insn.width;
    if w == Width::W8 || w == Width::W16 {
        return m.helper(insn);
    }
    let divisor = read(m, insn, 0, w)?;
    let low = read_gpr(m, Gpr::RAX, w);
    let high = read_gpr(m, Gpr::RDX, w);
    if w == Width::W64 && !signed {
        return div_wide(m, insn, [high, low, divisor]);
    }
    let plain = if signed { sign_fill(m, w, low) } else { m.imm(0) };
    let mut wide = m.compare(Compare::Ne, w, high, plain);
    let zero = m.is_zero(divisor);
    wide = m.either(wide, zero);
    if signed {
        let overflow = least_by_minus_one(m, w, low, divisor);
        wide = m.either(wide, overflow);
    }
    if m.rare(wide) {
        return m.helper(insn);
    }
    let (quotient, remainder) =
        if signed { (BinOp::DivSigned, BinOp::RemSigned) } else { (BinOp::DivUnsigned, BinOp::RemUnsigned) };
    let quotient = m.bin(quotient, w, low, divisor);
    let remainder = m.bin(remainder, w, low, divisor);
    write_gpr(m, Gpr::RAX, w, quotient);
    write_gpr(m, Gpr::RDX, w, remainder);
    Ok(())
}

/// DIV of a dividend of 128 bits by one of 64.
fn div_wide<M: Machine>(m: &mut M, insn: &Insn, [high, low, divisor]: [M::Int; 3]) -> Result<(), M::Stop> {
    let w = Width::W64;
    let too_large = m.compare(Compare::LeUnsigned, w, divisor, high);
    if m.rare(too_large) {
        return m.helper(insn);
    }
    let quotient = m.int_large(IntegerOp::Quotient, [high, low, divisor])?;
    let product = m.bin(BinOp::Mul, w, quotient, divisor);
    let remainder = m.sub(w, low, product);
    write_gpr(m, Gpr::RAX, w, quotient);
    write_gpr(m, Gpr::RDX, w, remainder);
    Ok(())
}

/// The one quotient of two values of width `w` that does not fit it.
fn least_by_minus_one<M: Machine>(m: &mut M, w: Width, a: M::Int, b: M::Int) -> M::Bool {
    let least = m.imm(w.sign());
    let minus_one = m.imm(w.mask());
    let x = m.compare(Compare::Eq, w, a, least);
    let y = m.compare(Compare::Eq, w, b, minus_one);
    m.both(x, y)
}

/// CBW, CWDE, CDQE: the accumulator's lower half extended to `to`.
pub fn extend_accumulator<M: Machine>(m: &mut M, from: Width, to: Width) {
    let low = read_gpr(m, Gpr::RAX, from);
    let wide = sign_extend(m, low, from, to);
    write_gpr(m, Gpr::RAX, to, wide);
}

/// CWD, CDQ, CQO: RDX filled with the accumulator's sign.
pub fn extend_to_rdx<M: Machine>(m: &mut M, w: Width) {
    let low = read_gpr(m, Gpr::RAX, w);
    let fill = sign_fill(m, w, low);
    write_gpr(m, Gpr::RDX, w, fill);
}

/// BSWAP; of a 16-bit register, undefined, it gives 0 as processors do.
pub fn bswap<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    let w = insn.width;
    if w == Width::W16 {
        let zero = m.imm(0);
        return write(m, insn, 0, w, zero);
    }
    let value = read(m, insn, 0, w)?;
    let swapped = m.un(UnOp::Bswap, w, value);
    write(m, insn, 0, w, swapped)
}
