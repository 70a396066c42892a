//! Edge values in full grids, where a random handful per code would leave holes: carries and overflows of every size, every shift count that
//! matters, the limits of division, float edges under every rounding, conversions at the limits of their range.

use std::fmt::Write;

/// Files of rows without outputs, by chapter.
pub(super) fn files() -> [(&'static str, String); 4] {
    [
        ("edge-arith", arithmetic()),
        ("edge-shifts", shifts()),
        ("edge-division", division()),
        ("edge-float", floats() + &conversions()),
    ]
}

/// Operand sizes with the bytes that choose them, before an opcode whose lowest bit is clear for 8 bits.
#[rustfmt::skip]
const SIZES: [(u32, &str, u8); 4] = [(8, "", 0), (16, "66 ", 1), (32, "", 1), (64, "48 ", 1)];

/// ADD OR ADC SBB AND SUB XOR CMP of rbx and rcx, with the carry set, on both sides of the signed and the unsigned overflow.
fn arithmetic() -> String {
    let mut out = String::new();
    for (bits, prefix, wide) in SIZES {
        let (max, min) = (u64::MAX >> (64 - bits), 1_u64 << (bits - 1));
        let pairs = [(0, 0), (max, 0), (0, 1), (max, 1), (min - 1, 1), (min, min), (min, 1), (max, max), (0xf, 0)];
        for (operation, (left, right)) in (0..8_u8).flat_map(|op| pairs.map(|pair| (op << 3, pair))) {
            line(&mut out, format!("{prefix}{:02x} cb | rbx={left:x} rcx={right:x} flags=C", operation | wide));
        }
    }
    out
}

/// Every shift and rotate of rbx by CL with every count around the operand sizes.
fn shifts() -> String {
    let mut out = String::new();
    for (bits, prefix, wide) in SIZES {
        let value = 1_u64 << (bits - 1) | 0x35;
        for (operation, count) in
            (0..8_u8).flat_map(|op| [0, 1, 7, 8, 9, 16, 17, 31, 32, 33, 63, 64].map(|count| (op, count)))
        {
            // /6 is an undocumented alias of SHL.
            if operation != 6 {
                line(
                    &mut out,
                    format!(
                        "{prefix}{:02x} {:02x} | rbx={value:x} rcx={count:x} flags=CO",
                        0xd2 | wide,
                        0xc3 | operation << 3
                    ),
                );
            }
        }
    }
    out
}

/// DIV and IDIV of rdx:rax (AX for 8 bits) by rbx: zero divisor, the last quotient that fits and the first that does not.
fn division() -> String {
    let mut out = String::new();
    for (bits, prefix, wide) in SIZES {
        let (max, min) = (u64::MAX >> (64 - bits), 1_u64 << (bits - 1));
        #[rustfmt::skip]
        let triples = [
            (0, 7, 0), (0, 7, 2), (1, 0, 1), (1, max, 2), (1, 0, 2), (max, min, max), (max, min, 1), (max, min - 1, 1), (max, max, max),
            (0, min, 1), (0, min - 1, 1), (0, min, max), (max, 0xf9 | max << 8 & max, 2),
        ];
        for (operation, (high, low, divisor)) in [6_u8, 7].iter().flat_map(|op| triples.map(|triple| (op, triple))) {
            let dividend =
                if bits == 8 { format!("rax={:x}", high << 8 | low) } else { format!("rax={low:x} rdx={high:x}") };
            line(
                &mut out,
                format!("{prefix}{:02x} {:02x} | {dividend} rbx={divisor:x}", 0xf6 | wide, 0xc3 | operation << 3),
            );
        }
    }
    out
}

/// MXCSR: the four roundings, then FTZ, DAZ and both.
const MODES: [u32; 7] = [0x1f80, 0x3f80, 0x5f80, 0x7f80, 0x9f80, 0x1fc0, 0x9fc0];

/// Scalar arithmetic and comparison of xmm0 and xmm1 in both precisions.
fn floats() -> String {
    const OPCODES: [u8; 7] = [0x58, 0x59, 0x5c, 0x5e, 0x5d, 0x5f, 0x51];
    let mut out = String::new();
    for (prefix, shift, exponents, one) in [("f3", 23, 0xff_u64, 0x7f_u64), ("f2", 52, 0x7ff, 0x3ff)] {
        let float = |exponent: u64, mantissa: u64| exponent << shift | mantissa;
        let (infinity, sign, last) = (float(exponents, 0), float(exponents + 1, 0), float(1, 0) - 1);
        let (quiet, signalling) = (float(exponents, 1 << (shift - 1)), float(exponents, 5));
        let (unit, three, largest, smallest) =
            (float(one, 0), float(one + 1, 1 << (shift - 1)), infinity - 1, float(1, 0));
        #[rustfmt::skip]
        let specials = [
            (infinity, infinity | sign), (infinity, 0), (0, 0), (0, sign), (sign, 0), (unit, 0), (quiet, signalling), (signalling, quiet | 7), (quiet | sign | 3, unit),
            (unit, quiet | 9), (unit, signalling | sign), (largest, largest), (sign | unit, sign | unit),
        ];
        let rounded = [
            (unit, three),
            (smallest, last),
            (last, three),
            (largest, three),
            (smallest, float(one - 1, 1)),
            (unit, float(one - shift as u64 - 1, 1)),
        ];
        for opcode in OPCODES {
            let special = specials.iter().map(|pair| (MODES[0], pair));
            let inexact = MODES.iter().flat_map(|&mode| rounded.iter().map(move |pair| (mode, pair)));
            for (mode, (left, right)) in special.chain(inexact.filter(|_| opcode < 0x5d && opcode != 0x51)) {
                line(&mut out, format!("{prefix} 0f {opcode:02x} c1 | xmm0={left:x} xmm1={right:x} mxcsr={mode:x}"));
            }
        }
    }
    out
}

/// CVT(T)SD2SI and CVT(T)SS2SI to 32 and 64 bits: halves under every rounding, the limits of the range, NaN and infinity.
fn conversions() -> String {
    const VALUES: [f64; 12] = [
        0.5,
        1.5,
        2.5,
        -0.5,
        -2.5,
        2147483647.0,
        2147483647.5,
        -2147483648.5,
        -2147483649.0,
        9223372036854775808.0,
        -9223372036854775808.0,
        f64::INFINITY,
    ];
    let mut out = String::new();
    for ((rex, opcode), value) in ["", "48 "]
        .iter()
        .flat_map(|rex| [0x2c, 0x2d].map(|op| (rex, op)))
        .flat_map(|form| VALUES.map(|value| (form, value)))
    {
        for mode in &MODES[..if opcode == 0x2d { 4 } else { 1 }] {
            line(&mut out, format!("f2 {rex}0f {opcode:x} c0 | xmm0={:x} mxcsr={mode:x}", value.to_bits()));
            line(&mut out, format!("f3 {rex}0f {opcode:x} c0 | xmm0={:x} mxcsr={mode:x}", (value as f32).to_bits()));
        }
    }
    out
}

fn line(out: &mut String, row: String) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{row}");
}
