//! One scenario from its first boot to its last.

use super::boot::{self, Seen};
use super::{Host, guest_checks, host_checks, out_dir};
use crate::cache;
use crate::disk::{self, Content, Disk};
use crate::error::{OrSay, Result};
use crate::machine::{Drive, Spec};
use crate::scenario::{Boot, Scenario, Tier};
use crate::tiny;
use std::path::{Path, PathBuf};

/// Lines of the console that a failure shows.
const TAIL: usize = 40;

/// An error lists all that did not hold in the first boot that went wrong.
pub fn run(host: &Host, scenario: &Scenario) -> Result<()> {
    let (disk, more) = prepare(host, scenario)?;
    for (number, boot) in (1..).zip(&scenario.boots) {
        let out = out_dir(scenario).join(format!("boot-{number}"));
        cache::fresh_dir(&out)?;
        let say = |why: &str, console: &str| format!("      boot {number}: {why}\n{}", tail(console));
        disk.damage(&boot.faults).map_err(|why| say(&why, ""))?;
        let spec = spec(host, scenario, boot, &disk, &more, &out).map_err(|why| say(&why, ""))?;
        let (seen, misses) = boot::run(&spec, host.accel, boot);
        let misses = [misses, check(boot, &seen, &disk, &out)].concat();
        if !misses.is_empty() {
            return Err(say(&misses.join(&format!("\n      boot {number}: ")), &seen.console));
        }
    }
    Ok(())
}

fn check(boot: &Boot, seen: &Seen, disk: &Disk, out: &Path) -> Vec<String> {
    [guest_checks::check(&boot.expect, seen), host_checks::check(&boot.expect, seen, disk, out)].concat()
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
        Tier::Debian => return Err("scenarios of the tier debian cannot be run yet".to_string()),
    };
    let drive = |image: &Path, read_only| Drive { image: image.to_path_buf(), sector: scenario.disk.sector, read_only };
    let drives = [drive(&disk.image, boot.read_only)].into_iter().chain(more.iter().map(|image| drive(image, false))).collect();
    Ok(Spec { parts, drives, clock: boot.clock.clone(), console: out.join("console") })
}

fn tail(console: &str) -> String {
    let lines: Vec<_> = console.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = lines.get(lines.len().saturating_sub(TAIL)..).unwrap_or_default();
    last.iter().map(|line| ["      | ", line, "\n"].concat()).collect()
}
