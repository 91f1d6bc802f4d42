//! Cuts a run at every moment and has each image judged.

use super::disk::{Change, Event, Extent, Tree};
use super::images::{Cut, Depth, Moment, cuts, digest_of, image, moments};
use super::judge::{Judge, Seen};
use super::record::Recording;
use bedplate::decide::record::codec;
use std::collections::HashSet;
use std::sync::Arc;

/// How many images were judged, and how many of them were not alike.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tried {
    pub cuts: usize,
    pub distinct: usize,
}

/// How the record is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    Real,
    /// As if its checksum were not looked at: it is made to be right.
    WithoutChecksum,
}

/// A recorded run, or one that was made of it by leaving something out or doing it in another order.
#[derive(Debug)]
pub struct Run<'a> {
    pub recording: &'a Recording,
    pub events: Vec<Event>,
    /// Their places in the recording.
    pub original: Vec<usize>,
    pub reader: Reader,
}

impl<'a> Run<'a> {
    pub fn whole(recording: &'a Recording) -> Self {
        Self::arranged(recording, (0..recording.trace.events.len()).collect())
    }

    pub fn arranged(recording: &'a Recording, original: Vec<usize>) -> Self {
        let events = original.iter().map(|at| recording.trace.events[*at].clone()).collect();
        Self { recording, events, original, reader: Reader::Real }
    }

    fn image(&self, moment: &Moment, cut: &Cut) -> Tree {
        let mut tree = image(moment, &self.events, cut);
        if self.reader == Reader::WithoutChecksum {
            correct_checksums(&mut tree);
        }
        tree
    }

    /// Where it was cut, and what was not there.
    fn describe(&self, moment: &Moment, cut: &Cut) -> String {
        let name = |number: &usize| self.recording.describe(self.original[*number]);
        let missing = moment.pending.iter().filter(|number| !cut.kept.contains(number));
        let missing: Vec<String> = missing.map(name).collect();
        let missing = match &missing[..] {
            [] => String::new(),
            [first, others @ ..] if others.len() > 2 => format!(", without {first} and {} more", others.len()),
            few => format!(", without {}", few.join(", ")),
        };
        let torn = cut.torn.map(|(number, extent)| format!(", {}: {extent:?}", name(&number))).unwrap_or_default();
        format!("cut before event {} of {}{missing}{torn}", moment.at, self.events.len())
    }
}

fn correct_checksums(tree: &mut Tree) {
    let Some(file) = tree.lookup("bedplate/record") else { return };
    for at in codec::OFFSETS.map(|offset| usize::try_from(offset).unwrap()) {
        let Some(copy) = tree.content("bedplate/record").and_then(|content| content.get(at..at + codec::SIZE - 4)) else { continue };
        if copy.starts_with(&codec::MAGIC) {
            let bytes = Arc::new(codec::checksum(copy).to_le_bytes().to_vec());
            tree.apply(&Change::Write { file, at: at + codec::SIZE - 4, bytes }, Extent::Whole);
        }
    }
}

/// Sees an image while it is shown, with what the reader made of it, and may object.
pub type Also<'a> = dyn FnMut(&Judge<'_>, Option<&Seen>) -> Result<(), String> + 'a;

/// Judges every image, the first that must not be ends it. `also` sees each that is new.
pub fn cut(run: &Run<'_>, judge: &mut Judge<'_>, depth: Depth, also: &mut Also<'_>) -> (Result<(), String>, Tried) {
    let mut tried = Tried::default();
    for moment in moments(&run.recording.trace.before, &run.events) {
        let mut known = HashSet::new();
        for cut in cuts(&moment, &run.events, depth) {
            let tree = run.image(&moment, &cut);
            let (digest, paths) = digest_of(&tree);
            tried.cuts += 1;
            if !known.insert(digest) {
                continue;
            }
            tried.distinct += 1;
            let judged = judge.check(&tree, &paths, &run.events, moment.at, &run.original);
            if let Err(why) = judged.and_then(|seen| also(judge, seen.as_ref())) {
                return (Err(format!("{why} ({})", run.describe(&moment, &cut))), tried);
            }
        }
    }
    (Ok(()), tried)
}
