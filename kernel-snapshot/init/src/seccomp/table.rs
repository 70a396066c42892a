//! The numbers of system calls by their names, and which call each architecture ends with.

use std::collections::BTreeMap;
use syscalls::{x86, x86_64};

/// An architecture of system calls.
pub(super) struct Architecture {
    /// `AUDIT_ARCH_…` of `linux/audit.h`.
    pub(super) code: u32,
    /// Numbers by name.
    pub(super) numbers: BTreeMap<&'static str, u32>,
}

impl Architecture {
    /// 64-bit programs.
    pub(super) fn x86_64() -> Architecture {
        let number = |call: x86_64::Sysno| (name(call.name()), call.id().cast_unsigned());
        Architecture { code: 0xc000_003e, numbers: x86_64::Sysno::iter().map(number).collect() }
    }

    /// 32-bit programs.
    pub(super) fn i386() -> Architecture {
        let number = |call: x86::Sysno| (name(call.name()), call.id().cast_unsigned());
        Architecture { code: 0x4000_0003, numbers: x86::Sysno::iter().map(number).collect() }
    }
}

/// The name that profiles have; the crate's own ends in `_` where it would be a word of Rust.
fn name(of_crate: &'static str) -> &'static str {
    of_crate.trim_start_matches("r#").trim_end_matches('_')
}
