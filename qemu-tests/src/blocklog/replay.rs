//! Brings a disk to the states that cuts leave, one after the other.

use super::image::{Fingerprint, Image, Undo};
use super::{Cut, Log, Piece};
use crate::error::{OrSay, Result};
use std::io::{Read, Seek, Write};

/// A disk on its way through a log. Cuts in ascending order of `durable` are what it can be brought to.
#[derive(Debug)]
pub struct Replay<L, S> {
    log: Log<L>,
    image: Image<S>,
    /// Entries that are on the disk for good.
    durable: usize,
    /// And what is there of later ones.
    tried: Vec<(Piece, Undo)>,
}

#[cfg(test)]
impl<L> Replay<L, std::io::Cursor<&mut [u8]>> {
    pub fn disk(&self) -> &[u8] {
        self.image.disk.get_ref()
    }
}

impl<L: Read + Seek, S: Read + Write + Seek> Replay<L, S> {
    /// `disk` is as it was before the first entry.
    pub const fn new(log: Log<L>, disk: S) -> Self {
        let image = Image::new(disk, log.sector);
        Self { log, image, durable: 0, tried: Vec::new() }
    }

    /// Two cuts with the same one are the same disk.
    pub fn bring_to(&mut self, cut: &Cut) -> Result<Fingerprint> {
        if cut.durable != self.durable {
            self.keep(0)?;
            self.settle(cut.durable)?;
        }
        let same = self.tried.iter().zip(&cut.pieces).take_while(|((there, _), wanted)| there == *wanted).count();
        self.keep(same)?;
        for piece in cut.pieces.iter().skip(same) {
            let undo = self.write(*piece)?;
            self.tried.push((*piece, undo));
        }
        Ok(self.image.fingerprint())
    }

    /// Takes back all but the first `count` pieces.
    fn keep(&mut self, count: usize) -> Result<()> {
        while self.tried.len() > count {
            let Some((_, undo)) = self.tried.pop() else { break };
            self.image.undo(&undo)?;
        }
        Ok(())
    }

    fn settle(&mut self, durable: usize) -> Result<()> {
        for entry in self.durable..durable {
            let sectors = self.log.entries.get(entry).filter(|entry| entry.changes()).map(|entry| entry.sectors);
            sectors.map_or(Ok(()), |sectors| self.write(Piece { entry, sectors }).map(drop))?;
        }
        self.durable = durable;
        Ok(())
    }

    fn write(&mut self, piece: Piece) -> Result<Undo> {
        let entry = self.log.entries.get(piece.entry).cloned().or_say("no such entry")?;
        let mut data = self.log.data(&entry)?;
        data.truncate(usize::try_from(piece.sectors * self.log.sector).or_say("piece")?);
        self.image.write(entry.sector, &data)
    }
}
