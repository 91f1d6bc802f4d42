use super::*;
use alloc::string::{String, ToString};
use proptest::prelude::*;

fn digest() -> impl Strategy<Value = Digest> {
    (any::<u64>(), any::<[u8; 32]>()).prop_map(|(size, sha256)| Digest { size, sha256 })
}

fn device() -> impl Strategy<Value = DeviceNumber> {
    (any::<u32>(), any::<u32>()).prop_map(|(major, minor)| DeviceNumber { major, minor })
}

fn attributes() -> impl Strategy<Value = Attributes> {
    prop_oneof![Just(Attributes::None), Just(Attributes::Unknown), any::<[u8; 32]>().prop_map(Attributes::Sum)]
}

fn verity() -> impl Strategy<Value = Option<FsVerity>> {
    let digest = (1..=2_u16).prop_flat_map(|algorithm| {
        let length = 32 * usize::from(algorithm);
        prop::collection::vec(any::<u8>(), length).prop_map(move |digest| FsVerity::of(algorithm, &digest))
    });
    prop_oneof![Just(None), digest]
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        digest().prop_map(Kind::File),
        digest().prop_map(Kind::Symlink),
        device().prop_map(Kind::Character),
        device().prop_map(Kind::Block),
        Just(Kind::Directory),
        Just(Kind::Fifo),
        Just(Kind::Socket),
    ]
}

fn inventory() -> impl Strategy<Value = Inventory> {
    let path = prop::collection::vec(any::<u8>(), 1..40);
    let rest = (kind(), 0..0o10000_u16, any::<u32>(), any::<u32>(), attributes(), verity());
    prop::collection::btree_map(path, rest, 0..20).prop_map(|entries| Inventory {
        entries: entries
            .into_iter()
            .map(|(path, (kind, mode, uid, gid, attributes, verity))| {
                let verity = verity.filter(|_| matches!(kind, Kind::File(_)));
                Entry { path, kind, mode, uid, gid, attributes, verity }
            })
            .collect(),
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_printed_is_read(inventory in inventory()) {
        let text = inventory.to_string();
        let index = Index::of(&text).unwrap();
        prop_assert_eq!((0..index.len()).filter_map(|number| index.entry(number)).collect::<Vec<_>>(), &*inventory.entries);
        prop_assert_eq!(parse(&text), Ok(inventory));
    }

    #[test]
    fn what_is_read_is_printed(mut lines in prop::collection::vec("[fdlcbps] [0-7]{1,4} [0-9]{1,6} 0 (-|12|1:3) (-|[0-9a-f]{64}) (-|[?]|[0-9a-f]{64}) [!-~]{1,9}", 0..3)) {
        lines.insert(0, HEADER.into());
        let text = lines.join("\n") + "\n";
        if let Ok(inventory) = parse(&text) {
            prop_assert_eq!(parse(&inventory.to_string()), Ok(inventory));
        }
    }

    #[test]
    fn nothing_panics(text in "\\PC*") {
        let _ = parse(&text);
        let _ = parse(&[HEADER, "\n", &text].concat());
    }

    #[test]
    fn every_entry_is_found(inventory in inventory()) {
        let text = inventory.to_string();
        let index = Index::of(&text).unwrap();
        for entry in &inventory.entries {
            prop_assert_eq!(inventory.find(&entry.path), Some(entry));
            prop_assert!(index.has(&entry.path));
            prop_assert!(!index.has(&[entry.path.as_slice(), b"\0"].concat()) || inventory.find(&[entry.path.as_slice(), b"\0"].concat()).is_some());
        }
        prop_assert_eq!(inventory.find(b""), None);
        prop_assert!(!index.has(b""));
    }

    #[test]
    fn one_change_is_one_change(inventory in inventory(), bit in 0..12_u16) {
        for was in &inventory.entries {
            prop_assert_eq!(changes(was, was), []);
            let mode = was.mode ^ (1 << bit);
            prop_assert_eq!(changes(was, &Entry { mode, ..was.clone() }), [Change::Mode { is: mode, was: was.mode }]);
            let uid = was.uid ^ 1;
            let owner = Change::Owner { is: (uid, was.gid), was: (was.uid, was.gid) };
            prop_assert_eq!(changes(was, &Entry { uid, ..was.clone() }), [owner]);
        }
    }
}

fn sample(path: &[u8], kind: Kind, mode: u16) -> Entry {
    Entry { path: path.into(), kind, mode, uid: 0, gid: 42, attributes: Attributes::None, verity: None }
}

#[test]
fn a_page_as_it_is_printed() {
    let digest = Digest { size: 12, sha256: [0xa9; 32] };
    let null = Kind::Character(DeviceNumber { major: 1, minor: 3 });
    let mut inventory = Inventory {
        entries: [
            sample(b".", Kind::Directory, 0o755),
            Entry { attributes: Attributes::Sum([0xb8; 32]), ..sample(b"a b\\\xff\n", Kind::File(digest), 0o4644) },
            Entry { verity: FsVerity::of(1, &[0xc7; 32]), ..sample(b"guarded", Kind::File(digest), 0o644) },
            sample(b"link", Kind::Symlink(digest), 0o777),
            Entry { attributes: Attributes::Unknown, ..sample(b"null", null, 0o666) },
        ]
        .into(),
    };
    let (sum, attributes, verity) = ("a9".repeat(32), "b8".repeat(32), "c7".repeat(32));
    let text = alloc::format!(
        "# bedplate manifest 2\nd 755 0 42 - - - .\nf 4644 0 42 12 {sum} {attributes} a\\x20b\\x5c\\xff\\x0a\n\
         v 644 0 42 12 {sum} - sha256:{verity} guarded\nl 777 0 42 12 {sum} - link\nc 666 0 42 1:3 - ? null\n"
    );
    assert_eq!(inventory.to_string(), text);

    // As the first format had it.
    inventory.entries.remove(2);
    let text = alloc::format!(
        "# bedplate etc.manifest 1\nd 755 0 42 - - .\nf 4644 0 42 12 {sum} a\\x20b\\x5c\\xff\\x0a\nl 777 0 42 12 {sum} link\nc 666 0 42 1:3 - null\n"
    );
    inventory.entries.iter_mut().for_each(|entry| entry.attributes = Attributes::Unknown);
    assert_eq!(parse(&text), Ok(inventory));
}

#[test]
fn problems_have_a_line_and_a_reason() {
    let sum = "a9".repeat(32);
    for (text, line, why) in [
        ("", 1, "not a manifest of a known format"),
        ("# bedplate manifest 3\n", 1, "not a manifest of a known format"),
        ("d 755 0 0 - - -\n", 2, "fewer words than the format has"),
        ("d 755 0 0 - - - . .\n", 2, "more words than the format has"),
        ("d 755 0 0 - - - .\nx 755 0 0 - - - a\n", 3, "not a type"),
        ("d 17777 0 0 - - - .\n", 2, "not a mode"),
        ("d 755 root 0 - - - .\n", 2, "not a user id"),
        ("d 755 0 -1 - - - .\n", 2, "not a group id"),
        ("d 755 0 0 4096 - - .\n", 2, "a size where there can be none"),
        ("p 755 0 0 - aa - .\n", 2, "a sum where there can be none"),
        ("c 755 0 0 1 - - .\n", 2, "not a device number"),
        ("f 644 0 0 12 a9 - a\n", 2, "not a SHA-256 sum"),
        ("d 755 0 0 - - a9 .\n", 2, "not a SHA-256 sum"),
        (&alloc::format!("f 644 0 0 x {sum} - a\n"), 2, "not a size"),
        (&alloc::format!("v 644 0 0 12 {sum} - a\n"), 2, "not an fs-verity digest"),
        (&alloc::format!("v 644 0 0 12 {sum} - sha256:{sum}00 a\n"), 2, "not an fs-verity digest"),
        (&alloc::format!("v 644 0 0 12 {sum} - sha512:{sum} a\n"), 2, "not an fs-verity digest"),
        (&alloc::format!("v 644 0 0 12 {sum} - sha256:{sum}\n"), 2, "fewer words than the format has"),
        (&alloc::format!("f 644 0 0 12 {sum} - sha256:{sum} a\n"), 2, "more words than the format has"),
        ("d 755 0 0 - - - a\\x2\n", 2, "a path with a byte that is not escaped"),
        ("d 755 0 0 - - - a\\x2G\n", 2, "a path with a broken escape"),
        ("d 755 0 0 - - - b\nd 755 0 0 - - - a\n", 3, "out of order, or there twice"),
        ("d 755 0 0 - - - a\nd 755 0 0 - - - a\n", 3, "out of order, or there twice"),
    ] {
        let text: String = if line == 1 { text.into() } else { [HEADER, "\n", text].concat() };
        assert_eq!(parse(&text), Err(Problem { line, why }), "{text}");
        assert_eq!(Index::of(&text).map(|_| ()), Err(Problem { line, why }), "{text}");
    }
}

#[test]
fn differences_as_they_are_said() {
    let digest = |byte| Digest { size: 12, sha256: [byte; 32] };
    let device = |minor| DeviceNumber { major: 1, minor };
    let file = |byte| sample(b"a", Kind::File(digest(byte)), 0o644);
    let of_kind = |kind| Entry { kind, ..file(1) };
    let with = |attributes| Entry { attributes, ..file(1) };
    let guarded = |content, digest| Entry { verity: FsVerity::of(1, &[digest; 32]), ..file(content) };
    for (was, is, expected) in [
        (file(1), file(1), ""),
        (file(1), file(2), "other content"),
        (of_kind(Kind::Symlink(digest(1))), of_kind(Kind::Symlink(digest(2))), "other target"),
        (of_kind(Kind::Block(device(1))), of_kind(Kind::Block(device(2))), "other device number"),
        (file(1), of_kind(Kind::Symlink(digest(1))), "symlink instead of file"),
        (of_kind(Kind::Directory), Entry { mode: 0, ..of_kind(Kind::Fifo) }, "fifo instead of directory"),
        (file(1), Entry { mode: 0o4755, ..file(1) }, "mode 4755 instead of 0644"),
        (file(1), Entry { uid: 7, mode: 0o600, ..file(2) }, "other content, mode 0600 instead of 0644, owner 7:42 instead of 0:42"),
        (with(Attributes::None), with(Attributes::Sum([1; 32])), "other extended attributes"),
        (with(Attributes::Sum([2; 32])), with(Attributes::Sum([1; 32])), "other extended attributes"),
        (with(Attributes::Unknown), with(Attributes::Sum([1; 32])), ""),
        (guarded(1, 7), guarded(1, 7), ""),
        (file(1), guarded(1, 7), ""),
        (guarded(1, 7), file(1), "no fs-verity any more"),
        (guarded(1, 7), guarded(1, 8), "other fs-verity digest"),
        (guarded(1, 7), file(2), "other content, no fs-verity any more"),
    ] {
        assert_eq!(Difference::Changed(changes(&was, &is)).to_string(), expected);
    }
    let kinds = |difference: Difference| difference.kinds();
    assert_eq!(kinds(Difference::Changed(changes(&file(1), &Entry { gid: 1, ..file(2) }))), ["content", "owner"]);
    assert_eq!([kinds(Difference::Missing), kinds(Difference::Extra)], [["missing"], ["extra"]]);
    assert_eq!(Difference::Unreadable("input/output error".into()).to_string(), "cannot be read: input/output error");
}
