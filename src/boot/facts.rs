//! Looks at the store and at the running kernel. Reads only; changes nothing.

use super::store::{STORE, Store};
use super::{kexec, ostree};
use crate::decide::kernel::{OwnKernel, image_places, initramfs_places, newest_first};
use crate::decide::manifest::{self, Manifest};
use crate::decide::model::{BootId, Deployment, Facts, Home, Id, KernelFit, Kexec};
use crate::error::{Errno, Error, Kind, OrFail, Result};
use crate::sys::{AsFd, OwnedFd, SysResult, fs, host};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Where the kernel looks for init when `init=` names none (init/main.c), but for its last resort: a bare shell is no system
/// that could ever prove itself.
const INIT: [&str; 3] = ["sbin/init", "etc/init", "bin/init"];

/// Everything that the choice depends on beside record and request; how the boot before ended is known with the record. `warnings` gets what is odd but harmless.
pub fn gather(store: &Store, init: Option<&str>, warnings: &mut Vec<String>) -> Result<Facts> {
    let kernel = host::release();
    let ids = store.deployments()?;
    let mut deployments: Vec<_> = ids.into_iter().map(|id| deployment(store, id, init, &kernel, warnings)).collect();
    deployments.extend(ostree::deployments(&store.sysroot, init, &kernel)?);
    for deployment in deployments.iter_mut().filter(|deployment| deployment.home != Home::Store) {
        deployment.marker = store.marker(&deployment.home_path(), warnings);
    }
    // Looked at only where it matters.
    let kexec = if deployments.iter().any(|deployment| deployment.kernel != KernelFit::Fits) { kexec::look() } else { Kexec::Possible };
    Ok(Facts { deployments, boot_id: boot_id()?, previous: None, kernel, kexec })
}

/// The running boot's id.
pub fn boot_id() -> Result<BootId> {
    let path = "/proc/sys/kernel/random/boot_id";
    let text = host::read_path(path).or_fail("cannot read", path)?;
    BootId::parse(&text).ok_or_else(|| Error::transient(format!("\"{path}\" holds no boot id")))
}

fn deployment(store: &Store, id: Id, init: Option<&str>, kernel: &str, warnings: &mut Vec<String>) -> Deployment {
    let (manifest, defect) = match read_manifest(store, &id) {
        Ok(manifest) => (Some(manifest), None),
        Err(error) => (None, Some(error)),
    };
    let root = format!("deployments/{id}/root");
    let (seen, fit) = condition(&fs::open_dir_in(&store.dir, &root), &format!("{STORE}/{root}"), init, kernel);
    let defect = defect.or(seen);
    let marker = store.marker(&format!("deployments/{id}"), warnings);
    Deployment { id, manifest, defect, marker, kernel: fit, home: Home::Store }
}

/// The manifest, where it can be read and names the directory that it is in.
pub fn read_manifest(store: &Store, id: &Id) -> Result<Manifest> {
    let path = format!("deployments/{id}/deployment.toml");
    let on = format!("{STORE}/{path}");
    let text = match fs::read_text(&store.dir, &path) {
        Ok(text) => text,
        Err(Errno::ENOENT) => return Err(Error::deterministic(format!("\"{on}\" is missing"))),
        Err(errno) => return Err(errno).or_fail("cannot read", &on),
    };
    let manifest = manifest::parse(&text).map_err(|error| Error::new(error.kind, format!("\"{on}\": {error}")))?;
    if manifest.id != *id {
        return Err(Error::deterministic(format!("\"{on}\" names {}: the directory is not a deployment", manifest.id)));
    }
    Ok(manifest)
}

/// Why a tree cannot boot, as far as can be seen without trying, and whether it fits the running kernel; `on` is its path, for
/// messages.
pub fn condition(tree: &SysResult<OwnedFd>, on: &str, init: Option<&str>, kernel: &str) -> (Option<Error>, KernelFit) {
    match tree {
        Err(errno) => (Some(absent_or_unreadable(*errno, on)), KernelFit::Fits),
        Ok(tree) => {
            let fit = kernel_fit(tree, kernel);
            let defect = defect_of(tree, on, init).or_else(|| fit.as_ref().err().cloned());
            (defect, fit.unwrap_or(KernelFit::Fits))
        }
    }
}

fn defect_of(tree: &OwnedFd, on: &str, init: Option<&str>) -> Option<Error> {
    match fs::open_dir_in(tree, "usr") {
        Ok(_) => find_init(tree, init).err(),
        Err(errno) => Some(absent_or_unreadable(errno, &format!("{on}/usr"))),
    }
}

/// What is not there will not be there at the next boot either; a disk that cannot be read may be.
fn absent_or_unreadable(errno: Errno, on: &str) -> Error {
    let kind = match errno {
        Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP => Kind::Deterministic,
        _ => Kind::Transient,
    };
    Error::new(kind, format!("cannot open \"{on}\": {errno}"))
}

/// The init program of a tree: the one asked for, else the first that exists where the kernel would look.
pub fn find_init(tree: impl AsFd, asked: Option<&str>) -> Result<String> {
    let candidates: &[&str] = match &asked {
        Some(path) => &[path],
        None => &INIT,
    };
    for candidate in candidates {
        match fs::stat_target_in(&tree, candidate) {
            Ok(_) => return Ok(candidate.trim_start_matches('/').to_string()),
            Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) => {}
            Err(errno) => return Err(errno).or_fail("cannot look for the init program", candidate),
        }
    }
    let looked = candidates.iter().map(|path| format!("/{}", path.trim_start_matches('/'))).collect::<Vec<_>>().join(", ");
    Err(Error::deterministic(format!("there is no init program: looked for {looked}")))
}

/// A tree without modules fits every kernel; of modules that cannot be read nobody knows.
fn kernel_fit(tree: &OwnedFd, running: &str) -> Result<KernelFit> {
    let modules = "usr/lib/modules";
    let releases = match fs::names_in(tree, modules) {
        Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) => Vec::new(),
        read => read.or_fail("cannot read", modules)?,
    };
    if releases.is_empty() || releases.iter().any(|release| release == running) {
        return Ok(KernelFit::Fits);
    }
    let releases = newest_first(releases);
    let own = newest_kernel(tree, &releases);
    Ok(KernelFit::Mismatch { releases, own })
}

/// The first of these releases, newest first, that can be started: its image and its initramfs are there.
pub fn newest_kernel(tree: impl AsFd, releases: &[String]) -> Option<OwnKernel> {
    releases.iter().find_map(|release| own_kernel(&tree, release))
}

/// The files of a kernel that can be started, where both are there.
fn own_kernel(tree: impl AsFd, release: &str) -> Option<OwnKernel> {
    let is_file = |path: &String| fs::stat_target_in(&tree, path).is_ok_and(|stat| stat.file_type == fs::FileType::Regular);
    let image = image_places(release).into_iter().find(is_file)?;
    let initramfs = initramfs_places(release).into_iter().find(is_file)?;
    Some(OwnKernel { release: release.into(), image, initramfs })
}
