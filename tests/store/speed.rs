//! How long `verify` takes and what memory it needs, beside sha256sum over the same files. For `scripts/bench`: nothing here is run
//! by `make test`.

use super::bench::Bench;
use nix::sys::resource::{UsageWho, getrusage};
use std::fs::File;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const FILES: usize = 20_000;
const ROUNDS: usize = 5;

/// As in a /usr: most are small, some large, and 2 GiB together.
fn size(number: usize) -> usize {
    match number % 1000 {
        0 => 32 << 20,
        1..100 => 400 << 10,
        _ => 40 << 10,
    }
}

fn fill(bench: &Bench) -> usize {
    let block: Vec<u8> = (0_u64..1 << 17).flat_map(|at| at.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes()).collect();
    let mut bytes = 0;
    for number in 0..FILES {
        let path = bench.path(&format!("tree/usr/d{:03}", number % 200));
        std::fs::create_dir_all(&path).unwrap();
        let mut file = File::create(format!("{path}/file-{number:05}")).unwrap();
        let (mut left, begin) = (size(number), number * 8 % (1 << 19));
        bytes += left;
        while left > 0 {
            let part = &block[begin..][..left.min(block.len() - begin)];
            file.write_all(part).unwrap();
            left -= part.len();
        }
    }
    bytes
}

fn timed(act: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    act();
    begun.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

#[test]
#[ignore = "a benchmark"]
fn verify_beside_sha256sum() {
    let bench = Bench::new();
    let mebibytes = fill(&bench) >> 20;
    let program = std::env::var("BEDPLATE_BIN").unwrap_or_else(|_| env!("CARGO_BIN_EXE_bedplate").into());
    let sysroot = bench.path("sysroot");
    let run = |arguments: &[&str]| {
        let status = Command::new(&program).args(arguments).args(["--sysroot", &sysroot]).stdout(Stdio::null()).status().unwrap();
        assert!(status.success(), "{arguments:?}");
    };
    let deployed = timed(|| run(&["deploy", &bench.path("tree"), "--id", "v1", "--good"]));
    let usr = bench.path("sysroot/bedplate/deployments/v1/root/usr");
    let sums = || {
        let line = "find \"$0\" -type f -print0 | xargs -0 -P$(nproc) -n 64 sha256sum";
        assert!(Command::new("sh").args(["-c", line, &usr]).stdout(Stdio::null()).status().unwrap().success());
    };
    let (mut verifies, mut others) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        others.push(timed(sums));
        verifies.push(timed(|| run(&["verify", "v1"])));
    }
    let (checked, summed) = (median(verifies), median(others));
    println!("{:-<34} {FILES} files, {mebibytes} MiB in /usr; median of {ROUNDS}", "");
    for (name, time) in [("sha256sum, all cores", summed), ("bedplate verify", checked), ("bedplate deploy (once)", deployed)] {
        println!("{name:<34} {:>8.2} s  {:>6.2}", time.as_secs_f64(), time.as_secs_f64() / summed.as_secs_f64());
    }
    let most = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss();
    println!("{:<34} {most:>8} KiB", "memory of any of them, at most");
    assert!(most < 64 << 10);
}
