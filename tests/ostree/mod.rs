//! OSTree's layout with composefs images, as `ostree admin deploy` leaves it, without OSTree: images are made by mkfs.erofs, and
//! what is signed is serialized and signed here, by none of the code under test.
//!
//! Needs root: overlayfs reads `trusted.` attributes.

pub mod commit;
mod image;
pub mod verity;

use commit::Signature;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The stateroot.
pub const OS: &str = "os";
pub const IMAGE: &str = ".ostree.cfs";

/// A deployment that is there.
#[derive(Debug, Clone)]
pub struct Deployed {
    /// Of its commit.
    pub checksum: String,
    /// Below the physical root.
    pub path: String,
    /// For `ostree=`.
    pub link: String,
}

/// Deploys a copy of `tree`, whose /etc becomes /usr/etc. `name` is what its link has in the place of a boot checksum.
pub fn deploy(sysroot: &Path, tree: &Path, name: &str, signature: &Signature<'_>) -> io::Result<Deployed> {
    let stateroot = sysroot.join("ostree/deploy").join(OS);
    let objects = sysroot.join("ostree/repo/objects");
    for directory in [&stateroot.join("deploy"), &stateroot.join("var"), &objects] {
        fs::create_dir_all(directory)?;
    }
    let place = stateroot.join("deploy/new");
    run("cp", &["-a".as_ref(), tree.as_ref(), place.as_ref()])?;
    fs::rename(place.join("etc"), place.join("usr/etc"))?;
    fs::create_dir(place.join("etc"))?;
    let objects_of = store(&place, &objects)?;
    image::make(&place, &objects_of, &place.join(IMAGE))?;
    fs::remove_dir(place.join("etc"))?;
    run("cp", &["-a".as_ref(), place.join("usr/etc").as_ref(), place.join("etc").as_ref()])?;
    let digest = verity::digest(&fs::read(place.join(IMAGE))?);
    let checksum = commit::write(&objects, &digest, name, signature)?;
    let path = format!("ostree/deploy/{OS}/deploy/{checksum}.0");
    fs::rename(&place, sysroot.join(&path))?;
    let link = format!("ostree/boot.1/{OS}/{name}/0");
    fs::create_dir_all(sysroot.join(&link).parent().unwrap_or(sysroot))?;
    symlink(format!("../../../deploy/{OS}/deploy/{checksum}.0"), sysroot.join(&link))?;
    Ok(Deployed { checksum, path, link: format!("/{link}") })
}

/// A regular file of a tree, and its content in the repository: both below their roots.
#[derive(Debug)]
struct Stored {
    file: PathBuf,
    object: String,
}

/// Each file of the tree is a hard link to an object. Modes are part of an object.
fn store(tree: &Path, objects: &Path) -> io::Result<Vec<Stored>> {
    let mut stored = Vec::new();
    for file in walk(tree)? {
        let meta = tree.join(&file).symlink_metadata()?;
        if !meta.is_file() {
            continue;
        }
        let content = fs::read(tree.join(&file))?;
        let name = hex(&Sha256::new().chain_update(meta.mode().to_le_bytes()).chain_update(content).finalize());
        let (first, rest) = name.split_at(2);
        let object = format!("{first}/{rest}.file");
        fs::create_dir_all(objects.join(first))?;
        match fs::hard_link(tree.join(&file), objects.join(&object)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                fs::remove_file(tree.join(&file))?;
                fs::hard_link(objects.join(&object), tree.join(&file))?;
            }
            linked => linked?,
        }
        stored.push(Stored { file, object });
    }
    Ok(stored)
}

/// All that is below a directory, parents first.
fn walk(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found: Vec<PathBuf> = Vec::new();
    let mut waiting = vec![PathBuf::new()];
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(root.join(&directory))? {
            let entry = entry?;
            let path = directory.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                waiting.push(path.clone());
            }
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn run(program: &str, arguments: &[&std::ffi::OsStr]) -> io::Result<()> {
    let output = Command::new(program).args(arguments).output()?;
    if output.status.success() { Ok(()) } else { Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned())) }
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
