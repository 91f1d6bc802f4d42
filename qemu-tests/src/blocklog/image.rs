//! A disk to which writes are applied and taken back.

use crate::error::{OrSay, Result};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{Read, Seek, SeekFrom, Write};

/// Tells images apart that come from the same one by different writes.
pub type Fingerprint = u64;

#[derive(Debug)]
pub struct Image<S> {
    pub(super) disk: S,
    /// Bytes.
    sector: u64,
    fingerprint: Fingerprint,
}

/// What a write has covered.
#[derive(Debug)]
pub struct Undo {
    at: u64,
    before: Vec<u8>,
}

impl<S: Read + Write + Seek> Image<S> {
    pub const fn new(disk: S, sector: u64) -> Self {
        Self { disk, sector, fingerprint: 0 }
    }

    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Writes whole sectors, from number `sector` on.
    pub fn write(&mut self, sector: u64, data: &[u8]) -> Result<Undo> {
        let at = sector * self.sector;
        let mut before = vec![0; data.len()];
        self.disk.seek(SeekFrom::Start(at)).or_say("cannot seek")?;
        self.disk.read_exact(&mut before).or_say("cannot read the disk")?;
        self.put(at, &before, data)?;
        Ok(Undo { at, before })
    }

    /// The last write first.
    pub fn undo(&mut self, undo: &Undo) -> Result<()> {
        let mut now = vec![0; undo.before.len()];
        self.disk.seek(SeekFrom::Start(undo.at)).or_say("cannot seek")?;
        self.disk.read_exact(&mut now).or_say("cannot read the disk")?;
        self.put(undo.at, &now, &undo.before)
    }

    fn put(&mut self, at: u64, old: &[u8], new: &[u8]) -> Result<()> {
        let size = usize::try_from(self.sector).or_say("sector")?;
        for ((old, new), place) in old.chunks(size).zip(new.chunks(size)).zip((at..).step_by(size)) {
            // What a sector adds it can take away again: the sum is the same whichever way it was come by.
            self.fingerprint ^= hash(place, old) ^ hash(place, new);
        }
        self.disk.seek(SeekFrom::Start(at)).or_say("cannot seek")?;
        self.disk.write_all(new).or_say("cannot write the disk")
    }
}

fn hash(place: u64, sector: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    (place, sector).hash(&mut hasher);
    hasher.finish()
}
