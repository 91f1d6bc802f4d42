//! For tests: a directory that is gone afterwards.

use super::remove_tree;
use crate::sys::{AsFd, OwnedFd, fs};
use core::sync::atomic::{AtomicU32, Ordering};
use std::string::String;

/// A fresh directory below the system's temporary one.
#[derive(Debug)]
pub(crate) struct Scratch {
    pub path: String,
    pub dir: OwnedFd,
    name: String,
    parent: OwnedFd,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        Self::below(std::env::temp_dir().to_str().unwrap())
    }

    pub(crate) fn below(parent: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = std::format!("bedplate-copy-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::format!("{parent}/{name}");
        std::fs::create_dir(&path).unwrap();
        Self { dir: fs::open_dir(&path).unwrap(), parent: fs::open_dir(parent).unwrap(), path, name }
    }

    pub(crate) fn make(&self, name: &str) -> OwnedFd {
        fs::make_dir(&self.dir, name, 0o755).unwrap();
        fs::open_dir_in(&self.dir, name).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let removed = remove_tree(self.parent.as_fd(), &self.name);
        // A second panic would hide the first.
        assert!(removed.is_ok() || std::thread::panicking(), "{removed:?}");
    }
}

pub(crate) fn is_root() -> bool {
    std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap()) == 0
}
