//! fs-verity digests: what the kernel has measured of a file that it guards.

use super::parse::parse_bytes;
use crate::decide::hex::Hex;
use alloc::boxed::Box;
use core::fmt;

/// Of a file whose pages the kernel checks whenever it reads them. It covers the content, its size and how it is hashed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum FsVerity {
    Sha256(Box<[u8; 32]>),
    Sha512(Box<[u8; 64]>),
}

impl FsVerity {
    /// As the kernel numbers the algorithms (FS_VERITY_HASH_ALG_* of linux/fsverity.h); `None`: one that is not known here.
    pub fn of(algorithm: u16, digest: &[u8]) -> Option<Self> {
        match algorithm {
            1 => Some(Self::Sha256(Box::new(digest.try_into().ok()?))),
            2 => Some(Self::Sha512(Box::new(digest.try_into().ok()?))),
            _ => None,
        }
    }

    /// Reads what is printed.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (algorithm, digits) = text.split_once(':')?;
        match algorithm {
            "sha256" => Some(Self::Sha256(Box::new(parse_bytes(digits)?))),
            "sha512" => Some(Self::Sha512(Box::new(parse_bytes(digits)?))),
            _ => None,
        }
    }

    const fn parts(&self) -> (&'static str, &[u8]) {
        match self {
            Self::Sha256(digest) => ("sha256", digest.as_slice()),
            Self::Sha512(digest) => ("sha512", digest.as_slice()),
        }
    }
}

impl fmt::Display for FsVerity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (algorithm, digest) = self.parts();
        write!(f, "{algorithm}:{}", Hex(digest))
    }
}
