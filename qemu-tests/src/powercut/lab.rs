//! Where cut disks are tried: in memory, mounted as the next boot would.

use super::trees::{self, names};
use crate::cache;
use crate::disk::{self, Disk};
use crate::error::{OrSay, Result};
use crate::scenario::FileSystem;
use crate::tool::Tool;
use std::path::{Path, PathBuf};

/// A tmpfs; it goes with the mount namespace.
#[derive(Debug)]
pub struct Lab {
    dir: PathBuf,
    kind: Disk,
}

impl Lab {
    /// In the new directory `dir`, for disks like `kind`.
    pub fn make(dir: PathBuf, kind: &Disk) -> Result<Self> {
        cache::fresh_dir(&dir)?;
        Tool::new("mount").args(["-t", "tmpfs", "-o", "mode=0700", "lab"]).arg(&dir).run()?;
        let lab = Self { dir, kind: kind.clone() };
        cache::fresh_dir(&lab.place())?;
        cache::fresh_dir(&lab.whole())?;
        Ok(lab)
    }

    /// The disk that is brought from cut to cut.
    pub fn cut(&self) -> PathBuf {
        self.dir.join("cut.img")
    }

    /// All deployments that there are before or after, whole, by ID.
    pub fn whole(&self) -> PathBuf {
        self.dir.join("whole")
    }

    fn place(&self) -> PathBuf {
        self.dir.join("sysroot")
    }

    /// Keeps the deployments of a disk that are not kept yet; each that has a tree to compare with equals it.
    pub fn keep_whole(&self, image: &Path) -> Result<()> {
        self.mounted(image, |sysroot| {
            let deployments = sysroot.join("bedplate/deployments");
            for id in names(&deployments)?.iter().filter(|id| !id.starts_with('.')) {
                let (from, to, tree) = (deployments.join(id), self.whole().join(id), sysroot.join("trees").join(id));
                if !to.exists() {
                    Tool::new("cp").arg("-a").arg(&from).arg(&to).run()?;
                }
                let miss = if tree.exists() { trees::difference(&tree, &from.join("root"))? } else { None };
                miss.map_or(Ok(()), Err)?;
            }
            Ok(())
        })
    }

    /// Mounts a copy of an image, which recovers it, and checks it when it was looked at.
    pub fn mounted<T>(&self, image: &Path, look: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
        let (tried, place) = (self.dir.join("tried.img"), self.place());
        disk::copy(image, &tried)?;
        self.mount(&tried)?;
        let seen = look(&place);
        unmount(&place)?;
        let checked = check(self.kind.fs, &tried).or_say("after recovery");
        seen.and_then(|seen| checked.map(|()| seen))
    }

    fn mount(&self, image: &Path) -> Result<()> {
        let options = match self.kind.fs {
            // Another machine's disk with the same UUID may be mounted at the same time.
            FileSystem::Xfs => ",nouuid",
            FileSystem::Ext4 | FileSystem::Btrfs => "",
        };
        let options = format!("loop,offset={}{options}", self.kind.offset);
        Tool::new("mount").args(["-t", self.kind.fs.word(), "-o", &options]).arg(image).arg(self.place()).run().map(drop)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // It goes with the namespace at the latest.
        let _ = unmount(&self.dir);
    }
}

/// Busy it can be for as long as it takes a child of another thread to begin its own program: until then it has a copy of all that
/// was open here.
fn unmount(place: &Path) -> Result<()> {
    let once = || Tool::new("umount").arg(place).run().map(drop);
    (0..BUSY).map(|_| once()).find(|done| !matches!(done, Err(why) if why.contains("busy"))).unwrap_or_else(once)
}

/// How often a mount may be found busy: each look takes some milliseconds.
const BUSY: usize = 100;

/// Nothing may be left to be repaired.
fn check(fs: FileSystem, image: &Path) -> Result<()> {
    let tool = match fs {
        FileSystem::Ext4 => Tool::new("e2fsck").arg("-fn"),
        FileSystem::Xfs => Tool::new("xfs_repair").args(["-n", "-f"]),
        FileSystem::Btrfs => Tool::new("btrfs").args(["check", "--readonly"]),
    };
    tool.arg(image).run().map(drop)
}
