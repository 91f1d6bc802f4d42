//! Looks at the chosen deployment's tree and at the place where it will stand: what the plan is made from. Reads only.

use super::facts;
use super::store::{STORE, Store};
use crate::decide::config::{Config, EtcMode};
use crate::decide::fstab;
use crate::decide::model::{Deployment, Disk, Entry, Id, Instance, Owner, TreeFacts, VendorEtc};
use crate::decide::plan::{ETC_KEEP, MACHINE_ID, PACKAGE_DATABASES, SHARED_VAR, VAR_BACKED};
use crate::error::{Errno, Error, OrFail, Result};
use crate::sys::fs::{FileType, Stat};
use crate::sys::{OwnedFd, fs};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Facts on one deployment. Fails deterministically where the tree lacks what no plan can do without.
pub fn gather(store: &Store, deployment: &Deployment, config: &Config, disk: &Disk, init: Option<&str>) -> Result<TreeFacts> {
    let look = Look::new(store, deployment, config.etc.mode)?;
    let vendor_etc = look.vendor_etc()?;
    Ok(TreeFacts {
        id: deployment.id.clone(),
        vendor_etc,
        etc_owner: look.owner(vendor_etc.path())?,
        entries: look.entries(config, vendor_etc)?,
        fstab: fstab::parse(&look.merged_etc("fstab", vendor_etc)?.unwrap_or_default()),
        has_machine_id: look.merged_etc("machine-id", vendor_etc)?.is_some(),
        tmp_mount: look.enables_tmp_mount(vendor_etc)?,
        var_empty: look.var_is_empty()?,
        var_factory: var_factory(&look.tree)?,
        disk: disk.clone(),
        state: look.existing_state(config)?,
        kept_before: kept_before(store, deployment)?,
        init: facts::find_init(&look.tree, init)?,
        state_name: look.state_name,
    })
}

/// Where a tree has the vendor's /etc: usr/etc where it is a directory, else etc, else nowhere.
pub fn vendor_etc(tree: &OwnedFd) -> Result<Option<VendorEtc>> {
    for vendor in [VendorEtc::UsrEtc, VendorEtc::Etc] {
        let path = vendor.path();
        let stat = found(fs::stat_in(tree, path)).or_fail("cannot look at", path)?;
        if stat.is_some_and(|stat| stat.file_type == FileType::Directory) {
            return Ok(Some(vendor));
        }
    }
    Ok(None)
}

/// The vendor's /etc of a deployment; `None`: its tree has none.
pub fn open_vendor_etc(store: &Store, id: &Id) -> Result<Option<OwnedFd>> {
    let path = format!("deployments/{id}/root");
    let tree = fs::open_dir_in(&store.dir, &path).or_fail("cannot open the tree", &format!("{STORE}/{path}"))?;
    let Some(vendor) = vendor_etc(&tree)? else { return Ok(None) };
    fs::open_dir_in(&tree, vendor.path()).map(Some).or_fail("cannot open", &format!("{STORE}/{path}/{}", vendor.path()))
}

struct Look<'a> {
    store: &'a Store,
    tree: OwnedFd,
    state_name: String,
    /// Which layers /etc will have.
    etc_mode: EtcMode,
}

impl<'a> Look<'a> {
    fn new(store: &'a Store, deployment: &Deployment, etc_mode: EtcMode) -> Result<Self> {
        let Some(instance) = deployment.instance() else {
            return Err(Error::deterministic(format!("{} has no readable manifest", deployment.id)));
        };
        let path = format!("deployments/{}/root", deployment.id);
        let tree = fs::open_dir_in(&store.dir, &path).or_fail("cannot open the tree", &path)?;
        Ok(Self { store, tree, state_name: format!("{}@{instance}", deployment.id), etc_mode })
    }

    fn stat(&self, path: &str) -> Result<Option<Stat>> {
        found(fs::stat_in(&self.tree, path)).or_fail("cannot look at", path)
    }

    fn vendor_etc(&self) -> Result<VendorEtc> {
        vendor_etc(&self.tree)?.ok_or_else(|| Error::deterministic("the tree has neither /usr/etc nor /etc"))
    }

    fn owner(&self, path: &str) -> Result<Owner> {
        let stat = fs::stat_in(&self.tree, path).or_fail("cannot look at", path)?;
        Ok(Owner { mode: stat.mode, uid: stat.uid, gid: stat.gid })
    }

    /// Every path that a plan may cover.
    fn entries(&self, config: &Config, vendor_etc: VendorEtc) -> Result<Vec<(String, Entry)>> {
        let fixed = ["tmp", "sysroot", "var"].into_iter().chain(VAR_BACKED.map(|(path, _)| path)).chain(PACKAGE_DATABASES);
        let declared = config.path.iter().map(|path| path.target.trim_matches('/').to_string());
        let kept = config.etc.keep.iter().map(|path| {
            let path = path.trim_matches('/');
            format!("{}/{}", vendor_etc.path(), path.strip_prefix("etc/").unwrap_or(path))
        });
        let paths = fixed.map(ToString::to_string).chain(declared).chain(kept);
        paths.map(|path| self.entry(&vendor_etc.source(&path)).map(|entry| (path, entry))).collect()
    }

    fn entry(&self, path: &str) -> Result<Entry> {
        Ok(match self.stat(path)? {
            None => Entry::Absent,
            Some(stat) => match stat.file_type {
                FileType::Directory => Entry::Directory(Owner { mode: stat.mode, uid: stat.uid, gid: stat.gid }),
                FileType::Symlink => Entry::Symlink(fs::read_link_in(&self.tree, path).or_fail("cannot read the link", path)?),
                FileType::Regular | FileType::Other => Entry::Other,
            },
        })
    }

    /// Where a file of /etc comes from as this boot will show it: the deployment's own change, else the tree's. A whiteout
    /// hides it.
    fn etc_file(&self, name: &str, vendor_etc: VendorEtc) -> Result<Option<EtcFile<'_>>> {
        let upper = format!("state/{}/etc/upper/{name}", self.state_name);
        let own = match self.etc_mode {
            EtcMode::Overlay => found(fs::stat_in(&self.store.dir, &upper)).or_fail("cannot look at", &upper)?,
            EtcMode::Transient | EtcMode::Ro | EtcMode::Bind => None,
        };
        let tree = if self.etc_mode == EtcMode::Bind { "etc" } else { vendor_etc.path() };
        let (root, path, stat) = match own {
            Some(stat) => (&self.store.dir, upper, Some(stat)),
            None => (&self.tree, format!("{tree}/{name}"), self.stat(&format!("{tree}/{name}"))?),
        };
        let there = stat.filter(|stat| matches!(stat.file_type, FileType::Regular | FileType::Symlink));
        Ok(there.map(|stat| EtcFile { root, path, stat }))
    }

    fn merged_etc(&self, name: &str, vendor_etc: VendorEtc) -> Result<Option<String>> {
        let Some(file) = self.etc_file(name, vendor_etc)? else { return Ok(None) };
        let own_link = file.stat.file_type == FileType::Symlink && file.path.starts_with("state/");
        let (root, path) = if own_link { (&self.tree, behind(&file, vendor_etc)?) } else { (file.root, file.path) };
        found(fs::read_text(root, &path)).or_fail("cannot read", &path)
    }

    /// tmp.mount is enabled by a link of the vendor or of /etc (the file itself alone is not enough), unless /etc masks it.
    fn enables_tmp_mount(&self, vendor_etc: VendorEtc) -> Result<bool> {
        if self.is_masked("systemd/system/tmp.mount", vendor_etc)? {
            return Ok(false);
        }
        let wants = "systemd/system/local-fs.target.wants/tmp.mount";
        Ok(self.stat(&format!("usr/lib/{wants}"))?.is_some() || self.etc_file(wants, vendor_etc)?.is_some())
    }

    /// As systemd.unit(5) has it: a link to /dev/null, or an empty file.
    fn is_masked(&self, unit: &str, vendor_etc: VendorEtc) -> Result<bool> {
        let Some(file) = self.etc_file(unit, vendor_etc)? else { return Ok(false) };
        if file.stat.file_type == FileType::Symlink {
            let target = fs::read_link_in(file.root, &file.path).or_fail("cannot read the link", &file.path)?;
            return Ok(target == "/dev/null");
        }
        Ok(file.stat.size == 0)
    }

    fn var_is_empty(&self) -> Result<bool> {
        let names = found(fs::names_in(&self.store.sysroot, SHARED_VAR)).or_fail("cannot read", SHARED_VAR)?;
        Ok(names.unwrap_or_default().is_empty())
    }

    fn existing_state(&self, config: &Config) -> Result<Vec<String>> {
        let declared = config.path.iter().map(|path| format!("paths/{}", path.target.trim_matches('/')));
        let databases = PACKAGE_DATABASES.iter().map(|path| format!("paths/{path}"));
        let names = declared.chain(databases).chain(["etc/upper", MACHINE_ID, ETC_KEEP].map(ToString::to_string));
        let mut existing = Vec::new();
        for name in names {
            let path = format!("state/{}/{name}", self.state_name);
            let stat = found(fs::stat_in(&self.store.dir, &path)).or_fail("cannot look at", &path)?;
            // A whiteout says that nothing is there.
            if stat.is_some_and(|stat| stat.file_type != FileType::Other) {
                existing.push(name);
            }
        }
        Ok(existing)
    }
}

/// The state of the deployment that this one came from, where a transient /etc has kept something there.
pub fn kept_before(store: &Store, deployment: &Deployment) -> Result<Option<String>> {
    let from = deployment.manifest.as_ref().and_then(|manifest| manifest.from.as_deref());
    let is_name =
        |from: &&str| from.split_once('@').is_some_and(|(id, instance)| Id::parse(id).is_some() && Instance::parse(instance).is_some());
    let Some(from) = from.filter(is_name) else { return Ok(None) };
    let kept = format!("state/{from}/{ETC_KEEP}");
    let stat = found(fs::stat_in(&store.dir, &kept)).or_fail("cannot look at", &kept)?;
    Ok(stat.filter(|stat| stat.file_type == FileType::Directory).map(|_| from.into()))
}

/// What a deployment brings along for an empty /var: the path in its tree, where there is something in it.
pub fn var_factory(tree: &OwnedFd) -> Result<Option<String>> {
    for path in ["usr/share/factory/var", "var"] {
        let names = found(fs::names_in(tree, path)).or_fail("cannot read", path)?;
        if !names.unwrap_or_default().is_empty() {
            return Ok(Some(path.into()));
        }
    }
    Ok(None)
}

/// A file of /etc, by the layer that it is in.
struct EtcFile<'a> {
    root: &'a OwnedFd,
    path: String,
    stat: Stat,
}

/// Where a link among the local changes leads, in the tree.
fn behind(link: &EtcFile<'_>, vendor_etc: VendorEtc) -> Result<String> {
    let target = fs::read_link_in(link.root, &link.path).or_fail("cannot read the link", &link.path)?;
    Ok(if target.starts_with('/') { target } else { format!("{}/{target}", vendor_etc.path()) })
}

/// Only "not found" means "not there".
pub(super) fn found<T>(result: core::result::Result<T, Errno>) -> core::result::Result<Option<T>, Errno> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Errno::ENOENT | Errno::ENOTDIR) => Ok(None),
        Err(errno) => Err(errno),
    }
}
