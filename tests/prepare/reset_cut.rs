//! A reset that is cut off at each call that changes the disk, and gone on with by the next boot.

use crate::machine::{Machine, PROGRAM, machine, write};
use crate::namespace::Disk;
use std::collections::BTreeMap;
use std::process::Command;

/// All calls by which it changes names, or flushes.
const CALLS: [&str; 4] = ["renameat2", "mkdirat", "unlinkat", "syncfs"];

fn lived_in(machine: &Machine<'_>) {
    machine.write_tree("usr/share/factory/var/lib/seed", "vendor\n");
    machine.deploy("v1", &["--good"]);
    assert_eq!(machine.boot("").stands(), "v1");
    for path in ["etc/hosts", "etc/ssh/key", "var/lib/seed", "var/lib/app/data", "var/log/messages", "home/letter"] {
        write(&machine.root(path), "mine\n");
    }
}

/// What is there, and what it says.
fn seen(machine: &Machine<'_>) -> BTreeMap<&'static str, Option<String>> {
    let paths = ["etc/hosts", "etc/ssh/key", "var/lib/seed", "var/lib/app/data", "var/log/messages", "home/letter"];
    paths.into_iter().map(|path| (path, std::fs::read_to_string(machine.root(path)).ok())).collect()
}

fn reset(machine: &Machine<'_>, arguments: &[&str]) {
    machine.verb(&[&["reset"], arguments, &["--run", machine.lab.path("run")]].concat());
}

/// prepare-root, killed at such a call with this number. Whether it came that far.
fn killed_at(machine: &Machine<'_>, call: &str, number: u32) -> bool {
    machine.new_boot();
    let inject = format!("inject={call}:signal=KILL:when={number}");
    let [sysroot, run, config] = ["sysroot", "run", "config"].map(|name| machine.lab.path(name));
    let program = [PROGRAM, "prepare-root", sysroot, "", "--run", run, "--config-root", config];
    let trace = format!("trace={call}");
    let output = Command::new("strace").args(["-f", "-o", "/dev/null", "-e", &trace, "-e", &inject]).args(program).output().unwrap();
    !output.status.success()
}

/// The next boot goes on with it. The number of calls at which it was cut off.
fn cut_at_each(call: &'static str) -> u32 {
    let mut number = 1;
    loop {
        let done = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let end = std::sync::Arc::clone(&done);
        machine(Disk::Tmpfs, move |machine| {
            lived_in(machine);
            let mine = seen(machine);
            reset(machine, &["--etc", "--var", "--keep", "/var/**/data", "--keep", "/etc/ssh"]);
            let mut cut = killed_at(machine, call, number);
            machine.boot("");
            let after = seen(machine);
            for (path, gone) in [("etc/hosts", "vendor\n"), ("var/lib/seed", "vendor\n")] {
                assert_eq!(after[path].as_deref(), Some(gone), "{call} {number} {path}");
            }
            assert_eq!(after["var/log/messages"], None, "{call} {number}");
            for path in ["etc/ssh/key", "var/lib/app/data", "home/letter"] {
                assert_eq!(after[path], mine[path], "{call} {number} {path}");
            }
            reset(machine, &["--undo"]);
            cut |= killed_at(machine, call, number);
            machine.boot("");
            assert_eq!(seen(machine), mine, "{call} {number}");
            assert!(!machine.store("reset/journal").exists(), "{call} {number}");
            end.store(!cut, std::sync::atomic::Ordering::Relaxed);
        });
        if done.load(std::sync::atomic::Ordering::Relaxed) || number > 100 {
            return number;
        }
        number += 1;
    }
}

#[test]
fn a_reset_that_is_cut_off_anywhere_is_gone_on_with() {
    if std::fs::metadata("/proc/self").map(|own| std::os::unix::fs::MetadataExt::uid(&own)).unwrap() != 0 {
        return eprintln!("not run: this takes root");
    }
    let cuts: u32 = CALLS.into_iter().map(|call| cut_at_each(call) - 1).sum();
    assert!((20..400).contains(&cuts), "{cuts}");
}
