//! Finds deployments in OSTree's layout. Reads only. No name leads out of the physical root.

use crate::boot::facts;
use crate::decide::bls_entry;
use crate::decide::manifest::{Manifest, TreeKind};
use crate::decide::model::{Deployment, Home, OstreeHome};
use crate::decide::ostree::keyfile::KeyFile;
use crate::decide::ostree::name::Name;
use crate::decide::ostree::{DEPLOY, REPO, commit::Commit, entry};
use crate::error::{Errno, Error, OrFail, Result};
use crate::sys::{AsFd, OwnedFd, SysResult, fs, mount};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// The deployment that a link (`ostree=`) leads to: its path below the physical root.
pub fn resolve(sysroot: &OwnedFd, link: &str) -> Result<String> {
    let on = format!("/sysroot/{link}");
    let absent = |errno| match errno {
        Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP => {
            Error::deterministic(format!("there is no deployment at \"{on}\" (ostree=): {errno}; choose another boot loader entry"))
        }
        errno => Error::transient(format!("cannot look at \"{on}\" (ostree=): {errno}")),
    };
    let stat = fs::stat_in(sysroot, link).map_err(absent)?;
    if stat.file_type != fs::FileType::Symlink {
        return Err(Error::deterministic(format!("\"{on}\" (ostree=) is no symlink to a deployment; choose another boot loader entry")));
    }
    let tree = fs::open_dir_in(sysroot, link).map_err(absent)?;
    below(sysroot, &tree).ok_or_else(|| Error::deterministic(format!("\"{on}\" (ostree=) leads to no directory of the disk")))
}

/// Where an open directory is below another, without leading slash.
fn below(root: &OwnedFd, directory: &OwnedFd) -> Option<String> {
    let (root, directory) = (mount::path_now(root).ok()?, mount::path_now(directory).ok()?);
    let path = directory.strip_prefix(root.trim_end_matches('/'))?.strip_prefix('/')?;
    (!path.is_empty()).then(|| path.to_string())
}

/// All deployments of all stateroots; none where the disk has no such layout.
pub fn deployments(sysroot: &OwnedFd, init: Option<&str>, kernel: &str) -> Result<Vec<Deployment>> {
    let links = links(sysroot)?;
    let mut found = Vec::new();
    for os in stateroots(sysroot)? {
        let path = format!("{DEPLOY}/{os}/deploy");
        let names = present(fs::names_in(sysroot, &path)).or_fail("cannot read", &format!("/sysroot/{path}"))?;
        let names = names.into_iter().filter_map(|name| Name::parse(&format!("{path}/{name}")));
        found.extend(names.filter_map(|name| deployment(sysroot, &name, &links, init, kernel)));
    }
    Ok(found)
}

fn stateroots(sysroot: &OwnedFd) -> Result<Vec<String>> {
    present(fs::names_in(sysroot, DEPLOY)).or_fail("cannot read", &format!("/sysroot/{DEPLOY}"))
}

fn present(names: core::result::Result<Vec<String>, Errno>) -> core::result::Result<Vec<String>, Errno> {
    match names {
        Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) => Ok(Vec::new()),
        names => names,
    }
}

/// What the boot loader's links lead to: path of the deployment, path of the link.
fn links(sysroot: &OwnedFd) -> Result<Vec<(String, String)>> {
    let mut links = Vec::new();
    for version in ["ostree/boot.0", "ostree/boot.1"] {
        for directory in subdirectories(sysroot, version)? {
            for name in present(fs::names_in(sysroot, &directory)).or_fail("cannot read", &directory)? {
                let link = format!("{directory}/{name}");
                links.extend(resolve(sysroot, &link).ok().map(|path| (path, link)));
            }
        }
    }
    Ok(links)
}

/// `boot.V/OS/BOOTCSUM`, all of them.
fn subdirectories(sysroot: &OwnedFd, version: &str) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for os in present(fs::names_in(sysroot, version)).or_fail("cannot read", version)? {
        let os = format!("{version}/{os}");
        let names = present(fs::names_in(sysroot, &os)).or_fail("cannot read", &os)?;
        found.extend(names.into_iter().map(|name| format!("{os}/{name}")));
    }
    Ok(found)
}

fn deployment(sysroot: &OwnedFd, name: &Name, links: &[(String, String)], init: Option<&str>, kernel: &str) -> Option<Deployment> {
    let (id, path) = (name.id()?, name.path());
    let link = links.iter().find(|(target, _)| *target == path).map(|(_, link)| link.clone());
    let tree = fs::open_dir_in(sysroot, &path);
    let (defect, kernel) = facts::condition(&tree, &path, init, kernel);
    let manifest = tree.ok().and_then(|tree| manifest(sysroot, &tree, name));
    let home = Home::Ostree(OstreeHome { path, link });
    Some(Deployment { id, manifest, defect, marker: None, kernel, home })
}

/// What a manifest of ours would say.
pub(super) fn manifest(sysroot: &OwnedFd, tree: impl AsFd, name: &Name) -> Option<Manifest> {
    let stat = fs::stat_fd(&tree).ok()?;
    let born = fs::born(&tree).ok()?;
    let version = object(sysroot, &name.checksum, "commit").ok().and_then(|bytes| Commit::parse(&bytes)?.version);
    Some(Manifest {
        id: name.id()?,
        instance: name.instance(stat.inode, born),
        version: version.unwrap_or_default(),
        created: u64::try_from(born.0).unwrap_or_default(),
        kind: TreeKind::Tree,
        kernels: Vec::new(),
        from: None,
        digest: Some(format!("ostree:{}", name.checksum)),
    })
}

/// What OSTree keeps beside a deployment: `CHECKSUM.SERIAL.origin`. Where there is none, or nobody can read it, it says nothing.
pub fn origin(sysroot: &OwnedFd, path: &str) -> KeyFile {
    let text = fs::read_text(sysroot, &format!("{path}.origin"));
    text.ok().and_then(|text| KeyFile::parse(&text).ok()).unwrap_or_default()
}

/// The link that the boot loader's first entry names, below the physical root or in `boot` (a mounted /boot).
pub fn first_link(boot: &OwnedFd, entries: &str) -> Option<String> {
    let names = fs::names_in(boot, entries).ok()?;
    let names = names.iter().filter(|name| bls_entry::is_entry(name));
    let texts: Vec<String> = names.filter_map(|name| fs::read_text(boot, &format!("{entries}/{name}")).ok()).collect();
    entry::first_link(texts.iter().map(String::as_str))
}

/// The bytes of an object of the repository: `objects/XX/REST.KIND`.
pub(super) fn object(sysroot: &OwnedFd, checksum: &str, kind: &str) -> SysResult<Vec<u8>> {
    let (first, rest) = checksum.split_at_checked(2).unwrap_or_default();
    fs::read(sysroot, &format!("{REPO}/objects/{first}/{rest}.{kind}"))
}
