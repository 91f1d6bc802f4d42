//! What is put in place by a rename is there as a whole or not at all: files that were replaced, directories that were made beside.

use super::disk::{Change, Event, Extent, Ino, Inode, Kind, Tree};
use super::place::paths;
use super::trace::Trace;
use std::collections::BTreeMap;

/// One that was put in place, with what was in it then.
#[derive(Debug)]
struct Directory {
    path: Vec<u8>,
    ino: Ino,
    content: BTreeMap<Vec<u8>, Inode>,
}

#[derive(Debug, Default)]
pub struct Renamed {
    /// Files, with the digests of what they may hold.
    files: BTreeMap<Vec<u8>, Vec<Option<u64>>>,
    directories: Vec<Directory>,
}

impl Renamed {
    pub fn of(trace: &Trace) -> Self {
        let mut renamed = Self::default();
        let mut now = trace.before.clone();
        for event in &trace.events {
            let Event::Change(change) = event else { continue };
            let before = now.clone();
            now.apply(change, Extent::Whole);
            match change {
                Change::Names(names) if change.is_rename() => renamed.note(names, &before, &now),
                // Removed again.
                Change::Names(_) => {
                    renamed.files.iter_mut().filter(|(path, _)| now.find(path).is_none()).for_each(|(_, allowed)| allowed.push(None));
                }
                // Written in place from now on.
                Change::Write { file, .. } | Change::Size(file, _) => renamed.files.retain(|path, _| now.find(path) != Some(*file)),
                _ => {}
            }
        }
        renamed
    }

    fn note(&mut self, names: &[(Ino, Vec<u8>, Option<Ino>)], before: &Tree, now: &Tree) {
        let [(_, old, _), .., (_, _, Some(ino))] = names else { return };
        let all = paths(now);
        let Some(path) = all.iter().find(|(_, found)| *found == ino).map(|(path, _)| path.clone()) else { return };
        match now.inodes[*ino].kind {
            // What is set aside will be taken apart.
            Kind::Directory if old.ends_with(b".new") => {
                let below = [&path[..], b"/"].concat();
                let content =
                    all.iter().filter_map(|(path, ino)| Some((path.strip_prefix(&below[..])?.into(), undated(&now.inodes[*ino]))));
                let content = content.collect();
                self.directories.push(Directory { path, ino: *ino, content });
            }
            Kind::File(_) => {
                let digests = [digest(before, &path), digest(now, &path)];
                self.files.entry(path).or_default().extend(digests);
            }
            _ => {}
        }
    }

    pub fn check(&self, tree: &Tree) -> Result<(), String> {
        let say = |path: &[u8]| String::from_utf8_lossy(path).into_owned();
        if let Some((path, _)) = self.files.iter().find(|(path, allowed)| !allowed.contains(&digest(tree, path))) {
            return Err(format!("{} is neither the old nor the new one", say(path)));
        }
        for Directory { path, ino, content } in &self.directories {
            let there = |(below, inode): (&Vec<u8>, &Inode)| {
                let found = tree.find(&[&path[..], b"/", below].concat());
                found.is_some_and(|found| undated(&tree.inodes[found]) == *inode)
            };
            if tree.find(path) == Some(*ino) && !content.iter().all(there) {
                return Err(format!("{} is there in part", say(path)));
            }
        }
        Ok(())
    }
}

fn undated(inode: &Inode) -> Inode {
    Inode { modified: None, ..inode.clone() }
}

fn digest(tree: &Tree, path: &[u8]) -> Option<u64> {
    match &tree.inodes[tree.find(path)?].kind {
        Kind::File(content) => Some(content.digest()),
        _ => None,
    }
}
