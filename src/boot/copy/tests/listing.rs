//! Everything that a copy has to keep, as a value that can be compared.

use crate::sys::copy::{self as sys, Meta, Node, Stamp, Subject};
use crate::sys::{AsFd, BorrowedFd, OwnedFd, fs};
use alloc::collections::BTreeMap;
use std::vec::Vec;

/// One entry of a tree, without what a copy cannot keep (inode, change time).
#[derive(Debug, PartialEq)]
pub struct Line {
    node: Node,
    mode: u16,
    owner: (u32, u32),
    accessed: Stamp,
    modified: Stamp,
    attributes: BTreeMap<Vec<u8>, Vec<u8>>,
    content: Vec<u8>,
    data: Data,
    /// The first path of the same file.
    first: Vec<u8>,
}

fn attributes(subject: Subject<'_>) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let keys = sys::attribute_names(subject).unwrap();
    keys.iter().map(|key| (key.to_bytes().to_vec(), sys::attribute(subject, key).unwrap())).collect()
}

/// The numbers of all blocks that are no hole. A copy may have fewer: xfs tells of blocks that it has reserved.
#[derive(Debug, Default)]
struct Data(Vec<u64>);

impl PartialEq for Data {
    /// Whether this, of a copy, is all in the other, of the original.
    fn eq(&self, original: &Self) -> bool {
        self.0.iter().all(|block| original.0.contains(block))
    }
}

fn data_of(file: BorrowedFd<'_>) -> Data {
    let mut data = Data::default();
    let mut at = 0;
    while let Some((start, end)) = sys::next_data(file, at).unwrap() {
        at = end;
        data.0.extend(start / 4096..end.div_ceil(4096));
    }
    data
}

fn line(meta: &Meta, subject: Subject<'_>, first: Vec<u8>) -> Line {
    let mut line = Line {
        node: meta.node,
        mode: meta.mode,
        owner: (meta.uid, meta.gid),
        accessed: meta.accessed,
        modified: meta.modified,
        attributes: attributes(subject),
        content: Vec::new(),
        data: Data::default(),
        first,
    };
    match subject {
        Subject::Open(file) if meta.node == Node::Regular => {
            line.content = fs::read_all(file).unwrap();
            line.data = data_of(file);
        }
        Subject::Named(dir, name) if meta.node == Node::Symlink => {
            line.content = sys::read_link(dir, name).unwrap().into_bytes();
            // Reading a symlink sets its access time, here as everywhere.
            line.accessed = line.modified;
        }
        _ => {}
    }
    line
}

/// The whole tree, by path. For trees that are not deep: it recurses.
pub fn listing(root: BorrowedFd<'_>) -> BTreeMap<Vec<u8>, Line> {
    let mut lines = BTreeMap::new();
    let mut firsts = BTreeMap::new();
    descend(&sys::open_again(root).unwrap(), b"", &mut lines, &mut firsts);
    lines
}

fn descend(dir: &OwnedFd, path: &[u8], lines: &mut BTreeMap<Vec<u8>, Line>, firsts: &mut BTreeMap<sys::FileId, Vec<u8>>) {
    lines.insert(path.to_vec(), line(&sys::look_open(dir).unwrap(), Subject::Open(dir.as_fd()), path.to_vec()));
    for name in sys::list(dir).unwrap() {
        let mut path = path.to_vec();
        path.push(b'/');
        path.extend_from_slice(name.to_bytes());
        let meta = sys::look(dir, &name).unwrap();
        let first = firsts.entry(meta.id).or_insert(path.clone()).clone();
        let line = match meta.node {
            Node::Directory => {
                descend(&sys::open_dir_at(dir, &name).unwrap(), &path, lines, firsts);
                continue;
            }
            Node::Regular => line(&meta, Subject::Open(sys::open_file_at(dir, &name).unwrap().as_fd()), first),
            _ => line(&meta, Subject::Named(dir.as_fd(), &name), first),
        };
        lines.insert(path, line);
    }
}
