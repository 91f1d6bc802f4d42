//! Writes a deployment beside its place: copy, missing directories, manifests of its content, deployment.toml; then syncs and renames.

use super::source::Source;
use super::{kernel, manifests};
use crate::verbs::progress::Progress;
use crate::verbs::remove::sync_dir;
use crate::verbs::root_tree::MOUNT_POINTS;
use bedplate::boot::copy::{Flow, Totals, copy_tree, remove_tree_in};
use bedplate::boot::store::Store;
use bedplate::decide::manifest::{self, Manifest};
use bedplate::error::{Errno, Error, OrFail, Result};
use bedplate::sys::program::interrupt::Interrupts;
use bedplate::sys::{AsFd, OwnedFd, fs};

/// What becomes a deployment.
#[derive(Debug, Clone, Copy)]
pub struct Content<'a> {
    pub source: &'a Source,
    pub place: Place,
    pub totals: Totals,
    pub manifest: &'a Manifest,
    /// For the boot partition.
    pub kernel: Option<&'a kernel::Plan<'a>>,
}

/// Where the tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Elsewhere,
    /// Beside its place in the store already.
    Beside,
}

/// Brings the tree to deployments/ID and its kernel to the boot partition, whole and on the disk, or leaves nothing.
pub fn install(store: &Store, content: Content<'_>, interrupts: &Interrupts) -> Result<()> {
    let deployments = fs::open_dir_in(&store.dir, "deployments").or_fail("cannot open", "bedplate/deployments")?;
    let id = content.manifest.id.as_str();
    let temporary = format!(".{id}.new");
    let result = write(&deployments, &temporary, content, interrupts).and_then(|()| {
        fs::sync_fs(&deployments).or_fail("cannot flush", "bedplate/deployments")?;
        // By the manifest that is on the disk now, the next run would find what this one leaves on the boot partition.
        content.kernel.map_or(Ok(()), kernel::Plan::install)?;
        refuse_if(interrupts.arrived())?;
        fs::rename_new_in(&deployments, &temporary, id).or_fail("cannot rename into place", id)?;
        sync_dir(store, "deployments")
    });
    result.map_err(|error| {
        let undone = content.kernel.map_or(Ok(()), kernel::Plan::take_back);
        match undone.and_then(|()| remove_tree_in(deployments.as_fd(), "bedplate/deployments", &temporary)) {
            Ok(()) => error,
            Err(more) => Error::new(error.kind, format!("{error} (and {more}: the next deploy tries that again)")),
        }
    })
}

fn refuse_if(interrupted: bool) -> Result<()> {
    if interrupted { Err(Error::refused("interrupted: nothing was deployed")) } else { Ok(()) }
}

fn write(deployments: &OwnedFd, temporary: &str, content: Content<'_>, interrupts: &Interrupts) -> Result<()> {
    if content.place == Place::Elsewhere {
        fs::make_dir(deployments, temporary, 0o700).or_fail("cannot make", temporary)?;
    }
    let dir = fs::open_dir_in(deployments, temporary).or_fail("cannot open", temporary)?;
    if content.place == Place::Elsewhere {
        copy(&dir, content.source, content.totals, interrupts)?;
    }
    let root = fs::open_dir_in(&dir, "root").or_fail("cannot open", "root")?;
    complete(&root)?;
    manifests::write_etc(&dir, &root)?;
    let digest = manifests::write_usr(&dir, &root, content.totals, interrupts)?;
    refuse_if(digest.is_none())?;
    let text = manifest::format(&Manifest { digest, ..content.manifest.clone() });
    fs::write_new_in(&dir, "deployment.toml", 0o600, text.as_bytes()).or_fail("cannot write", "deployment.toml")
}

/// Copies the tree into the directory, as `root`.
pub fn copy(dir: &OwnedFd, source: &Source, totals: Totals, interrupts: &Interrupts) -> Result<()> {
    let mut progress = Progress::begin("copying", totals);
    let mut interrupted = false;
    let copied = copy_tree(source.dir.as_fd(), dir.as_fd(), "root", &mut |step| {
        interrupted |= progress.show(step.done) && interrupts.arrived();
        if interrupted { Flow::Stop } else { Flow::Continue }
    });
    progress.end();
    refuse_if(interrupted)?;
    let left_out = copied?.left_out;
    for sentence in &left_out.first {
        log::warn!("{sentence}: the deployment is without it");
    }
    match left_out.count.checked_sub(left_out.first.len()) {
        None | Some(0) => {}
        Some(more) => log::warn!("and {more} more like these"),
    }
    Ok(())
}

/// Makes what every root needs and this one has not.
pub fn complete(root: &OwnedFd) -> Result<()> {
    for (name, mode) in MOUNT_POINTS {
        match fs::make_dir(root, name, mode) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(errno) => return Err(errno).or_fail("cannot make", name),
        }
    }
    Ok(())
}
