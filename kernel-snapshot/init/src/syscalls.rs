//! The system calls that no safe interface offers: fork, unshare, exec, and three ioctls.
#![allow(unsafe_code)]

use rustix::process::Pid;
use std::ffi::{CStr, CString, c_int};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;

/// Namespaces of the container's first process, all but the PID namespace.
pub(crate) const CONTAINER_NAMESPACES: c_int =
    libc::CLONE_NEWNS | libc::CLONE_NEWUTS | libc::CLONE_NEWIPC | libc::CLONE_NEWCGROUP;
/// A PID namespace for the children to come.
pub(crate) const PID_NAMESPACE: c_int = libc::CLONE_NEWPID;

/// `_IOW('R', 3, int[2])` of `linux/random.h`.
const RNDADDENTROPY: libc::Ioctl = 0x4008_5203;
/// `_IO('R', 7)` of the same.
const RNDRESEEDCRNG: libc::Ioctl = 0x5207;

/// Leaves the namespaces of these `CLONE_NEW…` flags for new ones.
pub(crate) fn unshare(namespaces: c_int) -> io::Result<()> {
    // SAFETY: the flags make namespaces only; nothing of this process's memory or descriptors becomes unshared.
    check(unsafe { libc::unshare(namespaces) }).map(drop)
}

/// Forks; `None` in the child.
pub(crate) fn fork() -> io::Result<Option<Pid>> {
    // SAFETY: the process has one thread, so the child may go on as the parent would.
    let pid = check(unsafe { libc::fork() })?;
    Ok(Pid::from_raw(pid))
}

/// Sends a signal (`kill(2)` number) to one process.
pub(crate) fn kill(pid: Pid, signal: u8) -> io::Result<()> {
    // SAFETY: `kill` takes two integers.
    check(unsafe { libc::kill(pid.as_raw_nonzero().get(), c_int::from(signal)) }).map(drop)
}

/// Gives SIGPIPE its default action: the Rust runtime ignores it, and ignored signals stay so across exec.
pub(crate) fn restore_sigpipe() {
    // SAFETY: the default action is no function of this process.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
}

/// Replaces this process; returns only what went wrong.
pub(crate) fn execute(path: &CStr, arguments: &[CString], environment: &[CString]) -> io::Error {
    let (arguments, environment) = (pointers(arguments), pointers(environment));
    // SAFETY: the path and both null-terminated arrays of C strings outlive the call.
    unsafe { libc::execve(path.as_ptr(), arguments.as_ptr(), environment.as_ptr()) };
    io::Error::last_os_error()
}

/// Mixes `seed` into the kernel's entropy pool and credits all of its bits (random(4), `RNDADDENTROPY`).
pub(crate) fn add_entropy(device: BorrowedFd<'_>, seed: &[u8]) -> io::Result<()> {
    let too_long = |_| io::Error::from(io::ErrorKind::InvalidInput);
    let length = c_int::try_from(seed.len()).map_err(too_long)?;
    // struct rand_pool_info: bits, bytes, then the bytes.
    let mut info = length.saturating_mul(8).to_ne_bytes().to_vec();
    info.extend(length.to_ne_bytes());
    info.extend(seed);
    // SAFETY: `info` is a rand_pool_info with as many bytes as it says; the kernel only reads it.
    check(unsafe { libc::ioctl(device.as_raw_fd(), RNDADDENTROPY, info.as_ptr()) }).map(drop)
}

/// Makes the kernel's generator take a new key from the pool (random(4), `RNDRESEEDCRNG`).
pub(crate) fn reseed_generator(device: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: the request has no argument.
    check(unsafe { libc::ioctl(device.as_raw_fd(), RNDRESEEDCRNG) }).map(drop)
}

/// Sets a network interface up (netdevice(7), `SIOCSIFFLAGS`).
pub(crate) fn raise_interface(name: &CStr) -> io::Result<()> {
    // SAFETY: `ifreq` is plain old data, for which zeroes are a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    let name = name.to_bytes_with_nul();
    let field = request.ifr_name.get_mut(..name.len()).ok_or(io::ErrorKind::InvalidInput)?;
    for (to, &from) in field.iter_mut().zip(name) {
        *to = from.cast_signed();
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as _;
    // SAFETY: the call makes a new descriptor, which nobody else owns.
    let socket =
        unsafe { OwnedFd::from_raw_fd(check(libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0))?) };
    // SAFETY: the request is an initialised `ifreq`, which the kernel only reads.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &request) }).map(drop)
}

fn pointers(strings: &[CString]) -> Vec<*const libc::c_char> {
    strings.iter().map(|string| string.as_ptr()).chain([ptr::null()]).collect()
}

fn check(result: c_int) -> io::Result<c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
