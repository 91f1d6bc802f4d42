//! A real Debian of one deployment, with systemd and dracut: booted with OSTree's own dracut module, and with bedplate's in its place.

use super::guest::Program;
use super::made::{self, Lab};
use crate::cache;
use crate::cpio::Archive;
use crate::disk::{self, differences};
use crate::error::{OrSay, Result};
use crate::machine::{Drive, Machine, Parts, Spec, Start};
use crate::run::Host;
use guest_init::mountinfo::Mount;
use guest_init::{Reply, Request};
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

/// Seconds for one boot on a machine without KVM that has other things to do, too.
const SECONDS: u64 = 900;
/// Without KVM each word on the console costs time.
const CMDLINE: &str = "root=/dev/vda rw console=ttyS0 panic=-1 loglevel=5 systemd.show_status=true TERM=dumb";
/// prepare-root.conf, and how it is called here.
const CONFIGURATIONS: [(&str, &str); 2] = [("defaults", ""), ("readonly", "[sysroot]\nreadonly=true\n")];

/// Boots each configuration twice, and prints what differs.
pub fn compare() -> Result<ExitCode> {
    let lab = Lab::find(Host::find()?)?;
    let mut odd = 0;
    for (name, conf) in CONFIGURATIONS {
        let (theirs, ours) = (report(&lab, Program::Original, name, conf)?, report(&lab, Program::Bedplate, name, conf)?);
        let found = differences(&theirs, &ours);
        println!("Debian, {name}: {} lines, {} differences", theirs.len(), found.len());
        for line in &found {
            println!("  {line}");
        }
        odd += found.len();
    }
    Ok(if odd == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What the running system says, once all of it has started.
fn report(lab: &Lab, program: Program, name: &str, conf: &str) -> Result<Vec<String>> {
    let out = cache::base().join("out/ostree-system").join(format!("{}-{name}", program.word()));
    cache::fresh_dir(&out)?;
    let (system, made) = (made::system(lab)?, made::initramfs(lab, program)?);
    let (image, initramfs) = (out.join("disk"), out.join("initramfs"));
    disk::copy(&system.image, &image)?;
    add(&made, conf, &initramfs)?;
    let cmdline = format!("{CMDLINE} ostree={}", system.link);
    let parts = Parts {
        start: Start::Kernel { image: lab.tools.join("vmlinuz"), initramfs, cmdline },
        mebibytes: 1024,
        processors: 1,
        seconds: SECONDS,
    };
    let drives = vec![Drive { image, sector: 512, read_only: false, log: None }];
    let spec = Spec { parts, drives, clock: None, watchdog: None, resets: 0, console: out.join("console") };
    let mut machine = Machine::start(&spec, lab.host.accel)?;
    machine.hello()?;
    let lines = look(&mut machine)?;
    let text = lines.join("\n");
    fs::write(out.join("report"), text).or_say("cannot keep the report")?;
    Ok(lines)
}

/// A second archive in the same file: the kernel unpacks one after the other.
fn add(made: &Path, conf: &str, to: &Path) -> Result<()> {
    fs::copy(made, to).or_say(format!("cannot copy {}", made.display()))?;
    let append = || -> std::io::Result<()> {
        let mut archive = Archive::new(File::options().append(true).open(to)?);
        archive.file("etc/ostree/prepare-root.conf", 0o644, conf.as_bytes())?;
        archive.finish()?.flush()
    };
    append().or_say(format!("cannot write {}", to.display()))
}

fn look(machine: &mut Machine) -> Result<Vec<String>> {
    let state = run(machine, "systemctl is-system-running --wait")?;
    let failed = run(machine, "systemctl list-units --failed --plain --no-legend")?;
    let status = run(machine, "ostree admin status")?;
    let Reply::Mounts(mounts) = machine.ask(&Request::Mounts)? else { return Err("the guest has no mounts".to_string()) };
    let Reply::Text(booted) = machine.ask(&Request::Hex { path: "/run/ostree-booted".to_string() })? else {
        return Err("the guest cannot read /run/ostree-booted".to_string());
    };
    let mut lines = [("state", state), ("failed unit", failed), ("status", status)].iter().fold(Vec::new(), |mut lines, (what, text)| {
        lines.extend(text.lines().map(|line| format!("{what}: {line}")));
        lines
    });
    lines.push(format!("/run/ostree-booted: {}", booted.unwrap_or_else(|| "there is none".to_string())));
    lines.extend(mounts.iter().filter(|mount| ["ext4", "overlay"].contains(&mount.fstype.as_str())).map(of_mount));
    Ok(lines)
}

fn of_mount(mount: &Mount) -> String {
    let peers: Vec<_> = mount.propagation.iter().filter_map(|word| word.split(':').next()).collect();
    format!(
        "mount {}: {} of {} {} {} super {} {}",
        mount.target,
        mount.root,
        mount.fstype,
        mount.source,
        mount.options.join(","),
        mount.super_options.join(","),
        peers.join(" ")
    )
}

fn run(machine: &mut Machine, command: &str) -> Result<String> {
    let argv = command.split(' ').map(str::to_string).collect();
    match machine.ask(&Request::Run { argv, kill_when: None })? {
        Reply::Ran(ran) => Ok([ran.stdout, ran.stderr].concat()),
        other => Err(format!("{command}: the guest answers {other:?}")),
    }
}
