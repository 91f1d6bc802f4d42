//! Makes the root of one deployment and puts it in the place of the physical root. A failure leaves nothing mounted.

use super::{legacy_readonly, signed};
use crate::boot::attempt::{self, Standing};
use crate::boot::facts;
use crate::boot::prepare::Options;
use crate::boot::tree::found;
use crate::decide::hex::Hex;
use crate::decide::model::{Action, Id, Plan, Timing};
use crate::decide::ostree::conf::{Composefs, Conf, Trust};
use crate::decide::ostree::name::Name;
use crate::decide::ostree::plan::{self, Tree};
use crate::decide::ostree::{HOTFIX_WORK, IMAGE, MOUNT_VAR};
use crate::decide::plan::validate::validate_ostree;
use crate::error::{Errno, OrFail, Result};
use crate::sys::{OwnedFd, fs, host, journal, mount};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// One deployment to be made the root.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    pub options: &'a Options,
    pub conf: &'a Conf,
    pub sysroot: &'a OwnedFd,
    pub id: &'a Id,
    /// Below the physical root.
    pub path: &'a str,
    /// The init program that the command line names.
    pub init: Option<&'a str>,
}

/// A new root at SYSROOT, whole and verified.
pub fn stand(wanted: &Wanted<'_>) -> Result<Standing> {
    let Wanted { options, sysroot, path, .. } = *wanted;
    let started = host::monotonic_micros();
    let on = format!("/sysroot/{path}");
    let deployment = fs::open_dir_in(sysroot, path).or_fail("cannot open the deployment", &on)?;
    let (plan, mut warnings) = plan_of(wanted, &deployment)?;
    tell_journal(path, &deployment);
    let planned = Timing { step: "look and plan".into(), micros: host::monotonic_micros() - started };
    let (mounts, applied) = attempt::raise(options, sysroot, &deployment, &plan)?;
    warnings.extend(applied.warnings.into_iter().chain(stand_apart(&options.sysroot)));
    if plan.steps.iter().any(|step| matches!(step.action, Action::Composefs { .. })) {
        warnings.extend(name_backing_device(options, sysroot));
    }
    let timing = [planned].into_iter().chain(applied.timing).collect();
    Ok(Standing { plan, mounts, timing, warnings, reset: None, carried: None })
}

/// The plan for a deployment, checked; with what was odd.
pub fn plan_of(wanted: &Wanted<'_>, deployment: &OwnedFd) -> Result<(Plan, Vec<String>)> {
    let (tree, warning) = gather(wanted, deployment)?;
    let plan = plan::build(wanted.conf, &tree)?;
    validate_ostree(&plan)?;
    Ok((plan, warning.into_iter().collect()))
}

/// Below a shared mount, as the initramfs of a systemd has them, all of it became shared: the original's mounts are private, and the
/// system's own init says what is shared.
fn stand_apart(sysroot: &str) -> Option<String> {
    let private = fs::open_dir(sysroot).and_then(mount::make_tree_private);
    private.or_fail("cannot make private all that is mounted at", sysroot).err().map(|error| format!("{error}, going on without it"))
}

fn gather(wanted: &Wanted<'_>, deployment: &OwnedFd) -> Result<(Tree, Option<String>)> {
    let Wanted { options, conf, sysroot, id, path, init } = *wanted;
    let stat = fs::stat_fd(deployment).or_fail("cannot look at", path)?;
    let mut warning = None;
    let readonly = conf.readonly(|| {
        let (readonly, odd) = legacy_readonly(sysroot);
        warning = odd;
        readonly
    });
    let tree = Tree {
        id: id.clone(),
        device: stat.device,
        inode: stat.inode,
        var: format!("{}/var", stateroot(path)),
        has_image: exists(deployment, IMAGE)?,
        signed_digest: signed_digest(wanted)?,
        hotfix: exists(deployment, HOTFIX_WORK)?,
        writable: !fs::is_read_only(sysroot).or_fail("cannot look at", "/sysroot")?,
        readonly,
        boot: is(sysroot, "boot/loader", fs::FileType::Symlink)? && is(deployment, "boot", fs::FileType::Directory)?,
        // Where no initramfs is, the original leaves nothing to a generator.
        mount_var: options.sysroot == "/" || exists(&fs::open_dir(&options.run).or_fail("cannot open", &options.run)?, MOUNT_VAR)?,
        unique: unique()?,
        init: facts::find_init(deployment, init)?,
    };
    Ok((tree, warning))
}

/// Two levels up from a deployment.
fn stateroot(path: &str) -> &str {
    fs::split(fs::split(path).0).0
}

fn signed_digest(wanted: &Wanted<'_>) -> Result<Option<String>> {
    if wanted.conf.composefs != Composefs::Yes(Trust::Signed) {
        return Ok(None);
    }
    let checksum = Name::parse(wanted.path).map(|name| name.checksum).unwrap_or_default();
    signed::digest(wanted.sysroot, &wanted.options.config_root, wanted.conf, &checksum).map(Some)
}

fn is(root: &OwnedFd, path: &str, file_type: fs::FileType) -> Result<bool> {
    match fs::stat_in(root, path) {
        Ok(stat) => Ok(stat.file_type == file_type),
        Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) => Ok(false),
        Err(errno) => Err(errno).or_fail("cannot look at", path),
    }
}

fn exists(root: &OwnedFd, path: &str) -> Result<bool> {
    Ok(found(fs::stat_in(root, path)).or_fail("cannot look at", path)?.is_some())
}

/// Six characters, as mkdtemp(3) appends them.
fn unique() -> Result<String> {
    let bytes = host::random_bytes::<3>().or_fail("cannot get", "random bytes")?;
    Ok(Hex(&bytes).to_string())
}

/// The entry by which the boot is found again later: `journalctl MESSAGE_ID=7170336a73ba4601bad31af888aa0df7`. Without a journal
/// nobody misses it.
fn tell_journal(path: &str, deployment: &OwnedFd) {
    let Ok(stat) = fs::stat_fd(deployment) else { return };
    let (device, inode) = (stat.device, stat.inode);
    journal::send(&[
        ("MESSAGE", &format!("Resolved OSTree target to: /sysroot/{path}")),
        ("MESSAGE_ID", "7170336a73ba4601bad31af888aa0df7"),
        ("PRIORITY", "6"),
        ("SYSLOG_IDENTIFIER", "bedplate"),
        ("DEPLOYMENT_PATH", &format!("/{path}")),
        ("DEPLOYMENT_DEVICE", &format!("{device}")),
        ("DEPLOYMENT_INODE", &format!("{inode}")),
    ]);
}

/// /run/systemd/volatile-root: an overlay as root hides from systemd-gpt-auto-generator which disk it is on. Without it, partitions
/// have to be named in fstab.
fn name_backing_device(options: &Options, sysroot: &OwnedFd) -> Option<String> {
    let link = || {
        let stat = fs::stat_fd(sysroot)?;
        let (major, minor) = host::device_numbers(stat.device);
        // A file system on several devices, or on none, has a number that is no block device's.
        if major == 0 {
            return Ok(());
        }
        let run = fs::open_dir(&options.run)?;
        fs::make_dirs(&run, "systemd", 0o755)?;
        match fs::make_symlink(&run, "systemd/volatile-root", &format!("/dev/block/{major}:{minor}")) {
            Err(Errno::EEXIST) => Ok(()),
            made => made,
        }
    };
    link().or_fail("cannot link", "/run/systemd/volatile-root").err().map(|error| format!("{error}, going on without it"))
}
