//! From the initramfs to the new root, as switch_root(8) does it, and on to init.

use crate::boot::copy;
use crate::error::{Errno, Error, OrFail, Result};
use crate::sys::mount::{self};
use crate::sys::{AsFd, fs, process};
use alloc::format;

const MOVED: [&str; 4] = ["dev", "proc", "sys", "run"];

/// Moves the kernel's file systems along, frees the initramfs, and makes `sysroot` the root.
pub fn to_root(sysroot: &str) -> Result<()> {
    for name in MOVED {
        let (from, to) = (format!("/{name}"), format!("{sysroot}/{name}"));
        let from_fd = fs::open_dir(&from).or_fail("cannot open", &from)?;
        let to_fd = fs::open_dir(&to).or_fail("the deployment has no directory to mount on:", &to)?;
        mount::attach(from_fd, to_fd).or_fail("cannot move to", &to)?;
    }
    free_initramfs();
    process::change_dir(sysroot).or_fail("cannot enter", sysroot)?;
    mount::move_here_to_root().or_fail("cannot move to / the root at", sysroot)?;
    process::change_root(".").or_fail("cannot make the root of", sysroot)?;
    process::change_dir("/").or_fail("cannot enter", "/")
}

/// The files of the initramfs are memory that nobody gives back otherwise. Only on a ramfs or tmpfs, and never across a mount.
fn free_initramfs() {
    let Ok(root) = fs::open_dir("/") else { return };
    if !fs::is_memory(&root) {
        return;
    }
    for name in fs::names(&root).unwrap_or_default() {
        // Mount points stay; what cannot be removed only costs memory.
        if fs::mount_id(&format!("/{name}")) == fs::mount_id("/") {
            let _ = copy::remove_tree(root.as_fd(), &name);
        }
    }
}

/// Becomes init; returns only when that failed.
pub fn run_init(init: &str, arguments: &[&str]) -> Error {
    let path = format!("/{}", init.trim_start_matches('/'));
    let errno: Errno = process::execute(&path, arguments);
    Err::<(), _>(errno).or_fail("cannot run the init program", &path).err().unwrap_or_else(|| Error::transient("init ended"))
}
