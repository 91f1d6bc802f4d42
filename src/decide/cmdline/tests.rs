use super::*;

/// A command line and its words.
type Case<'a> = (&'a str, &'a [(&'a str, Option<&'a str>)]);

use proptest::prelude::*;

fn pairs(text: &str) -> Vec<(String, Option<String>)> {
    Cmdline::parse(text).words.into_iter().map(|word| (word.name, word.value)).collect()
}

#[test]
fn words_as_the_kernel_splits_them() {
    let cases: &[Case<'_>] = &[
        ("", &[]),
        ("quiet ro\n", &[("quiet", None), ("ro", None)]),
        ("a=1\tb=2  c=", &[("a", Some("1")), ("b", Some("2")), ("c", Some(""))]),
        ("a=\"x y\" b", &[("a", Some("x y")), ("b", None)]),
        ("\"a=x y\" b", &[("a", Some("x y")), ("b", None)]),
        ("a=\"x ostree=y\"", &[("a", Some("x ostree=y"))]),
        ("a=b=c", &[("a", Some("b=c"))]),
        ("a=\"open end", &[("a", Some("open end"))]),
        ("root=UUID=1 -- -x a=1", &[("root", Some("UUID=1"))]),
    ];
    for (text, expected) in cases {
        let expected: Vec<_> = expected.iter().map(|(n, v)| ((*n).to_string(), v.map(ToString::to_string))).collect();
        assert_eq!(pairs(text), expected, "{text}");
    }
}

#[test]
fn the_last_one_wins_and_init_has_its_own() {
    let line = Cmdline::parse("init=/a init=/b ro -- single init=/c \"x y\"");
    assert_eq!(line.get("init"), Some("/b"));
    assert_eq!(line.get("ro"), Some(""));
    assert_eq!(line.get("rw"), None);
    assert_eq!(line.init_arguments(), ["single", "init=/c", "x y"]);
}

fn ask(text: &str, require: Require) -> (Request, Vec<String>) {
    let mut config = Config::default();
    config.integrity.require = require;
    request(&Cmdline::parse(text), config)
}

#[test]
fn requests() {
    let modes = |text: &str| {
        let (request, warnings) = ask(text, Require::None);
        let config = &request.config;
        format!("{} {} {} {}", config.root.mode.word(), config.etc.mode.word(), config.var.mode.word(), warnings.len())
    };
    for (text, expected) in [
        ("", "ro overlay bind 0"),
        ("bedplate.etc=transient", "ro transient bind 0"),
        ("bedplate.root=transient bedplate.var=none", "transient overlay none 0"),
        ("bedplate.etc=nonsense", "ro overlay bind 1"),
        ("systemd.volatile=state", "ro overlay transient 0"),
        ("systemd.volatile=yes", "transient transient transient 0"),
        ("systemd.volatile=yes bedplate.etc=overlay", "transient overlay transient 0"),
        ("systemd.volatile=no", "ro overlay bind 0"),
        ("bedplate.var=device", "ro overlay bind 1"),
        ("bedplate.deploymnt=v1", "ro overlay bind 1"),
        ("bedplate=maybe", "ro overlay bind 1"),
        ("bedplate.reset=etc:1", "ro overlay bind 0"),
        ("bedplate.reset=etc", "ro overlay bind 1"),
        ("bedplate.entry=-x", "ro overlay bind 1"),
        ("bedplate.attempt=0123456789abcdef0123456789abcdef", "ro overlay bind 0"),
        ("bedplate.attempt=1", "ro overlay bind 1"),
    ] {
        assert_eq!(modes(text), expected, "{text}");
    }
    let (asked, _) = ask("bedplate.deployment=v2 init=/sbin/x bedplate.entry=v1 bedplate=0", Require::None);
    assert_eq!(asked.deployment.as_deref(), Some("v2"));
    assert_eq!(asked.init.as_deref(), Some("/sbin/x"));
    assert_eq!(asked.entry, Id::parse("v1"));
    assert!(asked.disabled);
}

#[test]
fn an_argument_never_loosens_integrity() {
    let (asked, warnings) = ask("bedplate=0 bedplate.root=transient bedplate.etc=bind", Require::Signed);
    assert!(!asked.disabled);
    assert_eq!((asked.config.root.mode, asked.config.etc.mode), (RootMode::Ro, EtcMode::Overlay));
    assert_eq!(warnings.len(), 3);
    let (asked, warnings) = ask("systemd.volatile=yes", Require::Signed);
    assert_eq!((asked.config.root.mode, asked.config.var.mode), (RootMode::Ro, VarMode::Transient));
    assert_eq!(warnings, ["systemd.volatile= would loosen integrity.require for /, leaving it read-only"]);
    let (asked, warnings) = ask("bedplate.etc=ro bedplate.root=ro", Require::Signed);
    assert_eq!(asked.config.etc.mode, EtcMode::Ro);
    assert!(warnings.is_empty());
}

proptest! {
    #[test]
    fn any_text_is_a_command_line(text in ".*") {
        let line = Cmdline::parse(&text);
        let _ = request(&line, Config::default());
        prop_assert!(line.words().iter().all(|word| !word.name.contains('=')));
    }

    #[test]
    fn a_value_comes_back(name in "[a-z.]{1,9}", value in "[a-z0-9 =/.]{0,12}", before in "[a-z ]{0,9}", after in "[a-z ]{0,9}") {
        let line = Cmdline::parse(&format!("{before} {name}=\"{value}\" {after}"));
        prop_assume!(!after.split(' ').any(|word| word == name));
        prop_assert_eq!(line.get(&name), Some(value.as_str()));
    }
}
