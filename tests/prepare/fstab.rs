//! What the /etc of the booted system says of mounts: fstab and tmp.mount, wherever this boot's /etc has them from.

use crate::machine::{Machine, machine, read, write};
use crate::namespace::Disk;
use std::fs;
use std::os::unix::fs::symlink;

const REMOUNT_OFF: &str = "run/systemd/system/systemd-remount-fs.service.d/50-bedplate.conf";

/// Which line was warned of, with the unit switched off: both or none.
fn warned_of(machine: &Machine<'_>, cmdline: &str) -> Option<String> {
    let ended = machine.boot(cmdline);
    assert_eq!(ended.stands(), "v1");
    let warning = ended.warnings().iter().find_map(|line| line.strip_prefix("/etc/fstab has a line for ")).map(String::from);
    assert_eq!(machine.at(REMOUNT_OFF).exists(), warning.is_some(), "{warning:?}");
    warning.and_then(|text| text.split_once(',').map(|(line, _)| line.to_owned()))
}

#[test]
fn a_line_for_root_or_usr_switches_the_remount_off() {
    machine(Disk::Tmpfs, |machine| {
        machine.deploy("v1", &["--good"]);
        let fstab = machine.store("deployments/v1/root/etc/fstab");
        for (text, line) in [
            ("/dev/a / ext4 ro 0 1\n", Some("/")),
            ("/dev/a /usr ext4 defaults 0 2\n", Some("/usr")),
            ("/dev/a /usr/ ext4 ro\n", Some("/usr")),
            ("/dev/a /usr/share ext4 ro\n", None),
            ("# /dev/a / ext4\n", None),
        ] {
            write(&fstab, text);
            assert_eq!(warned_of(machine, "").as_deref(), line, "{text}");
        }
    });
}

#[test]
fn the_fstab_that_counts_is_that_of_the_etc_that_is_mounted() {
    machine(Disk::Tmpfs, |machine| {
        fs::rename(machine.tree("etc"), machine.tree("usr/etc")).unwrap();
        machine.write_tree("etc/fstab", "/dev/a / ext4 ro 0 1\n");
        machine.write_tree("usr/etc/own", "/dev/a /usr ext4 ro 0 1\n");
        machine.deploy("v1", &["--good"]);
        assert_eq!(warned_of(machine, ""), None);
        assert_eq!(warned_of(machine, "bedplate.etc=bind").as_deref(), Some("/"));
        machine.boot("");
        write(&machine.root("etc/fstab"), "/dev/a /usr ext4 ro 0 1\n");
        assert_eq!(warned_of(machine, "").as_deref(), Some("/usr"));
        // The deployment's own layer is not there in these modes.
        assert_eq!(warned_of(machine, "bedplate.etc=transient"), None);
        assert_eq!(warned_of(machine, "bedplate.etc=ro"), None);
        machine.boot("");
        fs::remove_file(machine.root("etc/fstab")).unwrap();
        symlink("own", machine.root("etc/fstab")).unwrap();
        assert_eq!(warned_of(machine, "").as_deref(), Some("/usr"), "through a link");
    });
}

#[test]
fn a_masked_tmp_mount_leaves_tmp_to_us() {
    machine(Disk::Tmpfs, |machine| {
        let link = "usr/lib/systemd/system/local-fs.target.wants/tmp.mount";
        fs::create_dir_all(machine.tree(link).parent().unwrap()).unwrap();
        symlink("../tmp.mount", machine.tree(link)).unwrap();
        machine.deploy("v1", &["--good"]);
        let tmp = |machine: &Machine<'_>| machine.boot("").mounts().iter().any(|line| line.starts_with("/tmp tmpfs"));
        assert!(!tmp(machine), "the tree mounts it");
        let mask = machine.root("etc/systemd/system/tmp.mount");
        fs::create_dir_all(mask.parent().unwrap()).unwrap();
        symlink("/dev/null", &mask).unwrap();
        assert!(tmp(machine), "masked");
        fs::remove_file(&mask).unwrap();
        write(&mask, "");
        assert!(tmp(machine), "empty");
        write(&mask, "[Mount]\n");
        assert!(!tmp(machine), "another unit");
        assert_eq!(read(&mask), "[Mount]\n");
    });
}
