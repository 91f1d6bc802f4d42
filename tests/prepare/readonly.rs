//! Disks that come read-only.

use crate::good::whole;
use crate::machine::{Loop, machine, read, write};
use crate::namespace::{Disk, run, takes_writes};
use std::fs;

#[test]
fn a_mount_that_came_read_only_is_made_writable() {
    machine(Disk::Image("ext4"), |machine| {
        machine.upgraded();
        machine.new_boot();
        run("umount", &[machine.lab.path("sysroot")]);
        run("umount", &[machine.lab.path("disk")]);
        let device = Loop::new(&[machine.lab.path("disk.img")]);
        run("mount", &["-o", "ro", &device.0, machine.lab.path("sysroot")]);
        let ended = machine.again("ro");
        assert_eq!((ended.stands(), ended.warnings()), ("v2", vec![]));
        assert_eq!(ended.mounts(), whole("ext4"));
        write(&machine.root("etc/mine"), "1");
        assert!(!takes_writes(&machine.root("usr")) && !takes_writes(&machine.root("sysroot")));
    });
}

#[test]
fn a_disk_that_cannot_be_written_gets_layers_in_memory() {
    machine(Disk::Image("ext4"), |machine| {
        machine.upgraded();
        machine.boot("bedplate.deployment=v1");
        write(&machine.root("etc/kept"), "kept");
        write(&machine.root("var/kept"), "kept");
        machine.new_boot();
        run("umount", &[machine.lab.path("sysroot")]);
        run("umount", &[machine.lab.path("disk")]);
        let image = machine.lab.path("disk.img");
        let before = fs::read(image).unwrap();
        let device = Loop::new(&["--read-only", image]);
        run("mount", &["-o", "ro,noload", &device.0, machine.lab.path("sysroot")]);
        let ended = machine.again("");
        // The trial cannot be counted, so it is not tried.
        assert_eq!((ended.stands(), ended.report().choice.rule.as_str()), ("v1", "incumbent"));
        let warnings = ended.warnings();
        let end = "changes to /etc and /var are lost at the end of this boot";
        assert!(
            warnings.iter().any(|warning| warning.starts_with("the disk cannot be written (cannot remount \"LAB/sysroot\" read-write: ")
                && warning.ends_with(end)),
            "{warnings:?}"
        );
        let mounts = ended.mounts();
        assert_eq!([mounts[2].as_str(), &mounts[3]], ["/etc overlay rw", "/var overlay rw"]);
        for directory in ["etc", "var"] {
            assert_eq!(read(&machine.root(directory).join("kept")), "kept");
            assert!(takes_writes(&machine.root(directory)), "{directory}");
        }
        machine.take_away("sysroot");
        assert_eq!(fs::read(image).unwrap(), before);
    });
}

/// Full to the last inode: not even overlayfs's own work directory can be made.
#[test]
fn a_full_disk_gets_a_layer_in_memory_for_etc_and_boots_the_incumbent() {
    machine(Disk::Tmpfs, |machine| {
        machine.deploy("v1", &["--good"]);
        machine.boot("");
        write(&machine.root("etc/kept"), "kept");
        machine.new_boot();
        fs::remove_dir(machine.store(&machine.state("v1")).join("etc/work/work")).unwrap();
        let space = rustix::fs::statvfs(machine.lab.path("disk")).unwrap();
        run("mount", &["-o", &format!("remount,nr_inodes={}", space.f_files - space.f_ffree), machine.lab.path("disk")]);
        let ended = machine.again("");
        assert_eq!((ended.stands(), ended.report().choice.rule.as_str()), ("v1", "incumbent"));
        assert_eq!(ended.warnings(), ["the disk is full: changes to /etc are lost at the end of this boot, make room and reboot"]);
        assert_eq!(read(&machine.root("etc/kept")), "kept");
        assert!(takes_writes(&machine.root("etc")) && !takes_writes(&machine.root("var")));
        run("mount", &["-o", "remount,nr_inodes=0", machine.lab.path("disk")]);
        let ended = machine.boot("");
        assert_eq!((ended.stands(), ended.warnings()), ("v1", vec![]));
        assert_eq!(read(&machine.root("etc/kept")), "kept");
    });
}

/// Between the look at the disk and the write of the try: when the record is opened to be read.
#[test]
fn a_disk_that_turns_read_only_under_way_gets_layers_in_memory() {
    machine(Disk::Image("ext4"), |machine| {
        machine.upgraded();
        machine.new_boot();
        let disk = machine.lab.path("disk");
        let ended = machine.again_and_when_opened(&machine.store("record"), move || run("mount", &["-o", "remount,ro", disk]));
        assert_eq!((ended.stands(), ended.report().choice.rule.as_str(), ended.report().choice.counted), ("v1", "incumbent", false));
        let warnings = ended.warnings();
        let of = |start: &str, end: &str| warnings.iter().filter(|warning| warning.starts_with(start) && warning.ends_with(end)).count();
        assert_eq!(of("cannot count the try of v2: ", "choosing again without counting"), 1, "{warnings:?}");
        let lost = "changes to /etc and /var are lost at the end of this boot";
        assert_eq!(of("the disk cannot be written (it turned read-only): ", lost), 1, "{warnings:?}");
        assert_eq!([ended.mounts()[2].as_str(), &ended.mounts()[3]], ["/etc overlay rw", "/var overlay rw"]);
        assert_eq!((machine.slot("v2").left, machine.slot("v2").done), (3, 0));
        run("mount", &["-o", "remount,rw", disk]);
        assert_eq!(machine.boot("").stands(), "v2");
    });
}
