//! The cuts of one log, tried one after the other.

use super::boots::Kept;
use super::judge::{Judge, State};
use super::lab::Lab;
use super::promise::{Promise, word};
use crate::blocklog::{Cut, Kind};
use crate::cache;
use crate::disk;
use crate::error::{OrSay, Result};
use crate::run::At;
use std::collections::HashMap;

#[derive(Debug)]
pub struct Trial<'a> {
    at: &'a At<'a>,
    lab: &'a Lab,
    judge: Judge<'a>,
    promises: Vec<Promise>,
    /// What disks came to, by their fingerprints.
    seen: HashMap<u64, Result<State>>,
    /// One disk of each state.
    pub kept: Vec<Kept>,
    /// The revision of the record that is on the disk for good.
    settled: Option<u64>,
}

impl<'a> Trial<'a> {
    pub fn new(at: &'a At<'a>, lab: &'a Lab, judge: Judge<'a>, promises: Vec<Promise>) -> Self {
        Self { at, lab, judge, promises, seen: HashMap::new(), kept: Vec::new(), settled: None }
    }

    /// Disks that differ.
    pub fn images(&self) -> usize {
        self.seen.len()
    }

    /// The lab's disk is the one of this cut. Cuts come in ascending order of what is durable.
    pub fn cut(&mut self, cut: &Cut, image: u64) -> Result<()> {
        let Cut { upto, durable, pieces, kind } = cut;
        let name = format!("cut after entry {upto} ({kind:?}: {} of the writes since entry {durable})", pieces.len());
        let state = self.state(image).or_say(&name)?;
        self.is_late_enough(cut, state.revision).or_say(&name)?;
        self.keep(state, name)
    }

    fn state(&mut self, image: u64) -> Result<State> {
        if let Some(state) = self.seen.get(&image) {
            return state.clone();
        }
        let state = self.lab.mounted(&self.lab.cut(), |sysroot| self.judge.look(sysroot));
        self.seen.insert(image, state.clone());
        state
    }

    /// Nothing that was promised is taken back, and nothing that was on the disk for good.
    fn is_late_enough(&mut self, cut: &Cut, revision: Option<u64>) -> Result<()> {
        if revision < self.settled {
            return Err(format!("the record has {}, and {} was there for good", word(revision), word(self.settled)));
        }
        if cut.kind == Kind::Prefix && cut.pieces.is_empty() {
            self.settled = revision;
        }
        self.promises.iter().try_for_each(|promise| promise.holds(cut.upto, revision))
    }

    /// If there is none of this state yet.
    fn keep(&mut self, state: State, cut: String) -> Result<()> {
        if self.kept.iter().any(|kept| kept.state.fingerprint == state.fingerprint) {
            return Ok(());
        }
        let image = self.at.out().join(format!("state-{}.img", self.kept.len()));
        disk::copy(&self.lab.cut(), &image)?;
        self.kept.push(Kept { image, state, cut });
        Ok(())
    }

    /// The disks, once all went well.
    pub fn clear_away(&self) -> Result<()> {
        self.kept.iter().try_for_each(|kept| cache::remove(&kept.image))
    }
}
