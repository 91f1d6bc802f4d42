//! What a disk can look like after a cut: at each moment between two flushes, which parts of what was not flushed are there.

use super::disk::{Change, Event, Extent, Kind, SECTOR, Tree, durable};
use super::place::paths;
use bedplate::decide::record::codec;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// How many of the cuts are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Enough to find each flush that is missing.
    Few,
    /// A sample for every test run.
    Sample,
    All,
}

impl Depth {
    /// Up to this many pending changes, every subset of them.
    fn exhaustive(self) -> usize {
        match self {
            Self::Few => 5,
            Self::Sample => 7,
            Self::All => 12,
        }
    }

    fn random(self) -> usize {
        match self {
            Self::Few => 8,
            Self::Sample => 24,
            Self::All => 8000,
        }
    }

    /// Bytes between two tears of the record.
    fn step(self) -> usize {
        match self {
            Self::Few => 64,
            Self::Sample => 24,
            Self::All => 1,
        }
    }

    /// Of so many different images, the real program is run on one.
    pub fn every(self) -> usize {
        match self {
            Self::Few => usize::MAX,
            Self::Sample => 120,
            Self::All => 100,
        }
    }

    /// Sector boundaries at which any other write is torn.
    fn tears(self) -> usize {
        match self {
            Self::Few => 1,
            Self::Sample => 3,
            Self::All => 32,
        }
    }
}

/// A point in time, and what is known of the disk then.
#[derive(Debug)]
pub struct Moment {
    /// That many events have been.
    pub at: usize,
    /// What is on the disk for certain.
    pub certain: Tree,
    /// Changes that may be there or not.
    pub pending: Vec<usize>,
}

/// What of the pending changes is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// Places among the events, ascending.
    pub kept: Vec<usize>,
    /// One of them is a write that is not there as a whole.
    pub torn: Option<(usize, Extent)>,
}

/// The moments that matter: before each flush everything since the last one is pending, and any earlier moment has a part of that.
pub fn moments(before: &Tree, events: &[Event]) -> Vec<Moment> {
    let ends = (0..=events.len()).filter(|at| !matches!(events.get(*at), Some(Event::Change(_))));
    let moment = |at: usize| {
        let certainly = durable(&events[..at]);
        let mut moment = Moment { at, certain: before.clone(), pending: Vec::new() };
        for (number, event) in events[..at].iter().enumerate() {
            match event {
                Event::Change(change) if certainly[number] => moment.certain.apply(change, Extent::Whole),
                Event::Change(_) => moment.pending.push(number),
                _ => {}
            }
        }
        moment
    };
    ends.map(moment).collect()
}

/// The cuts at a moment; the same image may come from several.
pub fn cuts(moment: &Moment, events: &[Event], depth: Depth) -> Vec<Cut> {
    let mut cuts: Vec<Cut> = subsets(&moment.pending, depth).into_iter().map(|kept| Cut { kept, torn: None }).collect();
    for (place, number) in moment.pending.iter().copied().enumerate() {
        let Event::Change(Change::Write { at, bytes, .. }) = &events[number] else { continue };
        let up_to = &moment.pending[..=place];
        let is_block = bytes.len() == codec::BLOCK && at % codec::BLOCK == 0;
        let fine = if is_block { record_tears(depth) } else { Vec::new() };
        let coarse = tears(*at, bytes.len(), depth);
        cuts.extend(fine.into_iter().map(|extent| Cut { kept: up_to.into(), torn: Some((number, extent)) }));
        for kept in [up_to, &moment.pending, &[number][..]] {
            cuts.extend(coarse.iter().map(|extent| Cut { kept: kept.into(), torn: Some((number, *extent)) }));
        }
    }
    cuts
}

/// Every subset where there are few; else each prefix, each change alone, each one missing, and some at random, the same every time.
fn subsets(pending: &[usize], depth: Depth) -> Vec<Vec<usize>> {
    let number = pending.len();
    let chosen = |mask: &dyn Fn(usize) -> bool| (0..number).filter(|at| mask(*at)).map(|at| pending[at]).collect::<Vec<_>>();
    if number <= depth.exhaustive() {
        return (0..1_usize << number).map(|mask| chosen(&|at| mask >> at & 1 == 1)).collect();
    }
    let mut subsets: Vec<Vec<usize>> = (0..=number).map(|end| pending[..end].into()).collect();
    for (one, change) in pending.iter().enumerate() {
        subsets.push(vec![*change]);
        subsets.push(chosen(&|at| at != one));
    }
    let mut state = 0x2545_f491_4f6c_dd1d_u64 ^ number as u64;
    for _ in 0..depth.random() {
        let mut bit = |_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state >> 60 & 1 == 1
        };
        let mask: Vec<bool> = (0..number).map(&mut bit).collect();
        subsets.push(chosen(&|at| mask[at]));
    }
    subsets
}

/// Inside the record's 512 bytes at any byte, behind them at any sector.
fn record_tears(depth: Depth) -> Vec<Extent> {
    let inside = (0..=codec::SIZE).step_by(depth.step()).chain([1, codec::SIZE - 4, codec::SIZE - 1, codec::SIZE]);
    let sectors = (codec::SIZE..=codec::BLOCK).step_by(SECTOR);
    let tears = |first| [Extent::Torn(first), Extent::Garbage(first, codec::SIZE.max(first)), Extent::Garbage(first, codec::BLOCK)];
    inside.chain(sectors).flat_map(tears).collect()
}

fn tears(at: usize, length: usize, depth: Depth) -> Vec<Extent> {
    let boundaries: Vec<usize> = (at / SECTOR * SECTOR + SECTOR..at + length).step_by(SECTOR).map(|boundary| boundary - at).collect();
    let step = boundaries.len().div_ceil(depth.tears()).max(1);
    let mut extents = vec![Extent::Torn(0), Extent::Garbage(0, length), Extent::Cut(length / 2)];
    for first in boundaries.into_iter().step_by(step) {
        extents.extend([Extent::Cut(first), Extent::Torn(first), Extent::Garbage(first, length), Extent::Garbage(first, first + SECTOR)]);
    }
    extents
}

/// The disk after a cut.
pub fn image(moment: &Moment, events: &[Event], cut: &Cut) -> Tree {
    let mut tree = moment.certain.clone();
    for number in &cut.kept {
        let Event::Change(change) = &events[*number] else { continue };
        let torn = cut.torn.filter(|(torn, _)| torn == number);
        tree.apply(change, torn.map_or(Extent::Whole, |(_, extent)| extent));
    }
    tree
}

/// The same for equal trees below a path ("" for all), and for hardly any others. Names of inodes do not count, what shares one does.
pub fn digest(tree: &Tree, paths: &BTreeMap<Vec<u8>, usize>, below: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    let mut first = BTreeMap::new();
    let inside =
        |path: &&Vec<u8>| path.starts_with(below.as_bytes()) && matches!(path.get(below.len()), None | Some(b'/')) || below.is_empty();
    for (number, path) in paths
        .range(below.as_bytes().to_vec()..)
        .map(|(path, _)| path)
        .take_while(|path| path.starts_with(below.as_bytes()))
        .filter(inside)
        .enumerate()
    {
        let ino = paths[path];
        let inode = &tree.inodes[ino];
        path.hash(&mut hasher);
        first.entry(ino).or_insert(number).hash(&mut hasher);
        (inode.mode, inode.owner, inode.modified, &inode.attributes).hash(&mut hasher);
        match &inode.kind {
            Kind::Directory => 0_u64.hash(&mut hasher),
            Kind::File(content) => content.digest().hash(&mut hasher),
            Kind::Symlink(target) => target.hash(&mut hasher),
            Kind::Fifo => 1_u64.hash(&mut hasher),
        }
    }
    hasher.finish()
}

/// Of the whole tree.
pub fn digest_of(tree: &Tree) -> (u64, BTreeMap<Vec<u8>, usize>) {
    let paths = paths(tree);
    (digest(tree, &paths, ""), paths)
}
