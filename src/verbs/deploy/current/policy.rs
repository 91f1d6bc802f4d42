//! Debian's packages start their services when they are installed, unless a program says no: in a copy nothing is to run.

use bedplate::error::{Errno, OrFail, Result};
use bedplate::sys::OwnedFd;
use bedplate::sys::fs;

/// invoke-rc.d(8) asks it; 101 is "not allowed".
const PROGRAM: &str = "usr/sbin/policy-rc.d";
const TEXT: &str = "#!/bin/sh\nexit 101\n";
/// Whoever asks.
const ASKS: &str = "usr/sbin/invoke-rc.d";

/// Whether our program is in the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Policy {
    Ours,
    /// The tree has its own, or nobody would ask.
    None,
}

impl Policy {
    pub fn put(root: &OwnedFd) -> Result<Self> {
        if fs::stat_in(root, ASKS).is_err() {
            return Ok(Self::None);
        }
        match fs::write_new_in(root, PROGRAM, 0o755, TEXT.as_bytes()) {
            Ok(()) => Ok(Self::Ours),
            Err(Errno::EEXIST) => Ok(Self::None),
            Err(errno) => Err(errno).or_fail("cannot write", PROGRAM),
        }
    }

    /// One that a package has put in its place stays.
    pub fn take_away(self, root: &OwnedFd) -> Result<()> {
        let ours = self == Self::Ours && fs::read(root, PROGRAM).is_ok_and(|text| text == TEXT.as_bytes());
        if ours { fs::clear_in(root, PROGRAM).or_fail("cannot remove", PROGRAM) } else { Ok(()) }
    }
}
