//! The entries on the boot partition by their names, and what systemd-boot says of itself.

use crate::decide::loader::counter::EntryName;
use crate::decide::loader::entries::{self, Rename};
use crate::decide::loader::state::{Change, State};
use crate::decide::model::Id;
use crate::error::{Errno, Error, OrFail, Result};
use crate::sys::mount::{self, Flags};
use crate::sys::{OwnedFd, fs};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// Where a boot partition is mounted.
const PLACES: [&str; 3] = ["/boot", "/efi", "/boot/efi"];
const ENTRIES: &str = "loader/entries";
const EFIVARS: &str = "/sys/firmware/efi/efivars";
/// The vendor of systemd-boot's variables.
const VENDOR: &str = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";

/// The directory of the entries.
#[derive(Debug)]
pub struct Entries {
    dir: OwnedFd,
    path: String,
    /// A variable of the loader, with its attributes.
    features: Option<Vec<u8>>,
    started: Option<EntryName>,
}

/// Where nobody has mounted it yet, as in an initramfs, a mount that nobody else sees.
fn efivars() -> Option<OwnedFd> {
    let there = fs::open_dir(EFIVARS).ok()?;
    if mount::is_mount_point(&there) == Ok(true) {
        return Some(there);
    }
    let own = mount::make_fs("efivarfs", &[]).ok()?;
    mount::set_flags(&own, Flags::READ_ONLY, Flags::default()).ok()?;
    Some(own)
}

fn variable(name: &str) -> Option<Vec<u8>> {
    fs::read(efivars()?, &format!("{name}-{VENDOR}")).ok()
}

/// The entry that was started; with its counter, after the loader has counted, where it has one.
pub fn started() -> Option<EntryName> {
    let read = |name: &str| entries::started(&variable(name)?);
    read("LoaderBootCountPath").or_else(|| read("LoaderEntrySelected"))
}

impl Entries {
    /// Of the boot partition that is mounted; `None`: there is none.
    pub fn find() -> Result<Option<Self>> {
        for place in PLACES {
            let path = format!("{place}/{ENTRIES}");
            match fs::open_dir(&path) {
                Ok(dir) => return Ok(Some(Self::new(dir, path, variable("LoaderFeatures"), started()))),
                Err(Errno::ENOENT | Errno::ENOTDIR) => {}
                Err(errno) => return Err(errno).or_fail("cannot open", &path),
            }
        }
        Ok(None)
    }

    pub fn new(dir: OwnedFd, path: String, features: Option<Vec<u8>>, started: Option<EntryName>) -> Self {
        Self { dir, path, features, started }
    }

    fn names(&self) -> Result<Vec<String>> {
        fs::names_in(&self.dir, ".").or_fail("cannot read", &self.path)
    }

    /// What their names say of the deployments.
    pub fn state(&self, ids: &[Id]) -> State {
        self.names().map_or_else(|error| State::defective(error.text), |names| entries::state(&names, ids))
    }

    /// Whether the loader that started this boot counts, and its counts last.
    pub fn prove(&self) -> Result<()> {
        if fs::is_read_only(&self.dir).or_fail("cannot look at", &self.path)? {
            return Err(Error::refused(format!("the loader's entries, \"{}\", are read-only: mount them writable first", self.path)));
        }
        entries::persists(self.features.as_deref(), self.started.as_ref(), &self.names()?).map_err(Error::refused)
    }

    /// Makes a change, durably. systemd-bless-boot may make the same at the same time.
    pub fn change(&self, id: &Id, change: Change) -> Result<()> {
        match self.rename(id, change) {
            Ok(Err(Errno::ENOENT)) => self.rename(id, change)?.or_fail("cannot rename an entry in", &self.path),
            renamed => renamed?.or_fail("cannot rename an entry in", &self.path),
        }
    }

    fn rename(&self, id: &Id, change: Change) -> Result<core::result::Result<(), Errno>> {
        let rename = entries::change(&self.names()?, id, change);
        let Rename::To { from, to } = rename.map_err(|why| Error::refused(format!("\"{}\": {why}", self.path)))? else { return Ok(Ok(())) };
        Ok(fs::rename_in(&self.dir, &from, &to).and_then(|()| fs::sync(&self.dir)).and_then(|()| fs::sync_fs(&self.dir)))
    }
}
