//! Which disks a power cut can leave: pure, from the log's entries alone.
//!
//! A cut after `upto` entries leaves all that stands before the last flush, and of the writes since then any, in any order; of
//! one of them only the first sectors.

use super::Entry;

/// One state of the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// Entries that the disk has been given.
    pub upto: usize,
    /// Entries that are all on the disk.
    pub durable: usize,
    /// Writes since then that are there as well, in this order.
    pub pieces: Vec<Piece>,
    pub kind: Kind,
}

/// How a cut was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// All writes so far.
    Prefix,
    /// And of the next one the first sectors.
    Torn,
    /// Without those since the last flush.
    Without,
    /// With some of those, in another order.
    Choice,
}

/// Of a write since the last flush.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    pub entry: usize,
    /// Its first sectors.
    pub sectors: u64,
}

/// Which cuts are made of a log.
#[derive(Debug, Clone, Copy)]
pub struct Choice<'a> {
    pub extent: Extent,
    /// Entries around which none is left out.
    pub interest: &'a [usize],
    /// Sectors that a disk writes all or none of.
    pub atom: u64,
    /// Entries of which a single sector may be on the disk all the same.
    pub fine: &'a [usize],
    /// The same one gives the same cuts.
    pub seed: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Every prefix, with and without what was written since the last flush, torn writes, and random choices of those writes.
    All,
    /// About so many, spread over the log.
    Sample(usize),
}

/// Random choices among the writes between two flushes.
const CHOICES: usize = 6;

/// In an order in which a disk is brought from one to the next with few writes.
pub fn cuts(entries: &[Entry], choice: Choice<'_>) -> Vec<Cut> {
    let mut random = Random(choice.seed);
    let mut all: Vec<_> = (0..=entries.len()).flat_map(|upto| at(entries, upto, choice, &mut random)).collect();
    if let Extent::Sample(wanted) = choice.extent {
        let near = |cut: &Cut| choice.interest.iter().any(|at| at.abs_diff(cut.upto) <= 1);
        let stride = (all.len() / wanted.max(1)).max(1);
        all = all.into_iter().enumerate().filter(|(number, cut)| number % stride == 0 || near(cut)).map(|(_, cut)| cut).collect();
    }
    all.sort_by_key(|cut| (cut.durable, cut.kind.max(Kind::Torn)));
    all
}

/// The cuts after `upto` entries.
fn at(entries: &[Entry], upto: usize, choice: Choice<'_>, random: &mut Random) -> Vec<Cut> {
    let durable = entries.iter().take(upto).rposition(Entry::is_flush).map_or(0, |at| at + 1);
    let piece = |entry: usize| entries.get(entry).filter(|entry| entry.changes()).map(|found| Piece { entry, sectors: found.sectors });
    let writes: Vec<Piece> = (durable..upto).filter_map(piece).collect();
    let cut = |kind: Kind, pieces: Vec<Piece>| Cut { upto, durable, pieces, kind };
    let mut all = vec![cut(Kind::Prefix, writes.clone())];
    if let Some(torn) = piece(upto).and_then(|next| torn(next, choice, random)) {
        all.push(cut(Kind::Torn, [&writes[..], &[torn]].concat()));
    }
    if !writes.is_empty() {
        let stays = |piece: &Piece| entries.get(piece.entry).is_some_and(Entry::is_durable);
        all.push(cut(Kind::Without, writes.iter().copied().filter(stays).collect()));
        let ends = entries.get(upto).is_none_or(Entry::is_flush);
        let choices = if ends { CHOICES } else { 0 };
        all.extend((0..choices).map(|_| cut(Kind::Choice, random.choice(&writes, stays))));
    }
    all
}

/// Not all of a write, where the disk does not write all of it at once.
fn torn(piece: Piece, choice: Choice<'_>, random: &mut Random) -> Option<Piece> {
    let atom = if choice.fine.contains(&piece.entry) { 1 } else { choice.atom.max(1) };
    let atoms = piece.sectors.div_ceil(atom).checked_sub(1).filter(|atoms| *atoms > 0)?;
    Some(Piece { sectors: atom * (1 + random.below(atoms)), ..piece })
}

/// splitmix64 (Steele, Lea, Flood 2014): the same numbers everywhere.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// Some of the writes, and those that stay, in any order.
    fn choice(&mut self, writes: &[Piece], stays: impl Fn(&Piece) -> bool) -> Vec<Piece> {
        let mut keyed: Vec<_> = writes.iter().filter(|piece| stays(piece) || self.below(2) == 0).map(|piece| (0, *piece)).collect();
        for (key, _) in &mut keyed {
            *key = self.next();
        }
        keyed.sort_by_key(|(key, _)| *key);
        keyed.into_iter().map(|(_, piece)| piece).collect()
    }
}
