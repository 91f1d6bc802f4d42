//! Random cases, and what the model makes of them.

use crate::disk::{Choices, Whiteouts, open, read_tree, view, write, write_layer};
use crate::model::{Kind, Name, Node, becomes};
use crate::namespace::{Disk, lab, run};
use crate::{Scratch, is_root};
use bedplate::boot::carry::{Trees, carry_layer};
use bedplate::sys::AsFd;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use std::collections::BTreeMap;

/// One change of a tree: at a path, whatever is there.
#[derive(Debug, Clone)]
enum Edit {
    Remove,
    Put(Node),
    Mode(u16),
    Owner(u32),
    Attribute(u8),
}

#[derive(Debug, Clone)]
pub struct Case {
    pub old: Node,
    pub local: Node,
    pub new: Node,
    pub choices: u64,
}

fn any_name() -> impl Strategy<Value = Name> {
    prop_oneof![
        8 => prop::sample::select(vec![b"a".to_vec(), b"b".to_vec(), b"c d".to_vec()]),
        1 => Just(b"\xff\n".to_vec()),
        1 => Just(vec![b'n'; 255]),
    ]
}

fn any_metadata() -> impl Strategy<Value = (u16, u32, Option<u8>)> {
    (prop::sample::select(vec![0o700_u16, 0o750, 0o4755]), prop::sample::select(vec![0_u32, 7]), prop::option::weighted(0.2, 0..2_u8))
}

fn any_leaf() -> impl Strategy<Value = Node> {
    let file = prop::sample::select(vec![&b""[..], b"one", b"two", b"longer"]).prop_map(|content| Kind::File(content.into()));
    let link = prop::sample::select(vec![&b"a"[..], b"/nowhere", b"../../.."]).prop_map(|target| Kind::Link(target.into()));
    let kind = prop_oneof![6 => file, 2 => link, 1 => Just(Kind::Fifo), 2 => Just(Kind::Directory(BTreeMap::new()))];
    (any_metadata(), kind).prop_map(|((mode, uid, attribute), kind)| {
        let mode = if matches!(kind, Kind::Link(_)) { 0 } else { mode };
        Node { mode, uid, attribute, kind }
    })
}

fn any_tree() -> impl Strategy<Value = Node> {
    let directory = |children: BTreeMap<Name, Node>| Node { mode: 0o755, uid: 0, attribute: None, kind: Kind::Directory(children) };
    let tree = any_leaf().prop_recursive(3, 24, 4, move |inner| prop::collection::btree_map(any_name(), inner, 0..4).prop_map(directory));
    prop::collection::btree_map(any_name(), tree, 0..5).prop_map(directory)
}

fn any_edits() -> impl Strategy<Value = Vec<(Vec<Name>, Edit)>> {
    let edit = prop_oneof![
        3 => Just(Edit::Remove),
        4 => any_leaf().prop_map(Edit::Put),
        1 => any_tree().prop_map(Edit::Put),
        1 => Just(Edit::Mode(0o711)),
        1 => Just(Edit::Owner(9)),
        1 => Just(Edit::Attribute(5)),
    ];
    prop::collection::vec((prop::collection::vec(any_name(), 0..4), edit), 0..8)
}

/// Does what can be done there, if anything.
fn apply(node: &mut Node, path: &[Name], edit: &Edit) {
    match (path, &mut node.kind) {
        ([], kind) => match edit {
            Edit::Mode(mode) if !matches!(kind, Kind::Link(_)) => node.mode = *mode,
            Edit::Owner(uid) => node.uid = *uid,
            _ => {}
        },
        ([name], Kind::Directory(children)) => match (edit, children.get_mut(name)) {
            (Edit::Remove, _) => drop(children.remove(name)),
            (Edit::Put(new), _) => drop(children.insert(name.clone(), new.clone())),
            (Edit::Attribute(value), Some(child)) => child.attribute = Some(*value),
            (_, Some(child)) => apply(child, &[], edit),
            _ => {}
        },
        ([name, rest @ ..], Kind::Directory(children)) => {
            if let Some(child) = children.get_mut(name) {
                apply(child, rest, edit);
            }
        }
        _ => {}
    }
}

pub fn any_case() -> impl Strategy<Value = Case> {
    (any_tree(), any_edits(), any_edits(), 1_u64..).prop_map(|(old, here, there, choices)| {
        let edited = |edits: &[(Vec<Name>, Edit)]| {
            let mut tree = old.clone();
            for (path, edit) in edits {
                apply(&mut tree, path, edit);
            }
            tree
        };
        let (local, new) = (edited(&here), edited(&there));
        Case { old, local, new, choices }
    })
}

/// Lays a case out and carries it.
pub fn carry(case: &Case, scratch: &Scratch, whiteouts: Whiteouts) {
    let [old, local, new, place] = ["old", "local", "new", "place"].map(|name| scratch.make(name));
    write(&old, &case.old);
    write(&new, &case.new);
    write_layer(&local, Some(&case.old), &case.local, &mut Choices { random: case.choices, whiteouts });
    carry_layer(Trees { old: old.as_fd(), local: local.as_fd(), new: new.as_fd() }, place.as_fd(), &[]).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, max_shrink_iters: 4000, ..ProptestConfig::default() })]

    #[test]
    fn etc_becomes_what_the_rules_say(case in any_case()) {
        if !is_root() {
            return Ok(());
        }
        let scratch = Scratch::new();
        carry(&case, &scratch, Whiteouts::Any);
        let expected = becomes(Some(&case.old), Some(&case.local), Some(&case.new)).unwrap();
        let found = view(open(&scratch.0.join("place/upper")).as_fd(), Some(&case.new));
        prop_assert_eq!(found, Ok(expected));
    }
}

/// The kernel shows the same as the test's own reading of layers.
#[test]
fn a_real_overlay_shows_it() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let cases: Vec<Case> = (0..24).map(|_| any_case().new_tree(&mut runner).unwrap().current()).collect();
    lab(Disk::Tmpfs, move |lab| {
        for (number, case) in cases.iter().enumerate() {
            let scratch = Scratch(lab.dir.join(format!("case-{number}")));
            std::fs::create_dir(&scratch.0).unwrap();
            carry(case, &scratch, Whiteouts::Devices);
            for name in ["work", "old-work", "seen", "old-seen"] {
                scratch.make(name);
            }
            let path = |name: &str| scratch.0.join(name).to_str().unwrap().to_owned();
            let mount = |lower: &str, upper: &str, work: &str, at: &str| {
                let options = format!("lowerdir={},upperdir={},workdir={}", path(lower), path(upper), path(work));
                run("mount", &["-t", "overlay", "overlay", "-o", &options, &path(at)]);
            };
            mount("old", "local", "old-work", "old-seen");
            mount("new", "place/upper", "work", "seen");
            let seen = |name: &str| read_tree(open(&scratch.0.join(name)).as_fd());
            assert_eq!(seen("old-seen"), case.local);
            assert_eq!(Some(seen("seen")), becomes(Some(&case.old), Some(&case.local), Some(&case.new)));
            run("umount", &[&path("old-seen")]);
            run("umount", &[&path("seen")]);
        }
    });
}
