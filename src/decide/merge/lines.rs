//! Account files, merged by line: the vendor's new system users and the machine's own users both stay.
//!
//! Lines belong together by their first field. Of each, the side that changed it since the old vendor counts; where both did,
//! the local one wins and it is a conflict. Members of groups are sets, merged for themselves. The order is the new vendor's,
//! then what is only local; lines of NIS (`+`, `-`) stay last.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

/// Larger files are not merged: a machine's own accounts take far less.
pub const LARGEST: u64 = 4 << 20;

/// A file that is merged by line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    Passwd,
    Group,
    Shadow,
    Gshadow,
    /// subuid and subgid: a user may have several lines.
    Ranges,
}

impl Table {
    /// By the path below /etc.
    pub fn of(path: &[u8]) -> Option<Self> {
        match path {
            b"passwd" => Some(Self::Passwd),
            b"group" => Some(Self::Group),
            b"shadow" => Some(Self::Shadow),
            b"gshadow" => Some(Self::Gshadow),
            b"subuid" | b"subgid" => Some(Self::Ranges),
            _ => None,
        }
    }

    /// Numbers, from 0, of the fields that are lists.
    const fn lists(self) -> &'static [usize] {
        match self {
            Self::Group => &[3],
            Self::Gshadow => &[2, 3],
            Self::Passwd | Self::Shadow | Self::Ranges => &[],
        }
    }

    const fn has_ids(self) -> bool {
        matches!(self, Self::Passwd | Self::Group)
    }
}

/// The result, and what a person should know of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Merged {
    pub text: Vec<u8>,
    /// Names whose lines both sides changed.
    pub contested: Vec<String>,
    /// Different names with the same number: a sentence each.
    pub clashes: Vec<String>,
}

type Line<'a> = &'a [u8];

/// The lines of each name, and the names in their order.
#[derive(Debug, Default)]
struct Lines<'a> {
    order: Vec<Line<'a>>,
    of: BTreeMap<Line<'a>, Vec<Line<'a>>>,
}

/// A comment and a line without fields or without a name stand for themselves.
fn name_of(line: Line<'_>) -> Line<'_> {
    let fields = line.iter().position(|byte| *byte == b':').filter(|end| *end > 0 && !line.starts_with(b"#"));
    fields.and_then(|end| line.get(..end)).unwrap_or(line)
}

impl<'a> Lines<'a> {
    fn read(text: &'a [u8]) -> Self {
        let mut lines = Self::default();
        for line in text.strip_suffix(b"\n").unwrap_or(text).split(|byte| *byte == b'\n').filter(|_| !text.is_empty()) {
            let name = name_of(line);
            let of_name = lines.of.entry(name).or_insert_with(|| {
                lines.order.push(name);
                Vec::new()
            });
            of_name.push(line);
        }
        lines
    }

    fn get(&self, name: Line<'_>) -> &[Line<'a>] {
        self.of.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    fn has(&self, name: Line<'_>) -> bool {
        self.of.contains_key(name)
    }
}

/// Merges the three versions of one file. Where one side has changed nothing, the other one counts as it is.
pub fn merge(table: Table, old: &[u8], local: &[u8], new: &[u8]) -> Merged {
    if old == local || old == new {
        let text = if old == local { new } else { local };
        return Merged { text: text.into(), ..Merged::default() };
    }
    let (old, local, new) = (Lines::read(old), Lines::read(local), Lines::read(new));
    let mut names: Vec<Line<'_>> = new.order.iter().chain(local.order.iter().filter(|name| !new.has(name))).copied().collect();
    names.sort_by_key(|name| matches!(name.first(), Some(b'+' | b'-')));
    let mut merged = Merged::default();
    for name in names {
        for line in merged.three_way(table, name, [old.get(name), local.get(name), new.get(name)]) {
            merged.text.extend_from_slice(&line);
            merged.text.push(b'\n');
        }
    }
    if table.has_ids() {
        merged.clashes = clashes(&local, &new);
    }
    merged
}

fn shown(bytes: &[u8]) -> String {
    alloc::format!("{}", String::from_utf8_lossy(bytes).escape_debug())
}

impl Merged {
    fn three_way(&mut self, table: Table, name: Line<'_>, [old, local, new]: [&[Line<'_>]; 3]) -> Vec<Vec<u8>> {
        let whole = |lines: &[Line<'_>]| lines.iter().map(|line| line.to_vec()).collect();
        if local == new || new == old {
            return whole(local);
        }
        if local == old {
            return whole(new);
        }
        if let ([local], [new], Some(old)) = (local, new, single(old)) {
            let (line, contested) = fields(table, old, local, new);
            if contested {
                self.contested.push(shown(name));
            }
            return alloc::vec![line];
        }
        self.contested.push(shown(name));
        whole(local)
    }
}

/// The only line; an empty one stands for none.
fn single<'a>(lines: &[Line<'a>]) -> Option<Line<'a>> {
    match lines {
        [] => Some(&[]),
        [line] => Some(line),
        _ => None,
    }
}

/// One line, and whether both sides changed the same of it.
fn fields(table: Table, old: Line<'_>, local: Line<'_>, new: Line<'_>) -> (Vec<u8>, bool) {
    let split = |line| <[u8]>::split(line, |byte| *byte == b':').collect::<Vec<Line<'_>>>();
    let (old, local_fields, new_fields) = (split(old), split(local), split(new));
    if table.lists().is_empty() || local_fields.len() != new_fields.len() {
        return (local.to_vec(), true);
    }
    let (mut merged, mut contested) = (Vec::new(), false);
    for (number, (local, new)) in local_fields.into_iter().zip(new_fields).enumerate() {
        let old = old.get(number).copied().unwrap_or_default();
        merged.push(if table.lists().contains(&number) {
            members(old, local, new)
        } else if local == old {
            new.to_vec()
        } else {
            contested |= local != new && new != old;
            local.to_vec()
        });
    }
    (merged.join(&b':'), contested)
}

/// Who was added on either side is in it, who was removed on either side is not.
fn members(old: &[u8], local: &[u8], new: &[u8]) -> Vec<u8> {
    let split = |list| <[u8]>::split(list, |byte| *byte == b',').filter(|name| !name.is_empty()).collect::<Vec<Line<'_>>>();
    let (old, local, new) = (split(old), split(local), split(new));
    let stays = |name: &&Line<'_>| local.contains(*name) || !old.contains(*name);
    let added = |name: &&Line<'_>| !new.contains(*name) && !old.contains(*name);
    let merged: Vec<Line<'_>> = new.iter().filter(stays).chain(local.iter().filter(added)).copied().collect();
    merged.join(&b',')
}

/// A name that only the machine has, and one that only the new vendor has, with one number.
fn clashes(local: &Lines<'_>, new: &Lines<'_>) -> Vec<String> {
    let id = |line: Line<'_>| line.split(|byte| *byte == b':').nth(2).filter(|id| !id.is_empty()).map(<[u8]>::to_vec);
    let ids_of = |lines: &Lines<'_>, other: &Lines<'_>| {
        let own = lines.order.iter().filter(|name| !other.has(name));
        let ids = own.filter_map(|name| Some((id(lines.get(name).first()?)?, shown(name))));
        ids.collect::<Vec<_>>()
    };
    let vendor: BTreeMap<Vec<u8>, String> = ids_of(new, local).into_iter().rev().collect();
    let clash = |(id, name): (Vec<u8>, String)| {
        let other = vendor.get(&id)?;
        Some(alloc::format!("{name}, which is local, and {other} of the vendor have the same number {}, keeping both", shown(&id)))
    };
    ids_of(local, new).into_iter().filter_map(clash).collect()
}
