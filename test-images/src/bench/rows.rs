//! The benchmark's rows.

/// What a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// One kind of instructions, in user mode.
    Micro,
    /// One service of the kernel.
    Kernel,
    /// A program at its work.
    Real,
}

/// Where a row's program is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Image {
    /// [`super::bench`].
    Bench,
    /// [`super::real`].
    Real,
}

/// A row of the benchmark: work that is done any number of times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The program's name for it.
    pub name: &'static str,
    /// What it is about.
    pub group: Group,
    /// Where it runs.
    pub image: Image,
    /// Iterations for training and for a comparison of the output: some ten million instructions at most.
    pub few: u32,
    /// What an iteration is.
    pub about: &'static str,
    /// Whether it is refused by processors without AVX2.
    pub avx2: bool,
    /// Whether it sleeps rather than works.
    pub idle: bool,
}

const fn micro(name: &'static str, few: u32, about: &'static str) -> Row {
    Row { name, group: Group::Micro, image: Image::Bench, few, about, avx2: false, idle: false }
}

const fn kernel(name: &'static str, few: u32, about: &'static str) -> Row {
    Row { group: Group::Kernel, ..micro(name, few, about) }
}

const fn real(name: &'static str, few: u32, about: &'static str) -> Row {
    Row { group: Group::Real, image: Image::Real, ..micro(name, few, about) }
}

/// All rows.
#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    micro("alu",          10, "300,000 dependent additions, shifts and logical operations"),
    micro("mul64",        10, "50,000 multiplications of 64 by 64 to 128 bits"),
    micro("adc",          20, "10,000 additions of 512 bits with carry"),
    micro("divide",       20, "10,000 divisions of 64 bits"),
    micro("branches",     20, "20,000 times three branches on random bits"),
    micro("calls",        20, "60,000 direct calls, two deep"),
    micro("recursion",    20, "21,891 recursive calls"),
    micro("indirect",      4, "100,000 calls through a table of four functions"),
    micro("switch",       20, "20,000 jumps through a table of sixteen cases"),
    micro("interpreter",  20, "about 20,000 operations of a small stack machine"),
    micro("dispersed",    20, "20,000 blocks of code, 2,000 different ones on 250 pages"),
    micro("chase-l1",     20, "50,000 dependent loads within 16 KiB"),
    micro("chase-l2",     20, "50,000 dependent loads within 256 KiB"),
    micro("chase",         2, "500,000 dependent loads within 8 MiB"),
    micro("read",         20, "512 KiB read in sequence, in words"),
    micro("write",        20, "512 KiB written in sequence, in words"),
    micro("memcpy",       20, "1 MiB copied"),
    micro("memcpy-small", 10, "10,000 copies of 1 to 64 bytes"),
    micro("memset",       20, "1 MiB filled"),
    micro("memset-small", 10, "10,000 fills of 1 to 64 bytes"),
    micro("stack",        10, "4,200 recursive calls with nine arguments and a result on the stack"),
    micro("fp",            2, "a product of 64 by 64 matrices of doubles, 4,096 divisions"),
    micro("lorenz",       10, "10,000 steps of a chain of 14 scalar operations"),
    micro("sse",          50, "4,096 floats by four: add, multiply, minimum, maximum, shift, xor"),
    micro("sse-integer",  50, "16 KiB of bytes by sixteen: differences, products, packing, shuffles"),
    Row { avx2: true, ..micro("avx2", 50, "4,096 floats by eight, as in sse, and a permutation") },
    micro("x87",          10, "5,000 steps of a chain of six operations"),
    micro("sieve",         1, "the primes below a million, and a bitwise CRC-32"),
    micro("qsort",         1, "the C library's sort of 200,000 words"),
    micro("sha256",       10, "64 KiB through SHA-256 in C"),

    kernel("getpid",         100, "100 system calls"),
    kernel("read-write",      30, "100 times 64 bytes into a pipe and out of it, in one process"),
    kernel("page-fault",      20, "256 first writes to a page"),
    kernel("mmap",            50, "20 times mmap of 16 pages, a write, munmap"),
    kernel("switch-process", 100, "20 times to another process and back"),
    kernel("pipe",           200, "4 KiB to another process and back"),
    kernel("fork",            50, "a child that ends at once"),
    kernel("forkexec",        10, "a child that executes a static program"),
    kernel("signal",         100, "20 signals to oneself"),
    Row { idle: true, ..kernel("idle", 20, "a millisecond's sleep") },

    Row { group: Group::Real, ..micro("busybox-gzip", 1, "600 KB through busybox's gzip and back") },
    real("gzip",          1, "256 KiB of text, gzip -6"),
    real("xz",            1, "256 KiB of text, xz -2"),
    real("sha256sum",     1, "4 MiB"),
    real("openssl-aes",   1, "4 MiB, AES-128-CBC"),
    real("sort",          1, "10,000 lines by their second field"),
    real("awk",           1, "sums of 10,000 lines in tables (mawk)"),
    real("grep",          1, "two expressions in 4 MiB of text"),
    real("perl",          1, "400 lines: words counted, sorted, rewritten"),
    real("python-loop",   1, "20,000 rounds of a loop with integers, a call and a list"),
    real("python-json",   1, "300 records to JSON and back"),
    real("lua",           1, "calls, sort, strings, floating point"),
    real("sqlite-insert", 1, "2,000 rows into a table with an index"),
    real("sqlite-query",  1, "a grouping, a join, a range, over 2,000 rows"),
    real("gcc",           1, "a file of 170 lines, -O2"),
    real("ls",            1, "ls -lR of /usr/share and /usr/lib"),
    real("true",          1, "50 times /bin/true from a shell"),
];
