use super::super::change::{Attempt, Failure, Remembered};
use super::codec::any_record;
use super::*;
use crate::decide::model::{Counting, Evidence};
use alloc::vec;
use proptest::prelude::*;

#[test]
fn markers_remember() {
    let list = |markers: &[(u8, Option<(u64, OnceGood)>)]| {
        let list: Vec<_> = markers.iter().map(|(n, marker)| Remembered { key: key(*n), marker: *marker }).collect();
        Record::remembered(&list, 3)
    };
    let (yes, no) = (OnceGood::Yes, OnceGood::No);
    let got = list(&[(1, Some((9, yes))), (2, None), (3, Some((12, no))), (4, Some((5, yes)))]);
    let expected = vec![
        Slot { order: 1, ..slot(2, Status::Superseded) },
        Slot { order: 2, ..good(4) },
        Slot { order: 3, ..good(1) },
        Slot { order: 4, ..slot(3, Status::MarkedBad) },
    ];
    assert_eq!(got, Record { revision: 12, incumbent: Some(key(1)), ..record(expected) });
    assert_eq!(list(&[]), Record::default());
    let many: Vec<_> = (1..=20).map(|n| (n, Some((u64::from(n), yes)))).collect();
    let keys: Vec<Key> = list(&many).slots.iter().map(|slot| slot.key).collect();
    assert_eq!(keys, (5..=20).map(key).collect::<Vec<_>>());
}

#[test]
fn a_boot_goes_on_under_another_kernel() {
    let (first, second) = ([1; 8], [2; 8]);
    let mut record = record(vec![good(1), Slot { left: 2, attempt: first, rule: Some(Rule::Trial), ..slot(2, Status::Trial) }]);
    record.continue_boot([0; 8], second);
    assert!(record.slots.iter().all(|slot| !slot.is_open_in(second)), "nothing was attempted in no boot");
    record.continue_boot(first, second);
    assert!(record.slot(key(2)).is_some_and(|slot| slot.is_open_in(second)));
    assert!(record.slot(key(1)).is_some_and(|slot| !slot.is_open_in(second)));
    let before = record.clone();
    record.count(Attempt { key: key(2), rule: Rule::Trial, boot: second, argument: None });
    assert_eq!(record, before);
}

#[test]
fn slots_are_found() {
    let mut record = super::record(vec![good(1), Slot { left: 2, ..slot(2, Status::Trial) }]);
    assert_eq!(record.slot(key(2)).map(|slot| slot.order), Some(2));
    assert_eq!(record.slot_mut(key(2)).map(|slot| slot.order), Some(2));
    assert_eq!(record.slot(key(9)), None);
    assert_eq!(record.trial().map(|slot| slot.key), Some(key(2)));
    let id = |name: &str| Id::parse(name).expect(name);
    let instance = Instance::from_random([1; 8]);
    // sha256sum of "v1\0" "0101010101010101".
    assert_eq!(Key::of(&id("v1"), &instance), Key(EXPECTED_KEY));
    assert_ne!(Key::of(&id("v1"), &instance), Key::of(&id("v2"), &instance));
}

const EXPECTED_KEY: [u8; 8] = [0x77, 0x07, 0x79, 0xd4, 0xba, 0x11, 0x6e, 0xcc];

/// Any event on any deployment keeps what every record promises.
fn apply(record: &mut Record, event: u8, n: u8) {
    let key = key(n);
    match event % 14 {
        0 => assert_eq!(record.arm(key, 3, &[]).is_ok(), record.slot(key).is_some()),
        1 => record.remove(key),
        2 => record.count(attempt(n, Rule::Trial)),
        3 => record.count(Attempt { argument: Some(key), ..attempt(n, Rule::Argument) }),
        4 => {
            let known = record.slot(key).is_some();
            let _ = record.succeed(key, Rule::Trial, 3, None);
            assert_eq!(known, record.slot(key).is_some_and(|slot| slot.status == Status::Good));
        }
        5 => record.mark_bad(key),
        6 => record.roll_back(Some(key), super::key(n / 2 + 1), 3),
        7 => record.set_default(key),
        8 => record.note_started(key, [n; 8]),
        9 => record.note_shutdown(key, [9; 8], 1),
        10 => record.fail(attempt(n, Rule::OnceGood), Counting::Uncounted, Failure::Deterministic),
        11 => {
            let _ = record.drop_spent_default(3, [9; 8], None);
        }
        12 => record.note_outcome(key, [9; 8], Outcome::Deadline),
        _ => {
            if let Some(ending) = record.previous_end(Evidence::Watchdog, [n; 8]) {
                record.close(&ending, [n; 8]);
                assert!(record.last.is_none_or(|last| last.phase == Phase::Closed), "{record:?}");
            }
        }
    }
}

fn is_sound(record: &Record) -> bool {
    let distinct = |values: Vec<u64>| values.iter().all(|value| values.iter().filter(|other| *other == value).count() == 1);
    let keys = distinct(record.slots.iter().map(|slot| u64::from_be_bytes(slot.key.0)).collect());
    let orders = distinct(record.slots.iter().map(|slot| slot.order.into()).collect());
    let last = record.last.map(|last| last.key);
    let named = [record.default, record.one_shot, record.incumbent, last].into_iter().flatten().all(|key| record.slot(key).is_some());
    let trials = record.slots.iter().filter(|slot| slot.status == Status::Trial).count();
    keys && orders && named && trials <= 1 && record.slots.len() <= SLOTS
}

proptest! {
    #[test]
    fn any_history_keeps_a_sound_record(events in prop::collection::vec((any::<u8>(), 1_u8..24), 0..80)) {
        let mut record = Record::default();
        for (event, n) in events {
            // `deploy` gives each deployment a new key.
            if event % 14 == 0 && record.slot(key(n)).is_some() {
                continue;
            }
            apply(&mut record, event, n);
            prop_assert!(is_sound(&record), "{event} {n}: {record:?}");
        }
    }

    #[test]
    fn a_boot_consumes_at_most_one_try(before in any_record(), n in 1_u8..17, rules in prop::collection::vec(0_usize..8, 1..4)) {
        let mut record = before.clone();
        for rule in rules {
            record.count(attempt(n, Rule::ALL[rule]));
        }
        let left = |record: &Record| record.slot(key(n)).map_or(0, |slot| slot.left);
        prop_assert!(left(&before) - left(&record) <= 1);
    }
}
