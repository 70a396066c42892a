//! The committed rows: a few sparse cases of edge values per code, sorted into files by chapter.
//!
//! `cargo run -p golden --bin rows -- generate` writes them anew, outputs from the host's processor. The same seed gives the same rows.

mod grid;

use crate::case::{Case, End};
use crate::compare::Executor;
use crate::generate::{self, Density, Family, Random, Shape};
use crate::row::{Row, left_side};
use anyhow::Result;
use iced_x86::{Code, EncodingKind, FlowControl, Mnemonic, OpCodeOperandKind};
use std::collections::{BTreeMap, BTreeSet};

/// Rows per code.
const ROWS: u64 = 4;

/// The text of every row file by name. Random cases that `executor` refuses or that do not end are left out. Fails if a row of the grids does not parse.
pub fn files(executor: &mut dyn Executor) -> Result<BTreeMap<&'static str, String>> {
    let mut files: BTreeMap<&'static str, String> = BTreeMap::new();
    for (name, rows) in grid::files() {
        let cases: Vec<Case> = rows.lines().map(|row| Ok(Row::parse(row)?.case)).collect::<Result<_>>()?;
        let outcomes = executor.run_batch(&cases);
        let lines = cases.iter().zip(&outcomes).map(|(case, outcome)| Row::print(case, Some(outcome)) + "\n");
        files.insert(name, HEADER.to_owned() + &lines.collect::<String>());
    }
    for family in Family::ALL {
        for code in generate::codes(family) {
            let text = files.entry(chapter(family, code)).or_insert_with(|| HEADER.into());
            *text += &rows(code, executor);
        }
    }
    Ok(files)
}

const HEADER: &str = "\
# Written by `cargo run -p golden --bin rows -- generate`; refreshed by `BLESS=1 cargo test -p golden`. Format: golden/src/row/mod.rs.
";

/// The rows of one code, a line each.
fn rows(code: Code, executor: &mut dyn Executor) -> String {
    let mut random = Random::new(code as u64);
    let mut seen = BTreeSet::new();
    let cases = (0..ROWS).filter_map(|n| {
        let shape = if n % 2 == 0 { Shape::Register } else { Shape::Memory };
        generate::case(code, shape, Density::Sparse, &mut random)
    });
    let cases: Vec<Case> = cases.filter(|case| seen.insert(left_side(case))).collect();
    let outcomes = executor.run_batch(&cases);
    let ended = cases.iter().zip(&outcomes).filter(|(_, o)| matches!(o.end, End::Done | End::Fault(_)));
    ended.map(|(case, outcome)| Row::print(case, Some(outcome)) + "\n").collect()
}

fn chapter(family: Family, code: Code) -> &'static str {
    match family {
        Family::General => general(code),
        Family::X87 => "x87",
        Family::Mmx => "mmx",
        Family::Sse => sse(code),
        Family::V2 | Family::V3 => later(code),
    }
}

#[rustfmt::skip]
fn general(code: Code) -> &'static str {
    use Mnemonic as M;
    match code.mnemonic() {
        M::Shl | M::Sal | M::Shr | M::Sar | M::Rol | M::Ror | M::Rcl | M::Rcr | M::Shld | M::Shrd => "shifts",
        M::Mul | M::Imul | M::Div | M::Idiv => "muldiv",
        M::Movsb | M::Movsw | M::Movsd | M::Movsq | M::Stosb | M::Stosw | M::Stosd | M::Stosq | M::Lodsb | M::Lodsw | M::Lodsd | M::Lodsq
        | M::Cmpsb | M::Cmpsw | M::Cmpsd | M::Cmpsq | M::Scasb | M::Scasw | M::Scasd | M::Scasq => "string",
        M::Bt | M::Bts | M::Btr | M::Btc | M::Bsf | M::Bsr => "bit",
        M::Add | M::Adc | M::Sub | M::Sbb | M::Cmp | M::And | M::Or | M::Xor | M::Test | M::Inc | M::Dec | M::Neg | M::Not | M::Xadd | M::Cmpxchg
        | M::Cmpxchg8b | M::Cmpxchg16b => "gp-arith",
        _ if code.flow_control() != FlowControl::Next => "control",
        _ => "data",
    }
}

/// What x86-64-v2 and v3 add.
fn later(code: Code) -> &'static str {
    use OpCodeOperandKind as Kind;
    let kinds = code.op_code().op_kinds();
    let name = format!("{:?}", code.mnemonic()).to_lowercase();
    let vector = kinds.iter().any(|kind| format!("{kind:?}").contains("mm"));
    if kinds.iter().any(|kind| matches!(kind, Kind::mm_reg | Kind::mm_or_mem | Kind::mm_rm)) {
        return "mmx-ssse3";
    }
    if code.op_code().encoding() != EncodingKind::VEX {
        let crypto = ["aes", "sha", "pclmul"].iter().any(|prefix| name.starts_with(prefix));
        return if crypto {
            "crypto"
        } else if vector {
            "sse4"
        } else {
            "bits-v3"
        };
    }
    if name == "fisttp" {
        return "x87";
    }
    if !vector && !name.starts_with("vzero") {
        return "bits-v3";
    }
    if name.starts_with("vfm") || name.starts_with("vfnm") {
        return "fma";
    }
    match sse(code) {
        "sse-convert" => "avx-convert",
        "sse-move" => "avx-move",
        "sse-float" => "avx-float",
        _ => "avx-integer",
    }
}

fn sse(code: Code) -> &'static str {
    let name = format!("{:?}", code.mnemonic()).to_lowercase();
    let name = if code.op_code().encoding() == EncodingKind::VEX { name[1..].to_owned() } else { name };
    let float = ["ps", "pd", "ss", "sd"].iter().any(|suffix| name.ends_with(suffix)) || name.contains("comis");
    match name.as_str() {
        n if n.starts_with("cvt") => "sse-convert",
        n if n.starts_with("mov") || n.starts_with("mask") => "sse-move",
        _ if float => "sse-float",
        _ => "sse-integer",
    }
}
