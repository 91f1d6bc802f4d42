//! Files of a tree that have names outside it, too: whoever writes to them in the tree changes what is there.

use super::Mounts;
use super::walk::{DirStack, Level, Trail, View};
use crate::error::{Errno, OrFail, Result};
use crate::sys::BorrowedFd;
use crate::sys::copy::{self as sys, FileId, Meta, Node};
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::ffi::CStr;

struct Counter {
    at: DirStack,
    mount: u64,
    levels: Vec<Level>,
    trail: Trail,
    /// Files of whose names some have not been met, with how many, and the first that was.
    missing: BTreeMap<FileId, (u32, String)>,
}

/// The first path, relative to `tree`, of a file that has another name outside of it (or in another mount below it).
pub fn linked_outside(tree: BorrowedFd<'_>) -> Result<Option<String>> {
    let view = View::open(tree, Mounts::Stay)?;
    let root = sys::open_again(view.dir()).or_fail("cannot open", ".")?;
    let meta = sys::look_open(&root).or_fail("cannot look at", ".")?;
    let names = sys::list(&root).or_fail("cannot list", ".")?.into_iter();
    let levels = alloc::vec![Level { meta, names }];
    let mut counter = Counter { at: DirStack::new(root), mount: meta.mount, levels, trail: Trail::default(), missing: BTreeMap::new() };
    while let Some(level) = counter.levels.last_mut() {
        let step = match level.names.next() {
            Some(name) => counter.entry(&name),
            None => counter.leave(),
        };
        step.map_err(|errno| counter.trail.error("cannot look at", errno))?;
    }
    Ok(counter.missing.into_values().map(|(_, path)| path).min())
}

impl Counter {
    fn entry(&mut self, name: &CStr) -> core::result::Result<(), Errno> {
        self.trail.push(name);
        let meta = sys::look(self.at.top(), name)?;
        if meta.node == Node::Directory {
            return self.enter(name, meta);
        }
        if meta.links > 1 && meta.mount == self.mount {
            self.count(&meta);
        }
        self.trail.pop();
        Ok(())
    }

    fn count(&mut self, meta: &Meta) {
        let (missing, _) = self.missing.entry(meta.id).or_insert_with(|| (meta.links, self.trail.text()));
        *missing = missing.saturating_sub(1);
        if *missing == 0 {
            self.missing.remove(&meta.id);
        }
    }

    fn enter(&mut self, name: &CStr, meta: Meta) -> core::result::Result<(), Errno> {
        let dir = sys::open_dir_at(self.at.top(), name)?;
        let names = if meta.mount == self.mount { sys::list(&dir)? } else { Vec::new() };
        self.at.enter(dir)?;
        self.levels.push(Level { meta, names: names.into_iter() });
        Ok(())
    }

    fn leave(&mut self) -> core::result::Result<(), Errno> {
        self.at.leave()?;
        self.levels.pop();
        self.trail.pop();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::scratch::Scratch;
    use super::*;
    use crate::sys::{AsFd, fs};

    #[test]
    fn names_outside_are_found() {
        let scratch = Scratch::new();
        let tree = scratch.make("tree");
        scratch.make("tree/a");
        for name in ["tree/a/file", "tree/one", "tree/z", "outside"] {
            fs::write_new_in(&scratch.dir, name, 0o644, name.as_bytes()).unwrap();
        }
        let link = |from: &CStr, to: &CStr| sys::link_at(&scratch.dir, from, &scratch.dir, to).unwrap();
        link(c"tree/a/file", c"tree/b");
        link(c"tree/a/file", c"tree/a/c");
        assert_eq!(linked_outside(tree.as_fd()).unwrap(), None);
        link(c"tree/z", c"other");
        assert_eq!(linked_outside(tree.as_fd()).unwrap(), Some("z".into()));
        link(c"outside", c"tree/a/y");
        assert_eq!(linked_outside(tree.as_fd()).unwrap(), Some("a/y".into()));
        fs::unlink_in(&scratch.dir, "outside").unwrap();
        fs::unlink_in(&scratch.dir, "other").unwrap();
        assert_eq!(linked_outside(tree.as_fd()).unwrap(), None);
    }
}
