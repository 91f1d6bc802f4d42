//! `power-cut`: the power of a guest is cut at every point of what it wrote to its disk, and the real reader must find something
//! that boots: in a program on the host for every cut, and by a boot for every state that differs.

mod boots;
mod campaign;
mod expect;
mod judge;
mod lab;
mod promise;
mod tally;
mod trees;
mod trial;

use crate::blocklog::Extent;
use crate::cache;
use crate::error::{OrSay, Result};
use crate::run::{self, Host};
use crate::scenario::{self, FileSystem, Scenario};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};
use std::time::Instant;
use tally::Tally;

/// Of one log, where not all are wanted: cuts beside those around commits of the record and ends of verbs.
const CUTS: usize = 60;
/// And boots.
const BOOTS: usize = 2;

/// What is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Some cuts and boots, on ext4.
    Sample,
    /// All, on each file system.
    All,
}

impl Scope {
    const fn extent(self) -> Extent {
        match self {
            Self::Sample => Extent::Sample(CUTS),
            Self::All => Extent::All,
        }
    }

    const fn boots(self) -> usize {
        match self {
            Self::Sample => BOOTS,
            Self::All => usize::MAX,
        }
    }
}

/// Becomes this program again, in a mount namespace of its own: whatever it mounts goes with it.
pub fn in_own_namespace() -> Result<ExitCode> {
    let own = std::env::current_exe().or_say("cannot find this program")?;
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private"]).arg(own).args(std::env::args_os().skip(1)).arg("--inside");
    Err(command.exec()).or_say("cannot run unshare")
}

/// Fails if one scenario does.
pub fn run(filter: &[String], scope: Scope, jobs: usize) -> Result<ExitCode> {
    let scenarios = load(filter, scope)?;
    let host = Host::find()?;
    println!("{} scenarios, {jobs} at once, {}", scenarios.len(), host.accel.word());
    let tallies = run::at_once(&scenarios, jobs, |scenario| {
        let began = Instant::now();
        let tried = campaign::run(&host, scenario, scope);
        let seconds = began.elapsed().as_secs_f32();
        match &tried {
            Ok(tally) => println!("ok    {:<24} {tally}  {seconds:.1} s", scenario.name),
            Err(why) => println!("FAIL  {:<24} {seconds:.1} s\n{why}\n      files: {}", scenario.name, run::out_dir(scenario).display()),
        }
        tried.ok()
    });
    let passed: Vec<&Tally> = tallies.iter().flatten().collect();
    let failed = tallies.len() - passed.len();
    println!("in all                         {}", passed.into_iter().fold(Tally::default(), |all, one| all + one));
    println!("{} passed, {failed} failed", tallies.len() - failed);
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn load(filter: &[String], scope: Scope) -> Result<Vec<Scenario>> {
    let all = scenario::load_all(&cache::workspace().join("qemu-tests/power-cuts"))?;
    let variants = |scenario: Scenario| match scope {
        Scope::Sample => vec![scenario],
        Scope::All => [FileSystem::Ext4, FileSystem::Xfs, FileSystem::Btrfs].map(|fs| on(&scenario, fs)).to_vec(),
    };
    let named = |scenario: &Scenario| filter.is_empty() || filter.iter().any(|part| scenario.name.contains(part));
    let chosen: Vec<_> = all.into_iter().flat_map(variants).filter(named).collect();
    if chosen.is_empty() { Err(format!("no scenario of power cuts has {} in its name", filter.join(" or "))) } else { Ok(chosen) }
}

/// The same on another file system, on a disk that it can be made on.
fn on(scenario: &Scenario, fs: FileSystem) -> Scenario {
    let mut scenario = scenario.clone();
    let least = match fs {
        FileSystem::Ext4 => 0,
        FileSystem::Xfs => 320,
        FileSystem::Btrfs => 256,
    };
    scenario.name = format!("{}-{}", scenario.name, fs.word());
    (scenario.disk.fs, scenario.disk.mebibytes) = (fs, scenario.disk.mebibytes.max(least));
    scenario
}
