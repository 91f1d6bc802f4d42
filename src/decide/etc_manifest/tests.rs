use super::*;
use alloc::string::{String, ToString};
use proptest::prelude::*;

fn digest() -> impl Strategy<Value = Digest> {
    (any::<u64>(), any::<[u8; 32]>()).prop_map(|(size, sha256)| Digest { size, sha256 })
}

fn device() -> impl Strategy<Value = DeviceNumber> {
    (any::<u32>(), any::<u32>()).prop_map(|(major, minor)| DeviceNumber { major, minor })
}

fn kind() -> impl Strategy<Value = EtcKind> {
    prop_oneof![
        digest().prop_map(EtcKind::File),
        digest().prop_map(EtcKind::Symlink),
        device().prop_map(EtcKind::Character),
        device().prop_map(EtcKind::Block),
        Just(EtcKind::Directory),
        Just(EtcKind::Fifo),
        Just(EtcKind::Socket),
    ]
}

fn manifest() -> impl Strategy<Value = EtcManifest> {
    let path = prop::collection::vec(any::<u8>(), 1..40);
    let rest = (kind(), 0..0o10000_u16, any::<u32>(), any::<u32>());
    prop::collection::btree_map(path, rest, 0..20).prop_map(|entries| EtcManifest {
        entries: entries.into_iter().map(|(path, (kind, mode, uid, gid))| EtcEntry { path, kind, mode, uid, gid }).collect(),
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_printed_is_read(manifest in manifest()) {
        prop_assert_eq!(parse(&manifest.to_string()), Ok(manifest));
    }

    #[test]
    fn what_is_read_is_printed(mut lines in prop::collection::vec("[fdlcbps] [0-7]{1,4} [0-9]{1,6} 0 (-|12|1:3) (-|[0-9a-f]{64}) [!-~]{1,9}", 0..3)) {
        lines.insert(0, HEADER.into());
        let text = lines.join("\n") + "\n";
        if let Ok(manifest) = parse(&text) {
            prop_assert_eq!(parse(&manifest.to_string()), Ok(manifest));
        }
    }

    #[test]
    fn nothing_panics(text in "\\PC*") {
        let _ = parse(&text);
        let _ = parse(&[HEADER, "\n", &text].concat());
    }

    #[test]
    fn every_entry_is_found(manifest in manifest()) {
        for entry in &manifest.entries {
            prop_assert_eq!(manifest.find(&entry.path), Some(entry));
        }
        prop_assert_eq!(manifest.find(b""), None);
    }
}

#[test]
fn a_page_as_it_is_printed() {
    let digest = Digest { size: 12, sha256: [0xa9; 32] };
    let null = EtcKind::Character(DeviceNumber { major: 1, minor: 3 });
    let entry = |path: &[u8], kind, mode| EtcEntry { path: path.into(), kind, mode, uid: 0, gid: 42 };
    let manifest = EtcManifest {
        entries: [
            entry(b".", EtcKind::Directory, 0o755),
            entry(b"a b\\\xff\n", EtcKind::File(digest), 0o4644),
            entry(b"link", EtcKind::Symlink(digest), 0o777),
            entry(b"null", null, 0o666),
        ]
        .into(),
    };
    let sum = "a9".repeat(32);
    let text = alloc::format!(
        "# bedplate etc.manifest 1\nd 755 0 42 - - .\nf 4644 0 42 12 {sum} a\\x20b\\x5c\\xff\\x0a\nl 777 0 42 12 {sum} link\nc 666 0 42 1:3 - null\n"
    );
    assert_eq!(manifest.to_string(), text);
}

#[test]
fn problems_have_a_line_and_a_reason() {
    let sum = "a9".repeat(32);
    for (text, line, why) in [
        ("", 1, "not an etc.manifest of a known format"),
        ("# bedplate etc.manifest 2\n", 1, "not an etc.manifest of a known format"),
        ("d 755 0 0 - -\n", 2, "fewer than 7 words"),
        ("d 755 0 0 - - . .\n", 2, "more than 7 words"),
        ("d 755 0 0 - - .\nx 755 0 0 - - a\n", 3, "not a type"),
        ("d 17777 0 0 - - .\n", 2, "not a mode"),
        ("d 755 root 0 - - .\n", 2, "not a user id"),
        ("d 755 0 -1 - - .\n", 2, "not a group id"),
        ("d 755 0 0 4096 - .\n", 2, "a size where there can be none"),
        ("p 755 0 0 - aa .\n", 2, "a sum where there can be none"),
        ("c 755 0 0 1 - .\n", 2, "not a device number"),
        ("f 644 0 0 12 a9 a\n", 2, "not a SHA-256 sum"),
        (&alloc::format!("f 644 0 0 x {sum} a\n"), 2, "not a size"),
        ("d 755 0 0 - - a\\x2\n", 2, "a path with a byte that is not escaped"),
        ("d 755 0 0 - - a\\x2G\n", 2, "a path with a broken escape"),
        ("d 755 0 0 - - b\nd 755 0 0 - - a\n", 3, "out of order, or there twice"),
        ("d 755 0 0 - - a\nd 755 0 0 - - a\n", 3, "out of order, or there twice"),
    ] {
        let text: String = if line == 1 { text.into() } else { [HEADER, "\n", text].concat() };
        assert_eq!(parse(&text), Err(Problem { line, why }), "{text}");
    }
}
