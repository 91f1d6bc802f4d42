//! What is kept of removed deployments: their etc.manifest, which explains later why a file in /etc equals none of the vendors that
//! are left. The last [`KEPT`] stay.

use bedplate::boot::drift::{KEPT, MANIFESTS};
use bedplate::boot::store::Store;
use bedplate::decide::drift::oldest_first;
use bedplate::error::{Errno, OrFail, Result};
use bedplate::sys::fs;

/// Names in the order in which they went. One that a power cut keeps out of it counts as older.
const ORDER: &str = "manifests/order";

/// Moves the manifest of a deployment that was set aside, where it was not moved before, and forgets the oldest.
pub fn keep(store: &Store, from: &str, name: &str) -> Result<()> {
    match fs::rename_in(&store.dir, from, &format!("{MANIFESTS}/{name}")) {
        Ok(()) => {}
        Err(Errno::ENOENT) => return Ok(()),
        Err(errno) => return Err(errno).or_fail("cannot keep the etc.manifest of", name),
    }
    forget(store, name).or_else(|error| {
        log::warn!("{error}, keeping more manifests of removed deployments than the last {KEPT}");
        super::remove::sync_dir(store, MANIFESTS)
    })
}

/// What it writes last flushes the directory, and with it what was moved there.
fn forget(store: &Store, newest: &str) -> Result<()> {
    let names = fs::names_in(&store.dir, MANIFESTS).or_fail("cannot read", MANIFESTS)?;
    let names: Vec<&str> = names.iter().map(String::as_str).filter(|name| name.contains('@')).collect();
    let sorted = oldest_first(&fs::read_text(&store.dir, ORDER).unwrap_or_default(), &names, newest);
    let (surplus, kept) = sorted.split_at(sorted.len().saturating_sub(KEPT));
    for name in surplus {
        let path = format!("{MANIFESTS}/{name}");
        fs::unlink_in(&store.dir, &path).or_fail("cannot remove", &path)?;
    }
    let text = format!("{}\n", kept.join("\n"));
    fs::replace_in(&store.dir, ORDER, 0o600, text.as_bytes()).or_fail("cannot write", ORDER)
}
