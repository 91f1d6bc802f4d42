//! Compares the declared mount table with what the kernel shows, and looks for the init program. Changes nothing.

use super::stage::Stage;
use crate::decide::model::{Mounted, Plan};
use crate::decide::mountinfo::{self, MountInfo};
use crate::decide::table::{self, Expected};
use crate::error::{Error, OrFail, Result};
use crate::sys::fs::FileType;
use crate::sys::{fs, host};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// Every declared mount is there, of the right type, access and source; the result is the table as it was found.
pub fn verify(plan: &Plan, stage: &Stage) -> Result<Vec<Mounted>> {
    let mounts = read_mounts()?;
    let root = stage.root_path();
    let found: Vec<Mounted> = table::table(plan).iter().map(|expected| find(expected, &mounts, &root)).collect::<Result<_>>()?;
    init_is_executable(plan, stage)?;
    Ok(found)
}

fn read_mounts() -> Result<Vec<MountInfo>> {
    let path = "/proc/self/mountinfo";
    Ok(mountinfo::parse(&host::read_path(path).or_fail("cannot read", path)?))
}

/// The last line for a mount point is the mount on top.
fn find(expected: &Expected, mounts: &[MountInfo], root: &str) -> Result<Mounted> {
    let at = if expected.target == "/" { root.into() } else { format!("{root}{}", expected.target) };
    let mount = mounts.iter().rev().find(|mount| mount.target == at);
    let mount = mount.ok_or_else(|| Error::transient(format!("nothing is mounted at \"{}\" after all steps", expected.target)))?;
    match expected.differs(mount) {
        None => Ok(mounted(&expected.target, mount)),
        Some(difference) => Err(Error::transient(format!("the mount at \"{}\" is wrong: {difference}", expected.target))),
    }
}

fn mounted(target: &str, mount: &MountInfo) -> Mounted {
    let access = if mount.options.iter().any(|option| option == "ro") { "ro" } else { "rw" };
    Mounted {
        target: target.into(),
        fstype: mount.fstype.clone(),
        access: access.into(),
        device: format!("{}:{}", mount.device.0, mount.device.1),
        root: mount.root.clone(),
    }
}

fn init_is_executable(plan: &Plan, stage: &Stage) -> Result<()> {
    let stat = fs::stat_target_in(stage.root()?, &plan.init).or_fail("cannot look at the init program", &plan.init)?;
    if stat.file_type == FileType::Regular && stat.mode & 0o111 != 0 {
        return Ok(());
    }
    Err(Error::deterministic(format!("the init program \"/{}\" is not an executable file", plan.init)))
}

/// Whether the mount at `path` is the `/` of this table: the same file system and the same directory of it.
pub fn is_root(path: &str, table: &[Mounted]) -> bool {
    let Some(expected) = table.iter().find(|mounted| mounted.target == "/") else { return false };
    let mounts = read_mounts().unwrap_or_default();
    let path: String = if path == "/" { path.into() } else { path.trim_end_matches('/').into() };
    let on_top = mounts.iter().rev().find(|mount| mount.target == path);
    on_top.is_some_and(|mount| format!("{}:{}", mount.device.0, mount.device.1) == expected.device && mount.root == expected.root)
}
