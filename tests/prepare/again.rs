use crate::machine::{machine, mounts_now, read, set_mode, write};
use crate::namespace::{Disk, run};
use bedplate::decide::model::Id;
use bedplate::decide::record::Outcome;
use std::fs;

#[test]
fn a_second_run_finds_the_root_standing() {
    machine(Disk::Tmpfs, |machine| {
        machine.upgraded();
        let first = machine.boot("");
        let (table, record, listing) = (mounts_now(machine), machine.record(), machine.listing());
        let second = machine.again("");
        assert_eq!((second.code, second.said), (0, vec!["the root of this boot stands already, nothing to do".into()]));
        assert_eq!((mounts_now(machine), machine.record(), machine.listing()), (table, record, listing));
        assert_eq!(second.report, first.report);
    });
}

#[test]
fn a_second_run_after_the_root_was_taken_away_takes_no_second_try() {
    machine(Disk::Tmpfs, |machine| {
        machine.upgraded();
        machine.boot("");
        let (table, slot) = (mounts_now(machine), machine.slot("v2"));
        // As if the initramfs had unmounted it all and mounted the disk again.
        run("umount", &["--lazy", "--recursive", machine.lab.path("sysroot")]);
        run("mount", &["--bind", machine.lab.path("disk"), machine.lab.path("sysroot")]);
        let second = machine.again("");
        assert_eq!((second.stands(), second.report().choice.try_number), ("v2", Some(1)));
        assert_eq!((machine.slot("v2"), mounts_now(machine)), (slot, table));
    });
}

#[test]
fn what_failed_in_this_boot_is_not_tried_again() {
    machine(Disk::Tmpfs, |machine| {
        machine.upgraded();
        // The machine's fault, not that of the deployment: the next boot may go well.
        let root = machine.store("deployments/v2/root");
        fs::rename(root.join("etc"), root.join("usr/etc")).unwrap();
        assert_eq!(machine.boot("").stands(), "v1");
        assert_eq!((machine.slot("v2").left, machine.slot("v2").done), (2, 1));
        fs::create_dir(root.join("etc")).unwrap();
        let again = || {
            run("umount", &["--lazy", "--recursive", machine.lab.path("sysroot")]);
            run("mount", &["--bind", machine.lab.path("disk"), machine.lab.path("sysroot")]);
            machine.again("bedplate.deployment=v2")
        };
        assert_eq!(again().stands(), "v1");
        assert_eq!((machine.slot("v2").left, machine.slot("v2").done), (2, 1));
        set_mode(&machine.store("deployments/v1/root/sbin/init"), 0o644);
        let ended = again();
        let next = "next step: boot with bedplate.deployment=ID to name one, or repair the store from another system";
        let why = "v1: the init program \"/sbin/init\" is not an executable file; v2: failed earlier in this boot";
        assert_eq!((ended.code, ended.said.last().unwrap()), (1, &format!("error: no deployment boots; {why}. {next}")));
        assert_eq!(machine.boot("").stands(), "v2");
        assert_eq!((machine.slot("v2").done, machine.slot("v2").outcome), (2, Outcome::Open));
    });
}

#[test]
fn what_a_killed_run_left_is_cleared_away() {
    machine(Disk::Tmpfs, |machine| {
        machine.deploy("v1", &["--good"]);
        fs::remove_dir(machine.store("deployments/v1/root/sysroot")).unwrap();
        machine.boot("");
        let clean = mounts_now(machine);
        machine.new_boot();
        for left in ["run/bedplate/stage", "run/bedplate/sysroot"] {
            fs::create_dir_all(machine.at(left)).unwrap();
            run("mount", &["-t", "tmpfs", "left", machine.lab.path(left)]);
            run("mount", &["-t", "tmpfs", "left-too", machine.lab.path(left)]);
        }
        write(&machine.at("run/bedplate/boot.json"), "{ \"schema\": 1");
        write(&machine.at("run/bedplate/.boot.json.new"), "{");
        assert_eq!(machine.again("").stands(), "v1");
        assert_eq!(mounts_now(machine), clean);
        assert!(!read(&machine.at("run/bedplate/boot.json")).is_empty());
    });
}

/// The kernel refuses to move a mount away from a shared one: by then the physical root is gone, and a copy of it is put back.
#[test]
fn after_a_hand_over_that_failed_the_next_deployment_is_built_from_what_was_put_back() {
    machine(Disk::Tmpfs, |machine| {
        machine.upgraded();
        machine.new_boot();
        let stage = machine.lab.path("run/bedplate/stage");
        // Opened to hold the place of the physical root.
        let ended = machine.again_and_when_opened(&machine.at(""), move || {
            bedplate::sys::mount::make_shared(bedplate::sys::fs::open_dir(stage).unwrap()).unwrap();
        });
        assert_eq!((ended.stands(), ended.report().choice.fell_back_from.as_ref().map(Id::as_str)), ("v1", Some("v2")));
        let failed = "v2 cannot boot: cannot move the new root to \"LAB/sysroot\": invalid argument, trying the next deployment";
        assert_eq!(ended.warnings(), [failed]);
        assert_eq!((machine.slot("v2").outcome, machine.slot("v2").left), (Outcome::MountsFailed, 2));
        assert_eq!(read(&machine.root("etc/hosts")), "vendor\n");
        assert!(machine.root("sysroot/bedplate/record").exists(), "the disk is in it");
        let table = mounts_now(machine);
        assert_eq!(machine.boot("bedplate.deployment=v1").stands(), "v1");
        assert_eq!(mounts_now(machine), table, "as if nothing had failed before");
    });
}
