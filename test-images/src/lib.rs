//! Recipes of the images that tests and benchmarks run, made from Debian packages, without Docker.
//!
//! A recipe gives a [`Recipe`]: layers and a configuration. [`Recipe::write`] packs it in any of the formats that the
//! translator reads. Busybox, bench and any layer of [`layer::LayerBuilder`] need no root and are the same bytes each
//! time; the Debian images are as reproducible as the archive that they are installed from.

pub mod agent;
pub mod bench;
pub mod busybox;
pub mod debian;
pub mod debug;
pub mod layer;
pub mod modes;
pub mod pack;
pub mod programs;
pub mod runc;
pub mod smc;
pub mod world;

mod compile;
mod host;

pub use agent::agent;
pub use bench::bench;
pub use busybox::{busybox, busybox_i386};
pub use debian::Debian;
pub use debug::debug;
pub use modes::modes;
pub use pack::{Format, Recipe};
pub use programs::programs;
pub use smc::smc;
pub use world::world;
