//! Trees and layers on a disk.

use crate::model::{Kind, Name, Node};
use bedplate::sys::copy::{self, Device, Meta, Node as OnDisk, Subject};
use bedplate::sys::{AsFd, BorrowedFd, OwnedFd, fs as bedplate_fs};
use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::path::Path;

const ATTRIBUTE: &CStr = c"trusted.bedplate";
const WHITEOUT: OnDisk = OnDisk::Character(Device { major: 0, minor: 0 });

pub fn open(path: &Path) -> OwnedFd {
    bedplate_fs::open_dir(path.to_str().unwrap()).unwrap()
}

fn c_name(name: &[u8]) -> CString {
    CString::new(name).unwrap()
}

/// Writes what is in a directory, and then dresses it.
pub fn write(dir: &OwnedFd, root: &Node) {
    for (name, node) in root.children().unwrap() {
        write_one(dir, name, node);
    }
    dress(dir, c".", root);
}

fn write_one(dir: &OwnedFd, name: &[u8], node: &Node) {
    let name = c_name(name);
    match &node.kind {
        Kind::File(content) => copy::write_all_at(copy::create_file_at(dir, &name).unwrap(), content, 0).unwrap(),
        Kind::Link(target) => copy::make_symlink_at(dir, &name, &c_name(target)).unwrap(),
        Kind::Fifo => copy::make_special_at(dir, &name, OnDisk::Fifo).unwrap(),
        Kind::Directory(_) => {
            copy::make_dir_at(dir, &name).unwrap();
            return write(&copy::open_dir_at(dir, &name).unwrap(), node);
        }
    }
    dress(dir, &name, node);
}

fn dress(dir: &OwnedFd, name: &CStr, node: &Node) {
    let meta = Meta { uid: node.uid, gid: 0, ..copy::look(dir, name).unwrap() };
    copy::set_owner_at(dir, name, &meta).unwrap();
    if let Some(value) = node.attribute {
        copy::set_attribute(Subject::Named(dir.as_fd(), name), ATTRIBUTE, &[value]).unwrap();
    }
    if !matches!(node.kind, Kind::Link(_)) {
        copy::set_mode_at(dir, name, node.mode).unwrap();
    }
}

/// Decides, wherever one change can be written in several ways.
#[derive(Debug)]
pub struct Choices {
    pub random: u64,
    pub whiteouts: Whiteouts,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whiteouts {
    Devices,
    /// Also empty files with an attribute, which Linux 6.7 knows in lower layers.
    Any,
}

impl Choices {
    fn flip(&mut self) -> bool {
        // xorshift64
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random.count_ones() % 2 == 0
    }
}

/// Writes a layer that shows `local` over `vendor`, both directories.
pub fn write_layer(dir: &OwnedFd, vendor: Option<&Node>, local: &Node, choices: &mut Choices) {
    let below = |node: &Node, name: &Name| node.children().and_then(|children| children.get(name)).cloned();
    let names = vendor.into_iter().chain([local]).filter_map(Node::children).flat_map(BTreeMap::keys);
    let names: std::collections::BTreeSet<&Name> = names.collect();
    for name in names {
        let vendor = vendor.and_then(|vendor| below(vendor, name));
        write_change(dir, name, vendor.as_ref(), below(local, name).as_ref(), choices);
    }
    dress(dir, c".", local);
}

fn write_change(dir: &OwnedFd, name: &Name, vendor: Option<&Node>, local: Option<&Node>, choices: &mut Choices) {
    let c_name = c_name(name);
    match (vendor, local) {
        (None, None) => {}
        (Some(_), None) if choices.whiteouts == Whiteouts::Devices || choices.flip() => {
            copy::make_special_at(dir, &c_name, WHITEOUT).unwrap();
        }
        (Some(_), None) => {
            drop(copy::create_file_at(dir, &c_name).unwrap());
            copy::set_attribute(Subject::Named(dir.as_fd(), &c_name), c"trusted.overlay.whiteout", b"y").unwrap();
        }
        // Otherwise it was copied up, and nothing came of it.
        (Some(_), Some(_)) if vendor == local && choices.flip() => {}
        (vendor, Some(local)) if local.is_directory() => {
            copy::make_dir_at(dir, &c_name).unwrap();
            let made = copy::open_dir_at(dir, &c_name).unwrap();
            let merged = vendor.filter(|vendor| vendor.is_directory() && choices.flip());
            if merged.is_none() && vendor.is_some() {
                copy::set_attribute(Subject::Open(made.as_fd()), c"trusted.overlay.opaque", b"y").unwrap();
            }
            write_layer(&made, merged, local, choices);
        }
        (_, Some(local)) => write_one(dir, name, local),
    }
}

/// What /etc shows with this layer over this vendor. A layer that says more than it has to is an error.
pub fn view(layer: BorrowedFd<'_>, vendor: Option<&Node>) -> Result<Node, String> {
    let meta = copy::look_open(layer).unwrap();
    let overlay =
        copy::attribute_names(Subject::Open(layer)).unwrap().into_iter().find(|key| key.to_bytes().starts_with(b"trusted.overlay."));
    if let Some(key) = overlay {
        return Err(format!("a directory with {key:?}"));
    }
    let mut children = vendor.and_then(Node::children).cloned().unwrap_or_default();
    for name in copy::list(layer).unwrap() {
        let bytes = name.to_bytes().to_vec();
        let vendor = children.remove(&bytes);
        let meta = copy::look(layer, &name).unwrap();
        let node = match meta.node {
            WHITEOUT if vendor.is_some() => continue,
            WHITEOUT => return Err(format!("{name:?} deletes nothing")),
            OnDisk::Directory => {
                let below = copy::open_dir_at(layer, &name).unwrap();
                let node = view(below.as_fd(), vendor.as_ref())?;
                if Some(&node) == vendor.as_ref() {
                    return Err(format!("{name:?} leads to nothing"));
                }
                node
            }
            _ => read(layer, &name, &meta),
        };
        if Some(&node) == vendor.as_ref() {
            return Err(format!("{name:?} is the vendor's"));
        }
        children.insert(bytes, node);
    }
    Ok(node(layer, c".", &meta, Kind::Directory(children)))
}

fn read(dir: BorrowedFd<'_>, name: &CStr, meta: &Meta) -> Node {
    let kind = match meta.node {
        OnDisk::Symlink => Kind::Link(copy::read_link(dir, name).unwrap().into_bytes()),
        OnDisk::Fifo => Kind::Fifo,
        _ => Kind::File(bedplate_fs::read_all(copy::open_file_at(dir, name).unwrap()).unwrap()),
    };
    node(dir, name, meta, kind)
}

fn node(dir: BorrowedFd<'_>, name: &CStr, meta: &Meta, kind: Kind) -> Node {
    let attribute = copy::attribute(Subject::Named(dir, name), ATTRIBUTE).ok().and_then(|value| value.first().copied());
    let mode = if matches!(kind, Kind::Link(_)) { 0 } else { meta.mode };
    Node { mode, uid: meta.uid, attribute, kind }
}

/// A tree as it is, without layers.
pub fn read_tree(dir: BorrowedFd<'_>) -> Node {
    let meta = copy::look_open(dir).unwrap();
    let child = |name: CString| {
        let meta = copy::look(dir, &name).unwrap();
        let node = match meta.node {
            OnDisk::Directory => read_tree(copy::open_dir_at(dir, &name).unwrap().as_fd()),
            _ => read(dir, &name, &meta),
        };
        (name.into_bytes(), node)
    };
    let children = copy::list(copy::open_again(dir).unwrap()).unwrap().into_iter().map(child).collect();
    node(dir, c".", &meta, Kind::Directory(children))
}
