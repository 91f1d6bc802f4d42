//! Drift of /usr: an overlay that makes it writable until the next boot, and commands that changed it in place.

use super::gather::{Other, Subject};
use super::listed::Listed;
use crate::verbs::unlock;
use bedplate::boot::copy::Flow;
use bedplate::boot::drift::{self, Kind, Layers, Past};
use bedplate::decide::inventory::Inventory;
use bedplate::decide::mountinfo::MountInfo;
use bedplate::decide::ostree::HOTFIX_UPPER;
use bedplate::decide::unlock::{Opened, PLACE, SOURCE};
use bedplate::decide::utc::utc;
use bedplate::error::{Errno, OrFail, Result};
use bedplate::sys::{AsFd, OwnedFd, fs};

/// The changes of overlays that stand at /usr or below it, if their upper directory can be opened.
pub fn overlay(subject: &Subject<'_>, each: &mut dyn FnMut(Listed)) -> Result<()> {
    let is_in_usr = |mount: &&MountInfo| mount.fstype == "overlay" && (mount.target == "/usr" || mount.target.starts_with("/usr/"));
    for mount in subject.mounts.iter().filter(is_in_usr) {
        let hotfix = subject.deployment.ostree().filter(|_| mount.target == "/usr" && mount.source != SOURCE);
        let hotfix = hotfix.and_then(|_| fs::open_dir_in(&subject.tree, HOTFIX_UPPER).ok());
        let Some(upper) = upper(mount, subject.run).or(hotfix) else { continue };
        let path = mount.target.trim_start_matches('/');
        let vendor = match fs::open_dir_in(&subject.tree, path) {
            Err(Errno::ENOENT) => None,
            vendor => Some(vendor.or_fail("cannot open", path)?),
        };
        let (vendor, conflicts) = (vendor.as_ref().map(OwnedFd::as_fd), &Inventory::default());
        let layers = Layers { kind: Kind::Upper, upper: upper.as_fd(), vendor, place: &mount.target, conflicts };
        drift::walk(&layers, &mut Past::default(), &mut |change| {
            each(Listed::of(change, &mount.target));
            Flow::Continue
        })?;
    }
    Ok(())
}

/// Where `unlock` has it, else as mountinfo names it. What is named by a descriptor was that of whoever mounted it.
fn upper(mount: &MountInfo, run: &str) -> Option<OwnedFd> {
    if mount.source == SOURCE && mount.target == "/usr" {
        return fs::open_dir(&format!("{run}/{PLACE}/upper")).ok();
    }
    let named = mount.super_options.iter().find_map(|option| option.strip_prefix("upperdir="));
    named.filter(|path| path.starts_with('/') && !path.starts_with("/proc/")).and_then(|path| fs::open_dir(path).ok())
}

/// A line for each command that ran with /usr open in place.
pub fn in_place(subject: &Subject<'_>) -> Result<Vec<Other>> {
    let line = |opened: Opened| {
        let (command, time) = (unlock::shown(&opened.command), utc(opened.time));
        Other {
            what: "usr-in-place",
            text: format!("usr was open in place to \"{command}\" at {time}: bedplate verify tells what it changed"),
        }
    };
    Ok(subject.view.store.opened(&subject.deployment.id)?.into_iter().map(line).collect())
}
