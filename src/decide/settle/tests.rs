use super::*;
use crate::decide::merge::lines;
use alloc::string::String;
use alloc::vec::Vec;
use proptest::prelude::*;

const FILE: Found<'_> = Found { path: b"a/file", mark: Mark::Plain, is_directory: false, before: None, vendor: None };

#[test]
fn what_is_done_about_a_path() {
    use Sameness::{Content, Metadata, Same, Type};
    let directory = Found { is_directory: true, ..FILE };
    let table = Found { path: b"passwd", before: Some(Content), ..FILE };
    let cases = [
        (FILE, Action::Put),
        (Found { vendor: Some(Same), ..FILE }, Action::Leave),
        (Found { vendor: Some(Content), ..FILE }, Action::Put),
        (Found { before: Some(Same), ..FILE }, Action::Leave),
        (Found { before: Some(Same), vendor: Some(Content), ..FILE }, Action::Leave),
        (Found { before: Some(Content), vendor: Some(Content), ..FILE }, Action::Put),
        (Found { before: Some(Content), vendor: Some(Type), ..FILE }, Action::Put),
        (Found { before: Some(Metadata), vendor: Some(Content), ..FILE }, Action::Dress),
        (Found { before: Some(Metadata), vendor: Some(Metadata), ..FILE }, Action::Dress),
        (Found { before: Some(Metadata), vendor: None, ..FILE }, Action::Leave),
        (Found { mark: Mark::Whiteout, before: Some(Type), ..FILE }, Action::Leave),
        (Found { mark: Mark::Whiteout, before: Some(Type), vendor: Some(Type), ..FILE }, Action::Remove),
        (directory, Action::Enter),
        (Found { before: Some(Same), vendor: Some(Same), ..directory }, Action::Enter),
        (Found { before: Some(Type), ..directory }, Action::EnterEmpty),
        (Found { mark: Mark::Opaque, ..directory }, Action::EnterEmpty),
        (table, Action::Lines(Table::Passwd)),
        (Found { vendor: Some(Content), ..table }, Action::Lines(Table::Passwd)),
        (Found { vendor: Some(Type), ..table }, Action::Put),
        (Found { before: Some(Same), ..table }, Action::Leave),
        (Found { path: b"a/passwd", ..table }, Action::Put),
        (Found { path: b"shadow-", ..table }, Action::Leave),
        (Found { path: b".pwd.lock", ..table }, Action::Leave),
        (Found { path: b"passwdx", ..table }, Action::Put),
    ];
    for (found, action) in cases {
        assert_eq!(decide(&found), action, "{found:?}");
    }
}

fn merge(before: &[u8], after: &[u8], vendor: &[u8]) -> Vec<u8> {
    lines::merge(Table::Passwd, before, after, vendor).text
}

fn merged(before: &str, after: &str, vendor: &str) -> String {
    let text = |words: &str| words.replace(' ', "\n").into_bytes();
    String::from_utf8(merge(&text(before), &text(after), &text(vendor))).unwrap().trim_end().replace('\n', " ")
}

#[test]
fn only_what_the_command_changed_becomes_the_vendors() {
    for (before, after, vendor, expected) in [
        ("root:0 me:1000", "root:0 me:1000 www:33", "root:0", "root:0 www:33"),
        ("root:0 me:1000 www:33", "root:0 me:1000", "root:0 www:33", "root:0"),
        ("root:9 adm:4:me", "root:9 adm:4:me,www", "root:0 adm:4: lp:7", "root:0 adm:4:me,www lp:7"),
        ("root:0", "root:0", "root:1", "root:1"),
        ("", "www:33", "", "www:33"),
        ("me:1 me:2", "me:1 me:2 a:1 a:2", "", "a:1 a:2"),
        ("a:1 a:2", "a:1", "a:1 a:2 b:1", "a:1 b:1"),
    ] {
        assert_eq!(merged(before, after, vendor), expected, "{before} / {after} / {vendor}");
    }
}

#[test]
fn members_from_this_machine_stay_its_own() {
    let group = |text: &str| lines::merge(Table::Group, b"adm:x:4:me\n", text.as_bytes(), b"adm:x:4:\n").text;
    assert_eq!(group("adm:x:4:me,www\n"), b"adm:x:4:www\n");
}

proptest! {
    #[test]
    fn without_a_change_the_vendor_stays(before in "([a-c]:[0-9]\n){0,4}", vendor in "([a-c]:[0-9]\n){0,4}") {
        prop_assert_eq!(merge(before.as_bytes(), before.as_bytes(), vendor.as_bytes()), vendor.as_bytes());
    }

    #[test]
    fn without_local_lines_the_result_is_the_commands(before in "(a:[0-9]\n)?(b:[0-9]\n)?", after in "(a:[0-9]\n)?(b:[0-9]\n)?(c:1\n)?") {
        let sorted = |text: &[u8]| { let mut lines: Vec<Vec<u8>> = text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect(); lines.sort(); lines };
        prop_assert_eq!(sorted(&merge(before.as_bytes(), after.as_bytes(), before.as_bytes())), sorted(after.as_bytes()));
    }

    #[test]
    fn any_text_is_merged(before in proptest::collection::vec(any::<u8>(), 0..20), after in proptest::collection::vec(any::<u8>(), 0..20)) {
        let _ = merge(&before, &after, &before);
    }
}
