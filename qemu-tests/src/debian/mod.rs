//! The real guest: Debian with systemd, an initramfs made by its dracut, and bedplate installed by `make install`.

pub mod build;

use crate::cpio::Archive;
use crate::disk::Content;
use crate::error::{OrSay, Result};
use crate::lay;
use crate::machine::{Parts, Start};
use crate::programs::Programs;
use crate::scenario::{Boot, Deployment, Flavour, Scenario, Watchdog};
use crate::tool::Tool;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// Seconds for one boot on a machine without KVM that has other things to do, too.
const SECONDS: u64 = 600;

/// The console shows what systemd does, but not every word of the kernel: without KVM each costs time.
const CMDLINE: &str = "rw console=ttyS0 panic=-1 loglevel=5 systemd.show_status=true TERM=dumb";

/// What QEMU starts; the initramfs is made in `out`.
pub fn parts(scenario: &Scenario, boot: &Boot, programs: &Programs, out: &Path) -> Result<Parts> {
    let base = build::base()?;
    let made = build::initramfs(&base, programs, scenario.initramfs)?;
    let initramfs = out.join("initramfs");
    let config = boot.config.as_deref().unwrap_or(&scenario.config);
    let config = [("usr/lib/bedplate/bedplate.toml", config)];
    let files = boot.initramfs.iter().map(|(path, text)| (path.as_str(), text.as_str()));
    add(&made, config.into_iter().chain(files), &initramfs)?;
    let parameters = scenario.watchdog.map_or("", Watchdog::parameters);
    let parameters = if parameters.is_empty() { String::new() } else { format!(" {}.{parameters}", Watchdog::MODULE) };
    let cmdline = format!("root={} {CMDLINE}{parameters} {}", scenario.disk.root, boot.cmdline);
    let seconds = boot.seconds.unwrap_or(SECONDS);
    // One processor: QEMU 7.2 without KVM can crash the kernel of a second one when code is patched under it.
    Ok(Parts { start: Start::Kernel { image: base.join("vmlinuz"), initramfs, cmdline }, mebibytes: 1024, processors: 1, seconds })
}

/// A second archive in the same file holds the configuration and what a boot adds: the kernel unpacks one after the other.
fn add<'a>(made: &Path, files: impl Iterator<Item = (&'a str, &'a str)>, to: &Path) -> Result<()> {
    fs::copy(made, to).or_say(format!("cannot copy {}", made.display()))?;
    let append = move || -> io::Result<()> {
        let mut archive = Archive::new(File::options().append(true).open(to)?);
        for (path, text) in files {
            archive.file(path, 0o644, text.as_bytes())?;
        }
        archive.finish()?.flush()
    };
    append().or_say(format!("cannot write {}", to.display()))
}

/// A deployment's tree in the new directory `to`, with the service that reports to the host.
pub fn lay(to: &Path, deployment: &Deployment, content: &Content) -> Result<()> {
    let programs = &content.programs;
    for part in [build::tree(&build::base()?, content.flavour)?, build::installed(programs)?] {
        Tool::new("cp").args(["-a", "--reflink=auto"]).arg(part.join(".")).arg(to).run()?;
    }
    let units = to.join("usr/lib/systemd/system");
    lay::install(&to.join("usr/lib/guest/guest-init"), &programs.guest_init)?;
    lay::file(&units.join("guest-init.service"), include_str!("../../guest/debian/guest-init.service"))?;
    lay::link(&units.join("sysinit.target.wants/guest-init.service"), "../guest-init.service")?;
    version(to, &deployment.id)?;
    lay::vary(to, &deployment.tree)
}

/// No two versions are the same.
fn version(to: &Path, id: &str) -> Result<()> {
    let path = to.join("usr/lib/os-release");
    let text = fs::read_to_string(&path).or_say(format!("cannot read {}", path.display()))?;
    let kept = text.lines().filter(|line| !line.starts_with("VERSION_ID="));
    let text: String = kept.map(|line| format!("{line}\n")).chain([format!("VERSION_ID={id}\n")]).collect();
    lay::file(&path, &text)
}

/// Names everything that a tree is made of, beside the programs.
pub fn inputs(programs: &Programs, flavour: Flavour) -> Result<String> {
    let tree = build::tree(&build::base()?, flavour)?;
    Ok(format!("{} {}", tree.display(), build::installed(programs)?.display()))
}
