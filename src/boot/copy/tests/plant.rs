//! Random trees: a recipe is a list of things to make, each in a directory made before it.

use crate::boot::copy::scratch::is_root;
use crate::error::Errno;
use crate::sys::copy::{self as sys, Device, FileId, Meta, Node, Stamp, Subject};
use crate::sys::{AsFd, OwnedFd};
use alloc::ffi::CString;
use proptest::prelude::*;
use std::vec::Vec;

#[derive(Debug, Clone)]
pub enum What {
    /// Stretches of data as first block, byte, number of bytes; and blocks of hole at the end.
    File(Vec<(u64, u8, usize)>, u64),
    Directory,
    Symlink(CString),
    Fifo,
    Socket,
    Null,
    /// Another name for one of the things made before.
    Link(usize),
}

#[derive(Debug, Clone)]
pub struct Item {
    parent: usize,
    name: CString,
    what: What,
    mode: u16,
    owner: (u32, u32),
    times: (Stamp, Stamp),
    attributes: Vec<(u8, Vec<u8>)>,
}

fn text(longest: usize) -> impl Strategy<Value = CString> {
    let byte = (1..=255_u8).prop_filter("no slash", |byte| *byte != b'/');
    prop::collection::vec(byte, 1..=longest).prop_filter_map("dots", |name| {
        let dots = name == b"." || name == b"..";
        CString::new(name).ok().filter(|_| !dots)
    })
}

fn what() -> impl Strategy<Value = What> {
    let stretch = (0..40_u64, any::<u8>(), 1..9000_usize);
    prop_oneof![
        4 => (prop::collection::vec(stretch, 0..4), 0..3_u64).prop_map(|(stretches, tail)| What::File(stretches, tail)),
        4 => Just(What::Directory),
        1 => text(200).prop_map(What::Symlink),
        1 => prop_oneof![Just(What::Fifo), Just(What::Socket), Just(What::Null)],
        2 => any::<prop::sample::Index>().prop_map(|index| What::Link(index.index(1000))),
    ]
}

fn stamp() -> impl Strategy<Value = Stamp> {
    (-1_000_000_000..4_000_000_000_i64, 0..1_000_000_000_u32).prop_map(|(seconds, nanoseconds)| Stamp { seconds, nanoseconds })
}

fn item() -> impl Strategy<Value = Item> {
    let attributes = prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 0..100)), 0..3);
    let head = (0..1000_usize, prop_oneof![4 => text(12), 1 => text(255)], what());
    let rest = (0..0o10000_u16, (0..70000_u32, 0..70000_u32), (stamp(), stamp()), attributes);
    (head, rest).prop_map(|((parent, name, what), (mode, owner, times, attributes))| Item {
        parent,
        name,
        what,
        mode,
        owner,
        times,
        attributes,
    })
}

pub fn recipe() -> impl Strategy<Value = Vec<Item>> {
    prop::collection::vec(item(), 0..40)
}

struct Made {
    parent: usize,
    name: CString,
    node: Node,
}

/// Makes the recipe's tree in an empty directory. What cannot be made (a name taken, a link to a directory, devices
/// without privileges) is left out.
pub fn plant(root: OwnedFd, items: &[Item]) {
    let mut dirs = std::vec![root];
    let mut made: Vec<Made> = Vec::new();
    let mut later = Vec::new();
    for item in items {
        let parent = item.parent % dirs.len();
        let dir = &dirs[parent];
        let node = match &item.what {
            What::Link(index) => {
                let source = made.get(index % made.len().max(1)).filter(|made| made.node != Node::Directory);
                let Some(source) = source else { continue };
                match sys::link_at(&dirs[source.parent], &source.name, dir, &item.name) {
                    Ok(()) | Err(Errno::EEXIST) => continue,
                    Err(errno) => panic!("{errno:?}"),
                }
            }
            what => make(dir, &item.name, what),
        };
        let Ok(node) = node else { continue };
        if node == Node::Directory {
            let child = sys::open_dir_at(dir, &item.name).unwrap();
            dirs.push(child);
        }
        made.push(Made { parent, name: item.name.clone(), node });
        later.push((made.len() - 1, item));
    }
    // Children first, so that a directory's times stay.
    for (index, item) in later.iter().rev() {
        let made = &made[*index];
        dress(&dirs[made.parent], &made.name, made.node, item);
    }
}

fn make(dir: &OwnedFd, name: &CString, what: &What) -> Result<Node, Errno> {
    let null = Node::Character(Device { major: 1, minor: 3 });
    let node = match what {
        What::Directory => return sys::make_dir_at(dir, name).map(|()| Node::Directory),
        What::Symlink(target) => return sys::make_symlink_at(dir, name, target).map(|()| Node::Symlink),
        What::File(stretches, tail) => return file(&sys::create_file_at(dir, name)?, stretches, *tail),
        What::Fifo => Node::Fifo,
        What::Socket => Node::Socket,
        What::Null | What::Link(_) => null,
    };
    sys::make_special_at(dir, name, node).map(|()| node)
}

fn file(file: &OwnedFd, stretches: &[(u64, u8, usize)], tail: u64) -> Result<Node, Errno> {
    for (block, byte, length) in stretches {
        sys::write_all_at(file, &std::vec![*byte; *length], block * 4096)?;
    }
    let size = sys::look_open(file)?.size;
    sys::set_size(file, size + tail * 4096)?;
    Ok(Node::Regular)
}

fn dress(dir: &OwnedFd, name: &CString, node: Node, item: &Item) {
    let plain = matches!(node, Node::Regular | Node::Directory);
    for (key, value) in item.attributes.iter().filter(|_| plain) {
        let namespace = if key % 2 == 0 && is_root() { "trusted" } else { "user" };
        let key = CString::new(std::format!("{namespace}.{key}")).unwrap();
        match sys::set_attribute(Subject::Named(dir.as_fd(), name), &key, value) {
            Ok(()) | Err(Errno::EOPNOTSUPP) => {}
            Err(errno) => panic!("{errno:?}"),
        }
    }
    let (uid, gid) = item.owner;
    let (accessed, modified) = item.times;
    let id = FileId { device: (0, 0), inode: 0 };
    let mode = if is_root() { item.mode } else { item.mode & 0o777 | 0o700 };
    let meta =
        Meta { node, mode, uid, gid, size: 0, allocated: 0, accessed, modified, id, links: 1, mount: 0, locked: false, verity: false };
    if is_root() {
        sys::set_owner_at(dir, name, &meta).unwrap();
    }
    if node != Node::Symlink {
        sys::set_mode_at(dir, name, mode).unwrap();
    }
    sys::set_times_at(dir, name, &meta).unwrap();
}
