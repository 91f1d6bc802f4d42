//! Loading another kernel into memory: kexec_file_load(2), Linux 3.17. rustix and nix have no such call.

use super::{AsFd, SysResult};
use crate::error::Errno;
use alloc::ffi::CString;
use rustix::fd::{AsRawFd, RawFd};

/// Loads a kernel and its initramfs, with its command line, in place of what was loaded before.
///
/// ENOSYS: this kernel has no kexec; EPERM: switched off (kernel.kexec_load_disabled) or locked down; ENOEXEC: not a kernel;
/// EKEYREJECTED, ENOKEY: not signed as this kernel demands.
pub fn load(kernel: impl AsFd, initramfs: impl AsFd, cmdline: &str) -> SysResult<()> {
    let cmdline = CString::new(cmdline).map_err(|_| Errno::EINVAL)?;
    call(kernel.as_fd().as_raw_fd(), initramfs.as_fd().as_raw_fd(), &cmdline, 0)
}

/// Forgets what was loaded.
pub fn unload() -> SysResult<()> {
    call(-1, -1, c"", UNLOAD)
}

/// Whether a kernel could be loaded here: asked with descriptors that are none, which only a kernel that would load complains of.
pub fn probe() -> SysResult<()> {
    match call(-1, -1, c"", 0) {
        Err(Errno::EBADF) | Ok(()) => Ok(()),
        Err(errno) => Err(errno),
    }
}

/// `KEXEC_FILE_UNLOAD` of linux/kexec.h.
const UNLOAD: usize = 1;

fn call(kernel: RawFd, initramfs: RawFd, cmdline: &core::ffi::CStr, flags: usize) -> SysResult<()> {
    // SAFETY: the kernel reads as many bytes of the text as are told, its NUL among them; it outlives the call.
    #[expect(unsafe_code)]
    let result = unsafe {
        let length = cmdline.to_bytes_with_nul().len();
        libc::syscall(libc::SYS_kexec_file_load, kernel, initramfs, length, cmdline.as_ptr(), flags)
    };
    if result == 0 { Ok(()) } else { Err(super::last_errno()) }
}
