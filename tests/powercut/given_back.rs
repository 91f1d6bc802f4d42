//! When paths of /etc are reset while the system runs: wherever a cut falls, each file of the layer is the local one or the
//! deployment's, and what is not the local one any more is queued, so that the next boot does not keep it.

use super::disk::{Inode, Tree};
use super::place::paths;
use bedplate::decide::reset::queue;
use std::collections::BTreeMap;

/// Of a recording in which paths are queued: what is below the layer, before and afterwards.
#[derive(Debug, Default)]
pub struct GivenBack {
    /// `bedplate/state/ID@INSTANCE/etc`.
    place: String,
    before: BTreeMap<Vec<u8>, Inode>,
    after: BTreeMap<Vec<u8>, Inode>,
}

/// What is below a directory; times of directories are nobody's business.
fn below(tree: &Tree, directory: &str) -> BTreeMap<Vec<u8>, Inode> {
    let inode = |(path, ino): (Vec<u8>, usize)| {
        let path = path.strip_prefix(format!("{directory}/").as_bytes())?;
        Some((path.to_vec(), Inode { modified: None, ..tree.inodes[ino].clone() }))
    };
    paths(tree).into_iter().filter_map(inode).collect()
}

impl GivenBack {
    pub fn of(before: &Tree, after: &Tree) -> Self {
        let queued = |path: Vec<u8>| Some(String::from_utf8(path).ok()?.strip_suffix("/queued")?.to_owned());
        let Some(place) = paths(after).into_keys().find_map(queued).filter(|place| place.starts_with("bedplate/state/")) else {
            return Self::default();
        };
        let upper = format!("{place}/upper");
        Self { before: below(before, &upper), after: below(after, &upper), place }
    }

    pub fn check(&self, tree: &Tree) -> Result<(), String> {
        if self.place.is_empty() {
            return Ok(());
        }
        let text = tree.content(&format!("{}/queued", self.place)).unwrap_or_default();
        let queued = queue::parse(&String::from_utf8_lossy(text));
        let now = below(tree, &format!("{}/upper", self.place));
        for path in self.before.keys().chain(now.keys()) {
            let on = String::from_utf8_lossy(path);
            let beside = path.split(|byte| *byte == b'/').any(|part| part == queue::BESIDE.as_bytes());
            if now.get(path) == self.before.get(path) {
                continue;
            }
            if !beside && now.get(path) != self.after.get(path) {
                return Err(format!("/etc/{on} is neither what it was nor the deployment's"));
            }
            if queued.is_empty() || !beside && !queue::covers(&queued, path) {
                return Err(format!("/etc/{on} was changed, and no boot is told of it"));
            }
        }
        Ok(())
    }
}
