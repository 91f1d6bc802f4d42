//! What a deployment brings along for an empty /var: put back for what was taken away.

use crate::boot::copy::{self, Flow, Mounts};
use crate::boot::store::Store;
use crate::boot::tree::var_factory;
use crate::decide::model::Deployment;
use crate::error::{Errno, OrFail, Result};
use crate::sys::copy as sys;
use crate::sys::{AsFd, fs};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// Copies each entry that /var does not have: beside, flushed, then renamed. The results are warnings.
pub(super) fn fill(store: &Store, deployment: &Deployment, beside: &str) -> Result<Vec<String>> {
    let root = format!("deployments/{}/root", deployment.id);
    let tree = fs::open_dir_in(&store.dir, &root).or_fail("cannot open the tree", &root)?;
    let Some(factory) = var_factory(&tree)? else { return Ok(Vec::new()) };
    let from = fs::open_dir_in(&tree, &factory).or_fail("cannot open", &factory)?;
    let var = match sys::open_deep(&store.dir, b"var") {
        Ok(var) => var,
        // The plan makes it, and fills it.
        Err(Errno::ENOENT | Errno::ELOOP) => return Ok(Vec::new()),
        Err(errno) => return Err(errno).or_fail("cannot open", "bedplate/var"),
    };
    let (parent, name) = fs::split(beside);
    let parent = fs::open_dir_in(&store.dir, parent).or_fail("cannot open", parent)?;
    copy::remove_tree(parent.as_fd(), name)?;
    let copied = copy::copy_tree_with(from.as_fd(), Mounts::Stay, parent.as_fd(), name, &mut |_| Flow::Continue)?;
    fs::sync_fs(&store.dir).or_fail("cannot flush", "bedplate")?;
    let copy = fs::open_dir_in(&parent, name).or_fail("cannot open", beside)?;
    for name in sys::list(&copy).or_fail("cannot list", beside)? {
        match sys::rename_new_at(&copy, &name, &var, &name) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(errno) => return Err(errno).or_fail("cannot put in place what /var begins with:", &name.to_string_lossy()),
        }
    }
    Ok(copied.left_out.first.iter().map(|sentence| format!("{sentence}, going on without it")).collect())
}
