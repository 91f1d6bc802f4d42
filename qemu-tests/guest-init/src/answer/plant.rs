//! Changes that a comparison of two roots has to find: each is one difference, of one kind.

use guest_init::Fault;
use rustix::fs::{Uid, XattrFlags, chown, setxattr};
use rustix::mount::{MountFlags, MountPropagationFlags, mount_bind, mount_change, mount_remount};
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;

const BOOTED: &str = "/run/ostree-booted";
const FILE: &str = "/sysroot/etc/hello.conf";
const USR: &str = "/sysroot/usr";
const VAR: &str = "/sysroot/var";

pub fn plant(fault: Fault) -> io::Result<()> {
    match fault {
        Fault::Mount => Ok(mount_bind(VAR, VAR)?),
        Fault::Flag => Ok(mount_remount(USR, MountFlags::BIND | MountFlags::RDONLY | MountFlags::NOSUID, "")?),
        Fault::Propagation => Ok(mount_change(USR, MountPropagationFlags::SHARED)?),
        Fault::Run => fs::create_dir("/run/ostree/planted"),
        Fault::Key => fs::write(BOOTED, renamed(fs::read(BOOTED)?)),
        Fault::Mode => fs::set_permissions(FILE, Permissions::from_mode(0o600)),
        Fault::Owner => Ok(chown(FILE, Some(Uid::from_raw(7)), None)?),
        Fault::Attribute => Ok(setxattr(FILE, "user.planted", b"1", XattrFlags::empty())?),
    }
}

/// `sysroot-ro` becomes `sysroot-rw`: as long as it was.
fn renamed(mut bytes: Vec<u8>) -> Vec<u8> {
    const KEY: &[u8] = b"sysroot-ro";
    let last = bytes.windows(KEY.len()).position(|window| window == KEY).map(|at| at + KEY.len() - 1);
    if let Some(byte) = last.and_then(|at| bytes.get_mut(at)) {
        *byte = b'w';
    }
    bytes
}
