//! What a deployment brings along for an empty /var: put back for what was taken away.

use crate::boot::copy::{self, Flow, Mounts};
use crate::boot::store::Store;
use crate::boot::tree::var_factory;
use crate::decide::model::Deployment;
use crate::error::{Errno, OrFail, Result};
use crate::sys::copy as sys;
use crate::sys::{AsFd, OwnedFd, fs};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// Copies all of it to `beside`, before anything is taken away. The results are warnings.
pub(super) fn copy(store: &Store, deployment: &Deployment, beside: &str) -> Result<Vec<String>> {
    if var(store)?.is_none() {
        return Ok(Vec::new());
    }
    let root = format!("deployments/{}/root", deployment.id);
    let tree = fs::open_dir_in(&store.dir, &root).or_fail("cannot open the tree", &root)?;
    let Some(factory) = var_factory(&tree)? else { return Ok(Vec::new()) };
    let from = fs::open_dir_in(&tree, &factory).or_fail("cannot open", &factory)?;
    let (parent, name) = fs::split(beside);
    let parent = fs::open_dir_in(&store.dir, parent).or_fail("cannot open", parent)?;
    let copied = copy::copy_tree_with(from.as_fd(), Mounts::Stay, parent.as_fd(), name, &mut |_| Flow::Continue)?;
    Ok(copied.left_out.first.iter().map(|sentence| format!("{sentence}, going on without it")).collect())
}

/// Renames each entry of the copy that /var does not have; takes no room.
pub(super) fn put(store: &Store, beside: &str) -> Result<()> {
    let Some(var) = var(store)? else { return Ok(()) };
    let copy = match fs::open_dir_in(&store.dir, beside) {
        Err(Errno::ENOENT) => return Ok(()),
        copy => copy.or_fail("cannot open", beside)?,
    };
    for name in sys::list(&copy).or_fail("cannot list", beside)? {
        match sys::rename_new_at(&copy, &name, &var, &name) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(errno) => return Err(errno).or_fail("cannot put in place what /var begins with:", &name.to_string_lossy()),
        }
    }
    Ok(())
}

/// `None`: the plan makes it, and fills it.
fn var(store: &Store) -> Result<Option<OwnedFd>> {
    match sys::open_deep(&store.dir, b"var") {
        Err(Errno::ENOENT | Errno::ELOOP) => Ok(None),
        var => var.map(Some).or_fail("cannot open", "bedplate/var"),
    }
}
