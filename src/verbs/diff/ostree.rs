//! A transient /etc of OSTree's (`etc.transient` of prepare-root.conf): an overlay whose changes are below /run.

use super::gather::Subject;
use bedplate::boot::copy::Flow;
use bedplate::boot::drift::{self, Change, Kind, Layers, Past};
use bedplate::decide::inventory::Inventory;
use bedplate::error::{OrFail, Result};
use bedplate::sys::{AsFd, OwnedFd, fs};

/// Where the layers are, below /run.
const PLACE: &str = "ostree";
/// How their directory's name begins.
const PREFIX: &str = "transient-etc.";

/// Whether this system runs it so. Of one that does not run, what it would keep in its own etc/ is told.
pub fn is_etc_transient(subject: &Subject<'_>) -> bool {
    subject.mounts.iter().rfind(|mount| mount.target == "/etc").is_some_and(|mount| mount.fstype == "overlay")
}

pub fn transient_etc(subject: &Subject<'_>, past: &mut Past<'_>, each: &mut dyn FnMut(&Change<'_>) -> Flow) -> Result<()> {
    let Some(upper) = upper(subject)? else { return Ok(()) };
    let vendor = fs::open_dir_in(&subject.tree, "usr/etc").or_fail("cannot open", "usr/etc")?;
    let (upper, vendor, conflicts) = (upper.as_fd(), Some(vendor.as_fd()), &Inventory::default());
    drift::walk(&Layers { kind: Kind::Upper, upper, vendor, place: "/etc", conflicts }, past, each)
}

/// A boot makes one such directory, with a random name.
fn upper(subject: &Subject<'_>) -> Result<Option<OwnedFd>> {
    let run = fs::open_dir(subject.run).or_fail("cannot open", subject.run)?;
    let names = fs::names_in(&run, PLACE).or_fail("cannot read", "/run/ostree")?;
    let Some(name) = names.iter().find(|name| name.starts_with(PREFIX)) else { return Ok(None) };
    let path = format!("{PLACE}/{name}/upper");
    fs::open_dir_in(&run, &path).map(Some).or_fail("cannot open", &path)
}
