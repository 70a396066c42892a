//! The `name=value` tokens of rows.

use super::fault;
use crate::case::{Case, End, Outcome};
use crate::layout;
use crate::state::{FLAGS, GPR_NAMES, State};
use anyhow::{Context, Result, bail, ensure};

/// Flag letters and their bits.
#[rustfmt::skip]
const FLAG_LETTERS: [(char, u64); 10] = [
    ('C', 1), ('P', 4), ('A', 0x10), ('Z', 0x40), ('S', 0x80), ('T', 0x100), ('D', 0x400), ('O', 0x800), ('K', 0x4_0000), ('I', 0x20_0000),
];

/// Parses the inputs.
pub(super) fn inputs(text: &str) -> Result<State> {
    let mut state = State::default();
    apply(text.split_whitespace(), &mut state)?;
    Ok(state)
}

/// Parses the outputs of `case`.
pub(super) fn outputs(text: &str, case: &Case) -> Result<Outcome> {
    let (mut end, mut rip) = (End::Done, None);
    let mut tokens = Vec::new();
    for token in text.split_whitespace() {
        match token.strip_prefix("rip=") {
            Some(offset) => rip = Some(parse_signed(offset).with_context(|| format!("`{token}`: expected a number"))?),
            None if token == "timeout" => end = End::Timeout,
            None if token.starts_with('#') => end = End::Fault(fault::parse(token)?),
            None => tokens.push(token),
        }
    }
    let mut state = case.state.clone();
    apply(tokens.into_iter(), &mut state)?;
    let default_rip = if end == End::Done { case.code().len() as i64 } else { 0 };
    Ok(Outcome { end, rip: rip.unwrap_or(default_rip), state })
}

/// Applies tokens. `fsw` comes first wherever it stands, since it says what `st0` is.
fn apply<'a>(tokens: impl Iterator<Item = &'a str>, state: &mut State) -> Result<()> {
    let (first, rest): (Vec<_>, Vec<_>) = tokens.partition(|t| t.starts_with("fsw="));
    for token in first.into_iter().chain(rest) {
        let (name, value) = token.split_once('=').with_context(|| format!("`{token}`: expected name=value"))?;
        set(state, name, value).with_context(|| format!("`{token}`"))?;
    }
    Ok(())
}

fn set(state: &mut State, name: &str, value: &str) -> Result<()> {
    if let Some(i) = GPR_NAMES.iter().position(|n| *n == name) {
        state.gpr[i] = number(value)?;
        return Ok(());
    }
    if let Some(address) = name.strip_prefix('[').and_then(|n| n.strip_suffix(']')) {
        return set_memory(state, number(address)?, &bytes(value)?);
    }
    if let Some(n) = name.strip_prefix("xmm").or(name.strip_prefix("ymm")) {
        return set_vector(state, name.starts_with('y'), n, value);
    }
    match name {
        "flags" => state.flags = flags(value)?,
        "fsbase" => state.fs_base = canonical(number(value)?)?,
        "gsbase" => state.gs_base = canonical(number(value)?)?,
        "mxcsr" => state.mxcsr = u32::from_str_radix(value, 16)?,
        "fcw" => state.x87.control = u16::from_str_radix(value, 16)?,
        "fsw" => state.x87.status = u16::from_str_radix(value, 16)?,
        "ftw" => state.x87.tags = u8::from_str_radix(value, 16)?,
        _ => {
            let n = name.strip_prefix("st").and_then(|n| n.parse().ok()).filter(|n| *n < 8_usize);
            let n = state.x87.physical(n.context("no register of this name")?);
            let value = u128::from_str_radix(value, 16)?;
            ensure!(value >> 80 == 0, "expected at most 80 bits");
            state.x87.registers[n] = value;
        }
    }
    Ok(())
}

fn set_memory(state: &mut State, address: u64, bytes: &[u8]) -> Result<()> {
    let last = address.checked_add(bytes.len() as u64 - 1);
    let is_home = |address| layout::home(address) == Some(address);
    ensure!(is_home(address) && last.is_some_and(is_home), "expected an address in the window or the read-only page");
    state.memory.set(address, bytes);
    Ok(())
}

fn set_vector(state: &mut State, whole: bool, n: &str, value: &str) -> Result<()> {
    let n: usize = n.parse().ok().filter(|n| *n < 16).context("expected a register number below 16")?;
    let (high, low) = value.split_at(if value.is_ascii() { value.len().saturating_sub(32) } else { 0 });
    ensure!(whole || high.is_empty(), "expected at most 128 bits");
    let low = u128::from_str_radix(low, 16)?;
    state.ymm[n][..2].copy_from_slice(&[low as u64, (low >> 64) as u64]);
    if whole {
        let high = if high.is_empty() { 0 } else { u128::from_str_radix(high, 16)? };
        state.ymm[n][2..].copy_from_slice(&[high as u64, (high >> 64) as u64]);
    }
    Ok(())
}

fn number(text: &str) -> Result<u64> {
    u64::from_str_radix(text, 16).context("expected a hexadecimal number of at most 64 bits")
}

fn canonical(address: u64) -> Result<u64> {
    ensure!(address >> 47 == 0, "expected an address of user space");
    Ok(address)
}

/// Bytes from an even number of hexadecimal digits, at least one.
pub(super) fn bytes(text: &str) -> Result<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(16).map(|d| d as u8)).collect();
    let digits = digits.filter(|d| d.len() % 2 == 0 && !d.is_empty());
    let digits = digits.with_context(|| format!("`{text}`: expected hexadecimal bytes"))?;
    Ok(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

fn flags(text: &str) -> Result<u64> {
    let mut flags = 0;
    for letter in text.chars().filter(|c| *c != '-') {
        match FLAG_LETTERS.iter().find(|(l, _)| *l == letter) {
            Some((_, bit)) => flags |= bit,
            None => bail!("no flag has the letter `{letter}`: expected some of CPAZSTDOKI"),
        }
    }
    Ok(flags)
}

fn print_flags(flags: u64) -> String {
    let letters: String = FLAG_LETTERS.iter().filter(|(_, bit)| flags & bit != 0).map(|(l, _)| *l).collect();
    if letters.is_empty() { "-".into() } else { letters }
}

fn parse_signed(text: &str) -> Result<i64> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let magnitude = number(digits)? as i64;
    Ok(if negative { magnitude.wrapping_neg() } else { magnitude })
}

/// A signed hexadecimal number.
pub(super) fn signed(value: i64) -> String {
    if value < 0 { format!("-{:x}", value.unsigned_abs()) } else { format!("{value:x}") }
}

/// The tokens that lead from `before` to `after`, looking at the flags in `mask` only.
pub(super) fn differences(before: &State, after: &State, mask: u64) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut word = |name: &str, old: u64, new: u64| {
        if old != new {
            tokens.push(format!("{name}={new:x}"));
        }
    };
    for (i, name) in GPR_NAMES.iter().enumerate() {
        word(name, before.gpr[i], after.gpr[i]);
    }
    word("fsbase", before.fs_base, after.fs_base);
    word("gsbase", before.gs_base, after.gs_base);
    word("mxcsr", before.mxcsr.into(), after.mxcsr.into());
    word("fcw", before.x87.control.into(), after.x87.control.into());
    word("fsw", before.x87.status.into(), after.x87.status.into());
    word("ftw", before.x87.tags.into(), after.x87.tags.into());
    stack(before, after, &mut tokens);
    vectors(before, after, &mut tokens);
    for (address, bytes) in after.memory.runs_since(&before.memory) {
        let digits: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        tokens.push(format!("[{address:x}]={digits}"));
    }
    if (before.flags ^ after.flags) & mask & FLAGS != 0 {
        tokens.push(format!("flags={}", print_flags(after.flags & mask)));
    }
    tokens
}

fn stack(before: &State, after: &State, tokens: &mut Vec<String>) {
    for i in 0..8 {
        let n = after.x87.physical(i);
        let value = after.x87.registers[n];
        if !after.x87.is_empty(n) && value != before.x87.registers[n] {
            tokens.push(format!("st{i}={value:x}"));
        }
    }
}

fn vectors(before: &State, after: &State, tokens: &mut Vec<String>) {
    for (i, (old, new)) in before.ymm.iter().zip(&after.ymm).enumerate() {
        let wide = |half: &[u64]| u128::from(half[0]) | u128::from(half[1]) << 64;
        let (low, high) = (wide(&new[..2]), wide(&new[2..]));
        if old[2..] != new[2..] {
            tokens.push(format!("ymm{i}={high:x}{low:032x}"));
        } else if old != new {
            tokens.push(format!("xmm{i}={low:x}"));
        }
    }
}
