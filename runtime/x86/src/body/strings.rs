//! String instructions: MOVS, STOS and LODS. SDM volume 1, section 5.1.8; volume 2, REP.
//!
//! What is common has its body here: upwards, and repeated over at most the rest of a page. Everything else (down, across
//! pages, overlapping so that what was written is read again, 32-bit addresses, compatibility mode) is the machine's one
//! function.

use crate::insn::{Gpr, Insn};
use crate::machine::{BinOp, Compare, Machine};
use crate::operands::{linear, read_gpr, write_gpr};
use crate::width::Width;

const PAGE: u64 = 0x1000;
const DF: u64 = 1 << 10;

/// Whether the instruction goes downwards.
#[inline(always)]
fn down<M: Machine>(m: &mut M) -> M::Bool {
    let flags = m.system_flags();
    let down = m.and_imm(flags, DF);
    m.is_nonzero(down)
}

fn repeats(insn: &Insn) -> bool {
    insn.prefixes.rep || insn.prefixes.repne
}

#[inline(always)]
fn advance<M: Machine>(m: &mut M, register: Gpr, by: M::Int) {
    let old = m.gpr(register);
    let new = m.add(Width::W64, old, by);
    m.set_gpr(register, new);
}

/// Whether a count of elements is more than a page has.
#[inline(always)]
fn too_many<M: Machine>(m: &mut M, w: Width, count: M::Int) -> M::Bool {
    let most = m.imm(PAGE / w.bytes());
    m.compare(Compare::LtUnsigned, Width::W64, most, count)
}

/// Whether `bytes`, at most a page, from an address on reach into the next page.
#[inline(always)]
fn leaves_page<M: Machine>(m: &mut M, address: M::Int, bytes: M::Int) -> M::Bool {
    let offset = m.and_imm(address, PAGE - 1);
    let end = m.add(Width::W64, offset, bytes);
    let page = m.imm(PAGE);
    m.compare(Compare::LtUnsigned, Width::W64, page, end)
}

/// Whether `to` lies among the `bytes` from `from` on, behind the first.
#[inline(always)]
fn inside<M: Machine>(m: &mut M, to: M::Int, from: M::Int, bytes: M::Int) -> M::Bool {
    let one = m.imm(1);
    let distance = m.sub(Width::W64, to, from);
    let distance = m.sub(Width::W64, distance, one);
    let rest = m.sub(Width::W64, bytes, one);
    let less = m.compare(Compare::LtUnsigned, Width::W64, distance, rest);
    let some = m.is_nonzero(bytes);
    m.both(less, some)
}

/// `count` elements in bytes.
#[inline(always)]
fn in_bytes<M: Machine>(m: &mut M, w: Width, count: M::Int) -> M::Int {
    let shift = m.imm(w.bytes().trailing_zeros().into());
    m.bin(BinOp::Shl, Width::W64, count, shift)
}

/// Whether the machine's one function takes the instruction from the start: downwards, with 32-bit addresses, or an element at a
/// time.
#[inline(always)]
fn is_uncommon<M: Machine>(m: &mut M, insn: &Insn) -> bool {
    let down = down(m);
    insn.prefixes.address_width != Width::W64 || m.rare(down) || repeats(insn) && m.by_element()
}

/// The bytes that the repeat count stands for; `None` if they are more than a page has.
#[inline(always)]
fn repeated_bytes<M: Machine>(m: &mut M, w: Width) -> Option<M::Int> {
    let count = m.gpr(Gpr::RCX);
    let many = too_many(m, w, count);
    let bytes = in_bytes(m, w, count);
    (!m.rare(many)).then_some(bytes)
}

/// MOVS.
#[inline(always)]
pub fn movs<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    let w = insn.width;
    if is_uncommon(m, insn) {
        return m.helper(insn);
    }
    let source = m.gpr(Gpr::RSI);
    let (from, to) = (linear(m, insn, source), m.gpr(Gpr::RDI));
    let bytes = if repeats(insn) {
        let Some(bytes) = repeated_bytes(m, w) else { return m.helper(insn) };
        let (first, second) = (leaves_page(m, from, bytes), leaves_page(m, to, bytes));
        let overlap = inside(m, to, from, bytes);
        if m.rare(first) || m.rare(second) || m.rare(overlap) {
            return m.helper(insn);
        }
        m.copy(w, to, from, bytes)?;
        let none = m.imm(0);
        m.set_gpr(Gpr::RCX, none);
        bytes
    } else {
        let value = m.load(w, from)?;
        m.store(w, to, value)?;
        m.imm(w.bytes())
    };
    advance(m, Gpr::RSI, bytes);
    advance(m, Gpr::RDI, bytes);
    Ok(())
}

/// STOS.
#[inline(always)]
pub fn stos<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    let w = insn.width;
    if is_uncommon(m, insn) {
        return m.helper(insn);
    }
    let to = m.gpr(Gpr::RDI);
    let value = read_gpr(m, Gpr::RAX, w);
    let bytes = if repeats(insn) {
        let Some(bytes) = repeated_bytes(m, w) else { return m.helper(insn) };
        let crosses = leaves_page(m, to, bytes);
        if m.rare(crosses) {
            return m.helper(insn);
        }
        m.fill(w, to, value, bytes)?;
        let none = m.imm(0);
        m.set_gpr(Gpr::RCX, none);
        bytes
    } else {
        m.store(w, to, value)?;
        m.imm(w.bytes())
    };
    advance(m, Gpr::RDI, bytes);
    Ok(())
}

/// LODS.
#[inline(always)]
pub fn lods<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    let w = insn.width;
    if repeats(insn) || is_uncommon(m, insn) {
        return m.helper(insn);
    }
    let source = m.gpr(Gpr::RSI);
    let from = linear(m, insn, source);
    let value = m.load(w, from)?;
    write_gpr(m, Gpr::RAX, w, value);
    let bytes = m.imm(w.bytes());
    advance(m, Gpr::RSI, bytes);
    Ok(())
}
