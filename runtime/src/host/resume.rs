//! What makes two runs of one snapshot differ: time, random numbers, and the host name.
//!
//! In deterministic mode all of them are fixed: time goes on from the snapshot's, the numbers from [`FIXED_SEED`].

use super::system::System;
use crate::devices::virtio::ninep::SharedDirectory;
use crate::devices::{Backends, EmptyDrive, SeededEntropy};
use crate::vm::{Resume, Vm};
use std::io;

/// What deterministic runs, and whoever makes snapshots, seed the entropy device with.
pub const FIXED_SEED: [u8; 32] = *b"prelift: deterministic mode seed";

/// Where a run's random numbers begin.
pub struct Seeds {
    /// The entropy device's.
    device: [u8; 32],
    /// What init gives the guest's kernel.
    guest: [u8; 32],
    /// RDRAND's.
    processor: u64,
    /// The host name's.
    name: Option<[u8; 6]>,
}

impl Seeds {
    /// The same every time.
    pub fn fixed() -> Seeds {
        Seeds { device: FIXED_SEED, guest: FIXED_SEED, processor: 0, name: None }
    }

    /// From the host.
    ///
    /// # Errors
    /// If it has no random numbers.
    pub fn draw(system: &System) -> io::Result<Seeds> {
        let (mut device, mut guest, mut processor, mut name) = ([0; 32], [0; 32], [0; 8], [0; 6]);
        for bytes in [&mut device[..], &mut guest, &mut processor, &mut name] {
            system.random(bytes)?;
        }
        Ok(Seeds { device, guest, processor: u64::from_le_bytes(processor), name: Some(name) })
    }

    /// The devices' backends: a drive whose disk the run puts in if it has one, an entropy device with its own generator, and the
    /// host's directories. Who knows the image lends that.
    pub fn backends(&self, directories: Vec<SharedDirectory>) -> Backends {
        let entropy = Box::new(SeededEntropy::new(self.device));
        let disk = Box::new(EmptyDrive);
        Backends { disk: Some(disk), entropy: Some(entropy), directories: Some(directories), image: None }
    }

    /// What init gives the guest's kernel.
    pub fn guest(&self) -> Vec<u8> {
        self.guest.to_vec()
    }

    /// A host name as Docker makes them: twelve hexadecimal digits. The same every time: `prelift`.
    pub fn hostname(&self) -> String {
        let digits = |name: [u8; 6]| name.iter().map(|byte| format!("{byte:02x}")).collect();
        self.name.map_or_else(|| "prelift".to_owned(), digits)
    }

    /// Tells a machine that was just loaded the time and gives it new random numbers. Without `wall_clock_ns` time goes on
    /// from where the snapshot was taken. Returns the guest's time of day.
    pub fn refresh(&self, vm: &mut Vm, wall_clock_ns: Option<u64>) -> u64 {
        let wall_clock_ns = wall_clock_ns.unwrap_or_else(|| vm.devices.wall_clock(vm.tsc()));
        vm.resume(Resume { wall_clock_ns, seed: self.processor });
        wall_clock_ns
    }
}
