//! The one error type. It is made where something fails, gains its context on the way up, and is printed once.

use alloc::string::String;
use core::fmt;

pub type Result<T> = core::result::Result<T, Error>;

/// What a failure means for the deployment that was being worked on, and for the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The same deployment fails the same way at every boot: no usr, no init, unparsable manifest.
    Deterministic,
    /// The machine failed, not the deployment: I/O, a full disk, a time-out.
    Transient,
    /// Refused on purpose; nothing was changed.
    Refused,
    /// A wrong command line or configuration.
    Usage,
    /// There is no store here.
    NoStore,
}

/// A failure: lower case, no full stop; what failed, on what, why, and the next step where there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    pub kind: Kind,
    pub text: String,
}

impl Error {
    pub fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }

    pub fn deterministic(text: impl Into<String>) -> Self {
        Self::new(Kind::Deterministic, text)
    }

    pub fn transient(text: impl Into<String>) -> Self {
        Self::new(Kind::Transient, text)
    }

    pub fn refused(text: impl Into<String>) -> Self {
        Self::new(Kind::Refused, text)
    }

    pub fn usage(text: impl Into<String>) -> Self {
        Self::new(Kind::Usage, text)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl core::error::Error for Error {}

/// An error number of the kernel, as `errno(3)` lists them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Errno(pub i32);

impl Errno {
    pub const EPERM: Self = Self(1);
    pub const ENOENT: Self = Self(2);
    pub const EINTR: Self = Self(4);
    pub const EIO: Self = Self(5);
    pub const EBADF: Self = Self(9);
    pub const EAGAIN: Self = Self(11);
    pub const EACCES: Self = Self(13);
    pub const ENOTBLK: Self = Self(15);
    pub const EBUSY: Self = Self(16);
    pub const EEXIST: Self = Self(17);
    pub const ENODEV: Self = Self(19);
    pub const ENOTDIR: Self = Self(20);
    pub const EINVAL: Self = Self(22);
    pub const ENOTTY: Self = Self(25);
    pub const ENOSPC: Self = Self(28);
    pub const EROFS: Self = Self(30);
    pub const ENAMETOOLONG: Self = Self(36);
    pub const ENOSYS: Self = Self(38);
    pub const ENOTEMPTY: Self = Self(39);
    pub const ELOOP: Self = Self(40);
    pub const ENODATA: Self = Self(61);
    pub const EBADMSG: Self = Self(74);
    pub const EOPNOTSUPP: Self = Self(95);
    pub const EUCLEAN: Self = Self(117);

    /// Whether it tells of the process or of the machine's load, not of what was asked for: EPERM, EINTR, EAGAIN, ENOMEM, EACCES,
    /// ENFILE, EMFILE.
    pub const fn is_passing(self) -> bool {
        matches!(self.0, 1 | 4 | 11 | 12 | 13 | 23 | 24)
    }

    fn text(self) -> Option<&'static str> {
        Some(match self.0 {
            1 => "operation not permitted",
            2 => "no such file or directory",
            4 => "interrupted",
            5 => "input/output error",
            6 => "no such device or address",
            7 => "argument list too long",
            8 => "not an executable format",
            9 => "bad file descriptor",
            11 => "temporarily unavailable",
            12 => "out of memory",
            13 => "permission denied",
            15 => "block device required",
            16 => "device or resource busy",
            17 => "already exists",
            18 => "on another file system",
            19 => "no such device, or file system not supported by this kernel",
            20 => "not a directory",
            21 => "is a directory",
            22 => "invalid argument",
            23 | 24 => "too many open files",
            25 => "not supported by this file or device",
            26 => "text file busy",
            27 => "file too large",
            28 => "no space left on device",
            30 => "read-only file system",
            31 => "too many links",
            36 => "file name too long",
            38 => "not implemented by this kernel",
            39 => "directory not empty",
            40 => "too many levels of symbolic links",
            61 => "no data",
            65 => "package not installed",
            74 => "bad message",
            75 => "value too large",
            84 => "invalid byte sequence",
            95 => "not supported",
            110 => "timed out",
            116 => "stale file handle",
            117 => "structure needs cleaning",
            122 => "disk quota exceeded",
            123 => "no medium found",
            126 => "required key not available",
            129 => "key was rejected by service",
            _ => return None,
        })
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.text() {
            Some(text) => f.write_str(text),
            None => write!(f, "errno {}", self.0),
        }
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Errno({}: {self})", self.0)
    }
}

/// Gives a kernel error its sentence: `open("/x").or_fail("cannot open", "/x")`.
pub trait OrFail<T> {
    /// `WHAT "ON": why`, a failure of the machine.
    fn or_fail(self, what: &str, on: &str) -> Result<T>;
}

impl<T> OrFail<T> for core::result::Result<T, Errno> {
    fn or_fail(self, what: &str, on: &str) -> Result<T> {
        self.map_err(|errno| Error::transient(alloc::format!("{what} \"{on}\": {errno}")))
    }
}
