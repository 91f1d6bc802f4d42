//! This process: its root, its directory, its program, its console.

#![allow(unsafe_code)]

use super::{SysResult, fs};
use crate::error::Errno;
use alloc::ffi::CString;
use alloc::vec::Vec;
use core::ptr;

/// Makes /dev/console standard input, output and error, where the kernel did not.
pub fn use_console() -> SysResult<()> {
    let console = fs::open_write_in(fs::open_dir("/dev/")?, "console")?;
    rustix::stdio::dup2_stdin(&console)?;
    rustix::stdio::dup2_stdout(&console)?;
    Ok(rustix::stdio::dup2_stderr(&console)?)
}

/// Whether it may do what only root may, as far as its user tells.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

pub fn change_dir(path: &str) -> SysResult<()> {
    Ok(rustix::process::chdir(path)?)
}

pub fn change_dir_to(directory: impl rustix::fd::AsFd) -> SysResult<()> {
    Ok(rustix::process::fchdir(directory)?)
}

pub fn change_root(path: &str) -> SysResult<()> {
    Ok(rustix::process::chroot(path)?)
}

/// Replaces this program. The environment is the kernel's: HOME, TERM, and a PATH. Returns only a failure.
pub fn execute(path: &str, arguments: &[&str]) -> Errno {
    let Ok(words) = [path].iter().chain(arguments).map(|word| CString::new(*word)).collect::<Result<Vec<_>, _>>() else {
        return Errno::EINVAL;
    };
    let mut argv: Vec<_> = words.iter().map(|word| word.as_ptr()).collect();
    argv.push(ptr::null());
    let environment = [c"HOME=/".as_ptr(), c"TERM=linux".as_ptr(), c"PATH=/usr/sbin:/usr/bin:/sbin:/bin".as_ptr(), ptr::null()];
    let Some(program) = argv.first().copied() else { return Errno::EINVAL };
    // SAFETY: both lists end with a null pointer and, like the strings in them, live until the call returns, if it does.
    unsafe {
        libc::execve(program, argv.as_ptr(), environment.as_ptr());
        Errno(*libc::__errno_location())
    }
}
