//! Kernel modules.

use super::SysResult;
use crate::error::Errno;
use alloc::ffi::CString;
use rustix::fd::OwnedFd;

/// Who unpacks a module file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    None,
    /// MODULE_INIT_COMPRESSED_FILE, Linux 5.17, where it was built with the method.
    ByKernel,
}

/// `MODULE_INIT_COMPRESSED_FILE` of linux/module.h.
const COMPRESSED_FILE: i32 = 4;

/// finit_module(2).
pub fn load(file: &OwnedFd, compression: Compression, parameters: &str) -> SysResult<()> {
    let parameters = CString::new(parameters).map_err(|_| Errno::EINVAL)?;
    let flags = match compression {
        Compression::None => 0,
        Compression::ByKernel => COMPRESSED_FILE,
    };
    Ok(rustix::system::finit_module(file, &parameters, flags)?)
}
