//! How a boot ended is found out by the next one, and belongs to the deployment that ran in it.

use crate::machine::{Ended, Machine, machine, read, write};
use crate::namespace::{Disk, run};
use bedplate::decide::model::PreviousBoot;
use bedplate::decide::record::Outcome;
use bedplate::decide::record::ending::Phase;
use bedplate::sys::host;

/// The machine's own /sys, with one watchdog device and an empty pstore.
fn with_sys(test: impl FnOnce(&Machine<'_>) + Send + 'static) {
    machine(Disk::Tmpfs, |machine| {
        run("mount", &["-t", "tmpfs", "sys", "/sys"]);
        for directory in ["/sys/fs/pstore", "/sys/class/watchdog/watchdog0"] {
            std::fs::create_dir_all(directory).unwrap();
        }
        watchdog("0");
        test(machine);
    });
}

fn watchdog(status: &str) {
    std::fs::write("/sys/class/watchdog/watchdog0/bootstatus", format!("{status}\n")).unwrap();
}

fn panic_log(kernel: &str, number: u32) -> String {
    format!("Panic#1 Part1\n<4>[   {number}.0] CPU: 0 PID: 1 Comm: init Not tainted {kernel} #1 Debian\n")
}

fn panicked(number: u32) {
    std::fs::write(format!("/sys/fs/pstore/dmesg-ramoops-{number}"), panic_log(&host::release(), number)).unwrap();
}

/// What the boot says of the one before it.
fn before(ended: &Ended) -> Option<(String, Outcome, Phase)> {
    let PreviousBoot { id, ended, reached, .. } = ended.report().previous.clone()?;
    Some((id.unwrap().to_string(), ended, reached))
}

#[expect(clippy::unnecessary_wraps, reason = "as a report has it")]
fn found(id: &str, outcome: Outcome, phase: Phase) -> Option<(String, Outcome, Phase)> {
    Some((id.into(), outcome, phase))
}

fn note(machine: &Machine<'_>, event: &str) {
    machine.verb(&["note", event, "--run", machine.lab.path("run")]);
}

fn history(machine: &Machine<'_>, part: &str) -> usize {
    read(&machine.store("history.jsonl")).matches(part).count()
}

#[test]
fn a_reset_belongs_to_the_trial_that_ran() {
    with_sys(|machine| {
        machine.upgraded();
        assert_eq!(before(&machine.boot("")), None);
        watchdog("32");
        for _ in 0..2 {
            let ended = machine.boot("");
            assert_eq!((ended.stands(), before(&ended)), ("v2", found("v2", Outcome::Watchdog, Phase::Begun)));
        }
        assert_eq!(history(machine, r#""before":"v2","outcome":"watchdog""#), 2);
        let revision = machine.record().revision;
        let ended = machine.boot("");
        assert_eq!((ended.stands(), ended.report().choice.rule.as_str(), ended.report().choice.counted), ("v1", "incumbent", false));
        assert_eq!(before(&ended), found("v2", Outcome::Watchdog, Phase::Begun));
        assert_eq!((machine.slot("v2").outcome, machine.record().revision), (Outcome::Watchdog, revision + 1), "written down once");
        // Not noted by the booted system: this boot of the incumbent has left no trace but the watchdog's.
        let ended = machine.boot("");
        assert_eq!(
            (before(&ended), ended.report().choice.rule.as_str()),
            (found("v1", Outcome::Watchdog, Phase::Begun), "incumbent-counted")
        );
    });
}

#[test]
fn a_panic_is_counted_once() {
    with_sys(|machine| {
        panicked(1);
        machine.upgraded();
        assert_eq!(before(&machine.boot("")), None, "older than all that the record knows");
        assert_eq!(before(&machine.boot("")), found("v2", Outcome::Lost, Phase::Begun), "its record was there before");
        note(machine, "started");
        panicked(2);
        assert_eq!(before(&machine.boot("")), found("v2", Outcome::Panic, Phase::Started));
        assert_eq!(before(&machine.boot("")), found("v2", Outcome::Lost, Phase::Begun), "the same record");
        assert!(std::fs::metadata("/sys/fs/pstore/dmesg-ramoops-2").is_ok(), "it stays");
    });
}

#[test]
fn another_systems_panic_says_nothing() {
    with_sys(|machine| {
        machine.upgraded();
        machine.boot("");
        std::fs::write("/sys/fs/pstore/dmesg-efi_pstore-1", panic_log("1.2.3-other", 1)).unwrap();
        std::fs::write("/sys/fs/pstore/dmesg-efi_pstore-2", panic_log(&host::release(), 1).replace("Panic", "Oops")).unwrap();
        assert_eq!(before(&machine.boot("")), found("v2", Outcome::Lost, Phase::Begun));
    });
}

#[test]
fn what_was_moved_away_is_found_there() {
    with_sys(|machine| {
        machine.upgraded();
        machine.boot("");
        write(&machine.store("var/lib/systemd/pstore/1700000000/001/dmesg-efi_pstore-170000000001001"), &panic_log(&host::release(), 7));
        write(&machine.store("var/lib/systemd/pstore/1700000000/001/dmesg.txt"), "Panic#1 Part1\n");
        assert_eq!(before(&machine.boot("")), found("v2", Outcome::Panic, Phase::Begun));
        assert_eq!(before(&machine.boot("")), found("v2", Outcome::Lost, Phase::Begun));
    });
}

#[test]
fn the_incumbents_own_panic_counts_its_next_boot() {
    with_sys(|machine| {
        machine.deploy("v1", &["--good"]);
        machine.boot("");
        note(machine, "started");
        panicked(1);
        let ended = machine.boot("");
        assert_eq!(
            (before(&ended), ended.report().choice.rule.as_str()),
            (found("v1", Outcome::Panic, Phase::Started), "incumbent-counted")
        );
        note(machine, "started");
        note(machine, "started");
        assert_eq!(machine.slot("v1").started, 2, "once a boot");
        assert_eq!(history(machine, r#""event":"ended""#), 0, "the line of the attempt has told it");
        assert_eq!(history(machine, r#""before":"v1","outcome":"panic""#), 1);
    });
}

#[test]
fn a_good_deployment_that_is_lost_is_told_of_and_not_counted() {
    with_sys(|machine| {
        machine.deploy("v1", &["--good"]);
        machine.boot("");
        note(machine, "started");
        note(machine, "shutdown");
        assert_eq!(before(&machine.boot("")), None, "it ended in good order");
        note(machine, "started");
        let ended = machine.boot("");
        assert_eq!((before(&ended), ended.report().choice.rule.as_str()), (found("v1", Outcome::Lost, Phase::Started), "incumbent"));
        note(machine, "started");
        assert_eq!((machine.slot("v1").outcome, history(machine, r#""event":"ended""#)), (Outcome::Lost, 1));
    });
}
