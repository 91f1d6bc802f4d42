//! How long `diff` takes and what memory it needs, beside a walk that only looks at each file. For `scripts/bench`: nothing here is
//! run by `make test`. BEDPLATE_BIN: the program to measure.

use crate::machine::{PROGRAM, machine, set_mode};
use crate::namespace::{Disk, run};
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
