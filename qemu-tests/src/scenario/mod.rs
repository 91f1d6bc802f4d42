//! A scenario: a machine, and boot by boot what is done to it and what must hold. Plain data from a TOML file.

mod boot;
mod expect;
mod step;
#[cfg(test)]
mod tests;
mod tree;

pub use boot::{Boot, End, Fault};
pub use expect::{Ended, Expect, ExpectFile, ExpectMount, ExpectSlot};
pub use step::{Checks, Step};
pub use tree::{Deployment, Ostree, Tree};

use crate::error::{OrSay, Result};
use crate::kernel;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Scenario {
    /// The file's name without `.toml`.
    #[serde(skip)]
    pub name: String,
    /// One line: what is shown.
    pub title: String,
    #[serde(default)]
    pub tier: Tier,
    /// Of the tiny tier; the other has Debian's own.
    #[serde(default)]
    pub kernel: kernel::Version,
    /// Of the tier debian.
    #[serde(default)]
    pub initramfs: Initramfs,
    /// Of the tier debian: what its trees hold.
    #[serde(default)]
    pub flavour: Flavour,
    #[serde(default)]
    pub disk: Disk,
    /// The machine has a hardware watchdog (i6300esb).
    pub watchdog: Option<Watchdog>,
    /// `usr/lib/bedplate/bedplate.toml` of the initramfs.
    #[serde(default)]
    pub config: String,
    /// In the store before the first boot, in this order.
    #[serde(default, rename = "deployment")]
    pub deployments: Vec<Deployment>,
    /// Lie at `/sysroot/trees/ID`, to be deployed by a step.
    #[serde(default, rename = "tree")]
    pub trees: Vec<Deployment>,
    #[serde(rename = "boot")]
    pub boots: Vec<Boot>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// bedplate is the whole initramfs, and a deployment little more than an init.
    #[default]
    Tiny,
    /// Debian with systemd and dracut.
    Debian,
}

impl Tier {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Tiny => "tiny",
            Self::Debian => "debian",
        }
    }
}

/// What is in a Debian tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flavour {
    /// What it needs to start.
    #[default]
    Plain,
    /// What is used on real machines, too: Ansible, sudo, and apt with a source that needs no network.
    Field,
}

/// What the driver of the watchdog allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Watchdog {
    Stoppable,
    /// Once it runs, nothing stops it (the driver's parameter `nowayout`).
    Nowayout,
}

impl Watchdog {
    pub const MODULE: &str = "i6300esb";

    /// Of its module.
    pub const fn parameters(self) -> &'static str {
        match self {
            Self::Stoppable => "",
            Self::Nowayout => "nowayout=1",
        }
    }
}

/// How dracut makes the initramfs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Initramfs {
    #[default]
    Systemd,
    /// With a shell script as init.
    Plain,
}

impl Initramfs {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Systemd => "systemd",
            Self::Plain => "plain",
        }
    }
}

/// The disk with the sysroot, /dev/vda, and others: /dev/vdb and on.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Disk {
    pub fs: FileSystem,
    pub mebibytes: u64,
    /// Bytes of a logical sector.
    pub sector: u32,
    /// The sysroot is the first partition, with the GPT name `sysroot`, not the whole disk.
    pub partitioned: bool,
    /// For `root=`.
    pub root: String,
    /// Files outside the store, by path in the sysroot.
    pub files: BTreeMap<String, String>,
    pub more: Vec<MoreDisk>,
    /// Its ext4 can have fs-verity, and the guest can open dm-verity and mount EROFS.
    pub verity: bool,
    /// MiB of an EFI system partition, the second one, with systemd-boot. The machine then starts by its firmware, and
    /// deployments with a kernel bring their entries; on the disk that is read afterwards it is `esp`. 0: QEMU loads the kernel.
    pub esp: u64,
}

impl Disk {
    fn check(&self, tier: Tier, boots: &[Boot]) -> Result<()> {
        let cannot = match self {
            Self { esp: 0, .. } => return Ok(()),
            Self { partitioned: false, .. } => "needs disk.partitioned",
            Self { fs: FileSystem::Xfs | FileSystem::Btrfs, .. } => "needs ext4",
            _ if tier == Tier::Debian => "is of the tier tiny",
            _ if boots.iter().any(|boot| !boot.cmdline.is_empty() || boot.config.is_some()) => {
                "leaves command line and config to the entries"
            }
            _ => return Ok(()),
        };
        Err(format!("disk.esp {cannot}"))
    }
}

impl Default for Disk {
    fn default() -> Self {
        let root = "/dev/vda".to_string();
        Self {
            fs: FileSystem::Ext4,
            mebibytes: 96,
            sector: 512,
            partitioned: false,
            root,
            files: BTreeMap::new(),
            more: Vec::new(),
            verity: false,
            esp: 0,
        }
    }
}

/// An empty file system on a disk of its own.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct MoreDisk {
    #[serde(default)]
    pub fs: FileSystem,
    pub label: String,
    pub mebibytes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FileSystem {
    #[default]
    Ext4,
    Xfs,
    Btrfs,
}

impl FileSystem {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ext4 => "ext4",
            Self::Xfs => "xfs",
            Self::Btrfs => "btrfs",
        }
    }
}

/// All scenarios of a directory, by name.
pub fn load_all(dir: &Path) -> Result<Vec<Scenario>> {
    let entries = fs::read_dir(dir).or_say(format!("cannot read {}", dir.display()))?.flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "toml")).collect();
    paths.sort();
    paths.iter().map(|path| load(path)).collect()
}

pub fn load(path: &Path) -> Result<Scenario> {
    let text = fs::read_to_string(path).or_say(format!("cannot read {}", path.display()))?;
    let mut scenario = parse(&text).or_say(path.display())?;
    scenario.name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Ok(scenario)
}

/// Errors have line and column.
pub fn parse(text: &str) -> Result<Scenario> {
    let scenario: Scenario = toml::from_str(text).map_err(|why| why.to_string())?;
    scenario.disk.check(scenario.tier, &scenario.boots)?;
    if scenario.tier == Tier::Tiny && scenario.flavour != Flavour::Plain {
        return Err("flavour is of the tier debian".to_string());
    }
    for (number, boot) in (1..).zip(&scenario.boots) {
        boot.check().or_say(format!("boot {number}"))?;
    }
    Ok(scenario)
}
