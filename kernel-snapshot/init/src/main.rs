//! The static init of the guest.

fn main() {}
