//! Lays out a tiny deployment.

use super::initramfs;
use crate::disk::Content;
use crate::error::{OrSay, Result};
use crate::kernel;
use crate::lay::{self, directory, file, install, link};
use crate::scenario::Deployment;
use guest_init::{MODE_FILE, Mode};
use std::collections::BTreeMap;
use std::path::Path;

const DIRECTORIES: [&str; 18] = [
    "usr/bin",
    "usr/sbin",
    "usr/lib",
    "usr/local/bin",
    "etc",
    "var/lib",
    "var/log",
    "home",
    "root",
    "opt",
    "srv",
    "mnt",
    "dev",
    "proc",
    "sys",
    "run",
    "sysroot",
    "tmp",
];

/// As its id and its tree say, in the new directory `to`.
pub fn lay(to: &Path, deployment: &Deployment, content: &Content) -> Result<()> {
    let programs = &content.programs;
    for dir in DIRECTORIES {
        directory(&to.join(dir))?;
    }
    install(&to.join("usr/bin/bedplate"), &programs.bedplate)?;
    install(&to.join("usr/sbin/init"), &programs.guest_init)?;
    for (path, target) in [("bin", "usr/bin"), ("sbin", "usr/sbin"), ("lib", "usr/lib"), ("etc/os-release", "../usr/lib/os-release")] {
        link(&to.join(path), target)?;
    }
    for (path, text) in texts(&deployment.id) {
        file(&to.join(path), &text)?;
    }
    lay_kernel(to, deployment, content)?;
    vary(to, deployment)
}

/// Where OSTree and bootc have it.
fn lay_kernel(to: &Path, deployment: &Deployment, content: &Content) -> Result<()> {
    let Some(version) = deployment.tree.kernel else { return Ok(()) };
    let kernel = kernel::get(version)?;
    let modules = to.join("usr/lib/modules").join(&kernel.release);
    directory(&modules)?;
    install(&modules.join("vmlinuz"), &kernel.image)?;
    let (program, disk, files) = (&content.programs.bedplate, &content.disk, &BTreeMap::new());
    let parts = initramfs::Content { program, kernel: &kernel, disk, watchdog: None, config: &content.config, files };
    let initramfs = modules.join("initramfs.img");
    match &deployment.tree.initramfs {
        Some(text) => file(&initramfs, text)?,
        None => initramfs::write(&initramfs, &parts)?,
    }
    if content.disk.esp == 0 {
        return Ok(());
    }
    directory(&to.join("efi"))?;
    file(&to.join("usr/lib/kernel/cmdline"), &format!("{}\n", super::cmdline(&content.disk)))
}

/// What a system needs to be one, in the fewest words. No two versions share all of /etc.
fn texts(id: &str) -> [(&'static str, String); 7] {
    let os_release = format!("ID=tiny\nNAME=Tiny\nVERSION_ID={id}\n");
    [
        ("usr/lib/os-release", os_release),
        ("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n".to_string()),
        ("etc/group", "root:x:0:\n".to_string()),
        ("etc/hostname", "tiny\n".to_string()),
        ("etc/issue", format!("Tiny {id}\n")),
        ("etc/fstab", String::new()),
        ("etc/machine-id", "0123456789abcdef0123456789abcdef\n".to_string()),
    ]
}

fn vary(to: &Path, deployment: &Deployment) -> Result<()> {
    let tree = &deployment.tree;
    if tree.init != Mode::Serve {
        let word = serde_json::to_value(tree.init).or_say("mode")?;
        file(&to.join(MODE_FILE.trim_start_matches('/')), word.as_str().unwrap_or_default())?;
    }
    lay::vary(to, tree)
}
