//! prepare-root.conf (ostree-prepare-root(1)), and what `ostree.prepare-root.composefs=` changes of it.

use super::keyfile::KeyFile;
use crate::decide::cmdline::Cmdline;
use crate::error::{Error, Result};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Where it is looked up below a root. The later file counts key by key, where the original would forget the first.
pub const FILES: [&str; 2] = ["usr/lib/ostree/prepare-root.conf", "etc/ostree/prepare-root.conf"];
/// The public keys, when `composefs.keypath` names no other file.
const KEYPATH: &str = "/etc/ostree/initramfs-root-binding.key";
const ARGUMENT: &str = "ostree.prepare-root.composefs";

const KNOWN: [(&str, &[&str]); 4] =
    [("sysroot", &["readonly"]), ("etc", &["transient"]), ("root", &["transient", "transient-ro"]), ("composefs", &["enabled", "keypath"])];

/// The configuration of one boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conf {
    /// `None`: no file says it; then composefs makes it true, and without composefs the repository has a word.
    pub sysroot_readonly: Option<bool>,
    pub etc_transient: bool,
    pub root: Root,
    pub composefs: Composefs,
    /// Public keys for [`Trust::Signed`]: one base64 Ed25519 key a line, in the initramfs.
    pub keypath: String,
}

/// Whether / takes changes, for the time of a boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Root {
    #[default]
    ReadOnly,
    /// `root.transient`: writable.
    Transient,
    /// `root.transient-ro`: as writable underneath, mounted read-only.
    TransientReadOnly,
}

/// Whether / is a composefs image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Composefs {
    #[default]
    No,
    /// Where the deployment has an image.
    Maybe,
    Yes(Trust),
}

/// What vouches for the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Nothing.
    Blind,
    /// fs-verity is on for the image and every file; any digest will do.
    Verity,
    /// The digest is that of a commit which one of the keys has signed.
    Signed,
}

impl Default for Conf {
    fn default() -> Self {
        Self { sysroot_readonly: None, etc_transient: false, root: Root::ReadOnly, composefs: Composefs::No, keypath: KEYPATH.into() }
    }
}

/// What the files and the command line come to. The first error is the only one; unknown keys are warnings.
pub fn conf(file: &KeyFile, cmdline: &Cmdline) -> Result<(Conf, Vec<String>)> {
    let unknown = |key: &String| format!("prepare-root.conf: {key} is unknown, ignoring it");
    let mut warnings: Vec<String> = file.unknown(&KNOWN).iter().map(unknown).collect();
    let mut conf = from_file(file).map_err(|why| Error::usage(format!("cannot understand prepare-root.conf: {why}")))?;
    if let Some(value) = cmdline.get(ARGUMENT) {
        let asked = composefs(value).map_err(|why| Error::usage(format!("cannot understand {ARGUMENT}={value}: {why}")))?;
        warnings.extend(loosened(conf.composefs, asked).map(|what| format!("{ARGUMENT}={value} on the kernel command line: {what}")));
        conf.composefs = asked;
    }
    Ok((conf, warnings))
}

fn from_file(file: &KeyFile) -> core::result::Result<Conf, String> {
    let flag = |group: &str, key: &str| Ok::<_, String>(file.boolean(group, key)?.unwrap_or_default());
    let root = match (flag("root", "transient")?, flag("root", "transient-ro")?) {
        (true, true) => return Err("root.transient and root.transient-ro are both true".into()),
        (true, false) => Root::Transient,
        (false, true) => Root::TransientReadOnly,
        (false, false) => Root::ReadOnly,
    };
    Ok(Conf {
        sysroot_readonly: file.boolean("sysroot", "readonly")?,
        etc_transient: flag("etc", "transient")?,
        root,
        composefs: file.get("composefs", "enabled").map_or(Ok(Composefs::No), composefs)?,
        keypath: file.get("composefs", "keypath").map_or_else(|| KEYPATH.to_string(), Into::into),
    })
}

/// A value of `composefs.enabled` or of the kernel argument.
fn composefs(value: &str) -> core::result::Result<Composefs, String> {
    Ok(match value {
        "no" | "false" | "0" => Composefs::No,
        "maybe" => Composefs::Maybe,
        "yes" | "true" | "1" => Composefs::Yes(Trust::Blind),
        "verity" => Composefs::Yes(Trust::Verity),
        "signed" => Composefs::Yes(Trust::Signed),
        other => return Err(format!("composefs is \"{other}\", none of no, maybe, yes, verity, signed")),
    })
}

/// The argument overrides the file, as documented; what it switches off is said.
fn loosened(configured: Composefs, asked: Composefs) -> Option<&'static str> {
    match (configured, asked) {
        (Composefs::Yes(Trust::Signed), asked) if asked != Composefs::Yes(Trust::Signed) => {
            Some("the signature of the deployment is not checked in this boot")
        }
        (Composefs::Yes(Trust::Verity), Composefs::No | Composefs::Maybe | Composefs::Yes(Trust::Blind)) => {
            Some("fs-verity is not required in this boot")
        }
        _ => None,
    }
}

impl Conf {
    pub const fn wants_composefs(&self) -> bool {
        matches!(self.composefs, Composefs::Yes(_))
    }

    /// Whether /sysroot is read-only. `legacy` is the repository's `sysroot.readonly`, asked only where nothing vouches for the
    /// deployment anyway: nothing of a disk is parsed before it is verified.
    pub fn readonly(&self, legacy: impl FnOnce() -> bool) -> bool {
        match self.sysroot_readonly {
            Some(true) => true,
            Some(false) if self.wants_composefs() => false,
            None if self.wants_composefs() => true,
            Some(false) | None => legacy(),
        }
    }
}
