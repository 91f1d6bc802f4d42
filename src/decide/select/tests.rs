//! Runs truth-table.txt and checks the notes.
//!
//! A record is written `v1 good* left=3; v2 trial left=2`: oldest first, `*` is the incumbent. A setup has words such as
//! `arg=v2 default=v1 ro`. What is expected is the list of candidates, `uncounted` where no try is consumed.

use super::*;
use crate::decide::model::fixture::deployment;
use crate::decide::model::{BootId, Evidence};
use crate::decide::record::ending::{LastBoot, Phase};
use crate::decide::record::{Outcome, Pinned};
use crate::error::Error;
use alloc::format;
use alloc::string::ToString;
use alloc::vec;

const BOOT: &str = "0123456789abcdef0123456789abcdef";

const TABLE: &str = include_str!("truth-table.txt");

struct World {
    request: Request,
    facts: Facts,
    record: Record,
    disk: Disk,
    failed: Vec<Id>,
}

fn id(name: &str) -> Id {
    Id::parse(name).expect(name)
}

fn own_kernel() -> OwnKernel {
    OwnKernel { release: "6.12".into(), image: "usr/lib/modules/6.12/vmlinuz".into(), initramfs: "usr/lib/modules/6.12/initrd".into() }
}

fn key(name: &str) -> Key {
    deployment(name).key().expect("it has a manifest")
}

fn slot(name: &str, order: u8, words: &str) -> (Slot, bool) {
    let mut record = Record::default();
    record.arm(key(name), 3, &[]).expect("there is room");
    let mut slot = record.slots.remove(0);
    (slot.order, slot.rule, slot.left) = (order, None, 0);
    let mut incumbent = false;
    for word in words.split_whitespace() {
        incumbent |= word.ends_with('*');
        let (name, value) = word.trim_end_matches('*').split_once('=').unwrap_or((word.trim_end_matches('*'), "0"));
        let number = value.parse().unwrap_or(0);
        match name {
            "good" => (slot.status, slot.once_good, slot.left) = (Status::Good, OnceGood::Yes, 3),
            "trial" => slot.status = Status::Trial,
            "sup" => slot.status = Status::Superseded,
            "bad" => slot.status = Status::MarkedBad,
            "broken" => slot.status = Status::Broken,
            "unarmed" => slot.status = Status::Unarmed,
            "once" => slot.once_good = OnceGood::Yes,
            "barred" => slot.barred = Barred::Yes,
            "pinned" => slot.pinned = Pinned::Yes,
            "left" => slot.left = number,
            "done" => slot.done = number,
            "forced" => slot.forced = number,
            "started" => slot.started = number,
            "mounts-failed" => slot.outcome = Outcome::MountsFailed,
            "now" => slot.attempt = BootId::parse(BOOT).expect("a boot id").short(),
            "at" => slot.attempt = [number; 8],
            "rule" => slot.rule = Some(Rule::from_word(value).expect(value)),
            other => panic!("unknown word {other}"),
        }
    }
    (slot, incumbent)
}

fn remembered(text: &str) -> (Record, Vec<Deployment>) {
    use crate::decide::record::change::Remembered;
    let mut list = vec![];
    let mut deployments = vec![];
    for word in text.split_whitespace() {
        let (name, revision) = word.split_once('=').unwrap_or((word, ""));
        let good = if revision.starts_with('-') { OnceGood::No } else { OnceGood::Yes };
        let marker = revision.trim_start_matches('-').parse().ok().map(|revision: u64| (revision, good));
        list.push(Remembered { key: key(name), marker });
        deployments.push(deployment(name));
    }
    (Record::remembered(&list, 3), deployments)
}

fn parse_record(text: &str) -> (Record, Vec<Deployment>) {
    if let Some(rest) = text.strip_prefix("remembered ") {
        return remembered(rest);
    }
    let mut record = Record::default();
    let mut deployments = vec![];
    for (line, order) in text.split(';').map(str::trim).filter(|line| !line.is_empty()).zip(1..) {
        let (name, words) = line.split_once(' ').unwrap_or((line, ""));
        let (slot, incumbent) = slot(name, order, words);
        if incumbent {
            record.incumbent = Some(slot.key);
        }
        record.slots.push(slot);
        deployments.push(deployment(name));
    }
    assert!(record.slots.len() <= SLOTS);
    (record, deployments)
}

impl World {
    fn new(record: &str, setup: &str) -> Self {
        let (record, deployments) = parse_record(record);
        let facts = Facts {
            deployments,
            boot_id: BootId::parse(BOOT).expect("a boot id"),
            previous: None,
            kernel: "6.1".into(),
            kexec: Kexec::Possible,
        };
        let mut world = Self { request: Request::default(), facts, record, disk: Disk::Writable, failed: vec![] };
        setup.split_whitespace().for_each(|word| world.set(word));
        world
    }

    fn deployment(&mut self, name: &str) -> &mut Deployment {
        self.facts.deployments.iter_mut().find(|d| d.id.as_str() == name).expect("the deployment is in the record")
    }

    fn set(&mut self, word: &str) {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        let boot = &mut self.request.config.boot;
        match name {
            "arg" => self.request.deployment = Some(value.to_string()),
            "oneshot" => self.record.one_shot = Some(key(value)),
            "default" => self.record.default = Some(key(value)),
            "tries" => boot.tries = value.parse().expect("a number"),
            "good-tries" => boot.good_tries = value.parse().expect("a number"),
            "always" => boot.count = Count::Always,
            "stop" => boot.on_exhausted = OnExhausted::Stop,
            "ignore" => boot.kernel_mismatch = KernelMismatch::Ignore,
            "ro" => self.disk = Disk::ReadOnly("test".into()),
            "last" => self.record.last = Some(LastBoot { key: key(value), boot: [5; 8], phase: Phase::Begun }),
            "closed" => self.record.last = Some(LastBoot { key: key(value), boot: [5; 8], phase: Phase::Closed }),
            "ended" => self.record.last = Some(LastBoot { key: key(value), boot: [5; 8], phase: Phase::Ended }),
            "watchdog" => self.find(Evidence::Watchdog),
            "panic" => self.find(Evidence::Panic),
            "lost" => self.find(Evidence::None),
            "failed" => self.failed.push(id(value)),
            "disk" => self.facts.deployments.push(deployment(value)),
            "torn" => self.facts.deployments.push(Deployment { manifest: None, ..deployment(value) }),
            "gone" => self.facts.deployments.retain(|d| d.id.as_str() != value),
            "defect" => self.deployment(value).defect = Some(Error::deterministic("no usr")),
            "kernel" => self.deployment(value).kernel = KernelFit::Mismatch { releases: vec!["6.12".into()], own: None },
            "own-kernel" => self.deployment(value).kernel = KernelFit::Mismatch { releases: vec!["6.12".into()], own: Some(own_kernel()) },
            "skip" => boot.kernel_mismatch = KernelMismatch::Skip,
            "no-kexec" => self.facts.kexec = Kexec::Impossible("it is switched off".into()),
            "jumped" => self.request.attempt = BootId::parse(&"f".repeat(32)),
            other => panic!("unknown word {other}"),
        }
    }

    fn find(&mut self, evidence: Evidence) {
        self.facts.previous = self.record.previous_end(evidence, self.facts.boot_id.short());
    }

    fn select(&self) -> Selection {
        select(Input { request: &self.request, facts: &self.facts, record: &self.record, disk: &self.disk, failed: &self.failed })
    }
}

fn show(selection: &Selection) -> String {
    let candidate = |c: &Candidate| {
        let uncounted = if c.counting == Counting::Uncounted { " uncounted" } else { "" };
        let kexec = if c.kernel.is_some() { " kexec" } else { "" };
        format!("{} {}{uncounted}{kexec}", c.id, c.rule.word())
    };
    let list: Vec<String> = selection.candidates.iter().map(candidate).collect();
    let from = selection.fell_back_from.as_ref().map(|id| format!(" <- {id}")).unwrap_or_default();
    format!("{}{from}", list.join(", "))
}

#[test]
fn truth_table() {
    let lines = TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut wrong = vec![];
    for line in lines {
        let [name, record, setup, expected]: [&str; 4] = line.split('|').map(str::trim).collect::<Vec<_>>().try_into().expect(line);
        let got = show(&World::new(record, setup).select());
        if got != expected {
            wrong.push(format!("\n{name}: {record} | {setup}\n  want {expected}\n  got  {got}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.concat());
}

#[test]
fn notes_say_what_was_passed_over() {
    let notes = |record: &str, setup: &str| World::new(record, setup).select().notes;
    let cases = [
        ("v1 good*", "arg=v9", "bedplate.deployment=v9: no such deployment (there are: v1), ignoring it"),
        ("", "arg=v9", "bedplate.deployment=v9: no such deployment (there are: none), ignoring it"),
        (
            "v1 good*; v2 sup forced=3",
            "arg=v2",
            "v2, chosen by the argument, was booted 3 times in a row without success, ignoring the argument",
        ),
        (
            "v1 good*; v2 sup forced=3",
            "default=v2",
            "v2, chosen by the default, was booted 3 times in a row without success, ignoring the default",
        ),
        (
            "v1 good*; v2 trial left=1",
            "kernel=v2",
            "v2 has modules for kernel 6.12, not for the running 6.1 (it brings no kernel with an initramfs along), skipping it",
        ),
        ("v1 good*; v2 trial left=1", "kernel=v2 skip", "v2 has modules for kernel 6.12, not for the running 6.1, skipping it"),
        (
            "v1 good*; v2 trial left=1",
            "own-kernel=v2 no-kexec",
            "v2 has modules for kernel 6.12, not for the running 6.1 (kexec is not possible: it is switched off), skipping it",
        ),
        (
            "v1 good*; v2 trial left=1",
            "own-kernel=v2 jumped",
            "v2 has modules for kernel 6.12, not for the running 6.1 (which was itself started by kexec, and that is done once a boot), skipping it",
        ),
        ("v1 good*; v2 sup", "ro arg=v2", "bedplate.deployment=v2: it was never good and a try cannot be written down, ignoring it"),
        ("v1 good*", "ro arg=hand disk=hand", "bedplate.deployment=hand: it was never good and a try cannot be written down, ignoring it"),
        (
            "a good*; b sup; c sup; d sup; e sup; f sup; g sup; h sup; i sup; j sup; k sup; l sup; m sup; n sup; o sup; p sup",
            "arg=hand disk=hand",
            "bedplate.deployment=hand: the record has no free slot to count it in, ignoring it (bedplate remove frees one)",
        ),
    ];
    for (record, setup, expected) in cases {
        assert_eq!(notes(record, setup), [expected], "{record} | {setup}");
    }
    assert!(notes("v1 good*; v2 trial left=2", "arg=v2").is_empty());
    // The last of its boots is running: it has not failed yet.
    assert!(notes("v1 good*; v2 sup forced=3 rule=default now", "default=v2").is_empty());
    assert!(!notes("v1 good*; v2 sup forced=3 rule=default", "default=v2").is_empty());
    assert!(!notes("v1 good*; v2 sup forced=3 mounts-failed now", "default=v2").is_empty());
}

#[test]
fn fallback_is_the_next_one() {
    let selection = World::new("v1 good*; v2 trial left=3", "").select();
    assert_eq!(selection.first().map(|c| c.id.as_str()), Some("v2"));
    assert_eq!(selection.fallback().map(Id::as_str), Some("v1"));
    let selection = World::new("v1 good*; v2 trial left=3", "own-kernel=v1 jumped").select();
    assert_eq!(selection.fallback().map(Id::as_str), Some("v1"), "in the next boot");
    assert_eq!(World::new("v1 good*", "").select().fallback(), None);
    assert_eq!(Selection::default().fallback(), None);
}
