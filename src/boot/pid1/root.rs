//! Mounts the physical root as the command line says, in the words that the kernel uses for its own root.

use crate::boot::rootdev::{self, WAIT_SECONDS};
use crate::decide::cmdline::Cmdline;
use crate::decide::rootspec::RootSpec;
use crate::error::{Errno, Error, OrFail, Result};
use crate::sys::mount::{self, Flags, Parameter};
use crate::sys::{OwnedFd, fs};
use alloc::vec::Vec;

/// `root=`, `rootfstype=`, `rootflags=`, `ro`/`rw` (the last one wins), `bedplate.rootwait=SECONDS`.
pub fn mount(cmdline: &Cmdline, sysroot: &str) -> Result<()> {
    let spec = cmdline.get("root").filter(|spec| !spec.is_empty());
    let spec = spec.ok_or_else(|| Error::usage("there is no root= on the kernel command line: name the device with the store"))?;
    let wait = cmdline.get("bedplate.rootwait").and_then(|text| text.parse().ok()).unwrap_or(WAIT_SECONDS);
    let node = rootdev::resolve(&RootSpec::parse(spec)?, wait)?;
    let made = mount_device(cmdline, &node)?;
    let root = fs::open_dir("/").or_fail("cannot open", "/")?;
    match fs::make_dir(root, sysroot, 0o755) {
        Ok(()) | Err(Errno::EEXIST) => {}
        Err(errno) => return Err(errno).or_fail("cannot make", sysroot),
    }
    mount::attach(made, fs::open_dir(sysroot).or_fail("cannot open", sysroot)?).or_fail("cannot mount", sysroot)
}

fn mount_device(cmdline: &Cmdline, node: &str) -> Result<OwnedFd> {
    let fstype = match cmdline.get("rootfstype").filter(|fstype| !fstype.is_empty()) {
        Some(fstype) => fstype.into(),
        None => rootdev::fstype_of(node)?,
    };
    let mut flags = Flags::default();
    let mut parameters: Vec<Parameter<'_>> = Vec::new();
    let options = cmdline.get("rootflags").unwrap_or_default().split(',').filter(|option| !option.is_empty());
    for option in options {
        match mount_flag(option) {
            Some(flag) => flags = flags.and(flag),
            None => parameters.push(option.split_once('=').map_or(Parameter::Flag(option), |(name, value)| Parameter::Text(name, value))),
        }
    }
    let read_only =
        cmdline.words().iter().rev().find(|word| matches!(word.name.as_str(), "ro" | "rw")).is_some_and(|word| word.name == "ro");
    if read_only {
        parameters.push(Parameter::Flag("ro"));
        flags = flags.and(Flags::READ_ONLY);
    }
    let made = rootdev::mount_node(node, &fstype, &parameters);
    // A disk that refuses to be written is mounted read-only: bedplate goes on without counting.
    let made = match made {
        Err(_) if !read_only => rootdev::mount_node(node, &fstype, &[&parameters[..], &[Parameter::Flag("ro")]].concat()),
        made => made,
    }?;
    mount::set_flags(&made, flags, Flags::default()).or_fail("cannot restrict", node)?;
    Ok(made)
}

/// Options of the mount itself; all others are the file system's.
fn mount_flag(option: &str) -> Option<Flags> {
    match option {
        "nosuid" => Some(Flags::NOSUID),
        "nodev" => Some(Flags::NODEV),
        "noexec" => Some(Flags::NOEXEC),
        _ => None,
    }
}
