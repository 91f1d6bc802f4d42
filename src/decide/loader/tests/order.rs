//! Cut between any two writes of record and loader: whatever the loader then starts, something that works boots.

use super::disk::Disk as Gpt;
use crate::decide::config::KernelMismatch;
use crate::decide::loader::gpt::Partition;
use crate::decide::loader::priorities::{state, steps};
use crate::decide::loader::state::Change;
use crate::decide::model::fixture::deployment;
use crate::decide::model::{BootId, Deployment, Disk, Facts, Id, KernelFit, Kexec, Request, Rule};
use crate::decide::record::Record;
use crate::decide::record::change::NewIncumbent;
use crate::decide::select::{Input, select};
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

/// One thing that becomes durable at once.
#[derive(Clone)]
enum Step {
    Record(fn(&mut Record)),
    Loader(&'static str, Change),
}

fn key(id: &str) -> crate::decide::record::Key {
    deployment(id).key().unwrap()
}

/// The kernel that a loader starts: the highest priority of what it may start. It takes a try from what is not good yet.
fn start(disk: &mut Gpt) -> String {
    let partitions = disk.pair().current().unwrap().partitions();
    let bootable = |partition: &&Partition| partition.attributes.is_bootable();
    let first = partitions.iter().filter(bootable).max_by_key(|partition| partition.attributes.priority).unwrap();
    let mut attributes = first.attributes;
    attributes.tries = attributes.tries.saturating_sub(1);
    let writes = disk.pair().change(&[(first.index, attributes)]).unwrap();
    disk.apply(&writes);
    first.name.clone()
}

/// What boots then, where no kernel but the running one can be had, with the rule.
fn boot(record: &Record, disk: &Gpt) -> (String, Rule) {
    let mut disk = disk.clone();
    let running = Id::parse(&start(&mut disk)).unwrap();
    let fit = |id: &str| {
        let kernel = if id == running.as_str() { KernelFit::Fits } else { KernelFit::Mismatch { releases: vec![id.into()], own: None } };
        Deployment { kernel, ..deployment(id) }
    };
    let boot_id = BootId::parse("0123456789abcdef0123456789abcdef").unwrap();
    let deployments = vec![fit("a"), fit("b")];
    let facts = Facts { deployments, boot_id, previous: None, kernel: running.as_str().into(), kexec: Kexec::Possible };
    let mut request = Request::default();
    request.config.boot.kernel_mismatch = KernelMismatch::Skip;
    let ids = [Id::parse("a").unwrap(), Id::parse("b").unwrap()];
    let seen = state(&disk.pair().current().unwrap().partitions(), &ids);
    let record = seen.limit(record, &facts.deployments, Some(&running));
    let selection = select(Input { request: &request, facts: &facts, record: &record, disk: &Disk::Writable, failed: &[] });
    let first = selection.first().unwrap();
    (first.id.as_str().into(), first.rule)
}

/// What boots after each prefix of the writes, from before the first to after the last.
fn prefixes(before: &[Step], steps_of_verb: &[Step]) -> Vec<(String, Rule)> {
    let (mut record, mut disk) = (Record::default(), Gpt::new(&[("a", 0x0101), ("b", 0x0000)]));
    record.arm_good(key("a"), 3).unwrap();
    let mut booted = Vec::new();
    for (number, step) in before.iter().chain(steps_of_verb).enumerate() {
        let within = number >= before.len();
        if within {
            booted.push(boot(&record, &disk));
        }
        match step {
            Step::Record(change) => change(&mut record),
            Step::Loader(id, change) => {
                let partitions = disk.pair().current().unwrap().partitions();
                for edits in steps(&partitions, &Id::parse(id).unwrap(), *change).unwrap() {
                    for table in disk.pair().change(&edits).unwrap() {
                        disk.apply(&[table]);
                        booted.extend(within.then(|| boot(&record, &disk)));
                    }
                }
            }
        }
    }
    booted.push(boot(&record, &disk));
    booted
}

const DEPLOY: [Step; 2] =
    [Step::Record(|record| assert!(record.arm(key("b"), 3, &[]).is_ok())), Step::Loader("b", Change::Arm { tries: 3 })];
const GOOD: [Step; 2] =
    [Step::Record(|record| assert_eq!(record.succeed(key("b"), Rule::Trial, 3, None), NewIncumbent::Yes)), Step::Loader("b", Change::Good)];
const BAD: [Step; 3] = [Step::Loader("a", Change::Good), Step::Loader("b", Change::Bad), Step::Record(|record| record.mark_bad(key("b")))];
const ROLLBACK: [Step; 3] = [
    Step::Loader("a", Change::Arm { tries: 3 }),
    Step::Loader("b", Change::Bad),
    Step::Record(|record| record.roll_back(Some(key("b")), key("a"), 3)),
];

/// It was good, or has its tries in both places. `a` always works.
fn is_well((id, rule): &(String, Rule)) -> bool {
    match rule {
        Rule::LastResort => id == "a",
        _ => true,
    }
}

#[test]
fn every_prefix_of_the_writes_boots_something_that_works() {
    let good: Vec<Step> = DEPLOY.into_iter().chain(GOOD).collect();
    let mut cuts = 0;
    for (what, before, verb, last) in [
        ("deploy", &[][..], &DEPLOY[..], "b"),
        ("mark good", &DEPLOY, &GOOD, "b"),
        ("mark bad on trial", &DEPLOY, &BAD, "a"),
        ("mark bad when good", &good, &BAD, "a"),
        ("rollback", &good, &ROLLBACK, "a"),
    ] {
        let booted = prefixes(before, verb);
        cuts += booted.len();
        assert!(booted.iter().all(is_well), "{what}: {booted:?}");
        assert_eq!(booted.last().unwrap().0, last, "{what}");
    }
    assert!(cuts > 25, "{cuts}");
}

/// The order is not a matter of taste.
#[test]
fn the_other_order_boots_what_was_marked_bad() {
    let good: Vec<Step> = DEPLOY.into_iter().chain(GOOD).collect();
    let reversed: Vec<Step> = BAD.into_iter().rev().collect();
    let booted = prefixes(&good, &reversed);
    assert!(!booted.iter().all(is_well), "{booted:?}");
}
