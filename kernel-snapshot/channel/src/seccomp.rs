//! A filter of system calls, by their names: init has the numbers.

use serde::{Deserialize, Serialize};

/// What becomes of each system call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seccomp {
    /// What the kernel does where no rule says what: `SECCOMP_RET_…` with its data.
    pub default: u32,
    /// What it does with system calls that are newer than all that the rules name, if something else.
    pub newer: Option<u32>,
    /// Whether 32-bit programs may run; their system calls have the same rules.
    pub i386: bool,
    /// `SECCOMP_FILTER_FLAG_…` of seccomp(2).
    pub flags: u32,
    /// Of the rules for one system call that have tests the first that holds decides, else the first that has none.
    pub rules: Vec<SeccompRule>,
}

/// What becomes of some system calls.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeccompRule {
    /// Their names. One that the kernel does not have means nothing.
    pub names: Vec<String>,
    /// What the kernel does: `SECCOMP_RET_…` with its data.
    pub action: u32,
    /// What must hold of the arguments, all of it.
    pub tests: Vec<SeccompTest>,
}

/// A comparison of an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeccompTest {
    /// Which argument, 0 to 5.
    pub argument: u32,
    /// The comparison.
    pub comparison: Comparison,
    /// What it is compared with.
    pub value: u64,
}

/// How an argument is compared with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Comparison {
    /// It is another.
    NotEqual,
    /// It is less.
    Less,
    /// It is less, or the same.
    LessOrEqual,
    /// It is the same.
    Equal,
    /// It is more, or the same.
    GreaterOrEqual,
    /// It is more.
    Greater,
    /// Its bits of this mask are the value.
    Masked(u64),
}
