//! Lays out a tiny deployment.

use crate::cache;
use crate::error::{OrSay, Result};
use crate::programs::Programs;
use crate::scenario::Deployment;
use guest_init::{MODE_FILE, Mode};
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
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
pub fn lay(to: &Path, deployment: &Deployment, programs: &Programs) -> Result<()> {
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
    vary(to, deployment)
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
    for path in &tree.remove {
        cache::remove(&to.join(path))?;
    }
    for (path, text) in &tree.files {
        file(&to.join(path), text)?;
    }
    for (path, target) in &tree.symlinks {
        cache::remove(&to.join(path))?;
        link(&to.join(path), target)?;
    }
    tree.modes.iter().try_for_each(|(path, mode)| set_mode(&to.join(path), mode))
}

fn set_mode(path: &Path, mode: &str) -> Result<()> {
    let mode = u32::from_str_radix(mode, 8).or_say(format!("mode {mode}"))?;
    permit(path, mode)
}

fn permit(path: &Path, mode: u32) -> Result<()> {
    fs::set_permissions(path, Permissions::from_mode(mode)).or_say(format!("cannot set the mode of {}", path.display()))
}

/// With its parents, each 0755 whatever the umask says.
fn directory(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    path.parent().map_or(Ok(()), directory)?;
    fs::create_dir(path).or_say(format!("cannot make {}", path.display()))?;
    permit(path, 0o755)
}

fn file(path: &Path, text: &str) -> Result<()> {
    path.parent().map_or(Ok(()), directory)?;
    fs::write(path, text).or_say(format!("cannot write {}", path.display()))?;
    permit(path, 0o644)
}

fn link(path: &Path, target: &str) -> Result<()> {
    path.parent().map_or(Ok(()), directory)?;
    symlink(target, path).or_say(format!("cannot make {}", path.display()))
}

fn install(path: &Path, program: &Path) -> Result<()> {
    fs::copy(program, path).or_say(format!("cannot copy {}", program.display()))?;
    permit(path, 0o755)
}
