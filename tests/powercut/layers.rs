//! When /etc is carried forward, no local change is lost: wherever a cut falls, the layer that it is carried from is as it was, and
//! of the one that is replaced each file is in its place or set aside.

use super::disk::{Inode, Kind, Tree};
use super::place::paths;
use std::collections::BTreeMap;

/// Of a recording in which a layer was carried.
#[derive(Debug, Default)]
pub struct Layers {
    /// All of the layers that stay, by path.
    kept: BTreeMap<Vec<u8>, Inode>,
    /// The files of the one that is replaced: digests, with a path.
    replaced: Vec<(u64, String)>,
}

/// `state/ID@INSTANCE/etc` of a path in a layer.
fn layer_of(path: &str) -> Option<&str> {
    let end = path.find("/etc/upper/")?;
    path.starts_with("bedplate/state/").then(|| &path[..end])
}

fn content(inode: &Inode) -> Option<u64> {
    match &inode.kind {
        Kind::File(content) => Some(content.digest()),
        _ => None,
    }
}

impl Layers {
    pub fn of(before: &Tree, after: &Tree) -> Self {
        let carried = |(path, ino): (Vec<u8>, usize)| {
            let place = String::from_utf8(path.clone()).ok()?.strip_suffix("/etc/carried")?.to_owned();
            let known = before.find(&path).and_then(|ino| content(&before.inodes[ino]));
            (content(&after.inodes[ino]) != known).then_some(place)
        };
        let Some(place) = paths(after).into_iter().find_map(carried) else { return Self::default() };
        let mut layers = Self::default();
        for (path, ino) in paths(before) {
            let inode = before.inodes[ino].clone();
            match layer_of(&String::from_utf8_lossy(&path)) {
                Some(layer) if layer == place => {
                    layers.replaced.extend(content(&inode).map(|digest| (digest, String::from_utf8_lossy(&path).into_owned())));
                }
                Some(_) => drop(layers.kept.insert(path, inode)),
                None => {}
            }
        }
        layers
    }

    pub fn check(&self, tree: &Tree) -> Result<(), String> {
        let same = |(path, inode): &(&Vec<u8>, &Inode)| tree.find(path).is_some_and(|ino| tree.inodes[ino] == **inode);
        if let Some((path, _)) = self.kept.iter().find(|entry| !same(entry)) {
            return Err(format!("{} is not as it was", String::from_utf8_lossy(path)));
        }
        if self.replaced.is_empty() {
            return Ok(());
        }
        let there: Vec<u64> = paths(tree).into_values().filter_map(|ino| content(&tree.inodes[ino])).collect();
        match self.replaced.iter().find(|(digest, _)| !there.contains(digest)) {
            Some((_, path)) => Err(format!("{path} is lost")),
            None => Ok(()),
        }
    }
}
