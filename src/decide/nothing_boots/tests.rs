use super::*;
use crate::decide::model::{BootId, Id, Kexec, fixture};
use crate::error::Error;
use alloc::vec;
use proptest::prelude::*;

fn deployment(name: &str, defect: Option<&str>) -> Deployment {
    Deployment { defect: defect.map(Error::deterministic), ..fixture::deployment(name) }
}

fn facts(deployments: Vec<Deployment>) -> Facts {
    let boot_id = BootId::parse(&"1".repeat(32)).expect("a boot id");
    Facts { deployments, boot_id, previous: None, kernel: "6.12.1-cloud".into(), kexec: Kexec::Possible }
}

fn head(next: WhenNothingBoots) -> Head<'static> {
    Head { machine: "web3, QEMU Standard PC", time: 1_764_050_492, kernel: "6.12.1-cloud", next, seconds: 60, sysroot: "/sysroot" }
}

/// v1 good and incumbent, its tree is damaged; v2 failed its mounts; v3 is exhausted after a panic; v4 was put there by hand.
fn scene(test: impl FnOnce(&Scene<'_>)) {
    let no_usr = "cannot open \"bedplate/deployments/v1/root/usr\": no such file or directory";
    let facts = facts(vec![deployment("v1", Some(no_usr)), deployment("v2", None), deployment("v3", None), deployment("v4", None)]);
    let key = |n: usize| facts.deployments[n].key().expect("it has a manifest");
    let mut record = Record::default();
    for n in 0..3 {
        record.arm(key(n), 3, &[]).expect("there is room");
    }
    let now = facts.boot_id.short();
    record.incumbent = Some(key(0));
    (record.slots[0].status, record.slots[0].once_good, record.slots[0].outcome) = (Status::Broken, OnceGood::Yes, Outcome::Success);
    (record.slots[1].attempt, record.slots[1].outcome, record.slots[1].done) = (now, Outcome::MountsFailed, 1);
    (record.slots[2].attempt, record.slots[2].outcome, record.slots[2].left, record.slots[2].done) = ([3; 8], Outcome::Panic, 0, 3);
    let failed = [FailedCandidate { id: Id::parse("v2").expect("an id"), why: "the tree has neither /usr/etc nor /etc".into() }];
    test(&Scene { facts: &facts, record: &record, disk: &Disk::Writable, failed: &failed });
}

#[test]
fn the_whole_screen() {
    scene(|scene| {
        let expected = "\
===============================================================================
  BEDPLATE: THIS MACHINE DOES NOT BOOT
===============================================================================
  machine   web3, QEMU Standard PC
  time      2025-11-25 06:01:32Z by this machine's clock
  kernel    6.12.1-cloud

  v1 - broken, the last that succeeded
      this boot  cannot open \"bedplate/deployments/v1/root/usr\": no such file
                 or directory

  v2 - superseded; 1 boot without success
      this boot  the tree has neither /usr/etc nor /etc

  v3 - on trial, 0 tries left; 3 boots without success
      this boot  no tries left
      before     in its last boot the kernel panicked

  v4 - not armed
      this boot  not armed

  next      in 60 s this machine restarts and tries again; a key stops that and
            opens a prompt, where its initramfs has one
  you can   1 at the boot loader, add to the kernel command line:
              bedplate.deployment=v3
            2 at a prompt: the disk is at /sysroot, what happened in
              /sysroot/bedplate/history.jsonl; mend it, then: bedplate
              prepare-root
            3 from another system, with the disk at /mnt: bedplate list
              --sysroot /mnt; bedplate set-default ID --sysroot /mnt
===============================================================================
";
        assert_eq!(screen(&head(WhenNothingBoots::Reboot), "no deployment boots", Some(scene)), expected);
        assert_eq!(
            scene.summary(),
            "v1: cannot open \"bedplate/deployments/v1/root/usr\": no such file or directory; \
             v2: the tree has neither /usr/etc nor /etc; v3: no tries left; v4: not armed"
        );
    });
}

#[test]
fn without_a_store_the_error_is_all_there_is() {
    let expected = "\
===============================================================================
  BEDPLATE: THIS MACHINE DOES NOT BOOT
===============================================================================
  machine   web3, QEMU Standard PC
  time      2025-11-25 06:01:32Z by this machine's clock
  kernel    6.12.1-cloud
  why       no device LABEL=elsewhere after 2 s

  next      in 60 s this machine halts; a key stops that and opens a prompt,
            where its initramfs has one
";
    let shown = screen(&head(WhenNothingBoots::Halt), "no device LABEL=elsewhere after 2 s", None);
    assert!(shown.starts_with(expected), "{shown}");
    assert!(shown.contains("bedplate.deployment=ID\n"), "{shown}");
    let waits = screen(&head(WhenNothingBoots::Emergency), "x", None);
    assert!(waits.contains("  next      this machine waits at a prompt, where its initramfs has one\n"), "{waits}");
}

#[test]
fn an_empty_store_and_a_disk_that_takes_no_writes() {
    let (facts, record, disk) = (facts(vec![]), Record::default(), Disk::ReadOnly("it turned read-only".into()));
    let scene = Scene { facts: &facts, record: &record, disk: &disk, failed: &[] };
    assert_eq!(scene.summary(), "there are no deployments");
    let shown = screen(&head(WhenNothingBoots::Reboot), "", Some(&scene));
    let lines = "  disk      cannot be written: it turned read-only\n  why       there are no deployments in the store\n";
    assert!(shown.contains(lines), "{shown}");
}

#[test]
fn what_was_good_is_named_before_what_is_newer() {
    let facts = facts(vec![deployment("v1", None), deployment("v2", None), deployment("v3", Some("no usr"))]);
    let mut record = Record::default();
    for deployment in &facts.deployments {
        record.arm(deployment.key().expect("a key"), 3, &[]).expect("there is room");
    }
    let name = |record: &Record| {
        let scene = Scene { facts: &facts, record, disk: &Disk::Writable, failed: &[] };
        scene.best_to_name().map(|deployment| deployment.id.to_string())
    };
    assert_eq!(name(&record).as_deref(), Some("v2"));
    record.slots[0].once_good = OnceGood::Yes;
    assert_eq!(name(&record).as_deref(), Some("v1"));
}

proptest! {
    #[test]
    fn any_text_fits(text in ".*", machine in ".*") {
        let shown = screen(&Head { machine: &machine, ..head(WhenNothingBoots::Reboot) }, &text, None);
        let fits = |line: &str| line.chars().count() <= WIDTH || line.split_whitespace().any(|word| word.chars().count() > 50);
        prop_assert!(shown.lines().all(fits), "{shown}");
        prop_assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{shown:?}");
    }
}
