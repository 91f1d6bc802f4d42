//! The rules of carrying /etc forward, on whole trees in memory: slow, and told in as few words as possible. It knows nothing of
//! layers: what /etc was, what it is now here, what the new vendor makes of it, and what it becomes.

use std::collections::BTreeMap;

pub type Name = Vec<u8>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    pub mode: u16,
    pub uid: u32,
    /// The value of an extended attribute.
    pub attribute: Option<u8>,
    pub kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    File(Vec<u8>),
    Link(Vec<u8>),
    Fifo,
    Directory(BTreeMap<Name, Node>),
}

impl Node {
    pub fn children(&self) -> Option<&BTreeMap<Name, Node>> {
        match &self.kind {
            Kind::Directory(children) => Some(children),
            _ => None,
        }
    }

    pub fn is_directory(&self) -> bool {
        self.children().is_some()
    }

    fn same_metadata(&self, other: &Self) -> bool {
        (self.mode, self.uid, self.attribute) == (other.mode, other.uid, other.attribute)
    }
}

/// What stands at a path of the new /etc.
pub fn becomes(old: Option<&Node>, local: Option<&Node>, new: Option<&Node>) -> Option<Node> {
    match local {
        // Deleted here: it stays so. Never here: the vendor has added it.
        None => new.filter(|_| old.is_none()).cloned(),
        Some(local) if local.is_directory() => directory(old, local, new),
        // Nobody changed it here: the vendor's.
        Some(_) if local == old => new.cloned(),
        Some(local) => Some(local.clone()),
    }
}

fn directory(old: Option<&Node>, local: &Node, new: Option<&Node>) -> Option<Node> {
    let old_directory = old.filter(|old| old.is_directory());
    let new_directory = new.filter(|new| new.is_directory());
    let changed = !old_directory.is_some_and(|old| old.same_metadata(local));
    let in_it = |node: Option<&Node>, name: &Name| node.and_then(Node::children).and_then(|children| children.get(name)).cloned();
    let all = [old, Some(local), new].into_iter().flatten().filter_map(Node::children).flat_map(BTreeMap::keys);
    let children: BTreeMap<Name, Node> = all
        .filter_map(|name| {
            let [old, new] = [old_directory, new_directory].map(|node| in_it(node, name));
            Some((name.clone(), becomes(old.as_ref(), in_it(Some(local), name).as_ref(), new.as_ref())?))
        })
        .collect();
    let like = new_directory.filter(|_| !changed).unwrap_or(local);
    if new_directory.is_none() && !changed && children.is_empty() {
        // It is the vendor's directory, and the vendor has made something else of it.
        return new.cloned();
    }
    Some(Node { kind: Kind::Directory(children), ..like.clone() })
}
