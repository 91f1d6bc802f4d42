//! One scenario from its first boot to its last.

use super::boot::{self, Seen};
use super::{Host, guest_checks, host_checks, out_dir};
use crate::cache;
use crate::debian;
use crate::disk::{self, Content, Disk};
use crate::error::{OrSay, Result};
use crate::machine::{Drive, Spec};
use crate::record::OnDisk;
use crate::scenario::{Boot, Scenario, Tier};
use crate::tiny;
use std::path::{Path, PathBuf};

/// Lines of the console that a failure shows.
const TAIL: usize = 40;

/// An error lists all that did not hold in the first boot that went wrong.
pub fn run(host: &Host, scenario: &Scenario) -> Result<()> {
    let (disk, more) = prepare(host, scenario)?;
    for (number, boot) in (1..).zip(&scenario.boots) {
        let at = At { host, scenario, disk: &disk, more: &more, number };
        let (seen, misses) = at.run(boot);
        if !misses.is_empty() {
            let misses = misses.join(&format!("\n      boot {number}: "));
            return Err(format!("      boot {number}: {misses}\n{}", tail(&seen.console)));
        }
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
        let ready = cache::fresh_dir(&out).and_then(|()| self.disk.damage(&boot.faults));
        match ready.and_then(|()| spec(self.host, self.scenario, boot, self.disk, self.more, &out)) {
            Ok(spec) => {
                let (seen, misses) = boot::run(&spec, self.host.accel, boot);
                let held = [guest_checks::check(&boot.expect, &seen), host_checks::check(&boot.expect, &seen, self.disk, &out)];
                (seen, [misses, held.concat()].concat())
            }
            Err(why) => (Seen::default(), vec![why]),
        }
    }

    /// Where its console and what was seen of the disk are kept.
    fn out(&self) -> PathBuf {
        out_dir(self.scenario).join(format!("boot-{}", self.number))
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
    let drive = |image: &Path, read_only| Drive { image: image.to_path_buf(), sector: scenario.disk.sector, read_only };
    let drives = [drive(&disk.image, boot.read_only)].into_iter().chain(more.iter().map(|image| drive(image, false))).collect();
    Ok(Spec { parts, drives, clock: boot.clock.clone(), watchdog: scenario.watchdog, resets: boot.resets, console: out.join("console") })
}

fn tail(console: &str) -> String {
    let lines: Vec<_> = console.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = lines.get(lines.len().saturating_sub(TAIL)..).unwrap_or_default();
    last.iter().map(|line| ["      | ", line, "\n"].concat()).collect()
}
