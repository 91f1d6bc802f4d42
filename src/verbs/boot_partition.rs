//! The boot partition: where it is, what is on it, and taking away what a deployment has there.

use super::access::View;
use bedplate::boot::store::Store;
use bedplate::decide::bls_entry::{self, ENTRIES, FILES, Found};
use bedplate::decide::model::Deployment;
use bedplate::error::{Errno, OrFail, Result};
use bedplate::sys::{OwnedFd, copy, fs, mount};

/// Where it is looked for. An ESP at /efi beside an extended boot partition at /boot holds the loader alone.
const PLACES: [&str; 3] = ["/boot", "/efi", "/boot/efi"];

/// An open boot partition: `$BOOT` of the Boot Loader Specification.
#[derive(Debug)]
pub struct BootPartition {
    pub dir: OwnedFd,
    /// As it was named or found.
    pub path: String,
    named: Named,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    ByAPerson,
    ByNobody,
}

impl BootPartition {
    /// The directory that was named, else a mounted FAT file system whose loader reads entries. To be called before the store is
    /// opened for a change: in a mount namespace of one's own an automount does not appear.
    pub fn find(asked: Option<&str>) -> Result<Option<Self>> {
        if let Some(path) = asked {
            let dir = fs::open_dir(path).or_fail("cannot open", path)?;
            return Ok(Some(Self { dir, path: path.into(), named: Named::ByAPerson }));
        }
        for path in PLACES {
            match fs::open_dir(path) {
                Ok(dir) if is_boot_partition(&dir, path)? => return Ok(Some(Self { dir, path: path.into(), named: Named::ByNobody })),
                Ok(_) | Err(Errno::ENOENT | Errno::ENOTDIR) => {}
                Err(errno) => return Err(errno).or_fail("cannot open", path),
            }
        }
        Ok(None)
    }

    /// One that nobody named is this machine's: it has nothing to do with the store of another one.
    pub fn serves(&self, view: &View) -> bool {
        self.named == Named::ByAPerson || view.report.is_some()
    }

    pub fn on(&self, name: &str) -> String {
        format!("{}/{name}", self.path.trim_end_matches('/'))
    }

    pub fn entries(&self) -> Result<Vec<Found>> {
        let names = self.names(ENTRIES)?.into_iter().filter(|name| bls_entry::is_entry(name));
        let read = |name: String| {
            let path = format!("{ENTRIES}/{name}");
            let text = fs::read_text(&self.dir, &path).or_fail("cannot read", &self.on(&path))?;
            Ok(bls_entry::read(&name, &text))
        };
        names.map(read).collect()
    }

    /// Bytes of a file in `bedplate/`; what cannot be looked at has none.
    pub fn size_of(&self, name: &str) -> u64 {
        fs::stat_in(&self.dir, &format!("{FILES}/{name}")).map_or(0, |stat| stat.size)
    }

    /// Takes away what a deployment, `ID@INSTANCE`, has there: the entry first, then the files that no other needs.
    pub fn clear(&self, owner: &str) -> Result<()> {
        let entries = self.entries()?;
        self.drop_entries(entries.iter().filter(|entry| entry.owner.as_deref() == Some(owner)).map(|entry| entry.name.as_str()))?;
        self.drop_unneeded()
    }

    /// Takes away what runs that were interrupted, or that did not find this partition, have left.
    pub fn sweep(&self, store: &Store) -> Result<()> {
        let removed = fs::names_in(&store.dir, "manifests").or_fail("cannot read", "bedplate/manifests")?;
        let entries = self.entries()?;
        self.drop_entries(bls_entry::stale(&entries, &removed).map(|entry| entry.name.as_str()))?;
        let names = self.names(ENTRIES)?;
        self.drop_entries(names.iter().filter(|name| bls_entry::is_unfinished(name)).map(String::as_str))?;
        self.drop_unneeded()
    }

    fn drop_entries<'a>(&self, names: impl Iterator<Item = &'a str>) -> Result<()> {
        self.unlink(ENTRIES, names)
    }

    fn drop_unneeded(&self) -> Result<()> {
        let names = self.names(FILES)?;
        self.unlink(FILES, bls_entry::unneeded(&names, &self.entries()?).into_iter().map(String::as_str))
    }

    /// Removes files of a directory, durably.
    fn unlink<'a>(&self, place: &str, names: impl Iterator<Item = &'a str>) -> Result<()> {
        let mut changed = false;
        for name in names {
            let path = format!("{place}/{name}");
            fs::unlink_in(&self.dir, &path).or_fail("cannot remove", &self.on(&path))?;
            changed = true;
        }
        if changed { self.flush() } else { Ok(()) }
    }

    /// FAT has no journal: what is written is on the disk, with the directories that lead to it, or is not.
    pub fn flush(&self) -> Result<()> {
        fs::sync_fs(&self.dir).or_fail("cannot flush", &self.path)
    }

    /// Names in a directory; none where there is no such directory.
    pub fn names(&self, place: &str) -> Result<Vec<String>> {
        match fs::names_in(&self.dir, place) {
            Err(Errno::ENOENT) => Ok(Vec::new()),
            names => names.or_fail("cannot read", &self.on(place)),
        }
    }

    pub fn space(&self) -> Result<bls_entry::Space> {
        let space = copy::space(&self.dir).or_fail("cannot look at the space of", &self.path)?;
        Ok(bls_entry::Space { bytes: space.bytes, block: space.block })
    }
}

/// As kernel-install(8) decides it: a loader that reads entries has a place for them.
fn is_boot_partition(dir: &OwnedFd, path: &str) -> Result<bool> {
    let at_its_root = fs::is_fat(dir) && mount::is_mount_point(dir).or_fail("cannot look at", path)?;
    match fs::open_dir_in(dir, ENTRIES) {
        Ok(_) => Ok(at_its_root),
        Err(Errno::ENOENT | Errno::ENOTDIR) => Ok(false),
        Err(errno) => Err(errno).or_fail("cannot open", &format!("{path}/{ENTRIES}")),
    }
}

/// `ID@INSTANCE`, where the manifest can be read.
pub fn owner(deployment: &Deployment) -> Option<String> {
    deployment.instance().map(|instance| bls_entry::owner(&deployment.id, instance))
}
