//! What the attributes say, what changes make of them, and what that means for a trial.

use super::disk::Disk;
use crate::decide::loader::priorities::{state, steps};
use crate::decide::loader::state::{Change, Known, Standing, State};
use crate::decide::model::Id;
use crate::decide::model::fixture::deployment;
use crate::decide::record::Record;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

fn ids(names: &[&str]) -> Vec<Id> {
    names.iter().map(|name| Id::parse(name).unwrap()).collect()
}

fn seen(disk: &Disk) -> String {
    match disk.pair().current() {
        Ok(table) => state(&table.partitions(), &ids(&["a", "b", "c", "d"])).to_string(),
        Err(why) => State::defective(why).to_string(),
    }
}

#[test]
fn what_partitions_say() {
    for (partitions, expected) in [
        (vec![("a", 0x0101), ("b", 0x0032)], "b with 3 starts left, a good"),
        (vec![("a", 0x0102), ("b", 0x0011)], "a good, b with 1 start left"),
        (vec![("a", 0x0101), ("b", 0x0002)], "b not to be started, a good"),
        (vec![("a", 0x0101), ("b", 0x0030)], "a good, b not to be started"),
        // Without a priority no loader starts it, whatever else is said.
        (vec![("a", 0x0100)], "a not to be started"),
        // Flatcar's loader decrements in spite of the mark.
        (vec![("a", 0x0131)], "a good"),
        (vec![("other", 0x0101)], "it counts for no deployment"),
        (vec![("a", 0x0101), ("a", 0x0101)], "its state cannot be gone by: two partitions of the disk are named \"a\""),
    ] {
        assert_eq!(seen(&Disk::new(&partitions)), expected, "{partitions:?}");
    }
}

/// Each step as a loader would read it, then the same change again.
#[test]
fn what_changes_make_of_them() {
    let start = [("a", 0x0102), ("b", 0x0000), ("c", 0x0101), ("rescue", 0x0101)];
    for (id, change, expected) in [
        (
            "b",
            Change::Arm { tries: 3 },
            "a good, c good, b not to be started / a good, c good, b not to be started / b with 3 starts left, a good, c good",
        ),
        (
            "b",
            Change::Arm { tries: 255 },
            "a good, c good, b not to be started / a good, c good, b not to be started / b with 15 starts left, a good, c good",
        ),
        ("c", Change::Good, "c good, a good, b not to be started"),
        ("b", Change::Good, "b good, a good, c good"),
        ("a", Change::Bad, "c good, a not to be started, b not to be started"),
        ("d", Change::Good, "no partition of the disk is named \"d\" (sgdisk --change-name=NUMBER:d names one)"),
        // Good until now: never is it nothing that could be started.
        ("a", Change::Arm { tries: 2 }, "a with 2 starts left, c good, b not to be started"),
    ] {
        let mut disk = Disk::new(&start);
        let mut all = Vec::new();
        let run = |disk: &mut Disk, all: &mut Vec<String>| -> Result<(), String> {
            let partitions = disk.pair().current()?.partitions();
            for edits in steps(&partitions, &Id::parse(id).unwrap(), change)? {
                let writes = disk.pair().change(&edits)?;
                disk.apply(&writes);
                all.push(seen(disk));
            }
            Ok(())
        };
        if let Err(why) = run(&mut disk, &mut all) {
            all.push(why);
        }
        assert_eq!(all.join(" / "), expected, "{id} {change:?}");
        let once = disk.clone();
        let _ = run(&mut disk, &mut all);
        assert_eq!(disk, once, "{id} {change:?} again");
    }
}

#[test]
fn something_is_always_left_to_start() {
    let disk = Disk::new(&[("a", 0x0102), ("b", 0x0001), ("c", 0x0030)]);
    let partitions = disk.pair().current().unwrap().partitions();
    let refused = steps(&partitions, &Id::parse("a").unwrap(), Change::Bad);
    assert_eq!(refused, Err("nothing else would be left for the loader to start".into()));
}

#[test]
fn sixteen_priorities_are_enough_for_more_partitions() {
    let names: Vec<String> = (0..20).map(|number| alloc::format!("p{number}")).collect();
    let disk = Disk::new(&names.iter().zip(0..).map(|(name, number)| (name.as_str(), 0x0100 | (number % 15 + 1))).collect::<Vec<_>>());
    let partitions = disk.pair().current().unwrap().partitions();
    let edits = &steps(&partitions, &Id::parse("p3").unwrap(), Change::Good).unwrap()[0];
    let highest = edits.iter().max_by_key(|(_, attributes)| attributes.priority).unwrap();
    assert_eq!((highest.0, highest.1.priority), (15, 15));
    assert!(edits.iter().all(|(index, attributes)| attributes.priority > 0 && (attributes.priority < 15 || *index == 15)));
}

#[test]
fn a_trial_has_no_more_tries_than_its_loader_gives_it() {
    let trial = deployment("b");
    let mut record = Record::default();
    record.arm(trial.key().unwrap(), 3, &[]).unwrap();
    let known = |standing| State { known: vec![Known { id: trial.id.clone(), standing }], ..State::default() };
    for (state, running, left) in [
        (known(Standing::Counting { left: 3 }), "a", 3),
        (known(Standing::Counting { left: 2 }), "b", 3),
        (known(Standing::Counting { left: 1 }), "b", 2),
        (known(Standing::Counting { left: 1 }), "a", 1),
        (known(Standing::Counting { left: u32::MAX }), "b", 3),
        // The last try is running: the loader has taken it.
        (known(Standing::Counting { left: 0 }), "b", 1),
        (known(Standing::Exhausted), "b", 1),
        (known(Standing::Exhausted), "a", 0),
        // A mark of success gives nothing, and takes nothing.
        (known(Standing::Good), "a", 3),
        (State::default(), "a", 3),
        (State::defective("torn"), "b", 0),
    ] {
        let limited = state.limit(&record, core::slice::from_ref(&trial), Id::parse(running).as_ref());
        assert_eq!(limited.trial().map(|slot| slot.left), Some(left), "{state} while {running} runs");
        let given_up = state.given_up(&record, core::slice::from_ref(&trial), Id::parse(running).as_ref());
        assert_eq!(given_up, (left == 0 && state.defect.is_none()).then_some(&trial.id), "{state} while {running} runs");
    }
    let mut rolled_back_to = record.clone();
    rolled_back_to.slots[0].once_good = crate::decide::record::OnceGood::Yes;
    assert_eq!(known(Standing::Exhausted).limit(&rolled_back_to, core::slice::from_ref(&trial), Id::parse("a").as_ref()), rolled_back_to);
    record.succeed(trial.key().unwrap(), crate::decide::model::Rule::Trial, 3, None);
    assert_eq!(State::defective("torn").limit(&record, &[trial], None), record, "what is good stays so");
}
