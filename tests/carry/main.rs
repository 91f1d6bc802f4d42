//! Carrying /etc forward: the real code on real trees, against a model of the rules that knows nothing of layers; and real
//! overlays over what it makes.

#![allow(dead_code, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "all of this is a test")]

mod cases;
mod disk;
mod files;
mod model;
#[path = "../namespace/mod.rs"]
mod namespace;
mod special;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// A directory that is gone afterwards, in memory where there is room: what is tested flushes nothing.
#[derive(Debug)]
pub(crate) struct Scratch(pub PathBuf);

impl Scratch {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let memory = std::path::Path::new("/dev/shm");
        let place = if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() };
        let dir = place.join(format!("bedplate-carry-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
        std::fs::create_dir(&dir).unwrap();
        Self(dir)
    }

    pub fn make(&self, name: &str) -> bedplate::sys::OwnedFd {
        std::fs::create_dir(self.0.join(name)).unwrap();
        disk::open(&self.0.join(name))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let parent = disk::open(self.0.parent().unwrap());
        let name = self.0.file_name().unwrap().to_str().unwrap();
        let removed = bedplate::boot::copy::remove_tree(bedplate::sys::AsFd::as_fd(&parent), name);
        assert!(removed.is_ok() || std::thread::panicking(), "{removed:?}");
    }
}

/// Whiteouts and attributes of overlays take root; where all tests are wanted, that is a failure.
pub(crate) fn is_root() -> bool {
    let root = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap()) == 0;
    assert!(root || std::env::var("CI").is_err(), "needs root");
    if !root {
        println!("skipped: needs root");
    }
    root
}
