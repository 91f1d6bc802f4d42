//! `unlock`: opens the read-only /usr. For everybody until the next boot, as an overlay in memory; or in place, for one command
//! that alone sees it open.

mod in_place;
mod mounts;
mod until_reboot;

use super::Exit;
use super::access::View;
use super::ostree;
use super::root_tree::{self, vendor_etc};
use crate::cli;
use bedplate::boot::verify;
use bedplate::decide::model::{Deployment, Id, Mounted, VendorEtc};
use bedplate::decide::mountinfo::MountInfo;
use bedplate::decide::unlock::{BESIDE_USR, Root, Running, Usr, usr};
use bedplate::error::{Errno, Error, OrFail, Result};
use bedplate::sys::fs::FileType;
use bedplate::sys::{AsFd, OwnedFd, fs};
use std::io::Write;

pub fn run(args: &cli::Unlock, out: &mut dyn Write) -> Result<Exit> {
    match (args.live, args.command.as_slice()) {
        (false, []) => until_reboot::run(args, out),
        (true, []) => Err(Error::usage("unlock --live needs a command: unlock --live -- COMMAND…")),
        (true, _) => in_place::run(args),
        (false, _) => Err(Error::usage("a command goes with --live; without it, /usr is opened for everybody until the next boot")),
    }
}

/// The running system, as far as it decides what may be opened.
#[derive(Debug)]
pub struct System {
    pub deployment: Option<Deployment>,
    /// The deployment's own tree, whatever is mounted over parts of it.
    tree: Option<OwnedFd>,
    table: Vec<Mounted>,
    root: Root,
    pub mounts: Vec<MountInfo>,
    pub vendor_etc: VendorEtc,
    pub beside_usr: Vec<&'static str>,
}

impl System {
    pub fn look(view: &View) -> Result<Self> {
        ostree::refuse_here(view, "ostree admin unlock opens its /usr, with --hotfix for longer than this boot")?;
        let table = view.report.as_ref().map(|report| report.mounts.clone()).unwrap_or_default();
        let root = if verify::is_root("/", &table)? { Root::Own } else { Root::Foreign };
        let deployment = view.booted().cloned();
        let tree = deployment.as_ref().map(|deployment| tree(view, deployment)).transpose()?;
        let vendor_etc = tree.as_ref().map(vendor_etc).transpose()?.flatten().unwrap_or(VendorEtc::Etc);
        let beside_usr = tree.as_ref().map(beside_usr).transpose()?.unwrap_or_default();
        Ok(Self { deployment, tree, table, root, mounts: verify::read_mounts()?, vendor_etc, beside_usr })
    }

    pub fn running(&self, view: &View) -> Running<'_> {
        Running {
            booted: self.deployment.as_ref().map(|deployment| &deployment.id),
            root: self.root,
            require: view.config.integrity.require,
            table: &self.table,
            mounts: &self.mounts,
            vendor_etc: self.vendor_etc,
            beside_usr: &self.beside_usr,
        }
    }

    /// The deployment and its tree; an error where [`Running`] has none.
    pub fn booted(&self) -> Result<(&Deployment, &OwnedFd)> {
        self.deployment.as_ref().zip(self.tree.as_ref()).ok_or_else(|| Error::refused("no deployment of this store runs"))
    }
}

fn tree(view: &View, deployment: &Deployment) -> Result<OwnedFd> {
    let path = format!("deployments/{}/root", deployment.id);
    fs::open_dir_in(&view.store.dir, &path).or_fail("cannot open", &format!("bedplate/{path}"))
}

fn beside_usr(tree: &OwnedFd) -> Result<Vec<&'static str>> {
    let mut found = Vec::new();
    for path in BESIDE_USR {
        let stat = root_tree::found(fs::stat_in(tree, path)).or_fail("cannot look at", path)?;
        found.extend(stat.filter(|stat| stat.file_type == FileType::Directory).map(|_| path));
    }
    Ok(found)
}

/// Holds a deployment for as long as the descriptor is open: to change it in place, or to have it as it is.
pub fn hold(view: &View, id: &Id) -> Result<OwnedFd> {
    let path = format!("deployments/{id}/deployment.toml");
    let file = fs::open_file_in(&view.store.dir, &path).or_fail("cannot open", &format!("bedplate/{path}"))?;
    match fs::try_lock(file.as_fd()) {
        Ok(()) => Ok(file),
        Err(Errno::EAGAIN) => Err(Error::refused(format!(
            "the command of an unlock --live, or what it has left running, can change /usr of {id}: wait for its end"
        ))),
        Err(errno) => Err(errno).or_fail("cannot lock", &format!("bedplate/{path}")),
    }
}

/// What status says while /usr is unlocked.
pub fn warning(table: &[Mounted]) -> Result<Option<String>> {
    let text = "/usr is unlocked: what is changed there is lost at the next boot";
    Ok((usr(table, &verify::read_mounts()?) == Usr::Unlocked).then(|| text.into()))
}

/// A command as a person would type it, for messages.
pub fn shown(command: &[String]) -> String {
    super::plain(&command.join(" "))
}
