//! Names are looked up while the rest of the system goes on: renames anywhere make the kernel say "again".

#![allow(clippy::unwrap_used, reason = "all of this file is a test")]

use bedplate::sys::fs;
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn renames_elsewhere_do_not_disturb_a_lookup() {
    let dir = std::env::temp_dir().join(format!("bedplate-lookups-{}", std::process::id()));
    std::fs::create_dir_all(dir.join("a/b")).unwrap();
    let root = fs::open_dir(dir.to_str().unwrap()).unwrap();
    let path = "a/b/../../".repeat(2);
    let (ended, busy) = (AtomicBool::new(false), dir.join("busy"));
    std::fs::write(&busy, "").unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                std::fs::rename(&busy, dir.join("busy.new")).and_then(|()| std::fs::rename(dir.join("busy.new"), &busy)).unwrap();
            }
        });
        let failed: Vec<_> = (0..20_000).filter_map(|_| fs::open_dir_in(&root, &path).err()).collect();
        ended.store(true, Ordering::Relaxed);
        assert_eq!(failed, []);
    });
    std::fs::remove_dir_all(dir).unwrap();
}
