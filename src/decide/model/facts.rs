//! What is found: the store and its deployments, the physical root, the running kernel. Gathered read only.

use super::{BootId, Id, Instance, Owner};
use crate::decide::kernel::OwnKernel;
use crate::decide::manifest::Manifest;
use crate::decide::marker::Marker;
use crate::decide::record::ending::Ending;
use crate::decide::record::{Key, Outcome};
use crate::error::Error;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// A directory in deployments/ with what matters for choosing it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    pub id: Id,
    /// `None`: the manifest could not be read, so that it has no instance and no slot can be its own.
    pub manifest: Option<Manifest>,
    /// The first deterministic reason why it cannot boot.
    pub defect: Option<Error>,
    /// The one with the higher revision of boot-success and boot-failure.
    pub marker: Option<Marker>,
    pub kernel: KernelFit,
    pub home: Home,
}

impl From<Manifest> for Deployment {
    /// One of the store's that was just written.
    fn from(manifest: Manifest) -> Self {
        let id = manifest.id.clone();
        Self { id, manifest: Some(manifest), defect: None, marker: None, kernel: KernelFit::Fits, home: Home::Store }
    }
}

/// Whose layout a deployment stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Home {
    /// `bedplate/deployments/ID`.
    Store,
    Ostree(OstreeHome),
}

/// A deployment of OSTree's; paths are below the physical root, without leading slash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct OstreeHome {
    /// `ostree/deploy/OS/deploy/CHECKSUM.SERIAL`.
    pub path: String,
    /// The link by which a boot loader asks for it (`ostree=`); `None`: no boot loader entry can.
    pub link: Option<String>,
}

impl Deployment {
    pub fn instance(&self) -> Option<&Instance> {
        self.manifest.as_ref().map(|m| &m.instance)
    }

    /// Where its markers are, below the store.
    pub fn home_path(&self) -> String {
        let instance = self.instance().map_or("", Instance::as_str);
        match self.home {
            Home::Store => alloc::format!("deployments/{}", self.id),
            Home::Ostree(_) => alloc::format!("ostree/{}@{instance}", self.id),
        }
    }

    /// Where its tree is, below the physical root.
    pub fn tree_path(&self) -> String {
        match &self.home {
            Home::Store => alloc::format!("bedplate/deployments/{}/root", self.id),
            Home::Ostree(home) => home.path.clone(),
        }
    }

    /// Whether `ID@INSTANCE` names it. One whose manifest cannot be read goes by its ID: nothing says that it is another one.
    pub fn is_named(&self, name: &str) -> bool {
        let Some((id, instance)) = name.split_once('@') else { return false };
        let is_own = |named: &Instance| self.instance().is_none_or(|own| own == named);
        id == self.id.as_str() && Instance::parse(instance).as_ref().is_some_and(is_own)
    }

    /// What ties it to its slot of the record.
    pub fn key(&self) -> Option<Key> {
        self.instance().map(|instance| Key::of(&self.id, instance))
    }

    /// Where it stands in OSTree's layout; `None`: it is one of the store's.
    pub fn ostree(&self) -> Option<&OstreeHome> {
        match &self.home {
            Home::Store => None,
            Home::Ostree(home) => Some(home),
        }
    }

    /// Which of them a slot belongs to.
    pub fn owner(deployments: &[Self], key: Key) -> Option<&Self> {
        deployments.iter().find(|deployment| deployment.key() == Some(key))
    }
}

/// Whether usr/lib/modules holds the running kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KernelFit {
    /// It does, or the deployment has no modules at all.
    Fits,
    /// It holds only these releases. `own` is the newest of them that can be started: its image and its initramfs are there.
    Mismatch { releases: Vec<String>, own: Option<OwnKernel> },
}

/// Whether the running kernel can start another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kexec {
    Possible,
    /// With the reason that was found.
    Impossible(String),
}

/// Whether the disk with the store takes writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disk {
    Writable,
    /// With the reason that was found.
    ReadOnly(String),
}

/// What the choice is made from, beside the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    pub deployments: Vec<Deployment>,
    pub boot_id: BootId,
    /// How the boot before this one ended, where that is known.
    pub previous: Option<Ending>,
    /// `uname -r`.
    pub kernel: String,
    pub kexec: Kexec,
}

impl Facts {
    /// The deployment with this ID.
    pub fn deployment(&self, id: &Id) -> Option<&Deployment> {
        self.deployments.iter().find(|deployment| deployment.id == *id)
    }

    /// The deployment that a slot belongs to.
    pub fn owner(&self, key: Key) -> Option<&Deployment> {
        Deployment::owner(&self.deployments, key)
    }

    /// The deployment of OSTree's at a path below the physical root.
    pub fn ostree_at(&self, path: &str) -> Option<&Deployment> {
        self.deployments.iter().find(|deployment| deployment.ostree().is_some_and(|home| home.path == path))
    }

    pub fn id_of(&self, key: Key) -> Option<&Id> {
        self.owner(key).map(|deployment| &deployment.id)
    }
}

/// What the last boot left behind about its own end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Evidence {
    #[default]
    None,
    /// The hardware watchdog says that it reset the machine.
    Watchdog,
    /// The kernel panicked.
    Panic,
}

impl Evidence {
    /// What it says of that boot; `None`: nothing.
    pub const fn outcome(self) -> Option<Outcome> {
        match self {
            Self::None => None,
            Self::Watchdog => Some(Outcome::Watchdog),
            Self::Panic => Some(Outcome::Panic),
        }
    }
}

/// What the plan is made from: the chosen tree and the place where it will stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeFacts {
    pub id: Id,
    /// `ID@INSTANCE`: the name of its state below `bedplate/state`.
    pub state_name: String,
    pub vendor_etc: VendorEtc,
    /// Mode and owner of the vendor /etc.
    pub etc_owner: Owner,
    /// What stands in the deployment at each path that a plan may cover; without leading slash.
    pub entries: Vec<(String, Entry)>,
    /// The merged /etc/fstab, line by line.
    pub fstab: Vec<FstabLine>,
    pub has_machine_id: bool,
    /// The tree mounts /tmp by itself (tmp.mount is enabled).
    pub tmp_mount: bool,
    /// The shared var/ holds nothing yet.
    pub var_empty: bool,
    /// `usr/share/factory/var` where it is, else the tree's own `var`; `None`: neither holds anything.
    pub var_factory: Option<String>,
    pub disk: Disk,
    /// Directories below `bedplate/state/STATE_NAME` that exist already.
    pub state: Vec<String>,
    /// The name of the state of the deployment that this one came `from`, where a transient /etc has kept something there.
    pub kept_before: Option<String>,
    /// The init program to check for, as named in the deployment.
    pub init: String,
}

impl TreeFacts {
    /// Where in the tree the content of a path comes from: that of /etc is the vendor's.
    pub fn source(&self, path: &str) -> String {
        self.vendor_etc.source(path)
    }

    pub fn entry(&self, path: &str) -> Entry {
        self.entries.iter().find(|(p, _)| p == path).map_or(Entry::Absent, |(_, e)| e.clone())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VendorEtc {
    /// usr/etc
    UsrEtc,
    /// etc
    Etc,
}

impl VendorEtc {
    pub fn path(self) -> &'static str {
        match self {
            Self::UsrEtc => "usr/etc",
            Self::Etc => "etc",
        }
    }

    /// Where in the tree the content of a path comes from.
    pub fn source(self, path: &str) -> String {
        match path.strip_prefix("etc/") {
            Some(inner) => alloc::format!("{}/{inner}", self.path()),
            None => path.into(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    Absent,
    Directory(Owner),
    /// With its target.
    Symlink(String),
    Other,
}

/// One mount line of fstab(5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FstabLine {
    /// From 1.
    pub line: usize,
    pub what: String,
    pub target: String,
    pub fstype: String,
    pub options: String,
}

#[cfg(test)]
mod tests {
    use super::super::fixture::deployment;
    use super::*;

    #[test]
    fn a_deployment_is_named_by_its_id_and_instance() {
        let whole = deployment("v1");
        let damaged = Deployment { manifest: None, ..whole.clone() };
        let own = alloc::format!("v1@{}", whole.instance().unwrap().as_str());
        for (name, is_whole, is_damaged) in [
            (own.as_str(), true, true),
            ("v1@0000000000000000", false, true),
            ("v1@../../etc", false, false),
            ("v1", false, false),
            ("v2@0000000000000000", false, false),
        ] {
            assert_eq!((whole.is_named(name), damaged.is_named(name)), (is_whole, is_damaged), "{name}");
        }
    }
}
