//! mark, rollback, set-default, status and history: the verbs of whoever judges a boot.

use super::bench::Bench;
use bedplate::decide::marker::{Marker, Verdict};
use bedplate::decide::model::Rule;
use bedplate::decide::record::change::NewIncumbent;
use bedplate::decide::record::{OnceGood, Status};
use std::process::Command;

impl Bench {
    fn marker(&self, id: &str) -> Option<Marker> {
        let mut warnings = Vec::new();
        let marker = self.store().marker(&format!("deployments/{id}"), &mut warnings);
        assert_eq!(warnings, [""; 0]);
        marker
    }

    fn standing(&self, id: &str) -> (Status, OnceGood) {
        let record = self.record();
        record.slot(self.key(id)).map(|slot| (slot.status, slot.once_good)).unwrap()
    }

    /// v1 and v2, both good once, v2 the incumbent.
    pub fn with_two_good() -> Self {
        let bench = Self::new();
        bench.done(&["deploy", "TREE", "--id", "v1", "--good"]);
        bench.done(&["deploy", "TREE", "--id", "v2"]);
        bench.change(|record| assert_eq!(record.succeed(bench.key("v2"), Rule::Trial, 3, None), NewIncumbent::Yes));
        bench
    }
}

#[test]
fn the_last_verdict_counts_also_without_the_record() {
    let bench = Bench::new();
    bench.done(&["deploy", "TREE", "--id", "v1"]);
    bench.boot_as_root("v1");
    assert_eq!(bench.done(&["mark", "good"]), "v1 is good\n");
    assert_eq!(bench.done(&["mark", "good"]), "v1 is good already\n");
    assert_eq!(bench.done(&["mark", "bad", "--reason", "slow"]), "v1 is bad; the next boot is v1\n");
    assert!(bench.done(&["status"]).starts_with("booted     v1, marked bad\n"));
    let bad = bench.marker("v1").unwrap();
    assert_eq!((bad.verdict, bad.how.as_str(), bad.revision), (Verdict::Failure, "slow", bench.record().revision));
    assert_eq!(bench.done(&["mark", "bad", "--reason", "slow still"]), "v1 is bad already\n");
    assert_eq!(bench.marker("v1"), Some(bad));
    let refused = bench.bedplate(&["mark", "good"]);
    let said = "bedplate: error: v1 was marked bad in this boot, it stays so (bedplate set-default v1 takes it back)\n";
    assert_eq!((refused.code, refused.err.as_str()), (1, said));
    bench.change(|record| record.set_default(bench.key("v1")));
    assert_eq!(bench.done(&["mark", "good"]), "v1 is good\n");
    let good = bench.marker("v1").unwrap();
    assert_eq!((good.verdict, good.revision), (Verdict::Success, bench.record().revision));
    assert_eq!(bench.standing("v1"), (Status::Good, OnceGood::Yes));
}

#[test]
fn without_room_for_the_marker_the_record_says_good() {
    let bench = Bench::new();
    bench.done(&["deploy", "TREE", "--id", "v1"]);
    bench.boot_as_root("v1");
    bench.write("run/bedplate/countdown", "reboot\n");
    // What cannot be replaced, as on a full disk.
    bench.write("sysroot/bedplate/deployments/v1/boot-success/in-the-way", "");
    let ended = bench.bedplate(&["mark", "good"]);
    assert_eq!((ended.code, ended.out.as_str()), (0, "v1 is good\n"), "{}", ended.err);
    assert!(ended.err.contains("the record alone says good until the next success"), "{}", ended.err);
    assert_eq!((bench.standing("v1"), bench.record().incumbent), ((Status::Good, OnceGood::Yes), Some(bench.key("v1"))));
    assert_eq!((bench.exists("run/bedplate/marked-good"), bench.exists("run/bedplate/countdown")), (true, false));
}

#[test]
fn what_a_person_asked_for_outlives_a_success() {
    let bench = Bench::new();
    for id in ["v1", "v2", "v3", "v4", "v5", "v6"] {
        bench.done(&["deploy", "TREE", "--id", id]);
        let key = bench.key(id);
        bench.change(|record| assert_eq!(record.succeed(key, Rule::Trial, 3, None), NewIncumbent::Yes));
    }
    bench.done(&["deploy", "TREE", "--id", "v7"]);
    let (v1, v2) = (bench.key("v1"), bench.key("v2"));
    bench.change(|record| (record.default, record.one_shot) = (Some(v1), Some(v2)));
    bench.boot_as_root("v7");
    assert_eq!(bench.done(&["mark", "good"]), "v7 is good\n");
    // Of the others, two stay.
    assert_eq!(bench.names("sysroot/bedplate/deployments"), ["v1", "v2", "v5", "v6", "v7"]);
    assert_eq!((bench.record().default, bench.record().one_shot), (Some(v1), Some(v2)));
}

#[test]
fn rollback_passes_over_what_is_broken() {
    let bench = Bench::with_two_good();
    bench.done(&["deploy", "TREE", "--id", "v3"]);
    bench.boot("v3");
    std::fs::remove_dir_all(bench.path("sysroot/bedplate/deployments/v2/root/usr")).unwrap();
    assert_eq!(bench.done(&["rollback"]), "the next boot is v1\n");
    assert_eq!(bench.done(&["list"]).lines().filter(|line| line.contains("trial")).count(), 1);
    let again = bench.bedplate(&["rollback", "v3"]);
    assert_eq!((again.code, again.err.contains("that deployment is running")), (1, true), "{}", again.err);
}

#[test]
fn what_a_person_left_in_this_boot_is_not_marked_good() {
    let bench = Bench::with_two_good();
    bench.done(&["deploy", "TREE", "--id", "v3"]);
    bench.boot_as_root("v3");
    assert_eq!(bench.done(&["rollback"]), "the next boot is v2\n");
    let record = bench.record();
    let refused = bench.bedplate(&["mark", "good"]);
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("v3 was left with bedplate rollback in this boot, it stays so"), "{}", refused.err);
    assert_eq!(bench.record(), record);
}

#[test]
fn on_a_disk_that_nothing_runs_from_rollback_leaves_what_would_boot() {
    let bench = Bench::with_two_good();
    assert_eq!(bench.done(&["rollback"]), "the next boot is v1\n");
    assert!(bench.done(&["status"]).contains("next boot  v1: on trial"), "{}", bench.done(&["status"]));
}

#[test]
fn what_a_person_chose_is_shown_without_tries() {
    let bench = Bench::with_two_good();
    let next = |bench: &Bench| bench.done(&["status"]).lines().find(|line| line.starts_with("next boot")).map(String::from);
    assert_eq!(next(&bench).unwrap(), "next boot  v2: the deployment that last succeeded");
    bench.change(|record| record.mark_bad(bench.key("v1")));
    bench.change(|record| record.set_default(bench.key("v1")));
    assert_eq!(bench.standing("v1"), (Status::Good, OnceGood::Yes));
    assert_eq!(next(&bench).unwrap(), "next boot  v1: set as the default by a person");
    bench.done(&["deploy", "TREE", "--id", "v3", "--tries", "1"]);
    assert_eq!(next(&bench).unwrap(), "next boot  v3: on trial, with tries left; tries left: 1");
}

#[test]
fn what_cannot_boot_is_said_and_passed_over() {
    let bench = Bench::with_two_good();
    bench.done(&["deploy", "TREE", "--id", "v3"]);
    std::fs::remove_dir_all(bench.path("sysroot/bedplate/deployments/v3/root/usr")).unwrap();
    std::fs::remove_dir_all(bench.path("sysroot/bedplate/deployments/v2/root/usr")).unwrap();
    bench.write("sysroot/bedplate/deployments/hand/root/usr/x", "");
    let why = |id: &str| format!("cannot open \"bedplate/deployments/{id}/root/usr\": no such file or directory");
    let expected = format!(
        "next boot  v3: on trial, with tries left; tries left: 3 (cannot boot: {}; then v1)\n\
         fallback   v1\n\
         warning    hand cannot boot: \"bedplate/deployments/hand/deployment.toml\" is missing, the next boot passes it over\n\
         warning    v2 cannot boot: {}, the next boot passes it over\n\
         warning    v3 cannot boot: {}, the next boot passes it over\n",
        why("v3"),
        why("v2"),
        why("v3")
    );
    assert_eq!(bench.done(&["status"]).split_once('\n').unwrap().1, expected);
    let sysroot = bench.path("sysroot");
    let plan = Command::new(env!("CARGO_BIN_EXE_bedplate")).args(["plan", "--cmdline=", "--sysroot", &sysroot]).output().unwrap();
    let plan = String::from_utf8(plan.stdout).unwrap();
    let fails = format!("fails     v3: {}\nfails     v2: {}\nchoice    v1: was good once", why("v3"), why("v2"));
    assert!(plan.starts_with(&fails), "{plan}");
    assert_eq!(bench.bedplate(&["remove", "v1"]).err, "bedplate: error: \"v1\" is not removed: it is the fallback of the next boot\n");
}

#[test]
fn a_default_needs_one_of_two() {
    for arguments in [&["set-default"][..], &["set-default", "v1", "--clear"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_bedplate")).args(arguments).args(["--sysroot", "/nowhere"]).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), said.as_str()), (Some(2), "bedplate: error: set-default takes either an ID or --clear\n"));
    }
}

#[test]
fn the_disk_of_another_machine_goes_by_its_own_configuration() {
    let (here, other) = (Bench::new(), Bench::new());
    here.done(&["deploy", "TREE", "--id", "v1", "--good"]);
    here.boot("v1");
    std::fs::copy(here.path("run/bedplate/boot.json"), other.path("run/bedplate/boot.json")).unwrap();
    let mut config = bedplate::decide::config::Config::default();
    config.boot.tries = 7;
    other.write("sysroot/bedplate/config.json", &serde_json::to_string(&config).unwrap());
    assert_eq!(other.done(&["deploy", "TREE", "--id", "v2"]), "deployed v2 (version 1): it boots next, on trial with 7 tries\n");
    assert!(other.done(&["status"]).starts_with("booted     not through bedplate"));
    assert!(here.done(&["status"]).starts_with("booted     v1, good"));
}

#[test]
fn a_damaged_configuration_is_as_none() {
    let bench = Bench::new();
    bench.write("sysroot/bedplate/config.json", "{\"boot\": 5");
    let ended = bench.bedplate(&["deploy", "TREE", "--id", "v1", "--good"]);
    let why = "cannot understand \"bedplate/config.json\": ";
    assert!(ended.code == 0 && ended.err.starts_with(&format!("bedplate: warning: {why}")), "{}", ended.err);
    assert!(ended.err.ends_with(", going by the defaults; the next boot writes it anew\n"), "{}", ended.err);
    let status = bench.done(&["status"]);
    assert!(status.contains(&format!("warning    {why}")), "{status}");
}

#[test]
fn a_damaged_report_is_as_none_only_for_whoever_reads() {
    let bench = Bench::new();
    bench.done(&["deploy", "TREE", "--id", "v1", "--good"]);
    bench.write("run/bedplate/boot.json", "{}");
    let why = bench.path("run/bedplate/boot.json");
    let status = bench.done(&["status"]);
    let warning = format!("warning    cannot understand \"{why}\": missing field `schema`");
    assert!(status.starts_with("booted     not through bedplate") && status.contains(&warning), "{status}");
    for verb in [&["mark", "good"][..], &["note", "started"], &["remove", "v1"]] {
        let ended = bench.bedplate(verb);
        assert!(ended.code == 1 && ended.err.contains("cannot understand"), "{}", ended.err);
        assert!(ended.err.ends_with("; the next boot writes it anew\n"), "{}", ended.err);
    }
}

#[test]
fn a_plan_goes_by_what_the_machine_went_by() {
    let bench = Bench::new();
    bench.done(&["deploy", "TREE", "--id", "v1", "--good"]);
    let mut config = bedplate::decide::config::Config::default();
    config.etc.mode = bedplate::decide::config::EtcMode::Ro;
    bench.write("sysroot/bedplate/config.json", &serde_json::to_string(&config).unwrap());
    bench.write("tree/etc/bedplate/bedplate.toml", "[etc]\nmode = \"transient\"\n");
    let (sysroot, tree) = (bench.path("sysroot"), bench.path("tree"));
    let plan = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bedplate"));
        let output = command.args(["plan", "--cmdline=", "--sysroot", &sysroot]).args(more).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(plan(&[]).contains("# etc.mode = \"ro\"\n"), "{}", plan(&[]));
    assert!(!plan(&["--config-root", &tree]).contains("# etc.mode = \"ro\"\n"));
}

#[test]
fn a_damaged_manifest_is_named() {
    let bench = Bench::new();
    bench.done(&["deploy", "TREE", "--id", "v1", "--good"]);
    std::fs::remove_file(bench.path("sysroot/bedplate/deployments/v1/deployment.toml")).unwrap();
    let why =
        "\"v1\" cannot boot: \"bedplate/deployments/v1/deployment.toml\" is missing; put that file back, or deploy it under another ID";
    let ended = bench.bedplate(&["rollback", "v1"]);
    assert_eq!((ended.code, ended.err), (1, format!("bedplate: error: {why}\n")));
}

#[test]
fn a_lost_record_is_told_of_wherever_standings_are_shown() {
    let bench = Bench::new();
    bench.done(&["deploy", "TREE", "--id", "v1", "--good"]);
    bench.write("sysroot/bedplate/record", "damaged");
    let why = "the record is lost (copy A: too short, copy B: too short): choosing by the boot-success markers, without counting";
    let list = bench.bedplate(&["list"]);
    assert_eq!((list.code, list.err), (0, format!("bedplate: warning: {why}\n")));
    let list: serde_json::Value = serde_json::from_str(&bench.done(&["list", "--json"])).unwrap();
    assert_eq!(list["warnings"], serde_json::json!([why]));
}

#[test]
fn what_is_shown_does_nothing_to_the_terminal() {
    let bench = Bench::new();
    let out = bench.done(&["deploy", "TREE", "--id", "v1", "--version-name", "1\u{1b}[2J\nx"]);
    assert!(out.contains("(version 1\u{fffd}[2J\u{fffd}x)"), "{out}");
    assert!(bench.done(&["list"]).contains(" 1\u{fffd}[2J\u{fffd}x "));
    bench.boot_as_root("v1");
    bench.done(&["mark", "bad", "--reason", "\u{1b}c\nno"]);
    let history = Command::new(env!("CARGO_BIN_EXE_bedplate")).args(["history", "--sysroot", &bench.path("sysroot")]).output().unwrap();
    let history = String::from_utf8(history.stdout).unwrap();
    assert!(history.contains(" (\u{fffd}c\u{fffd}no; by "), "{history}");
}

#[test]
fn a_machine_that_cannot_boot_is_not_left_standing() {
    let bench = Bench::without_store();
    let program = Command::new(env!("CARGO_BIN_EXE_bedplate"))
        .args(["prepare-root", &bench.path("sysroot"), "", "--config-root", &bench.path("sysroot"), "--run", &bench.path("run")])
        .output()
        .unwrap();
    assert_eq!(program.status.code(), Some(3));
    assert_eq!(std::fs::read_to_string(bench.path("run/bedplate/countdown")).unwrap(), "reboot\n");
}
