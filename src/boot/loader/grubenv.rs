//! GRUB's environment block as a file.

use crate::boot::rootdev;
use crate::decide::loader::grubenv::{Block, parse};
use crate::decide::loader::state::{Change, State};
use crate::decide::model::Id;
use crate::error::{Errno, Error, OrFail, Result};
use crate::sys::{AsFd, OwnedFd, fs};
use alloc::format;
use alloc::string::String;

/// Where GRUB keeps it, by its upstream name and by that of Fedora and SUSE.
const PLACES: [&str; 2] = ["boot/grub", "boot/grub2"];
const NAME: &str = "grubenv";

/// File systems on which GRUB cannot write over a file's blocks (linux/magic.h and ZFS's own number).
const UNWRITABLE: [(u64, &str); 4] = [(0x9123_683e, "btrfs"), (0x2fc1_2fc1, "zfs"), (0xca45_1a4e, "bcachefs"), (0x794c_7630, "overlay")];

/// The file in its directory.
#[derive(Debug)]
pub struct File {
    dir: OwnedFd,
    path: String,
}

impl File {
    /// Below a root directory; `None`: there is none.
    pub fn find(root: impl AsFd) -> Result<Option<Self>> {
        for place in PLACES {
            let path = format!("/{place}/{NAME}");
            match fs::open_dir_in(&root, place).and_then(|dir| fs::stat_in(&dir, NAME).map(|_| dir)) {
                Ok(dir) => return Ok(Some(Self { dir, path })),
                Err(Errno::ENOENT | Errno::ENOTDIR) => {}
                Err(errno) => return Err(errno).or_fail("cannot open", &path),
            }
        }
        Ok(None)
    }

    fn read(&self) -> Result<Block> {
        let bytes = fs::read(&self.dir, NAME).or_fail("cannot read", &self.path)?;
        parse(&bytes)
            .map_err(|defect| Error::refused(format!("\"{}\": {defect}; make it anew: grub-editenv {} create", self.path, self.path)))
    }

    /// What it says of the deployments.
    pub fn state(&self, ids: &[Id]) -> State {
        self.read().map_or_else(|error| State::defective(error.text), |block| block.state(ids))
    }

    /// Whether GRUB can write it: a whole block, a file with real blocks, on a file system and a device whose blocks stay where
    /// they are.
    pub fn prove(&self) -> Result<()> {
        self.read()?;
        let refuse = |why: &str| Err(Error::refused(format!("the loader cannot persist its state: \"{}\" {why}", self.path)));
        let stat = fs::stat_in(&self.dir, NAME).or_fail("cannot look at", &self.path)?;
        if stat.file_type != fs::FileType::Regular {
            return refuse("is no plain file");
        }
        if stat.blocks == 0 {
            return refuse("has no blocks of its own");
        }
        if fs::is_read_only(&self.dir).or_fail("cannot look at", &self.path)? {
            return refuse("is on a read-only file system");
        }
        let magic = fs::magic(&self.dir).or_fail("cannot look at", &self.path)?;
        if let Some((_, name)) = UNWRITABLE.iter().find(|(known, _)| *known == magic) {
            return refuse(&format!("is on {name}, where GRUB writes nothing"));
        }
        match rootdev::mapping(&self.dir) {
            Some(kind) => refuse(&format!("is on {kind}, where GRUB writes nothing")),
            None => Ok(()),
        }
    }

    /// Makes a change: the file is replaced as a whole.
    pub fn change(&self, id: &Id, change: Change) -> Result<()> {
        let mut block = self.read()?;
        let before = block.clone();
        block.change(id, change).map_err(|why| Error::refused(format!("\"{}\": {why}", self.path)))?;
        if block == before {
            return Ok(());
        }
        let bytes = block.format().map_err(|defect| Error::refused(format!("\"{}\": {defect}", self.path)))?;
        let mode = fs::stat_in(&self.dir, NAME).map_or(0o600, |stat| stat.mode);
        fs::replace_in(&self.dir, NAME, mode, &bytes).or_fail("cannot write", &self.path)
    }
}
