//! One scenario: its boots are logged, every cut of a log is tried, and of the disks that differ in their state one is booted.

use super::boots;
use super::judge::Judge;
use super::lab::Lab;
use super::promise::Promise;
use super::tally::Tally;
use super::trial::Trial;
use super::{Scope, expect};
use crate::blocklog::{Choice, Cut, Log, Replay, cuts};
use crate::disk;
use crate::error::{OrSay, Result};
use crate::run::{self, At, Host, Seen};
use crate::scenario::{Boot, Scenario};
use bedplate::decide::record::codec::MAGIC;
use std::fs::File;

/// Failures that are listed.
const SHOWN: usize = 5;

/// The same cuts at every run.
const SEED: u64 = 0xbed9_1a7e;

/// Bytes that file systems take a disk to write all or none of: ext4 and btrfs for their superblocks, xfs for its sectors, which
/// are made of this size. The record relies on no such thing.
const ATOM: u64 = 4096;

pub fn run(host: &Host, scenario: &Scenario, scope: Scope) -> Result<Tally> {
    let mut tally = Tally::default();
    run::run_with(host, scenario, |at, boot, seen| {
        if boot.block_log {
            tally = tally + &of_boot(at, boot, seen, scope).or_say(format!("      boot {}", at.number))?;
        }
        Ok(())
    })?;
    Ok(tally)
}

fn of_boot(at: &At<'_>, boot: &Boot, seen: &Seen, scope: Scope) -> Result<Tally> {
    let mut log = open_log(at)?;
    let commits = commits(&mut log)?;
    expect::check(boot, seen, &commits)?;
    let promises = Promise::all_of(&seen.marks)?;
    let near: Vec<_> = promises.iter().map(|promise| promise.entries).chain(commits.iter().copied()).collect();
    let choice = Choice { extent: scope.extent(), interest: &near, atom: ATOM / log.sector, fine: &commits, seed: SEED };
    let all = cuts(&log.entries, choice);
    let lab = Lab::make(at.out().join("lab"), at.disk)?;
    lab.keep_whole(&at.before())?;
    lab.keep_whole(&at.disk.image)?;
    let mut trial = Trial::new(at, &lab, Judge::new(at.host, boot, &lab.whole()), promises);
    try_all(at, &lab, &mut trial, &all)?;
    let boots = boots::boot(at, boot, &trial.kept, scope.boots())?;
    let flushes = log.entries.iter().filter(|entry| entry.is_flush()).count();
    let (images, states) = (trial.images(), trial.kept.len());
    trial.clear_away()?;
    Ok(Tally { entries: log.entries.len(), flushes, cuts: all.len(), images, states, boots })
}

fn open_log(at: &At<'_>) -> Result<Log<File>> {
    Log::read(File::open(run::log_file(&at.out())).or_say("cannot open the log")?)
}

/// Entries that write a copy of the record.
fn commits(log: &mut Log<File>) -> Result<Vec<usize>> {
    let sector = usize::try_from(log.sector).or_say("sector")?;
    let mut commits = Vec::new();
    for (number, entry) in log.entries.clone().iter().enumerate() {
        if log.data(entry)?.chunks(sector).any(|sector| sector.starts_with(&MAGIC)) {
            commits.push(number);
        }
    }
    Ok(commits)
}

/// An error lists what did not hold.
fn try_all(at: &At<'_>, lab: &Lab, trial: &mut Trial<'_>, all: &[Cut]) -> Result<()> {
    disk::copy(&at.before(), &lab.cut())?;
    let disk = File::options().read(true).write(true).open(lab.cut()).or_say("cannot open the disk")?;
    let mut replay = Replay::new(open_log(at)?, disk);
    let mut failures = Vec::new();
    for cut in all {
        let image = replay.bring_to(cut)?;
        failures.extend(trial.cut(cut, image).err());
        if failures.len() >= SHOWN {
            break;
        }
    }
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n      ")) }
}
