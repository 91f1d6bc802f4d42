//! The /etc of a deployment of OSTree's: a copy of the vendor's as a whole, for which a boot needs no overlay.

use super::{Change, Kind, Layers, Past, walk};
use crate::boot::copy::Flow;
use crate::boot::store::Store;
use crate::decide::inventory::Inventory;
use crate::decide::model::OstreeHome;
use crate::error::{Errno, OrFail, Result};
use crate::sys::{AsFd, fs};
use alloc::format;

/// Its changes. A deployment that waits for its finalization has none yet.
pub fn ostree(store: &Store, home: &OstreeHome, past: &mut Past<'_>, each: &mut dyn FnMut(&Change<'_>) -> Flow) -> Result<()> {
    let open = |name: &str| {
        let path = format!("{}/{name}", home.path);
        match fs::open_dir_in(&store.sysroot, &path) {
            Err(Errno::ENOENT) => Ok(None),
            opened => opened.map(Some).or_fail("cannot open", &path),
        }
    };
    let (Some(local), Some(vendor)) = (open("etc")?, open("usr/etc")?) else { return Ok(()) };
    let (upper, vendor, conflicts) = (local.as_fd(), Some(vendor.as_fd()), &Inventory::default());
    walk(&Layers { kind: Kind::Labelled, upper, vendor, place: "/etc", conflicts }, past, each)
}
