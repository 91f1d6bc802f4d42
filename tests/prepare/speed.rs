//! How long `diff` and the carry of /etc take and what memory they need, beside a walk that only looks at each file and a copy. For `scripts/bench`: nothing here is
//! run by `make test`. BEDPLATE_BIN: the program to measure.

use crate::machine::{Machine, PROGRAM, machine, read, set_mode};
use crate::namespace::{Disk, run};
use bedplate::decide::model::Report;
use bedplate::sys::copy::{self, Node};
use bedplate::sys::{AsFd, BorrowedFd};
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const DIRECTORIES: usize = 200;
const FILES: usize = 100;
const ROUNDS: usize = 9;

/// As directory and name: every second one is changed.
fn paths() -> impl Iterator<Item = (usize, String)> {
    (0..DIRECTORIES * FILES).map(|number| (number, format!("etc/d{:03}/file-{number:05}.conf", number % DIRECTORIES)))
}

/// What the merged /etc costs that only is looked at: names and statx(2), by descriptor.
fn bare_walk(dir: BorrowedFd<'_>) -> usize {
    let mut seen = 0;
    for name in copy::list(dir).unwrap() {
        seen += 1;
        if copy::look(dir, &name).unwrap().node == Node::Directory {
            seen += bare_walk(copy::open_dir_at(dir, &name).unwrap().as_fd());
        }
    }
    seen
}

fn median(mut act: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let begun = Instant::now();
            act();
            begun.elapsed()
        })
        .collect();
    times.sort();
    times[ROUNDS / 2]
}

#[test]
#[ignore = "a benchmark"]
fn diff_beside_a_bare_walk() {
    machine(Disk::Image("ext4"), |machine| {
        for (number, path) in paths() {
            machine.write_tree(&path, &format!("{number} of v0\n").repeat(1 + number % 100));
        }
        machine.deploy("v0", &["--good"]);
        for (number, path) in paths().filter(|(number, _)| number % 3 == 0) {
            machine.write_tree(&path, &format!("{number} of v1\n").repeat(1 + number % 100));
        }
        machine.deploy("v1", &[]);
        machine.boot("").stands();
        for (number, path) in paths().filter(|(number, _)| number % 2 == 0) {
            let at = machine.root(&path);
            match number / 2 % 10 {
                0..4 => fs::write(&at, format!("{number} by somebody\n").repeat(1 + number % 100)).unwrap(),
                4 | 5 => fs::write(&at, format!("{number} of vX\n").repeat(1 + number % 100)).unwrap(),
                6 => set_mode(&at, 0o600),
                7 => fs::remove_file(&at).unwrap(),
                8 => drop(fs::OpenOptions::new().append(true).open(&at).unwrap()),
                _ => fs::write(at.with_extension("new"), "mine\n").unwrap(),
            }
        }
        let etc = bedplate::sys::fs::open_dir(machine.root("etc").to_str().unwrap()).unwrap();
        let places = ["--sysroot", machine.lab.path("disk"), "--run", machine.lab.path("run")];
        let program = std::env::var("BEDPLATE_BIN").unwrap_or_else(|_| PROGRAM.into());
        let diff = || {
            let output = Command::new(&program).args(["diff"]).args(places).stdout(Stdio::piped()).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), DIRECTORIES * FILES / 2);
        };
        let bare = median(|| assert!(bare_walk(etc.as_fd()) > DIRECTORIES * FILES - 2000));
        let differing = median(diff);
        let find = machine.root("etc");
        let found = median(|| run("find", &[find.to_str().unwrap(), "-size", "+1000000c"]));
        let ratio = |time: Duration| time.as_secs_f64() / bare.as_secs_f64();
        println!("{:-<34} 20,000 files in /etc, 10,000 of them changed; median of {ROUNDS}", "");
        for (name, time) in [("a bare walk, in this process", bare), ("find, which looks at each", found), ("bedplate diff", differing)] {
            println!("{name:<34} {:>8.2} ms  {:>6.2}", time.as_secs_f64() * 1000.0, ratio(time));
        }
        // It fails for want of memory, if at all.
        let command = [&["--as=67108864", &program, "diff", "--json"][..], &places].concat();
        run("prlimit", &command);
        println!("bedplate diff --json keeps to 64 MiB of address space");
    });
}

fn timed(act: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    act();
    begun.elapsed()
}

#[test]
#[ignore = "a benchmark"]
fn carry_beside_a_copy() {
    machine(Disk::Image("ext4"), |machine| {
        for (number, path) in paths() {
            machine.write_tree(&path, &format!("{number} of v0\n").repeat(1 + number % 100));
        }
        machine.deploy("v0", &["--good"]);
        machine.boot("").stands();
        for (number, path) in paths().filter(|(number, _)| number % 2 == 0) {
            fs::write(machine.root(&path), format!("{number} by somebody\n").repeat(1 + number % 100)).unwrap();
        }
        for (number, path) in paths().filter(|(number, _)| number % 30 == 0) {
            machine.write_tree(&path, &format!("{number} of v1\n").repeat(1 + number % 100));
        }
        machine.deploy("v1", &["--tries", "255"]);
        let [mut bare, mut flushed, mut carried] = [const { Vec::new() }; 3];
        for _ in 0..ROUNDS {
            machine.new_boot();
            let copied = copy_of_layer(machine);
            bare.push(copied[0]);
            flushed.push(copied[1]);
            carried.push(carry(machine));
        }
        let [bare, flushed, carried] = [bare, flushed, carried].map(|mut times| {
            times.sort();
            times[ROUNDS / 2].as_secs_f64()
        });
        println!("{:-<34} 10,000 changed files in 20,000 of /etc, 667 conflicts; median of {ROUNDS}", "");
        for (name, time) in [("cp -a, and a flush", flushed), ("cp -a alone", bare), ("/etc carried forward, flushed", carried)] {
            println!("{name:<34} {:>8.2} ms  {:>6.2}", time * 1000.0, time / flushed);
        }
        println!("prepare-root keeps to 64 MiB of address space meanwhile");
    });
}

/// The old layer, to a place that is empty: without and with a flush.
fn copy_of_layer(machine: &Machine<'_>) -> [Duration; 2] {
    let (upper, copy) = (machine.store(&machine.state("v0")).join("etc/upper"), machine.at("disk/copy"));
    for made in [&copy, &machine.store(&machine.state("v1"))] {
        let _ = fs::remove_dir_all(made);
    }
    let flush = || run("sync", &["-f", machine.lab.path("disk")]);
    flush();
    let copied = timed(|| run("cp", &["-a", upper.to_str().unwrap(), copy.to_str().unwrap()]));
    [copied, copied + timed(flush)]
}

/// As the boot itself has timed it. It fails for want of memory, if at all.
fn carry(machine: &Machine<'_>) -> Duration {
    let program = std::env::var("BEDPLATE_BIN").unwrap_or_else(|_| PROGRAM.into());
    let places = ["sysroot", "run", "config"].map(|name| machine.lab.path(name));
    run("prlimit", &["--as=67108864", &program, "prepare-root", places[0], "", "--run", places[1], "--config-root", places[2]]);
    let report: Report = serde_json::from_str(&read(&machine.at("run/bedplate/boot.json"))).unwrap();
    let what = report.carried.unwrap();
    assert_eq!((what.carried, what.conflicts), (10_000, 667));
    Duration::from_micros(report.timing.iter().find(|step| step.step.starts_with("carry")).unwrap().micros)
}
