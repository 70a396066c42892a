//! Where code and data of a case lie. Every executor maps exactly this and nothing else.
//!
//! | range | what |
//! |---|---|
//! | `10000000..10002000` | the window: two pages, readable and writable |
//! | `10002000..10003000` | unmapped: faults at, and accesses across, the window's end |
//! | `10003000..10004000` | one read-only page |
//! | `10010000..10011000` | the alias: the window's first page once more |
//! | `20000000..20002000` | code pages, executable and readable, filled with `int3`; the code stands at `20001000` |
//!
//! A case ends where RIP leaves its code for another place in the code pages. All addresses are guest virtual addresses.

/// First address of the writable window.
pub const WINDOW: u64 = 0x1000_0000;
/// Bytes in the writable window.
pub const WINDOW_LEN: u64 = 0x2000;
/// First address of the read-only page.
pub const READ_ONLY: u64 = 0x1000_3000;
/// Bytes in the read-only page.
pub const READ_ONLY_LEN: u64 = 0x1000;
/// First address of the alias, under which the window's first page is mapped a second time.
pub const ALIAS: u64 = 0x1001_0000;
/// Bytes in the alias.
pub const ALIAS_LEN: u64 = 0x1000;
/// First address of the code pages.
pub const CODE_PAGES: u64 = 0x2000_0000;
/// Bytes in the code pages.
pub const CODE_PAGES_LEN: u64 = 0x2000;
/// Address of a case's first byte of code.
pub const CODE: u64 = 0x2000_1000;
/// Most bytes of code that a case may have.
pub const CODE_MAX: usize = 768;
/// What the code pages hold outside the code: `int3`.
pub const CODE_FILL: u8 = 0xcc;
/// RSP where a case does not set it: inside the window, room on both sides.
pub const STACK: u64 = WINDOW + 0x1800;
/// Bytes of data backing: window, then read-only page.
pub const DATA_LEN: usize = (WINDOW_LEN + READ_ONLY_LEN) as usize;

/// Offset in the data backing (window, then read-only page) of a guest address, if it is data.
pub fn data_offset(address: u64) -> Option<usize> {
    let within = |start: u64, len: u64| address.checked_sub(start).filter(|&offset| offset < len);
    let read_only = || within(READ_ONLY, READ_ONLY_LEN).map(|offset| offset + WINDOW_LEN);
    within(WINDOW, WINDOW_LEN).or_else(read_only).or_else(|| within(ALIAS, ALIAS_LEN)).map(|offset| offset as usize)
}

/// Whether a guest address is mapped. All that is mapped can be read.
pub fn is_readable(address: u64) -> bool {
    data_offset(address).is_some() || address.checked_sub(CODE_PAGES).is_some_and(|offset| offset < CODE_PAGES_LEN)
}

/// Whether a guest address can be written.
pub fn is_writable(address: u64) -> bool {
    let read_only = address.checked_sub(READ_ONLY).is_some_and(|offset| offset < READ_ONLY_LEN);
    data_offset(address).is_some() && !read_only
}

/// Guest address of an offset below [`DATA_LEN`] in the data backing, that of the window where there are two.
pub fn data_address(offset: usize) -> u64 {
    let offset = offset as u64;
    if offset < WINDOW_LEN { WINDOW + offset } else { READ_ONLY + offset - WINDOW_LEN }
}

/// The address under which a state knows the byte of data at `address`.
pub fn home(address: u64) -> Option<u64> {
    data_offset(address).map(data_address)
}
