//! The store on the physical root: the record file, markers, history, leftovers. It decides nothing.

use crate::decide::guard;
use crate::decide::marker::{self, Marker, Verdict};
use crate::decide::model::{Deployment, Home, Id};
use crate::decide::record::Record;
use crate::decide::record::codec::{self, Place, Reading};
use crate::decide::unlock::{self, Opened};
use crate::error::{Errno, Error, Kind, OrFail, Result};
use crate::sys::{OwnedFd, SysResult, fs};
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

/// The store's directory below the physical root.
pub const STORE: &str = "bedplate";

/// An open store. Holding it holds no lock.
#[derive(Debug)]
pub struct Store {
    pub sysroot: OwnedFd,
    /// `SYSROOT/bedplate`.
    pub dir: OwnedFd,
    pub kind: StoreKind,
}

/// Whether there is a record to go by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreKind {
    Whole,
    /// An OSTree system that keeps no record: `dir` is `SYSROOT/ostree`, where nothing of ours is, and nothing is written.
    OstreeAlone,
}

/// What is wrong with the disk is lost; what the machine lacks for a moment says nothing of the disk.
fn no_record(verb: &str, errno: Errno) -> Reading {
    let why = format!("cannot {verb} \"{STORE}/record\": {errno}");
    if errno.is_passing() { Reading::Unread { why } } else { Reading::Lost { why } }
}

impl Store {
    /// Opens the store below an open physical root; `path` is for messages.
    pub fn open(sysroot: OwnedFd, path: &str) -> Result<Self> {
        match fs::open_dir_in(&sysroot, STORE) {
            Ok(dir) => Ok(Self { sysroot, dir, kind: StoreKind::Whole }),
            Err(Errno::ENOENT) if fs::stat_in(&sysroot, "ostree/repo").is_ok() => Err(Error::new(
                Kind::NoStore,
                format!(
                    "there is no store at \"{path}/{STORE}\" and no ostree= on the kernel command line: choose a boot loader entry that has it"
                ),
            )),
            Err(Errno::ENOENT) => Err(Error::new(
                Kind::NoStore,
                format!(
                    "there is no store at \"{path}/{STORE}\": this is not a bedplate system, or it is not mounted (bedplate init-store makes one)"
                ),
            )),
            Err(errno) => Err(errno).or_fail("cannot open the store", &format!("{path}/{STORE}")),
        }
    }

    /// The same, or what there is to look at on an OSTree system without a store.
    pub fn open_or_ostree(sysroot: OwnedFd, path: &str) -> Result<Self> {
        let ostree = fs::open_dir_in(&sysroot, "ostree");
        let holds_repository = ostree.as_ref().is_ok_and(|dir| fs::stat_in(dir, "repo").is_ok());
        match (fs::stat_in(&sysroot, STORE), ostree) {
            (Err(Errno::ENOENT), Ok(dir)) if holds_repository => Ok(Self { sysroot, dir, kind: StoreKind::OstreeAlone }),
            _ => Self::open(sysroot, path),
        }
    }

    /// Reads both copies. Nothing readable there is a lost record, with the reason, unless it was for want of memory or the like.
    pub fn read_record(&self) -> Reading {
        if self.kind == StoreKind::OstreeAlone {
            return Reading::none();
        }
        let file = match fs::open_file_in(&self.dir, "record") {
            Ok(file) => file,
            Err(errno) => return no_record("open", errno),
        };
        let copy = |place: Place| {
            let mut bytes = vec![0; codec::BLOCK];
            let n = fs::read_at(&file, &mut bytes, place.offset())?;
            bytes.truncate(n);
            Ok::<_, Errno>(bytes)
        };
        match (copy(Place::A), copy(Place::B)) {
            (Err(errno), Err(_)) => no_record("read", errno),
            (a, b) => codec::read(&a.unwrap_or_default(), &b.unwrap_or_default()),
        }
    }

    /// Writes one copy, durably. The record's revision is raised by it; the place of the commit after it is returned.
    pub fn commit(&self, record: &mut Record, place: Place) -> Result<Place> {
        let on = format!("{STORE}/record");
        record.revision = record.revision.saturating_add(1);
        let file = fs::open_write_in(&self.dir, "record").or_fail("cannot open", &on)?;
        fs::write_block_at(&file, &codec::encode(record), place.offset()).or_fail("cannot write", &on)?;
        fs::sync_data(&file).or_fail("cannot flush", &on)?;
        Ok(match place {
            Place::A => Place::B,
            Place::B => Place::A,
        })
    }

    /// Makes the record file anew, full of real bytes, with this content in copy A; beside, synced, renamed.
    pub fn create_record(&self, record: &Record) -> Result<()> {
        let on = format!("{STORE}/record");
        let temporary = ".record.new";
        fs::clear_in(&self.dir, temporary).or_fail("cannot remove", temporary)?;
        let file = fs::create_in(&self.dir, temporary, 0o600).or_fail("cannot create", &on)?;
        fs::set_no_cow(&file);
        let size = usize::try_from(codec::FILE_SIZE).unwrap_or_default();
        fs::write_all(&file, &vec![0; size]).or_fail("cannot write", &on)?;
        fs::write_block_at(&file, &codec::encode(record), Place::A.offset()).or_fail("cannot write", &on)?;
        fs::sync(&file).or_fail("cannot flush", &on)?;
        fs::rename_in(&self.dir, temporary, "record").or_fail("cannot rename into place", &on)?;
        fs::sync(&self.dir).or_fail("cannot flush", STORE)
    }

    /// IDs of the directories in deployments/, sorted; work in progress (a leading dot), files and other names are left out.
    pub fn deployments(&self) -> Result<Vec<Id>> {
        if self.kind == StoreKind::OstreeAlone {
            return Ok(Vec::new());
        }
        let names = fs::names_in(&self.dir, "deployments").or_fail("cannot read", "bedplate/deployments")?;
        let is_file = |name: &str| {
            let stat = fs::stat_in(&self.dir, &format!("deployments/{name}"));
            stat.is_ok_and(|stat| matches!(stat.file_type, fs::FileType::Regular | fs::FileType::Other))
        };
        Ok(names.iter().filter(|name| !is_file(name)).filter_map(|name| Id::parse(name)).collect())
    }

    /// The deployment's directory.
    pub fn deployment_dir(&self, id: &Id) -> Result<OwnedFd> {
        let path = format!("deployments/{id}");
        fs::open_dir_in(&self.dir, &path).or_fail("cannot open", &format!("{STORE}/{path}"))
    }

    /// The newest readable marker of a deployment; one that is damaged is passed over, with a warning.
    /// `home` is [`Deployment::home_path`].
    pub fn marker(&self, home: &str, warnings: &mut Vec<String>) -> Option<Marker> {
        let mut read = |name: &str| {
            let path = format!("{home}/{name}");
            let problem = match fs::read_text(&self.dir, &path) {
                Ok(text) => match marker::parse(&text) {
                    Ok(marker) => return Some(marker),
                    Err(error) => format!("{error}"),
                },
                Err(Errno::ENOENT) => return None,
                Err(errno) => format!("{errno}"),
            };
            warnings.push(format!("cannot read \"{STORE}/{path}\": {problem}, treating it as absent"));
            None
        };
        marker::newer(read("boot-success"), read("boot-failure"))
    }

    /// Writes a marker, durably.
    pub fn write_marker(&self, deployment: &Deployment, marker: &Marker) -> Result<()> {
        let name = match marker.verdict {
            Verdict::Success => "boot-success",
            Verdict::Failure => "boot-failure",
        };
        let home = deployment.home_path();
        if deployment.home != Home::Store {
            fs::make_dirs(&self.dir, &home, 0o700).or_fail("cannot make", &format!("{STORE}/{home}"))?;
        }
        let path = format!("{home}/{name}");
        fs::replace_in(&self.dir, &path, 0o600, marker::format(marker).as_bytes()).or_fail("cannot write", &format!("{STORE}/{path}"))
    }

    /// What was run while a deployment was open in place, oldest first.
    pub fn opened(&self, id: &Id) -> Result<Vec<Opened>> {
        let path = format!("deployments/{id}/unlocked.json");
        let on = format!("{STORE}/{path}");
        match fs::read(&self.dir, &path) {
            Err(Errno::ENOENT) => Ok(Vec::new()),
            bytes => {
                let opened = unlock::parse(&bytes.or_fail("cannot read", &on)?);
                opened.map_err(|error| Error::transient(format!("cannot understand \"{on}\": {error}")))
            }
        }
    }

    /// Writes that, durably.
    pub fn write_opened(&self, id: &Id, opened: &[Opened]) -> Result<()> {
        let path = format!("deployments/{id}/unlocked.json");
        let text = unlock::to_text(opened);
        fs::replace_in(&self.dir, &path, 0o600, text.as_bytes()).or_fail("cannot write", &format!("{STORE}/{path}"))
    }

    /// Appends one line to history.jsonl, without a flush. What a power cut has torn stays a line of its own.
    pub fn append_history(&self, line: &str) -> Result<()> {
        let on = format!("{STORE}/history.jsonl");
        let size = self.rotate_history()?;
        let torn = size > 0 && self.history_ends_with(size - 1).or_fail("cannot read", &on)? != Some(b'\n');
        let file = fs::append_in(&self.dir, "history.jsonl", 0o600).or_fail("cannot open", &on)?;
        let start = if torn { "\n" } else { "" };
        fs::write_all(&file, format!("{start}{line}\n").as_bytes()).or_fail("cannot write", &on)
    }

    fn history_ends_with(&self, at: u64) -> SysResult<Option<u8>> {
        let mut last = [0];
        let n = fs::read_at(fs::open_file_in(&self.dir, "history.jsonl")?, &mut last, at)?;
        Ok(last.first().copied().filter(|_| n == 1))
    }

    /// Half of the history is set aside when it has grown to 256 KiB: at most twice that, and two lines, is kept. Its size now.
    fn rotate_history(&self) -> Result<u64> {
        const LIMIT: u64 = 256 << 10;
        let size = match fs::stat_in(&self.dir, "history.jsonl") {
            Ok(stat) => stat.size,
            Err(Errno::ENOENT) => 0,
            Err(errno) => return Err(errno).or_fail("cannot read", "bedplate/history.jsonl"),
        };
        if size < LIMIT {
            return Ok(size);
        }
        fs::rename_in(&self.dir, "history.jsonl", "history.jsonl.1").or_fail("cannot rename", "bedplate/history.jsonl")?;
        Ok(0)
    }

    /// Warnings on what others than root could change, by mode.
    pub fn writable_by_others<'a>(&self, deployments: impl IntoIterator<Item = &'a Id>) -> Vec<String> {
        let warning = |path: String| {
            let mode = fs::stat_in(&self.dir, &path).ok()?.mode;
            let on = format!("{STORE}/{path}");
            let on = on.trim_end_matches('/');
            let text = || format!("\"{on}\" is writable by others (mode {mode:04o}), using it all the same: chmod go-w it");
            guard::is_open(&path, mode).then(text)
        };
        guard::paths(deployments).into_iter().filter_map(warning).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_disk_can_lose_a_record() {
        let lost = |errno| matches!(no_record("read", errno), Reading::Lost { .. });
        assert!([Errno::ENOENT, Errno::EIO, Errno::ELOOP, Errno(21), Errno(117)].into_iter().all(lost));
        assert!(![Errno::EPERM, Errno::EACCES, Errno(4), Errno(11), Errno(12), Errno(23), Errno(24)].into_iter().any(lost));
    }
}
