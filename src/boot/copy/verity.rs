//! fs-verity of copies.

use crate::error::Errno;
use crate::sys::copy as sys;
use crate::sys::fsverity::{self, Parameters};
use crate::sys::{BorrowedFd, SysResult};
use alloc::vec::Vec;
use core::ffi::CStr;

/// Errors by which the kernel says that the new place cannot have it, or not like that: the caller may do without.
pub fn is_beyond(errno: Errno) -> bool {
    const ENOPKG: Errno = Errno(65);
    matches!(errno, Errno::ENOTTY | Errno::EOPNOTSUPP | Errno::EINVAL | Errno::EPERM | ENOPKG)
}

/// Gives the copy, which nobody may have open for writing, the fs-verity of its original: the same digest, where the kernel tells how
/// that was made.
pub fn enable_like(from: BorrowedFd<'_>, to: BorrowedFd<'_>, name: &CStr) -> SysResult<()> {
    let Some(parameters) = parameters(from)? else { return Ok(()) };
    fsverity::enable(sys::open_file_at(to, name)?, &parameters)
}

/// `None`: it has lost it meanwhile.
fn parameters(file: BorrowedFd<'_>) -> SysResult<Option<Parameters>> {
    const USUAL_BLOCK: u32 = 4096;
    match fsverity::parameters(file) {
        Ok(parameters) => Ok(Some(parameters)),
        Err(Errno::ENODATA) => Ok(None),
        Err(errno) if is_beyond(errno) => {
            let as_usual = |algorithm| Parameters { algorithm, block_size: USUAL_BLOCK, salt: Vec::new() };
            Ok(fsverity::measure(file)?.map(|measured| as_usual(measured.algorithm)))
        }
        Err(errno) => Err(errno),
    }
}
