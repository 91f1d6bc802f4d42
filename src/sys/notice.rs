//! inotify(7): to be told of new names in a directory instead of looking again and again.

use super::SysResult;
use rustix::fd::OwnedFd;
use rustix::fs::inotify::{CreateFlags, WatchFlags, add_watch, init};
use rustix::io::Errno;

/// Becomes readable when a name is created in the directory or moved into it.
pub fn of_names(directory: &str) -> SysResult<OwnedFd> {
    let notice = init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
    add_watch(&notice, directory, WatchFlags::CREATE | WatchFlags::MOVED_TO | WatchFlags::ONLYDIR)?;
    Ok(notice)
}

/// Throws away what has been told so far: whoever is told looks for itself.
pub fn drain(notice: &OwnedFd) -> SysResult<()> {
    let mut buffer = [0_u8; 4096];
    loop {
        match rustix::io::read(notice, &mut buffer) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return Ok(()),
            Err(errno) => return Err(errno.into()),
        }
    }
}
