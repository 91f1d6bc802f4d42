//! Looks at the chosen deployment's tree and at the place where it will stand: what the plan is made from. Reads only.

use super::facts;
use super::store::Store;
use crate::decide::config::Config;
use crate::decide::fstab;
use crate::decide::model::{Deployment, Disk, Entry, Owner, TreeFacts, VendorEtc};
use crate::decide::plan::{PACKAGE_DATABASES, SHARED_VAR, VAR_BACKED};
use crate::error::{Errno, Error, OrFail, Result};
use crate::sys::fs::{FileType, Stat};
use crate::sys::{OwnedFd, fs};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Facts on one deployment. Fails deterministically where the tree lacks what no plan can do without.
pub fn gather(store: &Store, deployment: &Deployment, config: &Config, disk: &Disk, init: Option<&str>) -> Result<TreeFacts> {
    let look = Look::new(store, deployment)?;
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
        var_factory: look.var_factory()?,
        disk: disk.clone(),
        state: look.existing_state(config)?,
        init: facts::find_init(&look.tree, init)?,
        state_name: look.state_name,
    })
}

struct Look<'a> {
    store: &'a Store,
    tree: OwnedFd,
    state_name: String,
}

impl<'a> Look<'a> {
    fn new(store: &'a Store, deployment: &Deployment) -> Result<Self> {
        let Some(instance) = deployment.instance() else {
            return Err(Error::deterministic(format!("{} has no readable manifest", deployment.id)));
        };
        let path = format!("deployments/{}/root", deployment.id);
        let tree = fs::open_dir_in(&store.dir, &path).or_fail("cannot open the tree", &path)?;
        Ok(Self { store, tree, state_name: format!("{}@{instance}", deployment.id) })
    }

    fn stat(&self, path: &str) -> Result<Option<Stat>> {
        found(fs::stat_in(&self.tree, path)).or_fail("cannot look at", path)
    }

    fn is_directory(&self, path: &str) -> Result<bool> {
        Ok(self.stat(path)?.is_some_and(|stat| stat.file_type == FileType::Directory))
    }

    fn vendor_etc(&self) -> Result<VendorEtc> {
        for vendor in [VendorEtc::UsrEtc, VendorEtc::Etc] {
            if self.is_directory(vendor.path())? {
                return Ok(vendor);
            }
        }
        Err(Error::deterministic("the tree has neither /usr/etc nor /etc"))
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

    /// A file of /etc as the overlay will show it: the deployment's own change, else the vendor's. A whiteout hides it.
    fn merged_etc(&self, name: &str, vendor_etc: VendorEtc) -> Result<Option<String>> {
        let upper = format!("state/{}/etc/upper/{name}", self.state_name);
        let own = found(fs::stat_in(&self.store.dir, &upper)).or_fail("cannot look at", &upper)?;
        let (root, path) = match own.map(|stat| stat.file_type) {
            Some(FileType::Other) => return Ok(None),
            Some(FileType::Regular) => (&self.store.dir, upper),
            _ => (&self.tree, format!("{}/{name}", vendor_etc.path())),
        };
        found(fs::read_text(root, &path)).or_fail("cannot read", &path)
    }

    /// tmp.mount is enabled by a link of the vendor or of /etc (the file itself alone is not enough).
    fn enables_tmp_mount(&self, vendor_etc: VendorEtc) -> Result<bool> {
        let wants = "systemd/system/local-fs.target.wants/tmp.mount";
        for dir in ["usr/lib", vendor_etc.path()] {
            if self.stat(&format!("{dir}/{wants}"))?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn var_is_empty(&self) -> Result<bool> {
        let names = found(fs::names_in(&self.store.sysroot, SHARED_VAR)).or_fail("cannot read", SHARED_VAR)?;
        Ok(names.unwrap_or_default().is_empty())
    }

    fn var_factory(&self) -> Result<Option<String>> {
        for path in ["usr/share/factory/var", "var"] {
            let names = found(fs::names_in(&self.tree, path)).or_fail("cannot read", path)?;
            if !names.unwrap_or_default().is_empty() {
                return Ok(Some(path.into()));
            }
        }
        Ok(None)
    }

    fn existing_state(&self, config: &Config) -> Result<Vec<String>> {
        let declared = config.path.iter().map(|path| format!("paths/{}", path.target.trim_matches('/')));
        let databases = PACKAGE_DATABASES.iter().map(|path| format!("paths/{path}"));
        let names = declared.chain(databases).chain(["etc/upper".to_string()]);
        let mut existing = Vec::new();
        for name in names {
            let path = format!("state/{}/{name}", self.state_name);
            if found(fs::stat_in(&self.store.dir, &path)).or_fail("cannot look at", &path)?.is_some() {
                existing.push(name);
            }
        }
        Ok(existing)
    }
}

/// Only "not found" means "not there".
fn found<T>(result: core::result::Result<T, Errno>) -> core::result::Result<Option<T>, Errno> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Errno::ENOENT | Errno::ENOTDIR) => Ok(None),
        Err(errno) => Err(errno),
    }
}
