//! One scenario from its first boot to its last.

use super::boot::{self, Seen};
use super::{Host, guest_checks, host_checks, out_dir};
use crate::blocklog;
use crate::cache;
use crate::debian;
use crate::disk::{self, Content, Disk};
use crate::error::{OrSay, Result};
use crate::machine::{Drive, Spec};
use crate::record::OnDisk;
use crate::scenario::{Boot, Scenario, Tier};
use crate::tiny;
use std::fs;
use std::path::{Path, PathBuf};

/// Lines of the console that a failure shows.
const TAIL: usize = 40;

/// An error lists all that did not hold in the first boot that went wrong.
pub fn run(host: &Host, scenario: &Scenario) -> Result<()> {
    run_with(host, scenario, |_, _, _| Ok(()))
}

/// The same, with more to be done after each boot.
pub fn run_with(host: &Host, scenario: &Scenario, mut after: impl FnMut(&At<'_>, &Boot, &Seen) -> Result<()>) -> Result<()> {
    let (disk, more) = prepare(host, scenario)?;
    for (number, boot) in (1..).zip(&scenario.boots) {
        let at = At { host, scenario, disk: &disk, more: &more, number };
        let (seen, misses) = at.run(boot);
        if !misses.is_empty() {
            let misses = misses.join(&format!("\n      boot {number}: "));
            return Err(format!("      boot {number}: {misses}\n{}", tail(&seen.console)));
        }
        after(&at, boot, &seen)?;
    }
    Ok(())
}

/// The place of one boot in its scenario.
#[derive(Debug, Clone, Copy)]
pub struct At<'a> {
    pub host: &'a Host,
    pub scenario: &'a Scenario,
    pub disk: &'a Disk,
    pub more: &'a [PathBuf],
    /// From 1.
    pub number: usize,
}

impl At<'_> {
    /// What came of a boot, and all that did not hold.
    pub fn run(&self, boot: &Boot) -> (Seen, Vec<String>) {
        let out = self.out();
        let ready = cache::fresh_dir(&out).and_then(|()| self.disk.damage(&boot.faults)).and_then(|()| self.ready_log(boot));
        match ready.and_then(|()| spec(self.host, self.scenario, boot, self.disk, self.more, &out)) {
            Ok(spec) => {
                let before = self.listing(boot, "before");
                let (seen, misses) = boot::run(&spec, self.host.accel, boot);
                let kept = fs::write(out.join("shown"), seen.shown.concat()).or_say("cannot keep what the steps showed").err();
                let unchanged = host_checks::unchanged(before, || self.listing(boot, "after"));
                let held = [guest_checks::check(&boot.expect, &seen), host_checks::check(&boot.expect, &seen, self.disk, &out), unchanged];
                (seen, [misses, held.concat(), kept.into_iter().collect()].concat())
            }
            Err(why) => (Seen::default(), vec![why]),
        }
    }

    /// Of what is to be unchanged.
    fn listing(&self, boot: &Boot, when: &str) -> Result<Vec<String>> {
        let paths = &boot.expect.unchanged;
        if paths.is_empty() { Ok(Vec::new()) } else { self.disk.list(paths, &self.out().join(when)) }
    }

    /// Where its console and what was seen of the disk are kept.
    pub fn out(&self) -> PathBuf {
        out_dir(self.scenario).join(format!("boot-{}", self.number))
    }

    /// The first disk as it was before the boot, where its writes are logged.
    pub fn before(&self) -> PathBuf {
        self.out().join("before.img")
    }

    fn ready_log(&self, boot: &Boot) -> Result<()> {
        if !boot.block_log {
            return Ok(());
        }
        disk::copy(&self.disk.image, &self.before())?;
        blocklog::create(&log_file(&self.out()))
    }

    /// The record as it is on the disk after the boot.
    pub fn record(&self) -> Result<OnDisk> {
        OnDisk::read(&self.out().join("seen/bedplate"))
    }
}

/// The disks of a scenario, as they are before its first boot.
pub fn prepare(host: &Host, scenario: &Scenario) -> Result<(Disk, Vec<PathBuf>)> {
    let out = out_dir(scenario);
    cache::fresh_dir(&out)?;
    let disk = Disk::make(&Content::of(scenario, &host.programs), &out.join("disk.img")).or_say("      cannot make the disk")?;
    let numbered = (1..).zip(&scenario.disk.more).map(|(number, more)| (out.join(format!("disk-{number}.img")), more));
    let more = numbered.map(|(path, more)| disk::make_empty(more, &path).map(|()| path)).collect::<Result<_>>()?;
    Ok((disk, more))
}

pub fn spec(host: &Host, scenario: &Scenario, boot: &Boot, disk: &Disk, more: &[PathBuf], out: &Path) -> Result<Spec> {
    let parts = match scenario.tier {
        Tier::Tiny => tiny::parts(scenario, boot, &host.programs, out)?,
        Tier::Debian => debian::parts(scenario, boot, &host.programs, out)?,
    };
    let drive = |image: &Path| Drive { image: image.to_path_buf(), sector: scenario.disk.sector, read_only: false, log: None };
    let first = Drive { read_only: boot.read_only, log: boot.block_log.then(|| log_file(out)), ..drive(&disk.image) };
    let drives = [first].into_iter().chain(more.iter().map(|image| drive(image))).collect();
    Ok(Spec { parts, drives, clock: boot.clock.clone(), watchdog: scenario.watchdog, resets: boot.resets, console: out.join("console") })
}

/// Of the first disk's writes in one boot.
pub fn log_file(out: &Path) -> PathBuf {
    out.join("blocks.log")
}

fn tail(console: &str) -> String {
    let lines: Vec<_> = console.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = lines.get(lines.len().saturating_sub(TAIL)..).unwrap_or_default();
    last.iter().map(|line| ["      | ", line, "\n"].concat()).collect()
}
