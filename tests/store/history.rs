//! The history: what it tells, how large it gets, and what a power cut in it costs.

use crate::bench::Bench;
use bedplate::boot::facts::boot_id;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

#[test]
fn history_tells_how_boots_went() {
    let bench = Bench::with_two_good();
    bench.done(&["deploy", "TREE", "--id", "v3"]);
    bench.boot_as_root("v3");
    let file = bench.path("run/bedplate/boot.json");
    let mut report: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    report["failed"] = serde_json::json!([{ "id": "v2", "why": "no usr" }]);
    std::fs::write(file, report.to_string()).unwrap();
    let boot = boot_id().unwrap().short();
    bench.change(|record| record.slots.iter_mut().for_each(|slot| slot.attempt = boot));
    bench.done(&["note", "started"]);
    bench.done(&["note", "shutdown"]);
    bench.done(&["mark", "good"]);
    let lines = std::fs::read_to_string(bench.path("sysroot/bedplate/history.jsonl")).unwrap();
    let events: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told = |event: &serde_json::Value| ["event", "deployment", "why"].map(|key| event[key].as_str().unwrap().to_owned()).join(" ");
    assert_eq!(
        events.iter().skip(3).map(told).collect::<Vec<_>>(),
        ["failed v2 no usr", "restarted v3 in good order, before it was marked good", "good v3 mark good"]
    );
}

#[test]
fn history_is_bounded_and_nobody_elses_to_read() {
    let bench = Bench::new();
    let line = "x".repeat(1023);
    for _ in 0..600 {
        bench.store().append_history(&line).unwrap();
    }
    let file = |name: &str| std::fs::metadata(bench.path(&format!("sysroot/bedplate/{name}"))).unwrap();
    let (old, new) = (file("history.jsonl.1"), file("history.jsonl"));
    assert_eq!((old.len(), new.len()), (256 << 10, (600 - 512) << 10));
    assert_eq!((old.mode() & 0o777, new.mode() & 0o777), (0o600, 0o600));
}

#[test]
fn a_long_reason_is_cut() {
    let bench = Bench::with_two_good();
    bench.boot_as_root("v2");
    bench.done(&["mark", "bad", "--reason", &format!("{}end", "ü".repeat(20_000))]);
    let lines = std::fs::read_to_string(bench.path("sysroot/bedplate/history.jsonl")).unwrap();
    assert!(lines.contains("üüüend\""), "the end is kept");
    assert!(lines.len() < 10_000, "{}", lines.len());
}

/// Whatever is left of a line: the lines before and after it are read.
#[test]
fn a_torn_line_costs_itself() {
    let bench = Bench::new();
    bench.done(&["deploy", "TREE", "--id", "v1"]);
    let path = bench.path("sysroot/bedplate/history.jsonl");
    let whole = std::fs::read(&path).unwrap();
    let told = |expected: &str| {
        let out = Command::new(env!("CARGO_BIN_EXE_bedplate")).args(["history", "--sysroot", &bench.path("sysroot")]).output().unwrap();
        let out = String::from_utf8(out.stdout).unwrap();
        assert!(out.contains("deployed") && out.contains(expected), "{out}");
        out
    };
    for torn in [&b"{\"time\":1,\"boot"[..], &[0; 700], b"\xff\xfe", b"{}", b"[]", b"\n\n"] {
        std::fs::write(&path, [&whole, torn].concat()).unwrap();
        bench.store().append_history(r#"{"time":2,"boot-id":"b","event":"after","deployment":"v1"}"#).unwrap();
        let out = told("after ");
        let whole_lines = torn.starts_with(b"\n");
        assert!(whole_lines || out.contains("damaged line"), "{out}");
    }
    // Cut between the rename and the first line of the new file.
    std::fs::rename(&path, format!("{path}.1")).unwrap();
    told("after ");
    bench.store().append_history(r#"{"time":3,"boot-id":"b","event":"anew","deployment":"v1"}"#).unwrap();
    told("anew ");
}
