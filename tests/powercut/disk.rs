//! A file system with the weakest promises on a power cut that the program relies on.
//!
//! | promise | who keeps it |
//! |---|---|
//! | the content and the size of a file are on the disk after fdatasync(2) or fsync(2) of it; mode, owner, times and attributes after fsync(2) | POSIX, fsync(2) |
//! | the names in a directory, and its own attributes, are on the disk after fsync(2) of the directory | ext4, xfs, btrfs; fsync(2) says that it takes this call |
//! | everything is on the disk after syncfs(2) | syncfs(2), Linux |
//! | one rename is there as a whole or not at all, also between two directories; a name that is there leads to an inode that has been made, with the mode of its making | the journal of ext4, the log of xfs, the trees of btrfs |
//! | what is on the disk takes earlier changes of the same name, the same bytes or the same attribute with it | all |
//!
//! Nothing else is promised. Of what was not flushed, any part may be on the disk and any other not: a file without its name, a
//! name without the file's content, the second of two renames without the first. (ext4, xfs and btrfs keep the order of changes
//! to names, but that btrfs lets an fsync overtake it; ext4 also begins to write a file out when it replaces another by rename,
//! unless it is told not to. Neither is relied on: what a mount option or the next file system can take away is no promise.) A
//! write that was under way has reached the disk up to any sector, and inside the record's block up to any byte; behind that is
//! what was there before, zeros where nothing was, or garbage.
//!
//! Not modelled: a disk that does not do what a flush tells it, and one that damages what it was not writing.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

pub type Ino = usize;
pub type Name = Vec<u8>;
/// The physical root's directory.
pub const ROOT: Ino = 0;
/// What a disk writes at once, at least.
pub const SECTOR: usize = 512;

/// A file's bytes with their hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content(Arc<(u64, Vec<u8>)>);

impl Content {
    pub fn new(bytes: Vec<u8>) -> Self {
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        Self(Arc::new((hasher.finish(), bytes)))
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0.1
    }

    pub fn digest(&self) -> u64 {
        self.0.0
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    Directory,
    File(Content),
    Symlink(Vec<u8>),
    Fifo,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inode {
    pub kind: Kind,
    pub mode: u32,
    pub owner: (u32, u32),
    /// Seconds and nanoseconds, where they were set and nothing has changed the inode since.
    pub modified: Option<(i64, i64)>,
    pub attributes: BTreeMap<Name, Vec<u8>>,
}

impl Inode {
    pub fn new(kind: Kind, mode: u32) -> Self {
        Self { kind, mode, owner: (0, 0), modified: None, attributes: BTreeMap::new() }
    }
}

/// What one call changes, all of it or nothing, but for [`Change::Write`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Names in directories and what they lead to from now on.
    Names(Vec<(Ino, Name, Option<Ino>)>),
    Write {
        file: Ino,
        at: usize,
        bytes: Arc<Vec<u8>>,
    },
    Size(Ino, usize),
    Mode(Ino, u32),
    Owner(Ino, (u32, u32)),
    Times(Ino, (i64, i64)),
    Attribute(Ino, Name, Option<Vec<u8>>),
}

impl Change {
    pub fn is_rename(&self) -> bool {
        matches!(self, Self::Names(names) if names.len() > 1)
    }

    /// Whether both change the same thing.
    fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Names(a), Self::Names(b)) => a.iter().any(|(dir, name, _)| b.iter().any(|(d, n, _)| (dir, name) == (d, n))),
            (Self::Write { file, .. } | Self::Size(file, _), Self::Write { file: other, .. } | Self::Size(other, _))
            | (Self::Mode(file, _), Self::Mode(other, _))
            | (Self::Owner(file, _), Self::Owner(other, _))
            | (Self::Times(file, _), Self::Times(other, _)) => file == other,
            (Self::Attribute(file, name, _), Self::Attribute(other, other_name, _)) => (file, name) == (other, other_name),
            _ => false,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flush {
    /// fdatasync of a file.
    Data(Ino),
    /// fsync of a file or directory.
    Whole(Ino),
    /// syncfs.
    All,
}

impl Flush {
    /// Whether a change that was made before is on the disk when it returns.
    pub fn covers(self, change: &Change) -> bool {
        match (self, change) {
            (Self::All, _) => true,
            (Self::Data(ino) | Self::Whole(ino), Change::Write { file, .. } | Change::Size(file, _)) => ino == *file,
            (Self::Data(_), _) => false,
            (Self::Whole(ino), Change::Names(names)) => names.iter().any(|(dir, ..)| *dir == ino),
            (Self::Whole(ino), Change::Mode(on, _) | Change::Owner(on, _) | Change::Times(on, _) | Change::Attribute(on, ..)) => ino == *on,
        }
    }
}

/// How much of a change has reached the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    Whole,
    /// Of a write, the first bytes; behind them what was there before, and the file no longer than that.
    Cut(usize),
    /// The file has its new size; behind the first bytes is what was there before, and zeros.
    Torn(usize),
    /// Behind the first bytes, garbage up to the second number, and then what was there before.
    Garbage(usize, usize),
}

/// The state of a disk.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    /// Also those that no name leads to.
    pub inodes: Vec<Inode>,
    pub names: BTreeMap<(Ino, Name), Ino>,
}

impl Tree {
    /// A new inode, without a name.
    pub fn bear(&mut self, inode: Inode) -> Ino {
        self.inodes.push(inode);
        self.inodes.len() - 1
    }

    pub fn lookup(&self, path: &str) -> Option<Ino> {
        self.find(path.as_bytes())
    }

    /// By a path without symlinks, below the root.
    pub fn find(&self, path: &[u8]) -> Option<Ino> {
        let parts = path.split(|c| *c == b'/').filter(|part| !part.is_empty());
        parts.into_iter().try_fold(ROOT, |dir, name| self.names.get(&(dir, name.into())).copied())
    }

    pub fn entries(&self, dir: Ino) -> impl Iterator<Item = (&Name, Ino)> {
        self.names.range((dir, Name::new())..(dir + 1, Name::new())).map(|((_, name), ino)| (name, *ino))
    }

    pub fn content(&self, path: &str) -> Option<&[u8]> {
        match &self.inodes[self.lookup(path)?].kind {
            Kind::File(content) => Some(content.bytes()),
            _ => None,
        }
    }

    pub fn apply(&mut self, change: &Change, extent: Extent) {
        match change {
            Change::Names(names) => names.iter().for_each(|(dir, name, ino)| self.name(*dir, name, *ino)),
            Change::Write { file, at, bytes } => self.change(*file, |content| write(content, *at, bytes, extent)),
            Change::Size(file, size) => self.change(*file, |content| content.resize(*size, 0)),
            Change::Mode(ino, mode) => self.inodes[*ino].mode = *mode,
            Change::Owner(ino, owner) => self.inodes[*ino].owner = *owner,
            Change::Times(ino, modified) => self.inodes[*ino].modified = Some(*modified),
            Change::Attribute(ino, name, value) => {
                let attributes = &mut self.inodes[*ino].attributes;
                match value {
                    Some(value) => drop(attributes.insert(name.clone(), value.clone())),
                    None => drop(attributes.remove(name)),
                }
            }
        }
    }

    fn name(&mut self, dir: Ino, name: &Name, ino: Option<Ino>) {
        self.inodes[dir].modified = None;
        let key = (dir, name.clone());
        match ino {
            Some(ino) => drop(self.names.insert(key, ino)),
            None => drop(self.names.remove(&key)),
        }
    }

    fn change(&mut self, file: Ino, change: impl FnOnce(&mut Vec<u8>)) {
        let inode = &mut self.inodes[file];
        inode.modified = None;
        let Kind::File(content) = &inode.kind else { panic!("a write to what is no file") };
        let mut bytes = content.bytes().to_vec();
        change(&mut bytes);
        inode.kind = Kind::File(Content::new(bytes));
    }
}

fn write(content: &mut Vec<u8>, at: usize, bytes: &[u8], extent: Extent) {
    let first = match extent {
        Extent::Whole => bytes.len(),
        Extent::Cut(first) | Extent::Torn(first) | Extent::Garbage(first, _) => first.min(bytes.len()),
    };
    let size = if matches!(extent, Extent::Cut(_)) { at + first } else { at + bytes.len() };
    content.resize(content.len().max(size), 0);
    content[at..at + first].copy_from_slice(&bytes[..first]);
    if let Extent::Garbage(_, end) = extent {
        // No pattern that a checksum could like.
        let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ (first as u64) << 32 ^ end as u64;
        for byte in &mut content[at + first..at + end.min(bytes.len())] {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = state.to_be_bytes()[0];
        }
    }
}

/// Which of the changes up to a moment are on the disk for certain. `None` is a flush that is not to be heeded.
pub fn durable(events: &[Event]) -> Vec<bool> {
    let mut durable = vec![false; events.len()];
    for (at, event) in events.iter().enumerate() {
        let Event::Flush(flush) = event else { continue };
        for before in 0..at {
            durable[before] |= matches!(&events[before], Event::Change(change) if flush.covers(change));
        }
    }
    for at in (0..events.len()).rev().filter(|at| durable[*at]).collect::<Vec<_>>() {
        let Event::Change(change) = &events[at] else { continue };
        for before in 0..at {
            durable[before] |= matches!(&events[before], Event::Change(earlier) if earlier.meets(change));
        }
    }
    durable
}

/// What a program did, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    Change(Change),
    Flush(Flush),
    /// It has looked into a deployment's tree for the first time since it last wrote the record.
    Touch,
    /// It begins to mount the first deployment.
    Mount,
}
