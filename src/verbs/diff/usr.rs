//! Drift of /usr: an overlay that makes it writable until the next boot, and commands that changed it in place.

use super::gather::{Other, Subject};
use super::listed::{Listed, shown};
use bedplate::boot::copy::Flow;
use bedplate::boot::drift::{self, Kind, Layers, Past};
use bedplate::decide::etc_manifest::EtcManifest;
use bedplate::decide::mountinfo::MountInfo;
use bedplate::decide::utc::utc;
use bedplate::error::{Errno, Error, OrFail, Result};
use bedplate::sys::{AsFd, OwnedFd, fs};
use serde::Deserialize;

/// The changes of overlays that stand at /usr or below it, if their upper directory can be opened.
pub fn overlay(subject: &Subject<'_>, each: &mut dyn FnMut(Listed)) -> Result<()> {
    let is_in_usr = |mount: &&MountInfo| mount.fstype == "overlay" && (mount.target == "/usr" || mount.target.starts_with("/usr/"));
    for mount in subject.mounts.iter().filter(is_in_usr) {
        let Some(upper) = upper(mount, subject.run) else { continue };
        let path = mount.target.trim_start_matches('/');
        let vendor = match fs::open_dir_in(&subject.tree, path) {
            Err(Errno::ENOENT) => None,
            vendor => Some(vendor.or_fail("cannot open", path)?),
        };
        let (vendor, conflicts) = (vendor.as_ref().map(OwnedFd::as_fd), &EtcManifest::default());
        let layers = Layers { kind: Kind::Upper, upper: upper.as_fd(), vendor, place: &mount.target, conflicts };
        drift::walk(&layers, &mut Past::default(), &mut |change| {
            each(Listed::of(change, &mount.target));
            Flow::Continue
        })?;
    }
    Ok(())
}

/// As mountinfo names it, else where `unlock` has it: the name may be one of the place where the overlay was made. A path of
/// mountinfo's options is escaped once more by overlayfs.
fn upper(mount: &MountInfo, run: &str) -> Option<OwnedFd> {
    let named = mount.super_options.iter().find_map(|option| option.strip_prefix("upperdir="));
    let own = (mount.target == "/usr").then(|| format!("{run}/bedplate/unlock/upper"));
    named.filter(|path| path.starts_with('/')).and_then(|path| fs::open_dir(path).ok()).or_else(|| fs::open_dir(&own?).ok())
}

/// What `unlock --live` keeps of each command; of what a newer bedplate has added nothing is needed.
#[derive(Debug, Deserialize)]
struct Opened {
    time: u64,
    command: Vec<String>,
}

/// A line for each command that ran with /usr open in place.
pub fn in_place(subject: &Subject<'_>) -> Result<Vec<Other>> {
    let path = format!("deployments/{}/unlocked.json", subject.deployment.id);
    let text = match fs::read(&subject.view.store.dir, &path) {
        Err(Errno::ENOENT) => return Ok(Vec::new()),
        text => text.or_fail("cannot read", &path)?,
    };
    let opened: Vec<Opened> =
        serde_json::from_slice(&text).map_err(|error| Error::transient(format!("cannot understand \"{path}\": {error}")))?;
    let line = |opened: Opened| {
        let command = shown(opened.command.join(" ").as_bytes());
        let text = format!("usr was changed in place by \"{command}\" at {}: see bedplate verify", utc(opened.time));
        Other { what: "usr-in-place", text }
    };
    Ok(opened.into_iter().map(line).collect())
}
