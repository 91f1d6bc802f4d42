//! Drops drift of /etc that only shadows the deployment's: by its cause (`etc.clean`), and what is left of paths that were
//! reset while the system ran. Before the overlay is mounted; what cannot be dropped keeps no machine from booting.

use super::attempt::Ground;
use super::copy::{Flow, fill, remove_named};
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

/// The paths that were reset since the last boot; none where there is no file.
pub fn queued(store: &Store, state: &str, layer: drift::Layer) -> Result<Vec<Vec<u8>>> {
    let path = format!("state/{state}/{}", layer.queue);
    match fs::read_text(&store.dir, &path) {
        Ok(text) => Ok(queue::parse(&text)),
        Err(Errno::ENOENT) => Ok(Vec::new()),
        Err(errno) => Err(errno).or_fail("cannot read", &format!("{STORE}/{path}")),
    }
}

/// Adds to them, durably.
pub fn enqueue(store: &Store, state: &str, layer: drift::Layer, paths: &[Vec<u8>]) -> Result<()> {
    let all = [queued(store, state, layer)?.as_slice(), paths].concat();
    let path = format!("state/{state}/{}", layer.queue);
    fs::replace_in(&store.dir, &path, 0o600, queue::format(&all).as_bytes()).or_fail("cannot write", &format!("{STORE}/{path}"))
}

/// The results are warnings.
pub fn clean(ground: &Ground<'_>, deployment: &Deployment) -> Vec<String> {
    let Some(layer) = drift::Layer::of(ground.request.config.etc.mode).filter(|_| *ground.disk == Disk::Writable) else {
        return Vec::new();
    };
    match try_clean(ground, deployment, layer) {
        Ok(warnings) => warnings,
        Err(error) => Vec::from([format!("cannot drop changes to /etc that only shadow the deployment's: {error}, keeping them")]),
    }
}

fn try_clean(ground: &Ground<'_>, deployment: &Deployment, layer: drift::Layer) -> Result<Vec<String>> {
    let Some(instance) = deployment.instance() else { return Ok(Vec::new()) };
    let state = format!("{}@{instance}", deployment.id);
    let (store, config) = (ground.store, &ground.request.config.etc);
    let mut warnings = if config.mode == EtcMode::Transient { inherit(store, deployment, &state, layer)? } else { Vec::new() };
    let (causes, queued) = (&config.clean, queued(store, &state, layer)?);
    if causes.is_empty() && queued.is_empty() {
        return Ok(warnings);
    }
    let mut past = Past::of(store, &ground.facts.deployments, ground.record, deployment);
    let mut seen = Vec::new();
    drift::lasting(store, deployment, config, &mut past, &mut |change| {
        let shape = if change.local.node == sys::Node::Directory { Shape::Directory } else { Shape::Leaf };
        seen.push(Seen { path: change.path.into(), cause: change.cause, shape, hides: change.hides });
        Flow::Continue
    })?;
    let path = format!("state/{state}/{}", layer.upper);
    warnings.append(&mut past.warnings);
    let Ok(upper) = fs::open_dir_in(&store.dir, &path) else { return Ok(warnings) };
    let mut changes = Changes { upper, vendor: tree::open_vendor_etc(store, &deployment.id)? };
    let drops = drops(&seen, causes, &queued);
    drops.iter().try_for_each(|path| changes.drop(path))?;
    for path in &queued {
        changes.prune(path);
    }
    if !drops.is_empty() {
        log::info!("dropped {} changes to /etc that only shadowed the deployment's", drops.len());
    }
    fs::clear_in(&store.dir, &format!("state/{state}/{}", layer.queue)).or_fail("cannot remove", layer.queue)?;
    Ok(warnings)
}

/// What a transient /etc keeps is copied to the next deployment as it is. With it goes what was reset and left there: what
/// equalled the vendor's then would shadow this one's. The queue comes first: a copy without it would be taken for all.
fn inherit(store: &Store, deployment: &Deployment, state: &str, layer: drift::Layer) -> Result<Vec<String>> {
    let Some(before) = tree::kept_before(store, deployment)? else { return Ok(Vec::new()) };
    let to = format!("state/{state}/{}", layer.upper);
    let is_first = matches!(fs::stat_in(&store.dir, &to), Err(Errno::ENOENT));
    let left = if is_first { queued(store, &before, layer)? } else { Vec::new() };
    if left.is_empty() {
        return Ok(Vec::new());
    }
    fs::make_dirs(&store.dir, &format!("state/{state}"), 0o700).or_fail("cannot make the state of", state)?;
    enqueue(store, state, layer, &left)?;
    let from = format!("state/{before}/{}", layer.upper);
    let filled = fill(store.dir.as_fd(), &to, &to, || fs::open_dir_in(&store.dir, &from).or_fail("cannot open", &from))?;
    Ok(filled.warnings(&to))
}

struct Changes {
    upper: OwnedFd,
    vendor: Option<OwnedFd>,
}

impl Changes {
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
