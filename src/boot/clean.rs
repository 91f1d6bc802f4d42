//! Drops drift of /etc that only shadows the deployment's: by its cause (`etc.clean`), and what is left of paths that were
//! reset while the system ran. Before the overlay is mounted; what cannot be dropped keeps no machine from booting.

use super::attempt::Ground;
use super::copy::{Flow, remove_named};
use super::drift::{self, Past};
use super::layer::{Entry, compare};
use super::store::{STORE, Store};
use super::tree;
use crate::decide::config::EtcMode;
use crate::decide::drift::{Mark, Sameness, Seen, Shape, drops};
use crate::decide::model::{Deployment, Disk};
use crate::decide::reset::queue;
use crate::error::{Errno, OrFail, Result};
use crate::sys::copy as sys;
use crate::sys::{AsFd, OwnedFd, SysResult, fs};
use alloc::ffi::CString;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// Below a deployment's state: paths that were reset.
const QUEUE: &str = "etc/queued";

/// The paths that were reset since the last boot; none where there is no file.
pub fn queued(store: &Store, state: &str) -> Result<Vec<Vec<u8>>> {
    let path = format!("state/{state}/{QUEUE}");
    match fs::read_text(&store.dir, &path) {
        Ok(text) => Ok(queue::parse(&text)),
        Err(Errno::ENOENT) => Ok(Vec::new()),
        Err(errno) => Err(errno).or_fail("cannot read", &format!("{STORE}/{path}")),
    }
}

/// Adds to them, durably.
pub fn enqueue(store: &Store, state: &str, paths: &[Vec<u8>]) -> Result<()> {
    let all = [queued(store, state)?.as_slice(), paths].concat();
    let path = format!("state/{state}/{QUEUE}");
    fs::replace_in(&store.dir, &path, 0o600, queue::format(&all).as_bytes()).or_fail("cannot write", &format!("{STORE}/{path}"))
}

/// The results are warnings.
pub fn clean(ground: &Ground<'_>, deployment: &Deployment) -> Vec<String> {
    if *ground.disk != Disk::Writable || ground.request.config.etc.mode != EtcMode::Overlay {
        return Vec::new();
    }
    match try_clean(ground, deployment) {
        Ok(warnings) => warnings,
        Err(error) => Vec::from([format!("cannot drop changes to /etc that only shadow the deployment's: {error}, keeping them")]),
    }
}

fn try_clean(ground: &Ground<'_>, deployment: &Deployment) -> Result<Vec<String>> {
    let Some(instance) = deployment.instance() else { return Ok(Vec::new()) };
    let state = format!("{}@{instance}", deployment.id);
    let (store, causes) = (ground.store, &ground.request.config.etc.clean);
    let queued = queued(store, &state)?;
    if causes.is_empty() && queued.is_empty() {
        return Ok(Vec::new());
    }
    let mut past = Past::of(store, &ground.facts.deployments, ground.record, deployment);
    let mut seen = Vec::new();
    drift::etc(store, deployment, &mut past, &mut |change| {
        let shape = if change.local.node == sys::Node::Directory { Shape::Directory } else { Shape::Leaf };
        seen.push(Seen { path: change.path.into(), cause: change.cause, shape, hides: change.hides });
        Flow::Continue
    })?;
    let path = format!("state/{state}/etc/upper");
    let Ok(upper) = fs::open_dir_in(&store.dir, &path) else { return Ok(past.warnings) };
    let mut layer = Layer { upper, vendor: tree::open_vendor_etc(store, &deployment.id)? };
    let drops = drops(&seen, causes, &queued);
    drops.iter().try_for_each(|path| layer.drop(path))?;
    for path in &queued {
        layer.prune(path);
    }
    if !drops.is_empty() {
        log::info!("dropped {} changes to /etc that only shadowed the deployment's", drops.len());
    }
    fs::clear_in(&store.dir, &format!("state/{state}/{QUEUE}")).or_fail("cannot remove", QUEUE)?;
    Ok(past.warnings)
}

struct Layer {
    upper: OwnedFd,
    vendor: Option<OwnedFd>,
}

impl Layer {
    fn drop(&mut self, path: &[u8]) -> Result<()> {
        let on = format!("/etc/{}", String::from_utf8_lossy(path).escape_debug());
        let (above, name) = sys::split(path);
        let dir = sys::open_deep(&self.upper, above).or_fail("cannot open the directory of", &on)?;
        let c_name = CString::new(name).map_err(|_| Errno::EINVAL).or_fail("cannot remove", &on)?;
        remove_named(dir.as_fd(), &format!("/etc/{}", String::from_utf8_lossy(above)), &c_name)?;
        self.prune(above);
        Ok(())
    }

    /// Directories that only led to what was dropped. One that stays is no drift.
    fn prune(&self, path: &[u8]) {
        let mut path = path;
        while !path.is_empty() && self.leave(path) == Ok(Left::Gone) {
            path = sys::split(path).0;
        }
    }

    fn leave(&self, path: &[u8]) -> SysResult<Left> {
        let Some(vendor) = &self.vendor else { return Ok(Left::Stays) };
        let (above, name) = sys::split(path);
        let name = CString::new(name).map_err(|_| Errno::EINVAL)?;
        let (ours, theirs) = (sys::open_deep(&self.upper, above)?, sys::open_deep(vendor, above)?);
        let found = (Entry::find(ours.as_fd(), &name)?, Entry::find(theirs.as_fd(), &name)?);
        let (Some(own), Some(other)) = found else { return Ok(Left::Stays) };
        if !own.is_directory() || own.mark()? != Mark::Plain || compare(&own, &other)? != Sameness::Same {
            return Ok(Left::Stays);
        }
        match sys::remove_dir_at(&ours, &name) {
            Ok(()) => Ok(Left::Gone),
            Err(Errno::ENOTEMPTY | Errno::EEXIST) => Ok(Left::Stays),
            Err(errno) => Err(errno),
        }
    }
}

#[derive(PartialEq, Eq)]
enum Left {
    Gone,
    Stays,
}
