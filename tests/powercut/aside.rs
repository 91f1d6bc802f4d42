//! What a reset takes away is nowhere lost: wherever a cut falls, each file of before is there, in its place or set aside, and
//! what the journal says of it is true.

use super::disk::{Kind, Tree};
use super::place::paths;
use bedplate::decide::reset::journal::{Journal, Reset, Stage};
use std::collections::BTreeMap;

/// Of a recording in which a boot resets something, or undoes it.
#[derive(Debug, Default)]
pub struct Aside {
    /// Contents that stay somewhere, by digest, with a path of before.
    files: Vec<(u64, String)>,
    /// What a file of /var may hold at its path: what it held, and what it will.
    var: BTreeMap<String, Vec<u64>>,
    /// What is to be undone.
    undone: Option<Reset>,
}

fn journal(tree: &Tree) -> Option<Journal> {
    Journal::parse(std::str::from_utf8(tree.content("bedplate/reset/journal")?).ok()?).ok()
}

fn contents(tree: &Tree) -> impl Iterator<Item = (u64, String)> {
    let content = |(path, ino): (Vec<u8>, usize)| match &tree.inodes[ino].kind {
        Kind::File(content) => Some((content.digest(), String::from_utf8_lossy(&path).into_owned())),
        _ => None,
    };
    paths(tree).into_iter().filter_map(content)
}

impl Aside {
    pub fn of(before: &Tree, after: &Tree) -> Self {
        let Some(journal) = journal(before) else { return Self::default() };
        let mut var: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for (digest, path) in contents(before).chain(contents(after)).filter(|(_, path)| path.starts_with("bedplate/var/")) {
            var.entry(path).or_default().push(digest);
        }
        let own = |(_, path): &(u64, String)| {
            ["bedplate/var/", "bedplate/state/", "bedplate/reset/"].iter().any(|place| path.starts_with(place))
                && !path.ends_with("/journal")
        };
        Self { files: contents(before).filter(own).collect(), var, undone: journal.last }
    }

    pub fn check(&self, tree: &Tree) -> Result<(), String> {
        let there: Vec<u64> = contents(tree).map(|(digest, _)| digest).collect();
        if let Some((_, path)) = self.files.iter().find(|(digest, _)| !there.contains(digest)) {
            return Err(format!("{path} is lost"));
        }
        let odd = |(digest, path): &(u64, String)| self.var.get(path).is_some_and(|allowed| !allowed.contains(digest));
        if let Some((_, path)) = contents(tree).filter(|_| !self.files.is_empty()).find(odd) {
            return Err(format!("{path} is neither what it was nor what it will be"));
        }
        self.is_known(tree)?;
        let last = journal(tree).and_then(|journal| journal.last);
        if let Some(done) = last.as_ref().filter(|last| last.stage == Stage::Done) {
            return parts_are_at(tree, done, Where::Aside);
        }
        match &self.undone {
            Some(undone) if last.is_none() => parts_are_at(tree, undone, Where::Live),
            _ => Ok(()),
        }
    }
}

impl Aside {
    /// What is set aside is what the journal names: nobody would bring anything else back.
    fn is_known(&self, tree: &Tree) -> Result<(), String> {
        if self.files.is_empty() {
            return Ok(());
        }
        let last = journal(tree).and_then(|journal| journal.last);
        for path in paths(tree).into_keys().filter_map(|path| String::from_utf8(path).ok()) {
            let Some((number, rest)) = path.strip_prefix("bedplate/reset/").and_then(|path| path.split_once('/')) else { continue };
            let (undone, rest) = rest.strip_prefix("undone/").map_or((false, rest), |rest| (true, rest));
            let Some((group, name)) = rest.split_once('/').filter(|(group, name)| ["state", "var"].contains(group) && !name.contains('/'))
            else {
                continue;
            };
            let named = |last: &&Reset| {
                let part = last.parts.iter().any(|part| part.group() == group && part.name() == name.as_bytes());
                last.number.to_string() == number && part && (!undone || last.stage == Stage::Undoing)
            };
            // Once all is undone nobody needs it.
            if !last.as_ref().map_or(undone, |last| named(&last)) {
                return Err(format!("{path} is there, and the journal does not know"));
            }
        }
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Where {
    Live,
    Aside,
}

fn parts_are_at(tree: &Tree, reset: &Reset, place: Where) -> Result<(), String> {
    for part in &reset.parts {
        let path = |directory: &str| [b"bedplate/", directory.as_bytes(), b"/", part.name()].concat();
        let aside = tree.find(&path(&format!("reset/{}/{}", reset.number, part.group()))).is_some();
        let live = tree.find(&path(&part.directory(reset.state.as_str()))).is_some();
        let right = if place == Where::Aside { aside } else { live && !aside };
        if !right {
            return Err(format!("the journal says that {} is done with", String::from_utf8_lossy(&path(part.group()))));
        }
    }
    Ok(())
}
