//! The system calls that no safe interface offers: fork, unshare, exec, signals, limits, schedulers, keyrings, seccomp, bpf, and three ioctls.
#![allow(unsafe_code)]

use rustix::process::Pid;
use std::ffi::{CStr, CString, c_int};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;

/// `_IOW('R', 3, int[2])` of `linux/random.h`.
const RNDADDENTROPY: libc::Ioctl = 0x4008_5203;
/// `_IO('R', 7)` of the same.
const RNDRESEEDCRNG: libc::Ioctl = 0x5207;

/// The `CLONE_NEW…` flags of the namespaces that there are.
pub(crate) fn flags(namespaces: &[(c_int, bool)]) -> c_int {
    namespaces.iter().filter(|(_, wanted)| *wanted).fold(0, |flags, (flag, _)| flags | flag)
}

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

/// Forks into new namespaces of these `CLONE_NEW…` flags; `None` in the child.
pub(crate) fn fork_into(namespaces: c_int) -> io::Result<Option<Pid>> {
    let flags = libc::c_long::from(namespaces | libc::SIGCHLD);
    let none: libc::c_long = 0;
    // SAFETY: the process has one thread, and the child a copy of its memory, the stack included, so it may go on as the parent would.
    let pid = check(unsafe { libc::syscall(libc::SYS_clone, flags, none, none, none, none) } as c_int)?;
    Ok(Pid::from_raw(pid))
}

/// Sends a signal (`kill(2)` number) to one process.
pub(crate) fn kill(pid: Pid, signal: impl Into<c_int>) -> io::Result<()> {
    // SAFETY: `kill` takes two integers.
    check(unsafe { libc::kill(pid.as_raw_nonzero().get(), signal.into()) }).map(drop)
}

/// Gives SIGPIPE its default action: the Rust runtime ignores it, and ignored signals stay so across exec.
pub(crate) fn restore_sigpipe() {
    // SAFETY: the default action is no function of this process.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
}

/// Filters the system calls of this process and what it becomes (seccomp(2)), by a program of classic BPF.
pub(crate) fn filter_system_calls(flags: u32, program: &[u64]) -> io::Result<()> {
    let too_long = |_| io::Error::from(io::ErrorKind::InvalidInput);
    let length = u16::try_from(program.len()).map_err(too_long)?;
    // struct sock_fprog: the number of instructions, which are words of 64 bits, and where they are.
    let program = [u64::from(length), program.as_ptr().expose_provenance() as u64];
    // SAFETY: the kernel only reads the program, which is as long as it is told and outlives the call.
    let result = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, program.as_ptr()) };
    check(result as c_int).map(drop)
}

/// Makes a session keyring of this name the process's, with these permissions (keyctl(2)).
pub(crate) fn join_session_keyring(name: &CStr, permissions: u32) -> io::Result<()> {
    const JOIN_SESSION_KEYRING: c_int = 1;
    const SETPERM: c_int = 5;
    // SAFETY: the kernel only reads the name, which outlives the call.
    let keyring = unsafe { libc::syscall(libc::SYS_keyctl, JOIN_SESSION_KEYRING, name.as_ptr()) };
    let keyring = check(keyring as c_int)?;
    // SAFETY: all arguments are numbers.
    check(unsafe { libc::syscall(libc::SYS_keyctl, SETPERM, keyring, permissions) } as c_int).map(drop)
}

/// Sets a limit of this process's resources (setrlimit(2), by its number).
pub(crate) fn limit(limit: &channel::Limit) -> io::Result<()> {
    let value = libc::rlimit { rlim_cur: limit.soft, rlim_max: limit.hard };
    // SAFETY: the kernel only reads the limit, and refuses a number that it does not know.
    check(unsafe { libc::setrlimit(limit.resource, &value) }).map(drop)
}

/// Lets another process set this limit, whose hard part it may not be privileged to raise.
pub(crate) fn allow_limit(process: Pid, limit: &channel::Limit) -> io::Result<()> {
    let process = process.as_raw_nonzero().get();
    let mut value = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel only writes the limit, and refuses a number that it does not know.
    check(unsafe { libc::prlimit(process, limit.resource, ptr::null(), &mut value) })?;
    value.rlim_max = value.rlim_max.max(limit.hard);
    // SAFETY: the kernel only reads the limit.
    check(unsafe { libc::prlimit(process, limit.resource, &value, ptr::null_mut()) }).map(drop)
}

/// Sets this process's scheduler (sched_setattr(2)).
pub(crate) fn set_scheduler(to: &channel::Scheduler) -> io::Result<()> {
    const SIZE: u64 = 48;
    // struct sched_attr: size and policy, flags, nice and priority, runtime, deadline, period.
    let attributes = [
        SIZE | u64::from(to.policy) << 32,
        to.flags,
        u64::from(to.nice.cast_unsigned()) | u64::from(to.priority) << 32,
        to.runtime,
        to.deadline,
        to.period,
    ];
    // SAFETY: the kernel only reads the attributes, which are as long as they say and outlive the call.
    check(unsafe { libc::syscall(libc::SYS_sched_setattr, 0, attributes.as_ptr(), 0) } as c_int).map(drop)
}

/// Sets class and level of this process's input and output (ioprio_set(2)).
pub(crate) fn set_io_priority(class: u8, level: u8) -> io::Result<()> {
    const WHO_PROCESS: c_int = 1;
    let priority = c_int::from(class) << 13 | c_int::from(level);
    // SAFETY: all arguments are numbers.
    check(unsafe { libc::syscall(libc::SYS_ioprio_set, WHO_PROCESS, 0, priority) } as c_int).map(drop)
}

/// Sets this process's execution domain (personality(2)).
pub(crate) fn set_personality(domain: u32) -> io::Result<()> {
    // SAFETY: the argument is a number.
    check(unsafe { libc::personality(libc::c_ulong::from(domain)) }).map(drop)
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

/// The signals that a process blocks.
pub(crate) struct SignalMask(libc::sigset_t);

/// Blocks every signal that can be blocked; returns what was blocked before.
pub(crate) fn block_signals() -> io::Result<SignalMask> {
    let (all, mut before) = (all_signals(), all_signals());
    // SAFETY: both sets are initialised, and outlive the call.
    check(unsafe { libc::sigprocmask(libc::SIG_SETMASK, &all, &mut before) })?;
    Ok(SignalMask(before))
}

/// Blocks these signals and no others.
pub(crate) fn set_signal_mask(mask: &SignalMask) -> io::Result<()> {
    // SAFETY: the set is initialised, and nobody asks for the old one.
    check(unsafe { libc::sigprocmask(libc::SIG_SETMASK, &mask.0, ptr::null_mut()) }).map(drop)
}

/// Takes one blocked signal, waiting for it: its number.
pub(crate) fn wait_for_signal() -> io::Result<c_int> {
    let mut signal = 0;
    // SAFETY: the set is initialised, and the number is written to a local.
    let error = unsafe { libc::sigwait(&all_signals(), &mut signal) };
    if error == 0 { Ok(signal) } else { Err(io::Error::from_raw_os_error(error)) }
}

fn all_signals() -> libc::sigset_t {
    // SAFETY: `sigset_t` is plain old data, for which zeroes are a value; the call sets its bits.
    unsafe {
        let mut all = std::mem::zeroed();
        libc::sigfillset(&mut all);
        all
    }
}

/// Closes every descriptor but the three standard streams, for a process that uses nothing else until its end.
pub(crate) fn close_all_but_streams() {
    // SAFETY: whoever owns one of them does not use it any more: the caller's process only waits and exits.
    unsafe { libc::close_range(3, libc::c_uint::MAX, 0) };
}

/// Loads a BPF program for devices (bpf(2), `BPF_PROG_LOAD`) and attaches it to a control group (`BPF_PROG_ATTACH`).
pub(crate) fn attach_device_filter(group: &OwnedFd, program: &[u64]) -> io::Result<()> {
    const PROG_LOAD: c_int = 5;
    const PROG_ATTACH: c_int = 8;
    const TYPE_CGROUP_DEVICE: u64 = 15;
    const ATTACH_CGROUP_DEVICE: u64 = 6;
    // union bpf_attr: type and number of instructions, instructions, licence, and what is zero here.
    let load = [
        TYPE_CGROUP_DEVICE | (program.len() as u64) << 32,
        program.as_ptr().expose_provenance() as u64,
        c"Apache-2.0".as_ptr().expose_provenance() as u64,
        0,
        0,
        0,
    ];
    // SAFETY: the call makes a new descriptor, which nobody else owns.
    let filter = unsafe { OwnedFd::from_raw_fd(bpf(PROG_LOAD, &load)?) };
    // Group and program, kind of attachment and no flags.
    let attach = [group.as_raw_fd() as u64 | (filter.as_raw_fd() as u64) << 32, ATTACH_CGROUP_DEVICE];
    bpf(PROG_ATTACH, &attach).map(drop)
}

fn bpf(command: c_int, attributes: &[u64]) -> io::Result<c_int> {
    // SAFETY: the kernel reads as many bytes as it is told, and what they point to outlives the call.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, attributes.as_ptr(), size_of_val(attributes)) };
    check(result as c_int)
}

fn pointers(strings: &[CString]) -> Vec<*const libc::c_char> {
    strings.iter().map(|string| string.as_ptr()).chain([ptr::null()]).collect()
}

fn check(result: c_int) -> io::Result<c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
