//! What the model itself allows and forbids, program by program.

use super::disk::{Change, Content, Event, Extent, Flush, Ino, Inode, Kind, ROOT, Tree, durable};
use super::images::{Depth, cuts, digest_of, image, moments};
use super::place::{Show, paths, snapshot};
use std::collections::BTreeSet;
use std::sync::Arc;

const OLD: Ino = 1;
const NEW: Ino = 2;
const DIR: Ino = 3;

/// A file `a` that holds "old", and a directory `d`; an empty file and nothing else without a name.
fn disk() -> Tree {
    let mut tree = Tree::default();
    for kind in [Kind::Directory, Kind::File(Content::new(b"old".into())), Kind::File(Content::new(Vec::new())), Kind::Directory] {
        tree.bear(Inode::new(kind, 0o755));
    }
    tree.apply(&name(ROOT, "a", Some(OLD)), Extent::Whole);
    tree.apply(&name(ROOT, "d", Some(DIR)), Extent::Whole);
    tree
}

fn name(dir: Ino, name: &str, ino: Option<Ino>) -> Change {
    Change::Names(vec![(dir, name.into(), ino)])
}

fn rename(from: &str, to: &str, ino: Ino) -> Event {
    Event::Change(Change::Names(vec![(ROOT, from.into(), None), (ROOT, to.into(), Some(ino))]))
}

fn write(file: Ino, bytes: &str) -> Event {
    Event::Change(Change::Write { file, at: 0, bytes: Arc::new(bytes.into()) })
}

fn make() -> Event {
    Event::Change(name(ROOT, "n", Some(NEW)))
}

/// Every image that a cut can leave, as text: names with contents; what is no text is garbage, a zero is shown as `0`.
fn images(events: &[Event]) -> BTreeSet<String> {
    let before = disk();
    let moments = moments(&before, events);
    let all = moments.iter().flat_map(|moment| cuts(moment, events, Depth::All).into_iter().map(move |cut| image(moment, events, &cut)));
    all.map(|tree| show(&tree)).collect()
}

fn show(tree: &Tree) -> String {
    let one = |(path, ino): (Vec<u8>, Ino)| {
        let path = String::from_utf8(path).unwrap();
        let mode = if tree.inodes[ino].mode == 0o755 { "" } else { "!" };
        match &tree.inodes[ino].kind {
            Kind::File(content) => {
                let known = |c: &u8| c.is_ascii_lowercase() || *c == 0;
                let text: String = content.bytes().iter().map(|c| if *c == 0 { '0' } else { char::from(*c) }).collect();
                format!("{path}{mode}={}", if content.bytes().iter().all(known) { text } else { "?".into() })
            }
            _ => format!("{path}{mode}"),
        }
    };
    paths(tree).into_iter().map(one).collect::<Vec<_>>().join(" ")
}

pub fn check() {
    let flush = |flush| Event::Flush(flush);
    let table: Vec<(&str, Vec<Event>, &[&str])> = vec![
        (
            "a name without the content, the content without the name, a torn content",
            vec![make(), write(NEW, "xy")],
            &["a=old d", "a=old d n=", "a=old d n=00", "a=old d n=?", "a=old d n=x", "a=old d n=xy"],
        ),
        (
            "a file that is flushed may be without its name",
            vec![make(), write(NEW, "xy"), flush(Flush::Whole(NEW)), rename("n", "b", NEW)],
            &["a=old b=xy d", "a=old d", "a=old d n=", "a=old d n=00", "a=old d n=?", "a=old d n=x", "a=old d n=xy"],
        ),
        (
            "replaced without a flush, the old is gone and the new not there",
            vec![write(NEW, "xy"), rename("n", "a", NEW)],
            &["a= d", "a=00 d", "a=? d", "a=old d", "a=x d", "a=xy d"],
        ),
        (
            "flushed before it is renamed, the old or the new is there",
            vec![write(NEW, "xy"), flush(Flush::Whole(NEW)), rename("n", "a", NEW)],
            &["a=old d", "a=xy d"],
        ),
        (
            "a rename that is flushed stays",
            vec![rename("a", "b", OLD), flush(Flush::Whole(ROOT)), rename("d", "e", DIR)],
            &["a=old d", "b=old d", "b=old e"],
        ),
        ("two renames in any order", vec![rename("a", "b", OLD), rename("d", "e", DIR)], &["a=old d", "a=old e", "b=old d", "b=old e"]),
        (
            "fdatasync keeps no mode",
            vec![Event::Change(Change::Mode(OLD, 0o700)), flush(Flush::Data(OLD)), rename("d", "e", DIR)],
            &["a!=old d", "a!=old e", "a=old d", "a=old e"],
        ),
        (
            "fsync of a directory keeps no mode of what is in it",
            vec![Event::Change(Change::Mode(DIR, 0o700)), flush(Flush::Whole(ROOT))],
            &["a=old d", "a=old d!"],
        ),
        (
            "a change within a directory is not one of its parent",
            vec![Event::Change(name(DIR, "x", Some(NEW))), flush(Flush::Whole(ROOT))],
            &["a=old d", "a=old d d/x="],
        ),
        ("syncfs keeps all", vec![make(), flush(Flush::All), Event::Change(name(ROOT, "a", None))], &["a=old d", "a=old d n=", "d n="]),
    ];
    for (what, events, expected) in table {
        let expected: BTreeSet<String> = expected.iter().map(|text| (*text).to_owned()).collect();
        assert_eq!(images(&events), expected, "{what}");
    }
    what_is_durable_takes_the_earlier_with_it();
    tears_are_exact();
    an_image_is_shown_as_it_is();
}

fn what_is_durable_takes_the_earlier_with_it() {
    let across = Change::Names(vec![(ROOT, "a".into(), None), (DIR, "b".into(), Some(OLD))]);
    let events = [Event::Change(name(ROOT, "a", Some(OLD))), Event::Change(across), Event::Flush(Flush::Whole(DIR))];
    assert_eq!(durable(&events), [true, true, false]);
}

fn tears_are_exact() {
    let torn = |extent| {
        let mut tree = disk();
        tree.apply(&Change::Write { file: OLD, at: 1, bytes: Arc::new(b"xyz".into()) }, extent);
        tree.content("a").unwrap().to_vec()
    };
    assert_eq!([Extent::Whole, Extent::Cut(1), Extent::Torn(1)].map(torn), [&b"oxyz"[..], b"oxd", b"oxd\0"]);
    let garbage = torn(Extent::Garbage(1, 2));
    assert!(garbage.starts_with(b"ox") && garbage.ends_with(b"\0") && garbage[2] != b'y', "{garbage:?}");
}

/// What the reader sees is the image, also when another was shown before.
fn an_image_is_shown_as_it_is() {
    let mut shown = Show::new();
    let mut tree = disk();
    for change in
        [name(DIR, "f", Some(NEW)), name(ROOT, "a", None), Change::Mode(DIR, 0o700), name(ROOT, "d", Some(OLD)), name(ROOT, "d", Some(DIR))]
    {
        tree.apply(&change, Extent::Whole);
        tree.inodes.iter_mut().for_each(|inode| inode.owner = own_user());
        shown.show(&tree, &paths(&tree));
        let mut found = snapshot(&shown.dir);
        found.inodes.iter_mut().for_each(|inode| inode.modified = None);
        let mut wanted = tree.clone();
        wanted.inodes.iter_mut().for_each(|inode| inode.modified = None);
        assert_eq!(digest_of(&found).0, digest_of(&wanted).0, "{change:?}");
    }
}

fn own_user() -> (u32, u32) {
    use std::os::unix::fs::MetadataExt;
    let meta = std::fs::metadata("/proc/self").unwrap();
    (meta.uid(), meta.gid())
}
