//! health: which scripts run, how they end, and what is kept of a failure.

use super::bench::{Bench, Ended};
use bedplate::boot::facts::boot_id;
use bedplate::decide::record::Outcome;
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;

const REQUIRED: &str = "usr/lib/greenboot/check/required.d";
const WANTED: &str = "usr/lib/greenboot/check/wanted.d";
const LOCAL: &str = "etc/greenboot/check/required.d";

impl Bench {
    /// With v1, good, and v2 on trial, which is booted and counted.
    fn on_trial() -> Self {
        let bench = Self::new();
        bench.done(&["deploy", "TREE", "--id", "v1", "--good"]);
        bench.done(&["deploy", "TREE", "--id", "v2"]);
        bench.boot_without_deadline("v2");
        let (key, boot) = (bench.key("v2"), boot_id().unwrap().short());
        bench.change(|record| {
            let slot = record.slot_mut(key).unwrap();
            (slot.attempt, slot.outcome, slot.left, slot.done) = (boot, Outcome::Open, 2, 1);
        });
        bench.write("root/etc/greenboot/empty", "");
        bench
    }

    /// However long this machine has been up.
    fn boot_without_deadline(&self, id: &str) {
        self.boot(id);
        let text = std::fs::read_to_string(self.path("run/bedplate/boot.json")).unwrap();
        let mut report: Value = serde_json::from_str(&text).unwrap();
        report["config"]["boot"]["deadline"] = Value::Null;
        self.write("run/bedplate/boot.json", &report.to_string());
    }

    /// A shell script in the root that health looks at. `LOG` in it is a file that scripts write to.
    fn script(&self, path: &str, mode: u32, body: &str) {
        let body = body.replace("LOG", &self.path("log"));
        self.write(&format!("root/{path}"), &format!("#!/bin/sh\n{body}\n"));
        self.set_mode(&format!("root/{path}"), mode);
    }

    fn health(&self, more: &[&str]) -> Ended {
        let root = self.path("root");
        self.bedplate(&[&["health", "--root", &root], more].concat())
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    fn events(&self, what: &str) -> Vec<Value> {
        let lines = std::fs::read_to_string(self.path("sysroot/bedplate/history.jsonl")).unwrap();
        let events = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        events.filter(|event| event["event"] == what).collect()
    }

    fn result(&self) -> Value {
        serde_json::from_str(&std::fs::read_to_string(self.path("run/bedplate/health.json")).unwrap()).unwrap()
    }

    fn status_line(&self) -> Option<String> {
        self.done(&["status"]).lines().find_map(|line| line.strip_prefix("health     ").map(String::from))
    }

    fn outcome(&self, id: &str) -> (Outcome, u8) {
        let record = self.record();
        record.slot(self.key(id)).map(|slot| (slot.outcome, slot.left)).unwrap()
    }
}

#[test]
fn scripts_run_in_order_with_a_clean_environment() {
    let bench = Bench::on_trial();
    assert_eq!(bench.status_line(), None);
    let log = "echo $(basename $0) >> LOG";
    bench.script(&format!("{REQUIRED}/20-b"), 0o755, log);
    bench.script(&format!("{REQUIRED}/10-a"), 0o755, &format!("env >> LOG; pwd >> LOG; {log}; [ -t 0 ] || read x || echo no input >> LOG"));
    bench.script(&format!("{REQUIRED}/40-shell.sh"), 0o644, log);
    bench.script(&format!("{REQUIRED}/50-not"), 0o644, log);
    bench.script(&format!("{REQUIRED}/60-taken"), 0o755, "exit 1");
    bench.script(&format!("{LOCAL}/60-taken"), 0o755, log);
    bench.script(&format!("{LOCAL}/30-c"), 0o755, log);
    bench.script(&format!("{WANTED}/10-w"), 0o755, &format!("{log}; exit 1"));
    let ended = bench.command(&["health", "--root", &bench.path("root")]).env("SECRET", "x").output().map(Ended::from).unwrap();
    assert_eq!(ended.code, 0, "{}", ended.err);
    let log = bench.log();
    let (environment, names) = log.split_once("10-a\n").unwrap();
    assert_eq!(names, "no input\n20-b\n30-c\n40-shell.sh\n60-taken\n10-w\n");
    let has = |line: &str| environment.lines().any(|found| found == line);
    assert!(["BEDPLATE_DEPLOYMENT=v2", "BEDPLATE_TRIAL=1", "LANG=C.UTF-8", "/"].into_iter().all(has), "{environment}");
    assert!(!environment.contains("SECRET"), "{environment}");
    let sentence =
        "good, required checks that passed: 5; wanted checks that failed: /usr/lib/greenboot/check/wanted.d/10-w (exit status 1)";
    assert_eq!(bench.status_line().unwrap(), sentence);
    assert!(ended.out.ends_with(&format!("health: {sentence}\n")), "{}", ended.out);
    assert!(ended.err.contains("/usr/lib/greenboot/check/required.d/50-not is not executable, leaving it out"), "{}", ended.err);
    assert_eq!(std::fs::metadata(bench.path("run/bedplate/health.json")).unwrap().permissions().mode() & 0o7777, 0o600);
    assert_eq!((bench.events("unhealthy").len(), bench.outcome("v2")), (0, (Outcome::Open, 2)));
}

#[test]
fn a_trial_that_fails_keeps_its_try_spent_and_tells_why() {
    let bench = Bench::on_trial();
    bench.script(&format!("{REQUIRED}/10-fail"), 0o755, "printf 'first\\n\\033[2Jsecond\\n'; echo third >&2; exit 3");
    bench.script(&format!("{REQUIRED}/20-more"), 0o755, "kill -9 $$");
    bench.script(&format!("{WANTED}/10-w"), 0o755, "echo wanted >> LOG");
    let sentence = "failed: /usr/lib/greenboot/check/required.d/10-fail (exit status 3), \
                    /usr/lib/greenboot/check/required.d/20-more (killed by signal 9)";
    for _ in 0..2 {
        let ended = bench.health(&[]);
        assert_eq!((ended.code, ended.err), (1, format!("bedplate: error: health: {sentence}\n")));
        assert!(ended.out.contains("required /usr/lib/greenboot/check/required.d/10-fail: exit status 3 (0 s)\n"), "{}", ended.out);
    }
    assert_eq!((bench.log().as_str(), bench.status_line().as_deref()), ("", Some(sentence)));
    // Once a boot.
    let events = bench.events("unhealthy");
    assert_eq!(events.len(), 2);
    assert_eq!(events[0]["why"], "/usr/lib/greenboot/check/required.d/10-fail: exit status 3");
    assert_eq!((&events[0]["output"], events[1].get("output")), (&"first\n\u{fffd}[2Jsecond\nthird".into(), None));
    let history =
        std::process::Command::new(env!("CARGO_BIN_EXE_bedplate")).args(["history", "--sysroot", &bench.path("sysroot")]).output();
    let history = String::from_utf8(history.unwrap().stdout).unwrap();
    let told = "unhealthy  v2 (/usr/lib/greenboot/check/required.d/10-fail: exit status 3; by a person)\n    first\n    \u{fffd}[2Jsecond\n    third\n";
    assert!(history.contains(told), "{history}");
    assert_eq!(std::fs::metadata(bench.path("sysroot/bedplate/history.jsonl")).unwrap().permissions().mode() & 0o7777, 0o600);
    // The unit that reboots in good order says it again, and the shutdown gives nothing back.
    bench.done(&["note", "unhealthy"]);
    bench.done(&["note", "shutdown"]);
    assert_eq!(bench.outcome("v2"), (Outcome::HealthFailed, 2));
    assert_eq!((bench.events("unhealthy").len(), bench.events("restarted").len()), (2, 0));
}

#[test]
fn a_boot_that_is_not_counted_has_only_its_history() {
    let bench = Bench::on_trial();
    bench.boot_without_deadline("v1");
    bench.script(&format!("{LOCAL}/10-fail.sh"), 0o755, "echo broken; exit 1");
    let before = bench.record();
    assert_eq!(bench.health(&[]).code, 1);
    assert_eq!(bench.record(), before);
    assert_eq!(bench.events("unhealthy")[0]["deployment"], "v1");
    assert!(bench.status_line().unwrap().starts_with("failed: /etc/greenboot/check/required.d/10-fail.sh"));
    // It is repaired, and fails again: that is news.
    bench.script(&format!("{LOCAL}/10-fail.sh"), 0o755, "exit 0");
    assert_eq!(bench.health(&[]).code, 0);
    assert_eq!(bench.status_line().unwrap(), "good, required checks that passed: 1");
    bench.script(&format!("{LOCAL}/10-fail.sh"), 0o755, "exit 1");
    assert_eq!((bench.health(&[]).code, bench.events("unhealthy").len()), (1, 2));
}

#[test]
fn checking_only_keeps_nothing() {
    let bench = Bench::on_trial();
    bench.script(&format!("{REQUIRED}/10-fail"), 0o755, "exit 1");
    let before = (bench.record(), bench.names("run/bedplate"), bench.events("unhealthy").len());
    assert_eq!(bench.health(&["--check-only"]).code, 1);
    let json = bench.health(&["--check-only", "--json"]);
    assert_eq!((json.code, json.err.as_str()), (1, ""));
    let json: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!((&json["verdict"], &json["checks"][0]["end"]), (&"red".into(), &"exit status 1".into()));
    assert_eq!((bench.record(), bench.names("run/bedplate"), bench.events("unhealthy").len()), before);
    // It needs neither a report of this boot nor a store.
    std::fs::remove_file(bench.path("run/bedplate/boot.json")).unwrap();
    std::fs::remove_dir_all(bench.path("sysroot/bedplate")).unwrap();
    bench.script(&format!("{REQUIRED}/10-fail"), 0o755, "env | grep -c BEDPLATE; exit 0");
    let ended = bench.health(&["--check-only"]);
    assert_eq!((ended.code, ended.out.lines().next()), (0, Some("0")), "{}", ended.err);
    let refused = bench.health(&[]);
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("boot.json is missing or from another boot"), "{}", refused.err);
}

#[test]
fn disabled_checks_are_left_out() {
    let bench = Bench::on_trial();
    bench.script(&format!("{REQUIRED}/10-fail.sh"), 0o755, "exit 1");
    bench.write("root/etc/greenboot/greenboot.conf", "GREENBOOT_MAX_BOOT_ATTEMPTS=3\nDISABLED_HEALTHCHECKS=(\"10-fail.sh\" \"none.sh\")\n");
    let ended = bench.health(&[]);
    assert_eq!((ended.code, ended.out.as_str()), (0, "health: there are no checks\n"));
    assert!(ended.err.contains("10-fail.sh is disabled, leaving it out") && ended.err.contains("disables \"none.sh\""), "{}", ended.err);
    bench.write("root/etc/greenboot/greenboot.conf", "DISABLED_HEALTHCHECKS=10-fail.sh\n");
    let ended = bench.health(&[]);
    assert!(ended.code == 1 && ended.err.contains("is no list in parentheses"), "{}", ended.err);
}

/// Whether a process still runs: one that nobody has waited for does not.
fn runs(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['Z', 'X']))
}

#[test]
fn a_script_that_takes_too_long_goes_with_all_that_it_started() {
    let bench = Bench::on_trial();
    bench.script(&format!("{REQUIRED}/10-hangs"), 0o755, "echo waiting; sleep 1000 & echo $! >> LOG; trap '' TERM; wait");
    bench.script(&format!("{REQUIRED}/20-chats"), 0o755, "while :; do echo more; done");
    bench.script(&format!("{REQUIRED}/30-late"), 0o755, "exit 0");
    let ended = bench.health(&["--limit", "1", "--limit-all", "2"]);
    assert_eq!(ended.code, 1);
    assert!(!runs(&bench.log()), "{}", bench.log());
    let ends = |at: usize| bench.result()["checks"][at]["end"].as_str().unwrap().to_owned();
    assert_eq!(ends(0), "stopped after 1 s: it took too long");
    assert!(ends(1).starts_with("stopped after "), "{}", ends(1));
    assert_eq!(ends(2), "not run: the time for all checks was used up");
    assert_eq!(bench.events("unhealthy")[0]["output"], "waiting");
    assert!(bench.events("unhealthy")[1]["output"].as_str().unwrap().len() <= 4096);
}

#[test]
fn whoever_a_script_leaves_behind_is_not_waited_for() {
    let bench = Bench::on_trial();
    bench.script(&format!("{REQUIRED}/10-quiet"), 0o755, "sleep 1000 & echo $! >> LOG; echo done");
    bench.script(&format!("{REQUIRED}/20-chats"), 0o755, "(while echo more; do :; done) & exit 0");
    let ended = bench.health(&[]);
    let left = bench.log();
    assert!(runs(&left));
    assert!(std::process::Command::new("kill").arg(left.trim()).status().unwrap().success());
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    assert!(ended.out.starts_with("done\n"), "{}", ended.out);
}

#[test]
fn much_output_on_both_sides_is_read_and_its_end_kept() {
    let bench = Bench::on_trial();
    let body = "i=0; while [ $i -lt 20000 ]; do echo out $i; echo err $i >&2; i=$((i+1)); done; echo the end; exit 9";
    bench.script(&format!("{REQUIRED}/10-much"), 0o755, body);
    assert_eq!(bench.health(&[]).code, 1);
    let output = bench.events("unhealthy")[0]["output"].as_str().unwrap().to_owned();
    assert!(output.len() <= 4096 && output.len() > 3500 && output.contains("the end"), "{}", output.len());
    assert_eq!(bench.result()["checks"][0]["end"], "exit status 9");
}

#[test]
fn what_comes_after_the_verdict_runs_by_itself() {
    let bench = Bench::on_trial();
    bench.script("etc/greenboot/green.d/10-x", 0o755, "echo green >> LOG");
    bench.script("usr/lib/greenboot/red.d/10-x", 0o755, "echo red >> LOG; exit 1");
    bench.script("usr/lib/greenboot/red.d/20-y.sh", 0o644, "echo red $BEDPLATE_DEPLOYMENT >> LOG");
    assert_eq!((bench.health(&[]).code, bench.log().as_str()), (0, ""));
    assert_eq!((bench.health(&["--after", "green"]).code, bench.log().as_str()), (0, "green\n"));
    assert_eq!((bench.health(&["--after=red"]).code, bench.log().as_str()), (1, "green\nred\nred v2\n"));
}

#[test]
fn a_failed_unit_is_told_of_where_no_check_failed() {
    let bench = Bench::on_trial();
    assert_eq!(bench.health(&[]).code, 0);
    bench.done(&["note", "unhealthy"]);
    let events = bench.events("unhealthy");
    assert_eq!((events.len(), bench.outcome("v2").0), (1, Outcome::HealthFailed));
    assert!(events[0]["why"].as_str().unwrap().starts_with("what boot-complete.target requires failed"), "{}", events[0]["why"]);
}

#[test]
fn without_a_store_to_write_to_the_verdict_stands() {
    let bench = Bench::on_trial();
    bench.script(&format!("{REQUIRED}/10-fail"), 0o755, "exit 1");
    std::fs::remove_dir_all(bench.path("sysroot/bedplate")).unwrap();
    let ended = bench.health(&[]);
    assert_eq!(ended.code, 1);
    assert!(ended.err.contains("going on: record and history do not know of this failure"), "{}", ended.err);
    assert_eq!(bench.result()["verdict"], "red");
}
