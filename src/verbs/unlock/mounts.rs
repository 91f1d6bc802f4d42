//! Carries out the steps that open /usr: all of them, or none.

use bedplate::boot::overlay::Layers;
use bedplate::decide::model::Access;
use bedplate::decide::unlock::{SOURCE, Step};
use bedplate::error::{Error, OrFail, Result};
use bedplate::sys::mount::{self, Flags};
use bedplate::sys::{OwnedFd, SysResult, fs};

/// What the steps are made from.
#[derive(Debug, Clone, Copy)]
pub struct Sources<'a> {
    /// The deployment's own tree.
    pub tree: &'a OwnedFd,
    /// Where overlays keep their changes.
    pub changes: Option<&'a OwnedFd>,
}

/// Mounts all, in order. After a failure what was mounted is taken away again.
pub fn mount_all(steps: &[Step], sources: Sources<'_>) -> Result<()> {
    // What is to be seen again is cloned while it can still be seen.
    let kept = steps.iter().map(keep).collect::<Result<Vec<_>>>()?;
    let mut mounted = Vec::new();
    for (step, kept) in steps.iter().zip(kept) {
        match step_of(step, kept, sources) {
            Ok(mount) => mounted.extend(mount),
            Err(error) => return Err(undone(&mounted, error)),
        }
    }
    Ok(())
}

fn undone(mounted: &[OwnedFd], error: Error) -> Error {
    let undone: Vec<_> = mounted.iter().rev().map(mount::detach).collect();
    match undone.into_iter().collect::<SysResult<()>>().or_fail("cannot take away again what was mounted at", "/usr") {
        Ok(()) => error,
        Err(more) => Error::new(error.kind, format!("{error}; and then: {more}")),
    }
}

/// What is mounted there; a mount that is covered itself cannot be reached by its name, and needs no place.
fn keep(step: &Step) -> Result<Option<OwnedFd>> {
    let Step::Again { at } = step else { return Ok(None) };
    let kept = fs::open_dir("/").and_then(|root| fs::open_target_in(root, at)).and_then(|there| {
        let is_mount = mount::is_mount_point(&there)?;
        is_mount.then(|| mount::clone_tree(&there)).transpose()
    });
    kept.or_fail("cannot keep what is mounted at", at)
}

fn step_of(step: &Step, kept: Option<OwnedFd>, sources: Sources<'_>) -> Result<Option<OwnedFd>> {
    let (at, made) = match step {
        Step::Overlay { at, changes } => (at, Some(overlay(at, changes, sources)?)),
        Step::Tree { from, at, access } => (at, Some(of_tree(from, at, *access, sources)?)),
        Step::Again { at } => (at, kept),
    };
    let Some(made) = made else { return Ok(None) };
    attach(&made, at).or_fail("cannot mount on", at)?;
    Ok(Some(made))
}

fn attach(made: &OwnedFd, at: &str) -> SysResult<()> {
    mount::attach(made, fs::open_target_in(fs::open_dir("/")?, at)?)
}

/// Its root shows mode and owner of the upper directory: they are those of what it covers.
fn overlay(at: &str, changes: &str, sources: Sources<'_>) -> Result<OwnedFd> {
    let changes_dir = sources.changes.ok_or_else(|| Error::refused("there is no place for changes"))?;
    let lower = fs::open_dir(at).or_fail("cannot open", at)?;
    let stat = fs::stat_fd(&lower).or_fail("cannot look at", at)?;
    let place = |name: &str| format!("{changes}/{name}").trim_start_matches('/').to_string();
    let layer = |name: &str, mode| {
        fs::make_dirs(changes_dir, &place(name), mode)?;
        fs::open_dir_in(changes_dir, &place(name))
    };
    let upper = layer("upper", stat.mode).or_fail("cannot make the directory for changes to", at)?;
    fs::set_owner(&upper, stat.uid, stat.gid).or_fail("cannot make the directory for changes to", at)?;
    let work = layer("work", 0o700).or_fail("cannot make the directory for changes to", at)?;
    let layers = Layers { lower: vec![lower], upper, work };
    let flags = layers.restrictions().or_fail("cannot read the mount flags of", at)?;
    let made = layers.make(SOURCE)?;
    mount::set_flags(&made, flags, Flags::default()).or_fail("cannot set the mount flags of", at)?;
    Ok(made)
}

/// With the flags that the mount there has, but its access: the store's own (nosuid, nodev) are not meant for what runs.
fn of_tree(from: &str, at: &str, access: Access, sources: Sources<'_>) -> Result<OwnedFd> {
    let now = fs::open_dir(at).and_then(mount::flags_of).or_fail("cannot read the mount flags of", at)?;
    let set = match access {
        Access::ReadOnly => now.and(Flags::READ_ONLY),
        Access::Writable | Access::Opened => now.without(Flags::READ_ONLY),
        Access::Kept => now,
    };
    let all = Flags::READ_ONLY.and(Flags::NOSUID).and(Flags::NODEV).and(Flags::NOEXEC);
    let made = fs::open_dir_in(sources.tree, from).and_then(mount::clone_tree).or_fail("cannot clone the mount of", at)?;
    let dressed = mount::make_private(&made).and_then(|()| mount::set_flags(&made, set, all));
    dressed.or_fail("cannot set the mount flags of", at)?;
    Ok(made)
}
