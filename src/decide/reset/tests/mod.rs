mod glob;
mod journal;

use super::journal::StateName;
use super::{FACTORY, Name, Part, What, Word, argument, began, kept, parts};
use crate::decide::cmdline::Cmdline;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use proptest::prelude::*;
use std::format;

fn what(words: &str) -> What {
    let words: Vec<Word> = words.split_whitespace().map(|word| Word::from_word(word).unwrap()).collect();
    What::new(&words).unwrap()
}

#[test]
fn what_is_said_once_and_in_order() {
    for (given, expected) in [("home etc etc", "etc, home"), ("var all", "all"), ("var etc home", "etc, var, home"), ("all all", "all")] {
        assert_eq!(what(given).to_string(), expected);
    }
    assert_eq!(What::new(&[]), None);
    assert!(serde_json::from_str::<What>("[]").is_err());
    assert_eq!(serde_json::from_str::<What>(r#"["home","etc"]"#).unwrap(), what("etc home"));
    assert!(Word::ALL.into_iter().all(|word| what("all").includes(word)));
    assert_eq!(what("etc").and(&what("home")), what("etc home"));
}

#[test]
fn arguments_are_obeyed_as_a_whole_or_not_at_all() {
    for (cmdline, expected, warnings) in [
        ("quiet", "", 0),
        ("bedplate.reset=etc:1", "etc @1", 0),
        ("bedplate.reset=etc,var:2026-08-01_a", "etc, var @2026-08-01_a", 0),
        ("bedplate.reset=all,home:1", "all @1", 0),
        ("bedplate.reset=etc:1 bedplate.reset=var:2", "var @2", 0),
        ("bedplate.reset", "", 1),
        ("bedplate.reset=", "", 1),
        ("bedplate.reset=etc", "", 1),
        ("bedplate.reset=etc:", "", 1),
        ("bedplate.reset=:1", "", 1),
        ("bedplate.reset=etc,usr:1", "", 1),
        ("bedplate.reset=ETC:1", "", 1),
        ("bedplate.reset=etc:a/b", "", 1),
        ("bedplate.reset=etc:1:2", "", 1),
        ("systemd.factory_reset", "all @systemd.factory_reset=1", 0),
        ("systemd.factory_reset=1", "all @systemd.factory_reset=1", 0),
        ("systemd.factory_reset=yes", "all @systemd.factory_reset=1", 0),
        ("systemd.factory_reset=0", "", 0),
        ("systemd.factory_reset=maybe", "", 1),
        ("bedplate.reset=etc:1 systemd.factory_reset=1", "etc @1; all @systemd.factory_reset=1", 0),
    ] {
        let (asked, odd) = argument(&Cmdline::parse(cmdline));
        let asked: Vec<String> = asked.iter().map(|argument| format!("{} @{}", argument.what, argument.token)).collect();
        assert_eq!((asked.join("; ").as_str(), odd.len()), (expected, warnings), "{cmdline}: {odd:?}");
        assert!(odd.iter().all(|warning| warning.ends_with("ignoring it: nothing is reset")), "{odd:?}");
    }
    assert!(!FACTORY.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)), "no token can be this one");
}

fn name(text: &str) -> Name {
    Name::new(text.as_bytes()).unwrap()
}

#[test]
fn parts_are_what_is_there_and_meant() {
    let state = ["etc", "etc-keep", "paths", ".etc.old"].map(name);
    let var = ["home", "lib", "log", "roothome", "srv", "usrlocal"].map(name);
    for (asked, keep, expected) in [
        ("etc", "", "etc etc-keep"),
        ("var", "", "lib log usrlocal"),
        ("home", "", "home roothome srv"),
        ("etc var", "", "etc etc-keep lib log usrlocal"),
        ("all", "", "etc etc-keep paths home lib log roothome srv usrlocal"),
        ("all", "/home /var/log/** /usr/local/bin", "etc etc-keep paths lib roothome srv usrlocal"),
        ("var", "/var/*", ""),
        ("etc", "/etc/**", ""),
    ] {
        let keep: Vec<String> = keep.split_whitespace().map(String::from).collect();
        let found = parts(&what(asked), &kept(&what(asked), &keep), &state, &var);
        let names: Vec<&str> = found.iter().map(|part| core::str::from_utf8(part.name()).unwrap()).collect();
        assert_eq!(names.join(" "), expected, "{asked} {keep:?}");
    }
    assert_eq!(parts(&what("all"), &[], &[], &[]), []);
}

#[test]
fn what_a_reset_begins_is_what_was_not_there() {
    for (what_words, there, expected) in [
        ("etc", "", "etc etc-keep"),
        ("etc", "etc", "etc-keep"),
        ("etc", "etc-keep", "etc"),
        ("all", "", "etc etc-keep paths"),
        ("all", "etc etc-keep paths", ""),
        ("var home", "", ""),
    ] {
        let what = what(what_words);
        let globs = kept(&what, &[]);
        let there: Vec<Name> = there.split_whitespace().map(name).collect();
        let began = began(&what, &globs, &parts(&what, &globs, &there, &[]));
        let names: Vec<&str> = began.iter().map(|part| core::str::from_utf8(part.name()).unwrap()).collect();
        assert_eq!(names.join(" "), expected, "{what_words} {there:?}");
    }
}

#[test]
fn the_machine_id_goes_only_with_everything() {
    assert_eq!((kept(&what("etc var home"), &[]).len(), kept(&what("all"), &[]).len()), (1, 0));
}

#[test]
fn parts_and_names_are_read_back() {
    let parts = [Part::Etc, Part::EtcKeep, Part::Paths, Part::Var(Name::new(b"odd \\ \xff").unwrap())];
    let text = serde_json::to_string(&parts).unwrap();
    assert_eq!(text, r#"["etc","etc-keep","paths",{"var":"odd \\x5c \\xff"}]"#);
    assert_eq!(serde_json::from_str::<Vec<Part>>(&text).unwrap(), parts);
    for bad in [r#"[{"var":".."}]"#, r#"[{"var":"a/b"}]"#, r#"[{"var":""}]"#, r#"[{"var":"\\x"}]"#, r#"[{"var":"\\x2F"}]"#, r#"["usr"]"#] {
        assert!(serde_json::from_str::<Vec<Part>>(bad).is_err(), "{bad}");
    }
    for (text, good) in [("v1@0123456789abcdef", true), ("v1", false), ("../x@0123456789abcdef", false), ("v1@xyz", false)] {
        assert_eq!(StateName::parse(text).is_some(), good, "{text}");
    }
}

#[test]
fn a_queue_is_read_back_and_odd_lines_are_not_obeyed() {
    use super::queue::{covers, format, parse};
    let paths = ["b", "a/odd \\ name", "a", "b"].map(|path| path.as_bytes().to_vec());
    let text = format(&paths);
    assert_eq!(text, "a\na/odd \\x5c name\nb\n");
    assert_eq!(format(&parse(&text)), text);
    for odd in ["", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "a\\", "\\x00", "\u{e4}"] {
        assert_eq!(parse(odd), [[0_u8; 0]; 0], "{odd}");
    }
    let queued = parse("a/b\n");
    assert_eq!(["a", "a/b", "a/b/c", "a/bc"].map(|path| covers(&queued, path.as_bytes())), [false, true, true, false]);
}

proptest! {
    #[test]
    fn any_name_is_read_back(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        let text = super::name::escape(&bytes);
        prop_assert!(text.bytes().all(|byte| matches!(byte, b' '..=b'~')));
        prop_assert_eq!(super::name::unescape(&text), Some(bytes));
    }

    #[test]
    fn any_command_line_is_read(text in ".{0,80}") {
        let line = Cmdline::parse(&format!("bedplate.reset={text}"));
        for argument in argument(&line).0 {
            prop_assert!(argument.token != FACTORY);
        }
    }
}
