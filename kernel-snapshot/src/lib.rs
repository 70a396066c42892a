//! The guest side: kernel configuration and build, the guest init, the initramfs.
