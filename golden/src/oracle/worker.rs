//! The worker process: maps the layout, raises one signal, and never leaves the handler except into cases.
//!
//! The handler must work with whatever a case left in FS and in RFLAGS.AC: its first instructions clear AC, its first statement restores
//! the FS base. It allocates nothing, and a fault of its own kills the process, which the other side sees.

use super::frame;
use super::slot::{Shared, Slot, TIMEOUT};
use crate::layout;
use std::arch::{asm, naked_asm};
use std::ptr;

const ALT_STACK: usize = 64 << 10;
/// Signals that end a case.
const SIGNALS: [libc::c_int; 6] =
    [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGTRAP, libc::SIGVTALRM];
/// Interval of the timer, in µs of this process's user time.
const TICK: libc::suseconds_t = 10_000;

/// The worker's own state; there is one thread.
struct Context {
    shared: *mut Shared,
    requests: libc::c_int,
    replies: libc::c_int,
    /// Writable aliases of the data and the code pages.
    data: *mut u8,
    code: *mut u8,
    ymm: Option<usize>,
    fs_base: u64,
    gs_base: u64,
    /// Cases of the current request, and which one runs.
    count: usize,
    current: usize,
    running: bool,
    /// Ticks that it has outlived.
    ticks: u32,
}

static mut CONTEXT: *mut Context = ptr::null_mut();

/// Serves requests until the pipe closes.
///
/// # Safety
/// Only in a process just forked, with one thread; `shared` is mapped shared with the other side.
pub(super) unsafe fn run(shared: *mut Shared, requests: libc::c_int, replies: libc::c_int) -> ! {
    // SAFETY: this process has one thread and runs nothing else; the layout's addresses are taken only if free.
    unsafe {
        let Some((data, code)) = map_layout() else { libc::_exit(1) };
        let mut context = Context {
            shared,
            requests,
            replies,
            data,
            code,
            ymm: frame::ymm_offset(),
            fs_base: read_fs(),
            gs_base: read_gs(),
            count: 0,
            current: 0,
            running: false,
            ticks: 0,
        };
        CONTEXT = &raw mut context;
        install_handlers();
        let interval = libc::timeval { tv_sec: 0, tv_usec: TICK };
        let timer = libc::itimerval { it_interval: interval, it_value: interval };
        libc::syscall(libc::SYS_setitimer, 1 /* ITIMER_VIRTUAL */, &raw const timer, 0);
        asm!("int3");
        libc::_exit(2)
    }
}

/// Maps data and code pages at their addresses, and again where the worker writes them. `None` if an address is taken.
unsafe fn map_layout() -> Option<(*mut u8, *mut u8)> {
    const RW: libc::c_int = libc::PROT_READ | libc::PROT_WRITE;
    let (window, read_only) = (layout::WINDOW_LEN as usize, layout::READ_ONLY_LEN as usize);
    let code_len = layout::CODE_PAGES_LEN as usize;
    // SAFETY: fresh descriptors; fixed mappings replace nothing.
    unsafe {
        let data = libc::memfd_create(c"data".as_ptr(), 0);
        let code = libc::memfd_create(c"code".as_ptr(), 0);
        if libc::ftruncate(data, layout::DATA_LEN as i64) != 0 || libc::ftruncate(code, code_len as i64) != 0 {
            return None;
        }
        map(layout::WINDOW, window, RW, data, 0)?;
        map(layout::READ_ONLY, read_only, libc::PROT_READ, data, window as i64)?;
        map(layout::ALIAS, layout::ALIAS_LEN as usize, RW, data, 0)?;
        map(layout::CODE_PAGES, code_len, libc::PROT_READ | libc::PROT_EXEC, code, 0)?;
        let code = map(0, code_len, RW, code, 0)?;
        code.write_bytes(layout::CODE_FILL, code_len);
        Some((map(0, layout::DATA_LEN, RW, data, 0)?, code))
    }
}

/// Maps part of a file shared, at `address` if that is not 0.
unsafe fn map(address: u64, len: usize, protection: libc::c_int, file: libc::c_int, offset: i64) -> Option<*mut u8> {
    let fixed = if address == 0 { 0 } else { libc::MAP_FIXED_NOREPLACE };
    // Populated, so that a fault on the read-only page says "present".
    let flags = libc::MAP_SHARED | libc::MAP_POPULATE | fixed;
    // SAFETY: NOREPLACE leaves existing mappings alone.
    let got = unsafe { libc::mmap(address as *mut _, len, protection, flags, file, offset) };
    let right = got != libc::MAP_FAILED && (address == 0 || got as u64 == address);
    right.then_some(got.cast())
}

unsafe fn install_handlers() {
    // SAFETY: a fresh stack; the handler has the signature that SA_SIGINFO asks for.
    unsafe {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let stack = libc::mmap(ptr::null_mut(), ALT_STACK, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
        let alternative = libc::stack_t { ss_sp: stack, ss_flags: 0, ss_size: ALT_STACK };
        libc::sigaltstack(&raw const alternative, ptr::null_mut());
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = entry as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        libc::sigfillset(&raw mut action.sa_mask);
        let mut mask: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut mask);
        for signal in SIGNALS {
            libc::sigaction(signal, &raw const action, ptr::null_mut());
            libc::sigaddset(&raw mut mask, signal);
        }
        libc::sigprocmask(libc::SIG_UNBLOCK, &raw const mask, ptr::null_mut());
    }
}

/// Clears RFLAGS.AC, which the kernel leaves as the case had it, and goes on to [`on_signal`].
#[unsafe(naked)]
unsafe extern "C" fn entry(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::ucontext_t) {
    naked_asm!("pushfq", "and qword ptr [rsp], ~0x40000", "popfq", "jmp {}", sym on_signal)
}

unsafe extern "C" fn on_signal(signal: libc::c_int, _: *mut libc::siginfo_t, frame: *mut libc::ucontext_t) {
    // SAFETY: one thread; signals are blocked here, so the context is not in use elsewhere.
    unsafe {
        let (fs, gs) = (read_fs(), read_gs());
        let context = &mut *CONTEXT;
        write_fs(context.fs_base);
        write_gs(context.gs_base);
        let ended = context.running && context.end_case(signal, frame, fs, gs);
        if signal == libc::SIGVTALRM && !ended {
            write_fs(fs);
            write_gs(gs);
            return;
        }
        if context.current == context.count {
            context.next_request();
        }
        context.begin_case(frame);
    }
}

impl Context {
    /// Takes the outcome, unless this is a timer tick that the case may outlive.
    unsafe fn end_case(&mut self, signal: libc::c_int, frame: *mut libc::ucontext_t, fs: u64, gs: u64) -> bool {
        // SAFETY: `current` is a slot of this request; the frame is this signal's; the other side waits.
        unsafe {
            if signal == libc::SIGVTALRM && self.ticks < (&raw const (*self.shared).patience).read_volatile() {
                self.ticks += 1;
                return false;
            }
            let slot = self.slot();
            frame::store(slot, frame, self.ymm);
            (slot.fs_base, slot.gs_base) = (fs, gs);
            if signal == libc::SIGVTALRM {
                slot.trap = TIMEOUT;
            }
            self.data.copy_to_nonoverlapping(slot.data.as_mut_ptr(), layout::DATA_LEN);
            self.code_start().write_bytes(layout::CODE_FILL, slot.code_len);
            self.current += 1;
            (&raw mut (*self.shared).done).write_volatile(self.current as u32);
        }
        self.running = false;
        true
    }

    /// Reports the request done and waits for the next.
    unsafe fn next_request(&mut self) {
        // SAFETY: reads and writes locals.
        unsafe {
            let (byte, mut count) = (1_u8, 0_u32);
            libc::write(self.replies, (&raw const byte).cast(), 1);
            if libc::read(self.requests, (&raw mut count).cast(), 4) != 4 {
                libc::_exit(0);
            }
            (self.count, self.current) = (count as usize, 0);
            (&raw mut (*self.shared).done).write_volatile(0);
        }
    }

    unsafe fn begin_case(&mut self, frame: *mut libc::ucontext_t) {
        self.ticks = 0;
        self.running = true;
        // SAFETY: as in `end_case`; the code's length was checked on the other side.
        unsafe {
            let slot = self.slot();
            self.data.copy_from_nonoverlapping(slot.data.as_ptr(), layout::DATA_LEN);
            self.code_start().copy_from_nonoverlapping(slot.code.as_ptr(), slot.code_len);
            frame::load(slot, frame, self.ymm);
            write_fs(slot.fs_base);
            write_gs(slot.gs_base);
        }
    }

    unsafe fn slot<'a>(&self) -> &'a mut Slot {
        // SAFETY: the other side waits; `current` is below the count that it sent.
        unsafe { &mut (*self.shared).slots[self.current] }
    }

    unsafe fn code_start(&self) -> *mut u8 {
        // SAFETY: inside the mapping of the code pages.
        unsafe { self.code.add((layout::CODE - layout::CODE_PAGES) as usize) }
    }
}

unsafe fn read_fs() -> u64 {
    let base;
    // SAFETY: FSGSBASE was checked by `Oracle::new`.
    unsafe { asm!("rdfsbase {}", out(reg) base, options(nomem, nostack, preserves_flags)) };
    base
}

unsafe fn read_gs() -> u64 {
    let base;
    // SAFETY: as above.
    unsafe { asm!("rdgsbase {}", out(reg) base, options(nomem, nostack, preserves_flags)) };
    base
}

unsafe fn write_fs(base: u64) {
    // SAFETY: as above; nothing uses thread-local storage while a case's base is set. Bases are canonical: the generator and the rows' parser see to it.
    unsafe { asm!("wrfsbase {}", in(reg) base, options(nostack, preserves_flags)) };
}

unsafe fn write_gs(base: u64) {
    // SAFETY: as above.
    unsafe { asm!("wrgsbase {}", in(reg) base, options(nostack, preserves_flags)) };
}
