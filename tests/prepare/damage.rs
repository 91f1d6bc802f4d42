//! Every way in which the record can be damaged.

use crate::machine::{Machine, machine};
use crate::namespace::Disk;
use bedplate::decide::record::codec::{self, Place};
use std::fs;
use std::os::unix::fs::FileExt;

fn overwrite(machine: &Machine<'_>, place: Place, bytes: &[u8]) {
    let file = fs::OpenOptions::new().write(true).open(machine.store("record")).unwrap();
    file.write_all_at(bytes, place.offset()).unwrap();
}

/// A valid block of the next format.
fn newer(machine: &Machine<'_>) -> Vec<u8> {
    let mut block = codec::encode(&machine.record()).to_vec();
    let version = u16::from_le_bytes([block[8], block[9]]);
    block[8..10].copy_from_slice(&(version + 1).to_le_bytes());
    let sum = codec::checksum(&block[..codec::SIZE - 4]);
    block[codec::SIZE - 4..codec::SIZE].copy_from_slice(&sum.to_le_bytes());
    block
}

/// What is done to the record of a machine with v1 good and v2 on trial, who stands, and the warning.
type Case = (fn(&Machine<'_>), &'static str, Option<&'static str>);

const CASES: [Case; 8] = [
    (|machine| overwrite(machine, Place::A, b"damaged"), "v2", None),
    (|machine| overwrite(machine, Place::B, b"damaged"), "v2", None),
    (
        |machine| {
            overwrite(machine, Place::A, b"damaged");
            overwrite(machine, Place::B, b"damaged");
        },
        "v1",
        Some(
            "the record is lost (copy A: no magic number, copy B: no magic number): choosing by the boot-success markers, without counting",
        ),
    ),
    (
        |machine| overwrite(machine, Place::B, &newer(machine)),
        "v1",
        Some("the record has format 2, which only a newer bedplate can write: choosing by the boot-success markers, without counting"),
    ),
    (
        |machine| fs::remove_file(machine.store("record")).unwrap(),
        "v1",
        Some(
            "the record is lost (cannot open \"bedplate/record\": no such file or directory): choosing by the boot-success markers, without counting",
        ),
    ),
    (
        |machine| fs::write(machine.store("record"), "short").unwrap(),
        "v1",
        Some("the record is lost (copy A: too short, copy B: too short): choosing by the boot-success markers, without counting"),
    ),
    (
        |machine| fs::write(machine.store("record"), "").unwrap(),
        "v1",
        Some("the record is lost (copy A: too short, copy B: too short): choosing by the boot-success markers, without counting"),
    ),
    (
        |machine| {
            fs::remove_file(machine.store("record")).unwrap();
            fs::create_dir(machine.store("record")).unwrap();
        },
        "v1",
        Some(
            "the record is lost (cannot read \"bedplate/record\": is a directory): choosing by the boot-success markers, without counting",
        ),
    ),
];

#[test]
fn a_damaged_record_boots_and_is_not_written() {
    for (spoil, id, warning) in CASES {
        machine(Disk::Tmpfs, move |machine| {
            machine.upgraded();
            // Both copies hold something by now; the older one is that of the last commit but one.
            machine.boot("");
            spoil(machine);
            let before = (machine.listing(), fs::read(machine.store("record")).ok());
            let ended = machine.boot("");
            assert_eq!((ended.stands(), ended.warnings()), (id, warning.into_iter().collect()));
            if warning.is_some() {
                assert!(!ended.report().choice.counted);
                let kept = |lines: Vec<String>| lines.into_iter().filter(|line| line.starts_with("bedplate/record")).collect::<Vec<_>>();
                assert_eq!((kept(machine.listing()), fs::read(machine.store("record")).ok()), (kept(before.0), before.1));
            }
        });
    }
}

#[test]
fn one_damaged_copy_loses_at_most_one_commit() {
    for (damaged, tries) in [(Place::A, [2, 3]), (Place::B, [2, 3])] {
        machine(Disk::Tmpfs, move |machine| {
            machine.upgraded();
            machine.boot("");
            overwrite(machine, damaged, &[0xff; 512]);
            let done = machine.boot("").report().choice.try_number.unwrap() + 1;
            assert!(tries.contains(&done), "{done}");
            // The damaged copy was written over: both are valid again.
            let bytes = fs::read(machine.store("record")).unwrap();
            let copy = |place: Place| bytes[usize::try_from(place.offset()).unwrap()..][..codec::BLOCK].to_vec();
            let valid = |place| matches!(codec::read(&copy(place), &[]), codec::Reading::Valid { .. });
            assert_eq!([valid(Place::A), valid(Place::B)], [true, true]);
        });
    }
}

#[test]
fn a_damaged_marker_is_as_none() {
    machine(Disk::Tmpfs, |machine| {
        machine.deploy("v1", &["--good"]);
        fs::write(machine.store("deployments/v1/boot-success"), "verdict = 5\n").unwrap();
        let ended = machine.boot("");
        assert_eq!(ended.stands(), "v1");
        assert!(
            ended.warnings()[0].starts_with("cannot read \"bedplate/deployments/v1/boot-success\": line 1: ")
                && ended.warnings()[0].ends_with(", treating it as absent"),
            "{:?}",
            ended.said
        );
        fs::remove_file(machine.store("record")).unwrap();
        let ended = machine.boot("");
        assert_eq!((ended.stands(), ended.report().choice.rule.as_str()), ("v1", "last-resort"));
    });
}
