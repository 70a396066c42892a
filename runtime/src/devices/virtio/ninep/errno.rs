//! Error numbers of Linux on x86-64 (`asm-generic/errno-base.h`, `errno.h`): what an `Rlerror` carries.

/// A Linux error number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Errno(pub u32);

macro_rules! numbers {
    ($($name:ident = $number:literal $text:literal;)*) => {
        impl Errno {$(
            #[doc = $text]
            pub const $name: Errno = Errno($number);
        )*}

        impl std::fmt::Display for Errno {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self.0 {
                    $($number => f.write_str($text),)*
                    number => write!(f, "error {number}"),
                }
            }
        }
    };
}

#[rustfmt::skip]
numbers! {
    PERM        = 1   "operation not permitted";
    NOENT       = 2   "no such file or directory";
    INTR        = 4   "interrupted";
    IO          = 5   "input/output error";
    NXIO        = 6   "no such device or address";
    BADF        = 9   "bad file descriptor";
    AGAIN       = 11  "try again";
    NOMEM       = 12  "out of memory";
    ACCES       = 13  "permission denied";
    BUSY        = 16  "device or resource busy";
    EXIST       = 17  "file exists";
    XDEV        = 18  "link across file systems";
    NOTDIR      = 20  "not a directory";
    ISDIR       = 21  "is a directory";
    INVAL       = 22  "invalid argument";
    NFILE       = 23  "too many open files in system";
    MFILE       = 24  "too many open files";
    TXTBSY      = 26  "text file busy";
    FBIG        = 27  "file too large";
    NOSPC       = 28  "no space left";
    SPIPE       = 29  "illegal seek";
    ROFS        = 30  "read-only file system";
    MLINK       = 31  "too many links";
    NAMETOOLONG = 36  "file name too long";
    NOSYS       = 38  "not implemented";
    NOTEMPTY    = 39  "directory not empty";
    LOOP        = 40  "too many symbolic links";
    PROTO       = 71  "protocol error";
    OVERFLOW    = 75  "value too large";
    ILSEQ       = 84  "illegal byte sequence";
    MSGSIZE     = 90  "message too long";
    OPNOTSUPP   = 95  "operation not supported";
    STALE       = 116 "stale file handle";
    DQUOT       = 122 "quota exceeded";
}
