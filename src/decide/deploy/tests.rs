use super::*;
use crate::decide::model::Counting;

fn id(name: &str) -> Id {
    Id::parse(name).unwrap()
}

fn key(number: u8) -> Key {
    Key([number; 8])
}

fn good_source() -> Source {
    Source { place: Nesting::Apart, covered: None, has_usr: true, has_etc: true, no_init: None, missing: Vec::new(), mode: 0o755 }
}

const SMALL: Need = Need { bytes: 100 << 20, inodes: 5000, sharing: Sharing::None };
const ROOMY: Space = Space { bytes: 1 << 30, inodes: Some(100_000) };

/// v1 is good and the incumbent, v2 on trial.
fn record() -> Record {
    let mut record = Record::default();
    record.arm_good(key(1), 3).unwrap();
    record.arm(key(2), 3, &[]).unwrap();
    record
}

struct Case<'a> {
    id: &'a str,
    standing: Standing,
    trial: WhileOnTrial,
    booted: Option<Key>,
    source: Source,
    need: Need,
    space: Space,
}

fn case() -> Case<'static> {
    let (standing, trial) = (Standing::Trial, WhileOnTrial::Refuse);
    Case { id: "v3", standing, trial, booted: Some(key(1)), source: good_source(), need: SMALL, space: ROOMY }
}

fn deploy(record: &Record, case: &Case<'_>) -> core::result::Result<Vec<String>, String> {
    let existing = [id("v1"), id("v2")];
    let protected: Vec<Key> = case.booted.into_iter().collect();
    let store = Store { existing: &existing, record, booted: case.booted, protected: &protected };
    let warnings = may_deploy(&id(case.id), case.standing, case.trial, store, &case.source);
    warnings.and_then(|warnings| has_room(case.need, case.space).map(|()| warnings)).map_err(|error| error.text)
}

#[test]
fn what_is_refused_and_why() {
    let source = |change: fn(&mut Source)| {
        let mut source = good_source();
        change(&mut source);
        Case { source, ..case() }
    };
    let tight = |bytes| Space { bytes, inodes: Some(100_000) };
    let shared = Need { sharing: Sharing::Blocks, ..SMALL };
    let forced = WhileOnTrial::Force;
    let table: &[(Case<'_>, Option<&str>)] = &[
        (case(), None),
        (Case { id: "v2", ..case() }, Some("there is a deployment \"v2\" already: ")),
        (source(|s| s.place = Nesting::InStore), Some("the source is inside the store")),
        (source(|s| s.place = Nesting::AroundStore), Some("the source contains the store")),
        (source(|s| s.has_usr = false), Some("the source has no directory usr")),
        (source(|s| s.has_etc = false), Some("the source has neither usr/etc nor etc")),
        (source(|s| s.no_init = Some("there is none".into())), Some("the source cannot boot: there is none")),
        (Case { booted: Some(key(2)), ..case() }, Some("the running deployment is still on trial")),
        (Case { booted: Some(key(2)), trial: forced, ..case() }, None),
        (Case { booted: None, ..case() }, None),
        (Case { standing: Standing::Good, ..case() }, Some("--good is for the first deployment of a store")),
        (Case { space: tight(100 << 20), ..case() }, Some("not enough space in the store: 110.2 MiB are needed and 100.0 MiB are free")),
        (Case { space: tight(111 << 20), ..case() }, None),
        (Case { space: tight(10 << 20), need: shared, ..case() }, None),
        (Case { space: tight(9 << 20), need: shared, ..case() }, Some("not enough space in the store: 9.1 MiB are needed")),
        (
            Case { space: Space { inodes: Some(5999), ..ROOMY }, ..case() },
            Some("not enough space in the store: 6000 inodes are needed and 5999"),
        ),
        (Case { space: Space { inodes: Some(6000), ..ROOMY }, ..case() }, None),
        (Case { space: Space { inodes: None, ..ROOMY }, ..case() }, None),
    ];
    for (number, (case, expected)) in table.iter().enumerate() {
        let refusal = deploy(&record(), case).err();
        let as_expected = match (&refusal, expected) {
            (Some(text), Some(start)) => text.starts_with(start),
            (None, None) => true,
            _ => false,
        };
        assert!(as_expected, "case {number}: {refusal:?}");
    }
}

#[test]
fn good_is_for_a_store_where_nothing_was_good() {
    let mut record = Record::default();
    record.arm(key(2), 3, &[]).unwrap();
    let first = Case { standing: Standing::Good, booted: None, ..case() };
    assert_eq!(deploy(&record, &first), Ok(Vec::new()));
}

#[test]
fn a_record_full_of_what_is_in_use_takes_no_more() {
    let mut record = record();
    for number in 3..=16 {
        record.arm(key(number), 3, &[]).unwrap();
    }
    assert_eq!(deploy(&record, &case()), Ok(Vec::new()));
    for slot in &mut record.slots {
        slot.pinned = Pinned::Yes;
    }
    assert!(deploy(&record, &case()).unwrap_err().starts_with("the record is full"));
}

#[test]
fn what_the_person_should_know() {
    let source =
        Source { missing: [(Part::Started, "a unit".into()), (Part::MarkGood, "another".into())].into(), mode: 0o700, ..good_source() };
    let warnings = deploy(&record(), &Case { source, ..case() }).unwrap();
    assert_eq!(
        warnings,
        [
            "the tree has no a unit, another: the system cannot mark itself good, and a trial of it ends in a rollback",
            "the source's own mode is 0700, and so will be that of /: only root can use such a system",
        ]
    );
}

#[test]
fn what_is_not_removed() {
    let candidate = |name, rule| Candidate { id: id(name), rule, counting: Counting::Counted, kernel: None };
    let mut record = record();
    record.arm(key(4), 3, &[]).unwrap();
    record.slot_mut(key(4)).unwrap().pinned = Pinned::Yes;
    let (v1, v2) = (id("v1"), id("v2"));
    let check = |name: &str, key, booted, fallback: Option<&Candidate>, carrier| {
        let removal = Removal { id: &id(name), key, record: &record, orphans: &[], booted, fallback, carrier };
        may_remove(removal).map_err(|error| error.text)
    };
    let refused = |name: &str, why: &str| Err(format!("\"{name}\" is not removed: {why}"));
    let (once_good, last_resort) = (candidate("v2", Rule::OnceGood), candidate("v2", Rule::LastResort));
    assert_eq!(check("v2", Some(key(2)), Some(&v1), None, None), Ok(()));
    assert_eq!(check("v3", None, Some(&v1), None, None), Ok(()));
    assert_eq!(check("v2", Some(key(2)), Some(&v2), None, None), refused("v2", "it is running"));
    assert_eq!(
        check("v1", Some(key(1)), None, None, None),
        refused("v1", "it is the incumbent, which boots when nothing else is asked for")
    );
    assert_eq!(check("v4", Some(key(4)), None, None, None), refused("v4", "it is pinned: bedplate unpin v4 first"));
    assert_eq!(check("v2", Some(key(2)), None, Some(&once_good), None), refused("v2", "it is the fallback of the next boot"));
    assert_eq!(check("v2", Some(key(2)), None, Some(&last_resort), None), Ok(()));
    assert_eq!(check("v3", None, None, Some(&once_good), None), Ok(()));
    let carried = refused("v3", "v2 takes over its changes in /etc, and has not proved itself yet: remove that one first");
    assert_eq!(check("v3", Some(key(3)), None, None, Some(&v2)), carried);
}

#[test]
fn a_last_resort_that_was_good_once_stays() {
    let mut record = Record::default();
    record.arm_good(key(1), 3).unwrap();
    record.mark_bad(key(1));
    let fallback = Candidate { id: id("v1"), rule: Rule::LastResort, counting: Counting::Counted, kernel: None };
    let (v1, fallback) = (id("v1"), Some(&fallback));
    let removal = Removal { id: &v1, key: Some(key(1)), record: &record, orphans: &[], booted: None, fallback, carrier: None };
    assert_eq!(may_remove(removal).unwrap_err().text, "\"v1\" is not removed: it is the fallback of the next boot");
}

#[test]
fn sizes() {
    for (bytes, text) in [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1024, "1.0 KiB"),
        (1_048_575, "1023.9 KiB"),
        (3 << 19, "1.5 MiB"),
        (5 << 30, "5.0 GiB"),
        (u64::MAX, "16777215.9 TiB"),
    ] {
        assert_eq!(size_text(bytes), text);
    }
}
