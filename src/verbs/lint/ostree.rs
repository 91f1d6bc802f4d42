//! Looks at what a tree has of OSTree's. Reads only.

use crate::verbs::root_tree::{found, stat};
use bedplate::decide::lint::Ostree;
use bedplate::decide::ostree::conf::FILES;
use bedplate::error::{OrFail, Result};
use bedplate::sys::OwnedFd;
use bedplate::sys::fs::{self, FileType};

/// Who may pull a unit into the initramfs's boot.
const PULLS: [&str; 4] = [
    "etc/systemd/system/initrd-root-fs.target.wants",
    "etc/systemd/system/initrd-root-fs.target.requires",
    "usr/lib/systemd/system/initrd-root-fs.target.wants",
    "usr/lib/systemd/system/initrd-root-fs.target.requires",
];
/// What only an initramfs has.
const INITRAMFS: [&str; 2] = ["etc/initrd-release", "usr/lib/initrd-release"];
const PROGRAM: &str = "usr/lib/ostree/ostree-prepare-root";
/// Directories with configuration of dracut.
const DRACUT: [&str; 3] = ["usr/lib/dracut/dracut.conf.d", "usr/etc/dracut.conf.d", "etc/dracut.conf.d"];

pub fn look(root: &OwnedFd) -> Result<Ostree> {
    let original = if is_original(root)? { pulled(root, "ostree-prepare-root.service")? } else { None };
    let mut confs = texts(root, FILES.map(String::from))?;
    // An image keeps its own there.
    confs.extend(texts(root, [format!("usr/{}", FILES[1])])?);
    Ok(Ostree { confs, original, own: pulled(root, "bedplate-prepare-root.service")?, dracut: dracut(root)? })
}

/// Whether it is there, in an initramfs, and no link to bedplate.
fn is_original(root: &OwnedFd) -> Result<bool> {
    let mut initramfs = false;
    for path in INITRAMFS {
        initramfs |= stat(root, path)?.is_some();
    }
    Ok(match stat(root, PROGRAM)?.map(|stat| stat.file_type).filter(|_| initramfs) {
        None => false,
        Some(FileType::Symlink) => {
            let target = fs::read_link_in(root, PROGRAM).or_fail("cannot read the link", PROGRAM)?;
            target.rsplit('/').next() != Some("bedplate")
        }
        Some(_) => true,
    })
}

fn pulled(root: &OwnedFd, unit: &str) -> Result<Option<String>> {
    for directory in PULLS {
        let path = format!("{directory}/{unit}");
        if stat(root, &path)?.is_some() {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

fn dracut(root: &OwnedFd) -> Result<Vec<(String, String)>> {
    let mut paths = vec!["etc/dracut.conf".to_string()];
    for directory in DRACUT {
        let names = found(fs::names_in(root, directory)).or_fail("cannot read", directory)?.unwrap_or_default();
        paths.extend(names.into_iter().filter_map(|name| name.strip_suffix(".conf").map(|_| format!("{directory}/{name}"))));
    }
    texts(root, paths)
}

/// Of those that are there.
fn texts(root: &OwnedFd, paths: impl IntoIterator<Item = String>) -> Result<Vec<(String, String)>> {
    let mut texts = Vec::new();
    for path in paths {
        if let Some(text) = found(fs::read_text(root, &path)).or_fail("cannot read", &path)? {
            texts.push((path, text));
        }
    }
    Ok(texts)
}
