//! Plans applied for real: what stands afterwards, with which flags, and that nothing stands after a failure.

#![allow(dead_code, unused_imports, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "all of this file is a test")]

mod namespace;

use bedplate::decide::model::{Access, Action, Base, OnError};
use bedplate::error::Kind;
use namespace::{Disk, bind, directory, etc, lab, new, place, plan, root, run, step, table, takes_writes, tmpfs, whole};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

#[test]
fn the_whole_root_stands() {
    for disk in [Disk::Tmpfs, Disk::Image("ext4"), Disk::Directory] {
        lab(disk, |lab| {
            let (applied, mounts) = lab.boot(&plan(whole()));
            assert_eq!(applied.warnings, [""; 0]);
            assert_eq!(applied.timing.len(), whole().len());
            let targets: Vec<_> = mounts.iter().map(|mount| (mount.target.as_str(), mount.access.as_str())).collect();
            let expected = [
                ("/", "ro"),
                ("/usr", "ro"),
                ("/etc", "rw"),
                ("/var", "rw"),
                ("/usr/local", "rw"),
                ("/home", "rw"),
                ("/tmp", "rw"),
                ("/sysroot", "ro"),
            ];
            assert_eq!(targets, expected);
            for (target, access) in expected {
                let at = lab.dir.join("sysroot").join(target.trim_start_matches('/'));
                assert_eq!(takes_writes(&at), access == "rw", "{target}");
            }
            assert_eq!(lab.read("sysroot/etc/vendor"), "vendor");
            lab.write("sysroot/etc/new", "local");
            assert_eq!(lab.read("sysroot/sysroot/bedplate/state/v1@x/etc/upper/new"), "local");
            lab.write("sysroot/home/a", "b");
            assert_eq!(lab.read("sysroot/sysroot/bedplate/var/home/a"), "b");
            assert_eq!(fs::metadata(lab.dir.join("sysroot/tmp")).unwrap().mode() & 0o7777, 0o1777);
            for flag in ["ro", "nosuid", "nodev"] {
                assert!(lab.options("sysroot/sysroot").iter().any(|option| option == flag), "{flag}");
            }
            assert!(lab.mount("run/bedplate/stage").is_none());
        });
    }
}
