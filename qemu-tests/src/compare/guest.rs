//! One boot: an initramfs whose init does what the host asks for, and what it reports. The disks are those of every other boot.

use super::configuration::{Configuration, Feature};
use super::made::{self, Disk, Lab, PROGRAM};
use super::report::Report;
use crate::cache;
use crate::disk::{self, bytes_of};
use crate::error::{OrSay, Result};
use crate::machine::{Drive, Machine, Parts, Spec, Start};
use crate::tiny::initramfs;
use guest_init::{Fault, Reply, Request};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

const MODULES: [&str; 5] = ["virtio_pci", "virtio_blk", "virtio_console", "overlay", "ext4"];
/// Seconds for all configurations on a machine without KVM that has other things to do, too.
const SECONDS: u64 = 1200;

/// Which program prepares the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    Original,
    Bedplate,
}

impl Program {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Original => "ostree-prepare-root",
            Self::Bedplate => "bedplate",
        }
    }
}

/// A machine that runs one of the programs, in one configuration after the other.
#[derive(Debug)]
pub struct Guest {
    machine: Machine,
    disks: Vec<Disk>,
    /// When it was started: seconds since 1970, also by its own clock.
    since: u64,
}

impl Guest {
    pub fn boot(lab: &Lab, program: Program) -> Result<Self> {
        let out = cache::base().join("out/ostree-compare").join(program.word());
        cache::fresh_dir(&out)?;
        let disks = made::disks(&lab.tools)?;
        let drives = disks.iter().enumerate().map(|(number, disk)| drive(disk, &out.join(format!("disk-{number}"))));
        let drives = drives.collect::<Result<_>>()?;
        let initramfs = out.join("initramfs");
        let files = match program {
            Program::Original => lab.original.clone(),
            Program::Bedplate => {
                let bytes = fs::read(&lab.host.programs.bedplate).or_say("cannot read bedplate")?;
                BTreeMap::from([(PROGRAM.trim_start_matches('/').to_string(), bytes)])
            }
        };
        initramfs::write_with(&initramfs, &lab.host.programs.guest_init, &lab.kernel, &MODULES, &files)?;
        let start = Start::Kernel { image: lab.kernel.image.clone(), initramfs, cmdline: "console=ttyS0 panic=-1".to_string() };
        let parts = Parts { start, mebibytes: 256, processors: 1, seconds: SECONDS };
        let spec = Spec { parts, drives, clock: None, watchdog: None, resets: 0, console: out.join("console") };
        let since = SystemTime::now().duration_since(UNIX_EPOCH).or_say("the clock is before 1970")?.as_secs();
        let mut machine = Machine::start(&spec, lab.host.accel)?;
        machine.hello()?;
        Ok(Self { machine, disks, since })
    }

    /// Mounts the physical root, runs the program, and looks.
    pub fn prepare(&mut self, configuration: &Configuration) -> Result<Report> {
        self.done(&Request::Clear)?;
        for (path, text) in configuration.files() {
            let (dir, path) = (path.rsplit_once('/').map_or("", |(dir, _)| dir), format!("/{path}"));
            self.done(&Request::Directory { path: format!("/{dir}") })?;
            self.done(&Request::Write { path, text })?;
        }
        if configuration.has(Feature::Again) {
            self.done(&Request::Directory { path: "/run/ostree/.private".to_string() })?;
        }
        let number = made::disk_of(configuration).or_say("there is no such disk")?;
        let disk = self.disks.get(number).or_say("there is no such disk")?;
        let device = format!("/dev/vd{}", char::from(b'a' + u8::try_from(number).or_say("too many disks")?));
        let cmdline = configuration.cmdline(&disk.link);
        self.done(&Request::Physical { device, flags: configuration.mount_flags(), cmdline })?;
        let argv = [PROGRAM, "/sysroot"].map(str::to_string).to_vec();
        match self.machine.ask(&Request::Run { argv, kill_when: None })? {
            Reply::Ran(ran) => Ok(Report { exit: ran.exit, errors: ran.stderr, ..self.look()? }),
            other => Err(unexpected(&other)),
        }
    }

    pub fn plant(&mut self, fault: Fault) -> Result<()> {
        self.done(&Request::Plant { fault })
    }

    /// All but what the program said.
    pub fn look(&mut self) -> Result<Report> {
        let Reply::Mounts(mounts) = self.machine.ask(&Request::Mounts)? else { return Err("the guest has no mounts".to_string()) };
        let booted = match self.machine.ask(&Request::Hex { path: "/run/ostree-booted".to_string() })? {
            Reply::Text(hex) => hex.as_deref().map(bytes_of).transpose()?,
            other => return Err(unexpected(&other)),
        };
        let names = match self.machine.ask(&Request::List { path: "/".to_string() })? {
            Reply::Names(names) => names.unwrap_or_default(),
            other => return Err(unexpected(&other)),
        };
        let (run, files) = (self.listing("/run")?, self.listing("/sysroot")?);
        Ok(Report { since: self.since, mounts, run, files, names, booted, ..Report::default() })
    }

    fn listing(&mut self, path: &str) -> Result<Vec<String>> {
        match self.machine.ask(&Request::Listing { path: path.to_string() })? {
            Reply::Lines(lines) => Ok(lines),
            other => Err(unexpected(&other)),
        }
    }

    fn done(&mut self, request: &Request) -> Result<()> {
        match self.machine.ask(request)? {
            Reply::Done => Ok(()),
            other => Err(format!("{request:?}: {}", unexpected(&other))),
        }
    }
}

/// A copy: every boot begins with the same disk.
fn drive(disk: &Disk, image: &Path) -> Result<Drive> {
    disk::copy(&disk.image, image)?;
    Ok(Drive { image: image.to_path_buf(), sector: 512, read_only: false, log: None })
}

fn unexpected(reply: &Reply) -> String {
    format!("the guest answers {reply:?}")
}
