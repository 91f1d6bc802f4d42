//! Which deployment the boot loader asks for.

use crate::decide::cmdline::Cmdline;
use crate::error::{Error, Result};
use alloc::format;
use alloc::string::String;

/// The path of a symlink to a deployment, below the physical root, without leading slash. `None`: this is no boot of OSTree's.
///
/// `androidboot.slot_suffix=_a` or `_b` means `ostree/root.a` or `.b`, any other `androidboot.*` the first; they count before
/// `ostree=`, of which the first word counts.
pub fn target(cmdline: &Cmdline) -> Result<Option<String>> {
    let first = |name: &str| cmdline.words().iter().find(|word| word.name == name).and_then(|word| word.value.as_deref());
    match first("androidboot.slot_suffix") {
        Some("_a") => return Ok(Some("ostree/root.a".into())),
        Some("_b") => return Ok(Some("ostree/root.b".into())),
        Some(other) => {
            return Err(Error::usage(format!("androidboot.slot_suffix={other} on the kernel command line is neither _a nor _b")));
        }
        None => {}
    }
    if cmdline.words().iter().any(|word| word.name.starts_with("androidboot.")) {
        return Ok(Some("ostree/root.a".into()));
    }
    match first("ostree").map(|path| path.trim_matches('/')) {
        Some("") => Err(Error::usage("ostree= on the kernel command line names nothing: it needs the path of a deployment's link")),
        path => Ok(path.map(Into::into)),
    }
}
