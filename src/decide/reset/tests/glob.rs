use super::super::glob::{Fate, Glob, fate, matches};
use alloc::vec::Vec;
use proptest::prelude::*;

#[test]
fn pieces_stand_for_names() {
    for (piece, yes, no) in [
        ("*", &["", "a", ".hidden", "a*b"][..], &[][..]),
        ("a*", &["a", "ab", "a.b"], &["", "ba"]),
        ("*.key", &[".key", "a.key", "a.key.key"], &["a.key.pub", "key"]),
        ("a*b*c", &["abc", "aXbYc", "abbcc"], &["ab", "acb", "abcd"]),
        ("?", &["a", "*"], &["", "ab"]),
        ("[abc]x", &["ax", "cx"], &["dx", "x", "abcx"]),
        ("[a-c]", &["a", "b", "c"], &["d", "-"]),
        ("[!a-c]", &["d", "-"], &["a", ""]),
        ("[^a]", &["b"], &["a"]),
        ("[]a]", &["]", "a"], &["b", "[]"]),
        ("[a-]", &["a", "-"], &["b"]),
        ("[abc", &["[abc"], &["a"]),
        ("[]", &["[]"], &["]"]),
        ("\\*", &["*"], &["a", "\\*"]),
        ("\\", &["\\"], &["a"]),
        ("a\\?[*]", &["a?*"], &["ab*"]),
    ] {
        assert!(yes.iter().all(|name| matches(piece.as_bytes(), name.as_bytes())), "{piece} {yes:?}");
        assert!(!no.iter().any(|name| matches(piece.as_bytes(), name.as_bytes())), "{piece} {no:?}");
    }
}

fn path(text: &str) -> Vec<Vec<u8>> {
    text.split('/').filter(|part| !part.is_empty()).map(|part| part.as_bytes().to_vec()).collect()
}

#[test]
fn paths_are_kept_lead_to_what_is_kept_or_go() {
    use Fate::{Above, Gone, Kept};
    for (glob, paths) in [
        ("/etc/ssh/ssh_host_*", &[("/etc", Above), ("/etc/ssh", Above), ("/etc/ssh/ssh_host_a", Kept), ("/etc/ssh/sshd", Gone)][..]),
        ("/etc/hosts", &[("/etc/hosts", Kept), ("/etc/hosts/below", Kept), ("/etc/hosts2", Gone), ("/var", Gone)]),
        ("/var/lib/*/data", &[("/var/lib/a", Above), ("/var/lib/a/data", Kept), ("/var/lib/a/b", Gone), ("/var/lib/a/b/data", Gone)]),
        ("/var/**/data", &[("/var/data", Kept), ("/var/a/b/c/data", Kept), ("/var/a", Above), ("/var", Above), ("/etc/data", Gone)]),
        ("/var/lib/app/**", &[("/var/lib/app", Kept), ("/var/lib/app/x/y", Kept), ("/var/lib/apps", Gone)]),
        ("/var/**", &[("/var", Kept), ("/var/a", Kept)]),
        ("/home/alice", &[("/var/home", Above), ("/var/home/alice", Kept), ("/var/home/bob", Gone)]),
        ("/root", &[("/var/roothome/.ssh", Kept), ("/var/root", Gone)]),
        ("/usr/local/lib", &[("/var/usrlocal/lib/x", Kept)]),
        ("/var//lib/", &[("/var/lib/x", Kept)]),
    ] {
        let glob = Glob::parse(glob).unwrap();
        for (text, expected) in paths {
            assert_eq!(fate(core::slice::from_ref(&glob), &path(text)), *expected, "{glob:?} {text}");
        }
    }
    let both = ["/etc/a/b", "/etc/a"].map(|text| Glob::parse(text).unwrap());
    assert_eq!((fate(&both, &path("/etc/a")), fate(&[], &path("/etc/a"))), (Kept, Gone));
}

#[test]
fn globs_of_other_places_are_refused() {
    for text in ["", "etc/hosts", "/", "/etc", "/usr/lib/x", "/rooted", "/etc/../usr", "/var/./x", "/homes/x", "hosts", "/var/a\0b"] {
        assert!(Glob::parse(text).is_err(), "{text}");
    }
    assert!(Glob::parse(&std::format!("/etc/{}", "a/".repeat(3000))).is_err());
}

/// Slow and plain: by recursion.
fn model(piece: &[u8], name: &[u8]) -> bool {
    match (piece, name) {
        ([], name) => name.is_empty(),
        ([b'*', rest @ ..], name) => (0..=name.len()).any(|cut| model(rest, &name[cut..])),
        ([b'?', rest @ ..], [_, name @ ..]) => model(rest, name),
        ([byte, rest @ ..], [first, name @ ..]) => byte == first && model(rest, name),
        (_, []) => false,
    }
}

fn model_path(glob: &[Vec<u8>], path: &[Vec<u8>]) -> bool {
    match (glob, path) {
        ([], _) => true,
        ([any, rest @ ..], path) if any == b"**" => (0..=path.len()).any(|cut| model_path(rest, &path[cut..])),
        ([piece, rest @ ..], [first, path @ ..]) => model(piece, first) && model_path(rest, path),
        (_, []) => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_piece_is_what_the_model_says(piece in "[ab*?]{0,8}", name in "[ab]{0,8}") {
        prop_assert_eq!(matches(piece.as_bytes(), name.as_bytes()), model(piece.as_bytes(), name.as_bytes()));
    }

    #[test]
    fn a_path_is_kept_as_the_model_says(glob in "(/(a|b|[*]|[*][*])){1,5}", text in "(/(a|b)){0,6}") {
        let parsed = Glob::parse(&std::format!("/var{glob}")).unwrap();
        let (all, glob) = (path(&std::format!("/var{text}")), path(&std::format!("/var{glob}")));
        let found = fate(&[parsed], &all);
        prop_assert_eq!(found == Fate::Kept, model_path(&glob, &all));
        // Whatever is kept is found by going down from the top.
        let above = |cut: &usize| fate(&[Glob::parse(&std::format!("/{}", glob.iter().map(|p| std::str::from_utf8(p).unwrap()).collect::<Vec<_>>().join("/"))).unwrap()], &all[..*cut]);
        if found == Fate::Kept {
            prop_assert!((0..all.len()).all(|cut| above(&cut) != Fate::Gone));
        }
    }

    #[test]
    fn any_bytes_are_compared(piece in proptest::collection::vec(any::<u8>(), 0..20), name in proptest::collection::vec(any::<u8>(), 0..20)) {
        matches(&piece, &name);
    }
}

#[test]
fn hostile_globs_take_no_time() {
    let (piece, name) = ([b'*', b'a'].repeat(2000), b"a".repeat(4000));
    assert!(matches(&piece, &name));
    assert!(!matches(&[piece.as_slice(), b"b"].concat(), &name));
}
