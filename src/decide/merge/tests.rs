use super::lines::{Merged, Table, merge};
use super::*;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::convert::Infallible;
use proptest::prelude::*;

use ConflictKind::{Edited, Metadata, Removed};
use Kind::{Directory, Other, Regular};

const D: Option<Kind> = Some(Directory);
const F: Option<Kind> = Some(Regular);
const L: Option<Kind> = Some(Other);

fn decided(old: Option<Kind>, local: Local, new: Option<Kind>, same: &[Pair]) -> (Fate, Option<ConflictKind>) {
    let there = |pair| match pair {
        Pair::LocalNew => new.is_some(),
        Pair::LocalOld => old.is_some(),
        Pair::OldNew => old.is_some() && new.is_some(),
    };
    let mut compare = |pair| {
        assert!(there(pair), "{pair:?} of what is not there");
        Ok::<_, Infallible>(if same.contains(&pair) { Sameness::Same } else { Sameness::Content })
    };
    let Ok(Decision { fate, conflict }) = decide(Three { old, local, new }, &mut compare);
    (fate, conflict)
}

#[test]
fn a_file_is_decided_by_who_changed_it() {
    use Pair::{LocalNew, LocalOld, OldNew};
    for (old, new, same, fate, conflict) in [
        (None, None, &[][..], Fate::Carry, None),
        (F, F, &[OldNew], Fate::Carry, None),
        (F, F, &[LocalNew], Fate::Drop, None),
        (F, F, &[LocalOld], Fate::Drop, None),
        (F, F, &[], Fate::Carry, Some(Edited)),
        (F, None, &[LocalOld], Fate::Drop, None),
        (F, None, &[], Fate::Carry, Some(Removed)),
        (None, F, &[LocalNew], Fate::Drop, None),
        (None, F, &[], Fate::Carry, Some(Edited)),
        (None, L, &[], Fate::Carry, Some(ConflictKind::Type)),
        (L, L, &[OldNew], Fate::Carry, None),
        (L, L, &[], Fate::Carry, Some(ConflictKind::Type)),
        (F, D, &[LocalOld], Fate::Drop, None),
        (F, D, &[], Fate::Carry, Some(ConflictKind::Type)),
        (D, D, &[], Fate::Carry, Some(ConflictKind::Type)),
        (None, D, &[], Fate::Carry, Some(ConflictKind::Type)),
        (D, None, &[], Fate::Carry, Some(Removed)),
        (D, F, &[], Fate::Carry, Some(Edited)),
        (D, F, &[LocalNew], Fate::Drop, None),
    ] {
        assert_eq!(decided(old, Local::There(Regular), new, same), (fate, conflict), "{old:?} {new:?} {same:?}");
    }
}

#[test]
fn a_deletion_stays_as_long_as_there_is_something_to_delete() {
    for (old, new, fate, conflict) in [
        (F, F, Fate::Carry, None),
        (D, D, Fate::Carry, None),
        (F, L, Fate::Carry, None),
        (F, None, Fate::Drop, None),
        (None, F, Fate::Drop, None),
        (None, None, Fate::Drop, None),
        (F, D, Fate::Carry, Some(ConflictKind::Type)),
        (D, F, Fate::Carry, Some(ConflictKind::Type)),
    ] {
        assert_eq!(decided(old, Local::Deleted, new, &[]), (fate, conflict), "{old:?} {new:?}");
    }
    assert_eq!(decided(F, Local::Incomplete, F, &[]), (Fate::Drop, Some(ConflictKind::Incomplete)));
}

#[test]
fn a_directory_is_decided_by_its_metadata() {
    use Pair::{LocalNew, LocalOld, OldNew};
    for (old, new, same, fate, conflict) in [
        (D, D, &[LocalOld][..], Fate::Lead, None),
        (D, D, &[LocalNew], Fate::Lead, None),
        (D, D, &[OldNew], Fate::Carry, None),
        (D, D, &[], Fate::Carry, Some(Metadata)),
        (None, D, &[LocalNew], Fate::Lead, None),
        (None, D, &[], Fate::Carry, Some(Metadata)),
        (F, D, &[LocalNew], Fate::Lead, None),
        (F, D, &[], Fate::Carry, Some(Metadata)),
        (D, None, &[LocalOld], Fate::Lead, None),
        (D, None, &[], Fate::Carry, Some(Removed)),
        (None, None, &[], Fate::Carry, None),
        (F, None, &[], Fate::Carry, Some(Removed)),
        (D, F, &[LocalOld], Fate::Lead, Some(ConflictKind::Type)),
        (D, F, &[], Fate::Carry, Some(ConflictKind::Type)),
        (None, F, &[], Fate::Carry, Some(ConflictKind::Type)),
        (F, F, &[], Fate::Carry, Some(ConflictKind::Type)),
    ] {
        assert_eq!(decided(old, Local::There(Directory), new, same), (fate, conflict), "{old:?} {new:?} {same:?}");
    }
}

fn merged(table: Table, [old, local, new]: [&str; 3]) -> (String, Vec<String>, Vec<String>) {
    let lines = |text: &str| text.split(' ').filter(|line| !line.is_empty()).fold(String::new(), |all, line| all + line + "\n");
    let Merged { text, contested, clashes } = merge(table, lines(old).as_bytes(), lines(local).as_bytes(), lines(new).as_bytes());
    (String::from_utf8(text).unwrap().trim_end().replace('\n', " "), contested, clashes)
}

#[test]
fn lines_of_both_sides_stay() {
    for (old, local, new, expected, contested) in [
        // Local users and new system users.
        ("root:x:0", "root:x:0 me:x:1000", "root:x:0 svc:x:999", "root:x:0 svc:x:999 me:x:1000", ""),
        // Removed on either side.
        ("root:x:0 a:x:1 b:x:2", "root:x:0 b:x:2", "root:x:0 a:x:1", "root:x:0", ""),
        // Changed on one side.
        ("a:x:1 b:x:2", "a:y:1 b:x:2", "a:x:1 b:y:2", "a:y:1 b:y:2", ""),
        // On both, in the same way and not.
        ("a:x:1", "a:y:1", "a:y:1", "a:y:1", ""),
        ("a:x:1", "a:y:1", "a:z:1", "a:y:1", "a"),
        ("a:x:1", "", "a:z:1", "", "a"),
        ("a:x:1", "a:y:1", "", "a:y:1", "a"),
        ("", "a:y:1", "a:z:1", "a:y:1", "a"),
        // NIS stays last, comments stay.
        ("root:x:0 +", "root:x:0 me:x:1000 +", "root:x:0 svc:x:999 +", "root:x:0 svc:x:999 me:x:1000 +", ""),
        ("#a:b root:x:0", "#a:b root:x:0 me:x:1", "#a:c root:x:0", "#a:c root:x:0 me:x:1", ""),
        // A line without fields.
        ("", "odd", "", "odd", ""),
    ] {
        let (text, found, clashes) = merged(Table::Passwd, [old, local, new]);
        assert_eq!((text.as_str(), found.join(" ").as_str()), (expected, contested), "{old} | {local} | {new}");
        assert_eq!(clashes, [""; 0]);
    }
}

#[test]
fn members_of_groups_are_sets() {
    for (old, local, new, expected, contested) in [
        ("g:x:1:", "g:x:1:me", "g:x:1:svc", "g:x:1:svc,me", ""),
        ("g:x:1:a,b,c", "g:x:1:b,c,me", "g:x:1:a,c,svc", "g:x:1:c,svc,me", ""),
        ("g:x:1:a", "g:x:2:a", "g:x:1:a,svc", "g:x:2:a,svc", ""),
        ("g:x:1:a", "g:x:2:a", "g:x:3:b", "g:x:2:b", "g"),
        ("", "g:x:1:me", "g:x:1:svc", "g:x:1:svc,me", ""),
        ("", "g:x:1:me", "g:x:2:svc", "g:x:1:svc,me", "g"),
        ("g:x:1:a", "g:x:1", "g:x:1:b", "g:x:1", "g"),
    ] {
        let (text, found, _) = merged(Table::Group, [old, local, new]);
        assert_eq!((text.as_str(), found.join(" ").as_str()), (expected, contested), "{old} | {local} | {new}");
    }
    let (text, contested, _) = merged(Table::Gshadow, ["g:!:a:b", "g:!:a,me:b", "g:!::b,svc"]);
    assert_eq!((text.as_str(), contested.len()), ("g:!:me:b,svc", 0));
}

#[test]
fn a_user_has_several_ranges() {
    let (text, contested, _) = merged(Table::Ranges, ["a:1:9 a:20:9", "a:1:9 a:20:9 me:50:9 me:60:9", "a:1:9"]);
    assert_eq!((text.as_str(), contested.len()), ("a:1:9 me:50:9 me:60:9", 0));
    let (text, contested, _) = merged(Table::Ranges, ["a:1:9 a:20:9", "a:1:9 a:30:9", "a:1:9"]);
    assert_eq!((text.as_str(), contested), ("a:1:9 a:30:9", vec!["a".to_string()]));
}

#[test]
fn two_names_with_one_number_are_kept_and_told() {
    let (text, contested, clashes) = merged(Table::Passwd, ["root:x:0", "root:x:0 me:x:999", "root:x:0 svc:x:999"]);
    assert_eq!((text.as_str(), contested.len()), ("root:x:0 svc:x:999 me:x:999", 0));
    assert_eq!(clashes, ["me, which is local, and svc of the vendor have the same number 999, keeping both"]);
    // One that both have always had is nobody's surprise.
    let (_, _, clashes) = merged(Table::Passwd, ["root:x:0 toor:x:0", "root:x:0 toor:x:0 me:x:1", "root:x:0 toor:x:0"]);
    assert_eq!(clashes, [""; 0]);
}

fn any_table() -> impl Strategy<Value = Table> {
    prop::sample::select(vec![Table::Passwd, Table::Group, Table::Shadow, Table::Gshadow, Table::Ranges])
}

/// Lines with distinct names, so that a map tells what is right.
fn any_lines() -> impl Strategy<Value = Vec<String>> {
    prop::collection::btree_map("[a-d+#]", "[xy]:[0-2]:[pq]?", 0..5)
        .prop_map(|lines| lines.into_iter().map(|(name, rest)| format!("{name}:{rest}")).collect())
}

proptest! {
    #[test]
    fn any_bytes_are_merged(table in any_table(), texts in prop::array::uniform3(prop::collection::vec(prop::sample::select(b"ab:,+#\n\xff".to_vec()), 0..40))) {
        let [old, local, new] = &texts;
        merge(table, old, local, new);
        // One side that changed nothing leaves the other as it is, but for the order and the last newline.
        let sorted = |text: &[u8]| {
            let text = text.strip_suffix(b"\n").unwrap_or(text);
            let mut lines: Vec<Vec<u8>> = text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            lines.sort();
            lines
        };
        prop_assert_eq!(sorted(&merge(table, old, old, new).text), sorted(new));
        prop_assert_eq!(sorted(&merge(table, old, local, old).text), sorted(local));
        let once = merge(table, old, local, new).text;
        prop_assert_eq!(sorted(&merge(table, new, &once, new).text), sorted(&once));
    }

    #[test]
    fn each_line_is_decided_for_itself(old in any_lines(), local in any_lines(), new in any_lines()) {
        let text = |lines: &[String]| lines.iter().fold(String::new(), |all, line| all + line + "\n");
        let merged = merge(Table::Passwd, text(&old).as_bytes(), text(&local).as_bytes(), text(&new).as_bytes());
        let merged = String::from_utf8(merged.text).unwrap();
        let find = |lines: &[String], name: &str| lines.iter().find(|line| line.starts_with(&format!("{name}:"))).cloned();
        for name in ["a", "b", "c", "d", "+"] {
            let (old, local, new) = (find(&old, name), find(&local, name), find(&new, name));
            let expected = if local == old { new } else { local };
            let found = merged.lines().find(|line| line.starts_with(&format!("{name}:"))).map(String::from);
            prop_assert_eq!(found, expected, "{}", name);
        }
    }
}
