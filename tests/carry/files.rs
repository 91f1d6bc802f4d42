//! What becomes of certain files, by their names, and of times.

use crate::special::{case, conflicts};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::{Duration, SystemTime};

#[test]
fn derived_files_are_left_behind() {
    case(|lab| {
        for name in ["ld.so.cache", "passwd-", "ssl/cache/x", "ssl/kept"] {
            lab.write(&format!("local/{name}"), "x");
        }
        lab.write("old/.updated", "x");
        lab.write("new/.updated", "y");
        lab.whiteout("local/.updated");
        lab.carry_without(&["ssl/cache".into()]);
        let left = |path: &str| fs::symlink_metadata(lab.upper(path)).is_err();
        assert!(["ld.so.cache", "passwd-", "ssl/cache", ".updated"].into_iter().all(left));
        assert!(lab.upper("ssl/kept").exists());
    });
}

#[test]
fn accounts_are_merged_by_line() {
    case(|lab| {
        let write = |tree: &str, name: &str, content: &str, mode: u32| {
            lab.write(&format!("{tree}/{name}"), content);
            fs::set_permissions(lab.at(tree).join(name), fs::Permissions::from_mode(mode)).unwrap();
        };
        write("old", "passwd", "root:x:0:0::/root:/bin/sh\n", 0o644);
        write("local", "passwd", "root:x:0:0::/root:/bin/bash\nme:x:999:999::/home/me:/bin/sh\n", 0o644);
        write("new", "passwd", "root:x:0:0::/root:/bin/sh\nsvc:x:999:999::/:/bin/false\n", 0o644);
        // The vendor has changed the mode, and both have added the same.
        write("old", "group", "g:x:1:\n", 0o644);
        write("local", "group", "g:x:1:me\n", 0o644);
        write("new", "group", "g:x:1:me\nsvc:x:9:\n", 0o640);
        write("old", "shadow", "root:*:1::::::\n", 0o640);
        write("local", "shadow", "root:$secret:2::::::\n", 0o600);
        write("new", "shadow", "root:*:3::::::\nsvc:!:3::::::\n", 0o640);
        let layer = lab.carry();
        let read = |name: &str| fs::read_to_string(lab.upper(name)).unwrap();
        assert_eq!(read("passwd"), "root:x:0:0::/root:/bin/bash\nsvc:x:999:999::/:/bin/false\nme:x:999:999::/home/me:/bin/sh\n");
        assert!(!lab.upper("group").exists());
        assert_eq!(read("shadow"), "root:$secret:2::::::\nsvc:!:3::::::\n");
        assert_eq!(fs::metadata(lab.upper("shadow")).unwrap().mode() & 0o7777, 0o600);
        assert_eq!(conflicts(&layer), ["edited shadow"]);
        assert_eq!(
            layer.notes,
            [
                "/etc/passwd: me, which is local, and svc of the vendor have the same number 999, keeping both",
                "/etc/shadow: lines that the vendor and somebody here changed: root, keeping the local ones",
            ]
        );
        assert_eq!(fs::read_to_string(lab.at("place/vendor/shadow")).unwrap(), "root:*:3::::::\nsvc:!:3::::::\n");
    });
}

#[test]
fn times_of_changes_stay() {
    case(|lab| {
        lab.write("local/dir/file", "x");
        let then = SystemTime::UNIX_EPOCH + Duration::new(1_000_000_000, 5);
        for path in ["local/dir/file", "local/dir"] {
            fs::File::open(lab.at(path)).unwrap().set_modified(then).unwrap();
        }
        lab.carry();
        assert_eq!(["dir/file", "dir"].map(|path| fs::metadata(lab.upper(path)).unwrap().modified().unwrap()), [then; 2]);
    });
}
