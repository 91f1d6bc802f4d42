use super::super::ending::Ending;
use super::*;
use crate::decide::model::Evidence;

#[test]
fn starts_are_counted_once_a_boot() {
    let started = |n, boot| with(pair(), |r| (r.slots[1].started, r.last) = (n, last(2, boot, Phase::Started)));
    let start = |r: &mut Record| r.note_started(key(2), [9; 8]);
    check("one more", started(2, 8), start, started(3, 9));
    check("again", started(3, 9), start, started(3, 9));
    check("bound", started(255, 8), start, started(255, 9));
    check("unknown", pair(), |r| r.note_started(key(7), [9; 8]), pair());
}

#[test]
fn a_clean_shutdown_gives_the_try_back() {
    let running = |edit: fn(&mut Slot)| {
        with(pair(), |r| {
            (r.slots[1].attempt, r.slots[1].started, r.slots[1].took_try) = ([9; 8], 1, TookTry::Yes);
            edit(&mut r.slots[1]);
        })
    };
    let after = |edit: fn(&mut Slot)| with(running(edit), |r| (r.slots[1].started, r.last) = (0, last(2, 9, Phase::Ended)));
    let down = |r: &mut Record| r.note_shutdown(key(2), [9; 8], 2);
    let refunded = with(after(|_| {}), |r| {
        let slot = &mut r.slots[1];
        (slot.outcome, slot.refunds_used, slot.left, slot.done) = (Outcome::CleanReboot, 1, 3, 0);
    });
    check("refund", running(|_| {}), down, refunded);
    let spent: fn(&mut Slot) = |slot| slot.refunds_used = 2;
    check("all refunds used", running(spent), down, with(after(spent), |r| r.slots[1].outcome = Outcome::CleanReboot));
    let known: fn(&mut Slot) = |slot| slot.outcome = Outcome::Success;
    check("after success", running(known), down, after(known));
    let old: fn(&mut Slot) = |slot| slot.attempt = [8; 8];
    check("another boot's attempt", running(old), down, after(old));
    check("unknown", pair(), |r| r.note_shutdown(key(9), [9; 8], 2), pair());
    let mut record = running(|slot| (slot.left, slot.done) = (255, 0));
    down(&mut record);
    assert_eq!((record.slots[1].left, record.slots[1].done), (255, 0));
}

#[test]
fn only_what_was_taken_is_given_back() {
    let given_back = |rule, edit: fn(&mut Slot)| {
        let mut record = with(pair(), |r| edit(&mut r.slots[1]));
        record.default = (rule == Rule::Default).then_some(key(2));
        record.count(Attempt { argument: (rule == Rule::Argument).then_some(key(2)), ..attempt(2, rule) });
        let forced = record.slots[1].forced;
        record.note_shutdown(key(2), [9; 8], 2);
        let slot = &record.slots[1];
        (slot.left, slot.done, forced, slot.forced, slot.outcome)
    };
    let before = |r: Rule, left| given_back(r, if left == 0 { |slot| slot.left = 0 } else { |_| {} });
    assert_eq!(before(Rule::Trial, 2), (2, 1, 0, 0, Outcome::CleanReboot));
    assert_eq!(before(Rule::Argument, 2), (2, 1, 1, 0, Outcome::CleanReboot));
    assert_eq!(before(Rule::Default, 2), (2, 1, 1, 0, Outcome::CleanReboot));
    assert_eq!(before(Rule::OneShot, 2), (2, 1, 0, 0, Outcome::CleanReboot));
    assert_eq!(before(Rule::Argument, 0), (0, 1, 1, 0, Outcome::CleanReboot), "it had no try to take");
    let marked_bad = given_back(Rule::Argument, |slot| (slot.status, slot.left) = (Status::MarkedBad, 0));
    assert_eq!(marked_bad, (0, 2, 1, 1, Outcome::CleanReboot));
}

#[test]
fn an_outcome_is_noted_once_and_for_this_boot() {
    let at = |outcome| with(pair(), |r| (r.slots[1].attempt, r.slots[1].outcome) = ([9; 8], outcome));
    let note = |boot| move |r: &mut Record| r.note_outcome(key(2), boot, Outcome::Deadline);
    let noted = with(at(Outcome::Deadline), |r| r.last = last(2, 9, Phase::Ended));
    check("open", at(Outcome::Open), note([9; 8]), noted);
    check("known", at(Outcome::Success), note([9; 8]), at(Outcome::Success));
    check("another boot", at(Outcome::Open), note([8; 8]), at(Outcome::Open));
}

/// v2 was counted in boot 8, and is the one that is known of last.
fn counted(phase: Phase) -> Record {
    with(pair(), |r| (r.slots[1].attempt, r.last) = ([8; 8], last(2, 8, phase)))
}

#[expect(clippy::unnecessary_wraps, reason = "tables of it hold None, too")]
fn ending(n: u8, boot: Option<u8>, outcome: Outcome, phase: Phase) -> Option<Ending> {
    Some(Ending { key: key(n), boot: boot.map(|boot| [boot; 8]), outcome, phase })
}

#[test]
fn the_end_of_the_last_boot_is_found_out() {
    use Evidence::{None as Nothing, Panic, Watchdog};
    let failed = with(counted(Phase::Begun), |r| r.slots[1].outcome = Outcome::MountsFailed);
    let good = with(counted(Phase::Started), |r| r.slots[1].outcome = Outcome::Success);
    let incumbent = with(pair(), |r| r.last = last(1, 8, Phase::Started));
    let alone = with(pair(), |r| r.incumbent = None);
    let by_incumbent = |outcome| ending(1, None, outcome, Phase::Begun);
    let cases = [
        ("a trial that is lost", counted(Phase::Begun), Nothing, ending(2, Some(8), Outcome::Lost, Phase::Begun)),
        ("lost later", counted(Phase::Started), Nothing, ending(2, Some(8), Outcome::Lost, Phase::Started)),
        ("a trial that is reset", counted(Phase::Begun), Watchdog, ending(2, Some(8), Outcome::Watchdog, Phase::Begun)),
        ("a trial that panics", counted(Phase::Started), Panic, ending(2, Some(8), Outcome::Panic, Phase::Started)),
        ("after success", good, Panic, ending(2, Some(8), Outcome::Panic, Phase::Started)),
        ("the incumbent is lost", incumbent.clone(), Nothing, ending(1, Some(8), Outcome::Lost, Phase::Started)),
        ("the incumbent is reset", incumbent, Watchdog, ending(1, Some(8), Outcome::Watchdog, Phase::Started)),
        ("a good end", counted(Phase::Ended), Nothing, None),
        ("a shutdown that hangs", counted(Phase::Ended), Watchdog, ending(2, Some(8), Outcome::Watchdog, Phase::Ended)),
        ("a boot that wrote nothing", counted(Phase::Closed), Watchdog, by_incumbent(Outcome::Watchdog)),
        ("an end that is known", counted(Phase::Closed), Nothing, None),
        ("after mounts failed, the incumbent", failed.clone(), Panic, by_incumbent(Outcome::Panic)),
        ("mounts failed", failed, Nothing, None),
        ("nothing is known", pair(), Nothing, None),
        ("nothing is known but the evidence", pair(), Panic, by_incumbent(Outcome::Panic)),
        ("nobody to blame", alone, Panic, None),
        ("the running boot is in the record", with(counted(Phase::Begun), |r| r.last = last(2, 9, Phase::Begun)), Watchdog, None),
    ];
    for (what, record, evidence, expected) in cases {
        assert_eq!(record.previous_end(evidence, [9; 8]), expected, "{what}");
    }
}

#[test]
fn an_end_is_written_down_once() {
    let closed = |before: Record, evidence| {
        let mut record = before;
        let found = record.previous_end(evidence, [9; 8]).expect("there is an end to find");
        record.close(&found, [9; 8]);
        record
    };
    let with_outcome = |outcome| with(counted(Phase::Closed), |r| r.slots[1].outcome = outcome);
    assert_eq!(closed(counted(Phase::Begun), Evidence::Watchdog), with_outcome(Outcome::Watchdog));
    let lost = closed(counted(Phase::Started), Evidence::None);
    assert_eq!(lost, with_outcome(Outcome::Lost));
    assert_eq!(lost.previous_end(Evidence::None, [7; 8]), None, "not twice");
    let noted = |phase| with(counted(phase), |r| r.slots[1].outcome = Outcome::Deadline);
    assert_eq!(closed(noted(Phase::Ended), Evidence::Watchdog), noted(Phase::Closed));
    let hung = noted(Phase::Ended).previous_end(Evidence::Watchdog, [9; 8]);
    assert!(hung.is_some_and(|ending| !ending.is_proven()), "nothing against who had ended in good order");
    let blamed = with(pair(), |r| r.slots[0].outcome = Outcome::Panic);
    assert_eq!(closed(pair(), Evidence::Panic), blamed);
    let mut again = counted(Phase::Begun);
    let found = again.previous_end(Evidence::None, [9; 8]).expect("it is lost");
    again.count(attempt(2, Rule::Trial));
    let before = again.clone();
    again.close(&found, [9; 8]);
    assert_eq!(again, before, "the boot that runs now is not closed by what is said of the one before");
}
