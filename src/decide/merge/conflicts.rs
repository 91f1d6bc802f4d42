//! The conflicts file: what a person should look at after /etc was carried forward. Text to values and back.
//!
//! The first line names the format. Then one line a path, sorted by its bytes: the kind of conflict, and the local version as
//! it stood in the new layer then, as an inventory describes it. What has changed since is somebody's answer.
//!
//! ```text
//! edited f 644 0 0 12 a948904f…ad47 - hosts
//! type c 0 0 0 0:0 - - was/deleted
//! ```

use super::ConflictKind;
use crate::decide::inventory::{Entry, Problem, parse_line};
use alloc::vec::Vec;
use core::fmt;

const HEADER: &str = "# bedplate conflicts 1";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    pub kind: ConflictKind,
    pub local: Entry,
}

/// Sorted by path.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Conflicts(pub Vec<Conflict>);

impl Conflicts {
    /// The conflict at a path below /etc.
    pub fn find(&self, path: &[u8]) -> Option<&Conflict> {
        let at = self.0.binary_search_by(|conflict| conflict.local.path.as_slice().cmp(path)).ok()?;
        self.0.get(at)
    }
}

impl fmt::Display for Conflicts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        self.0.iter().try_for_each(|conflict| writeln!(f, "{} {}", conflict.kind.word(), conflict.local))
    }
}

/// Reads what [`Conflicts`] prints; there is no partial result.
pub fn parse(text: &str) -> Result<Conflicts, Problem> {
    let mut lines = text.lines().enumerate();
    if lines.next().map(|(_, line)| line) != Some(HEADER) {
        return Err(Problem { line: 1, why: "not a list of conflicts of a known format" });
    }
    let mut conflicts: Vec<Conflict> = Vec::new();
    for (index, line) in lines {
        let problem = |why| Problem { line: index + 1, why };
        let (kind, local) = line.split_once(' ').ok_or(problem("fewer words than the format has"))?;
        let kind = ConflictKind::from_word(kind).ok_or(problem("not a kind of conflict"))?;
        let local = parse_line(local).map_err(problem)?;
        if conflicts.last().is_some_and(|last| last.local.path >= local.path) {
            return Err(problem("out of order, or there twice"));
        }
        conflicts.push(Conflict { kind, local });
    }
    Ok(Conflicts(conflicts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::inventory::{Attributes, DeviceNumber, Digest, Kind};
    use alloc::string::ToString;
    use proptest::prelude::*;

    #[test]
    fn problems_say_where() {
        let problem = |text: &str| parse(text).unwrap_err().to_string();
        assert_eq!(problem(""), "line 1: not a list of conflicts of a known format");
        let lines = |rest: &str| alloc::format!("{HEADER}\n{rest}");
        assert_eq!(problem(&lines("edited\n")), "line 2: fewer words than the format has");
        assert_eq!(problem(&lines("odd d 755 0 0 - - - a\n")), "line 2: not a kind of conflict");
        assert_eq!(problem(&lines("type d 755 0 0 - -\n")), "line 2: fewer words than the format has");
        assert_eq!(problem(&lines("type d 755 0 0 - - - b\nedited d 755 0 0 - - - a\n")), "line 3: out of order, or there twice");
    }

    fn any_conflict() -> impl Strategy<Value = Conflict> {
        let kind = prop::sample::select(ConflictKind::ALL.to_vec());
        let file = any::<(u64, [u8; 32])>().prop_map(|(size, sha256)| Kind::File(Digest { size, sha256 }));
        let whiteout = Just(Kind::Character(DeviceNumber { major: 0, minor: 0 }));
        let local = (prop::collection::vec(1_u8.., 1..9), prop_oneof![file, whiteout, Just(Kind::Directory)], 0..0o10000_u16);
        (kind, local).prop_map(|(kind, (path, entry, mode))| {
            let local = Entry { path, kind: entry, mode, uid: 0, gid: 7, attributes: Attributes::None, verity: None };
            Conflict { kind, local }
        })
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".*") {
            let _ = parse(&text);
        }

        #[test]
        fn what_was_written_is_read(mut list in prop::collection::vec(any_conflict(), 0..6)) {
            list.sort_by(|a, b| a.local.path.cmp(&b.local.path));
            list.dedup_by(|a, b| a.local.path == b.local.path);
            let conflicts = Conflicts(list);
            prop_assert_eq!(parse(&conflicts.to_string()).unwrap(), conflicts.clone());
            for conflict in &conflicts.0 {
                prop_assert_eq!(conflicts.find(&conflict.local.path), Some(conflict));
            }
        }
    }
}
