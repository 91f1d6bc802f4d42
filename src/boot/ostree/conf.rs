//! Reads prepare-root.conf, and the old word of the repository's own configuration.

use crate::decide::cmdline::Cmdline;
use crate::decide::ostree::REPO;
use crate::decide::ostree::conf::{self, Conf, FILES};
use crate::decide::ostree::keyfile::KeyFile;
use crate::error::{Errno, Error, OrFail, Result};
use crate::sys::{AsFd, fs};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// The configuration of this boot, looked up below a root; with what is odd about it. A file that is not there says nothing, one
/// that cannot be read or understood ends the boot: nobody knows what it would have asked for.
pub fn conf(root: impl AsFd, cmdline: &Cmdline) -> Result<(Conf, Vec<String>)> {
    let mut merged = KeyFile::default();
    for path in FILES {
        if let Some(file) = read(&root, path)? {
            merged.overlay(&file);
        }
    }
    conf::conf(&merged, cmdline)
}

fn read(root: impl AsFd, path: &str) -> Result<Option<KeyFile>> {
    let text = match fs::read_text(root, path) {
        Err(Errno::ENOENT | Errno::ENOTDIR) => return Ok(None),
        text => text.or_fail("cannot read", &format!("/{path}"))?,
    };
    KeyFile::parse(&text).map(Some).map_err(|why| Error::usage(format!("cannot understand \"/{path}\": {why}")))
}

/// `sysroot.readonly` of the repository's configuration. What cannot be read or understood there is as if it said nothing, with a
/// warning: the original goes on, too.
pub fn legacy_readonly(sysroot: impl AsFd) -> (bool, Option<String>) {
    let path = format!("{REPO}/config");
    let said = || -> core::result::Result<bool, String> {
        let text = match fs::read_text(&sysroot, &path) {
            Err(Errno::ENOENT) => return Ok(false),
            text => text.map_err(|errno| format!("{errno}"))?,
        };
        Ok(KeyFile::parse(&text)?.boolean("sysroot", "readonly")?.unwrap_or_default())
    };
    match said() {
        Ok(readonly) => (readonly, None),
        Err(why) => (false, Some(format!("\"/sysroot/{path}\": {why}, going on with a writable /sysroot"))),
    }
}
