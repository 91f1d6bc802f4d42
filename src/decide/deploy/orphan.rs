//! Slots whose deployment nobody can tell: the manifest that ties it to its slot is gone or damaged.

use crate::decide::model::{Deployment, Id};
use crate::decide::record::{Key, Pinned, Record, Slot};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// The slots that no readable manifest belongs to.
pub fn orphans<'a>(record: &'a Record, deployments: &[Deployment]) -> Vec<&'a Slot> {
    let owned = |slot: &&Slot| deployments.iter().any(|deployment| deployment.key() == Some(slot.key));
    record.slots.iter().filter(|slot| !owned(slot)).collect()
}

/// The slot of a deployment without a readable manifest, where it can be no other: one slot without a deployment, and no
/// other deployment without a manifest.
pub fn lone(orphans: &[&Slot], deployments: &[Deployment]) -> Option<Key> {
    let alone = deployments.iter().filter(|deployment| deployment.manifest.is_none()).count() == 1;
    match orphans {
        [slot] if alone => Some(slot.key),
        _ => None,
    }
}

/// Why a deployment without a readable manifest has to stay, if it has to.
pub fn kept(id: &Id, record: &Record, orphans: &[&Slot]) -> Option<String> {
    let unknown = |what: &str, or: &str| {
        let manifest = format!("bedplate/deployments/{id}/deployment.toml");
        format!("\"{manifest}\" cannot be read, and it may be {what}: put that file back{or}")
    };
    if orphans.iter().any(|slot| record.incumbent == Some(slot.key)) {
        let or = ", or make another one the incumbent first (bedplate set-default ID, a boot, bedplate mark good)";
        return Some(unknown("the incumbent, which is not found", or));
    }
    orphans.iter().any(|slot| slot.pinned == Pinned::Yes).then(|| unknown("a pinned one that is not found", ""))
}
