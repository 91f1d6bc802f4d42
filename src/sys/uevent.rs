//! The kernel's announcements of devices (NETLINK_KOBJECT_UEVENT), and bounded waits.

use super::SysResult;
use crate::error::Errno;
use alloc::vec::Vec;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::net::netlink::{KOBJECT_UEVENT, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, bind, recv, socket_with};

/// The kernel's own group; udev's is another.
const KERNEL_GROUP: u32 = 1;

/// Listens from now on. Open it before looking at what is there, so that nothing falls between.
pub fn listen() -> SysResult<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, Some(KOBJECT_UEVENT))?;
    bind(&socket, &SocketAddrNetlink::new(0, KERNEL_GROUP))?;
    Ok(socket)
}

/// Waits for input, at most so many milliseconds. Whether there is some.
pub fn wait(file: impl AsFd, milliseconds: u64) -> SysResult<Ready> {
    wait_for_any(&[file.as_fd()], milliseconds)
}

/// The same for several files: whether one of them has some.
pub fn wait_for_any(files: &[BorrowedFd<'_>], milliseconds: u64) -> SysResult<Ready> {
    let mut fds: Vec<_> = files.iter().map(|file| PollFd::new(file, PollFlags::IN)).collect();
    let timeout = Timespec {
        tv_sec: i64::try_from(milliseconds / 1000).unwrap_or(i64::MAX),
        tv_nsec: i64::try_from(milliseconds % 1000 * 1_000_000).unwrap_or_default(),
    };
    match poll(&mut fds, Some(&timeout)) {
        Ok(0) | Err(rustix::io::Errno::INTR) => Ok(Ready::No),
        Ok(_) => Ok(Ready::Yes),
        Err(errno) => Err(errno.into()),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ready {
    No,
    Yes,
}

/// Throws away what has been announced so far. Overflowed messages are fine: everything is looked at anew anyway.
pub fn drain(socket: &OwnedFd) -> SysResult<()> {
    let mut buffer = [0_u8; 8192];
    loop {
        match recv(socket, &mut buffer[..], RecvFlags::empty()) {
            Ok(_) | Err(rustix::io::Errno::NOBUFS | rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::AGAIN) => return Ok(()),
            Err(errno) => return Err(Errno::from(errno)),
        }
    }
}
