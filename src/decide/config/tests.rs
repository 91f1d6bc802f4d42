use super::*;
use alloc::format;
use alloc::string::ToString;
use alloc::vec;
use proptest::prelude::*;

fn read(texts: &[&str]) -> (Config, Vec<String>) {
    let sources: Vec<Source<'_>> = texts.iter().map(|text| Source { file: "f", text: Ok(text) }).collect();
    let (config, problems) = parse(&sources);
    (config, problems.iter().map(ToString::to_string).collect())
}

#[test]
fn every_key_is_understood() {
    let (config, problems) = read(&["[boot]\ntries = 5\ngood-tries = 0\ncount = \"always\"\nrefunds = 2\ndeadline = \"1min 30s\"\n\
         on-exhausted = \"stop\"\nwhen-nothing-boots = \"halt\"\nkernel-mismatch = \"skip\"\nrecord = \"gpt\"\nrecord-device = \"/dev/x\"\n\
         watchdog = 30\nkeep = 0\n[root]\nmode = \"transient\"\n[etc]\nmode = \"ro\"\nkeep = [\"/etc/ssh/\", \"x\"]\nclean = [\"stale\"]\nderived = [\"/etc/x/y\"]\n\
         [var]\nmode = \"device\"\nsource = \"LABEL=v\"\n[integrity]\nrequire = \"verity\"\nkeys = \"/k\"\nmin-sequence = 7\n\
         [ostree]\nrollback = true\n[[path]]\ntarget = \"/var/lib/app\"\nscope = \"deployment\"\nmode = \"ro\"\nsource = \"s\"\n"]);
    assert_eq!(problems, [""; 0]);
    let boot = Boot {
        tries: 5,
        good_tries: 0,
        count: Count::Always,
        refunds: 2,
        deadline: Some(90),
        on_exhausted: OnExhausted::Stop,
        when_nothing_boots: WhenNothingBoots::Halt,
        kernel_mismatch: KernelMismatch::Skip,
        record: RecordKind::Gpt,
        record_device: "/dev/x".into(),
        watchdog: Some(30),
        keep: 0,
    };
    let path = DeclaredPath { target: "/var/lib/app".into(), mode: PathMode::Ro, source: "s".into(), scope: Scope::Deployment };
    let expected = Config {
        boot,
        root: Root { mode: RootMode::Transient },
        etc: Etc { mode: EtcMode::Ro, keep: vec!["ssh".into(), "x".into()], clean: vec![Clean::Stale], derived: vec!["x/y".into()] },
        var: Var { mode: VarMode::Device, source: "LABEL=v".into() },
        integrity: Integrity { require: Require::Verity, keys: "/k".into(), min_sequence: 7 },
        ostree: Ostree { rollback: true },
        path: vec![path],
    };
    assert_eq!(config, expected);
}

#[test]
fn later_files_win_key_by_key() {
    let (config, problems) = read(&["[boot]\ntries = 5\nkeep = 9\n", "[boot]\ntries = 6\n"]);
    assert_eq!((config.boot.tries, config.boot.keep, problems.len()), (6, 9, 0));
    let path = |target: &str, mode: &str| format!("[[path]]\ntarget = \"{target}\"\nmode = \"{mode}\"\n");
    let (config, _) = read(&[&(path("/a", "bind") + &path("/b", "bind")), &(path("/a", "none") + &path("/b", "ro"))]);
    assert_eq!(config.path.len(), 1);
    assert_eq!(config.path.first().map(|path| path.mode), Some(PathMode::Ro));
}

#[test]
fn problems_say_where_what_and_what_next() {
    let cases = [
        ("[boot]\n\ntrys = 5\n", "f:3: unknown key boot.trys (there are: boot.tries, "),
        ("[boott]\ntries = 5\n", "f:1: unknown section [boott] (there are: boot, root, etc, var, integrity, ostree), ignoring it"),
        ("[boot]\ntries = 0\n", "f:2: boot.tries has to be a number from 1 to 255; going on with its default"),
        ("[boot]\ntries = 256\n", "f:2: boot.tries has to be a number from 1 to 255; going on with its default"),
        ("[boot]\ntries = -1\n", "f:2: boot.tries has to be"),
        ("[boot]\ndeadline = \"soon\"\n", "f:2: boot.deadline has to be a time such as"),
        ("[boot]\ncount = \"yes\"\n", "f:2: boot.count has to be one of \"needed\", \"always\"; going on with its default"),
        ("[ostree]\nrollback = 1\n", "f:2: ostree.rollback has to be true or false"),
        ("[etc]\nkeep = \"x\"\n", "f:2: etc.keep has to be a list in brackets"),
        ("[etc]\nkeep = [\"../x\"]\n", "f:2: etc.keep has to be a list of directories of /etc"),
        ("boot = 5\n", "f:1: boot is not a section, ignoring it"),
        ("path = 5\n", "f:1: path is not a section, ignoring it"),
        ("path = [5]\n", "f:1: path has to be a list of tables, ignoring it"),
        (
            "[[path]]\ntarget = \"/usr\"\n",
            "f:1: [[path]]: target = \"/usr\" is not an absolute path that can be declared; leaving this path out",
        ),
        ("[[path]]\ntarget = \"/a/../b\"\n", "f:1: [[path]]: target"),
        ("[[path]]\nscope = \"shared\"\n", "f:1: [[path]]: target = \"\""),
        ("[[path]]\ntarget = \"/a\"\nsource = \"../x\"\n", "f:1: [[path]]: source"),
        ("[[path]]\ntarget = \"/a\"\nkind = \"x\"\n", "f:1: [[path]]: unknown key kind"),
        ("[[path]]\ntarget = \"/tmp/x\"\n", "f:1: [[path]]: target = \"/tmp/x\" is not an absolute path that can be declared"),
        ("[[path]]\ntarget = \"/usr/x\"\n", "f:1: [[path]]: target = \"/usr/x\" is in /usr, which stays read-only: mode = \"ro\" only"),
        ("[[path]]\ntarget = \"/usr/x\"\nmode = \"ro\"\nscope = \"transient\"\n", "f:1: [[path]]: target = \"/usr/x\" is in /usr"),
        ("[var]\nmode = \"device\"\n", "f:2: var.mode = \"device\" needs var.source, a device; going on with its default"),
        ("[boot\n", "f:1: cannot read it: "),
    ];
    for (text, expected) in cases {
        let (config, problems) = read(&[text]);
        assert_eq!(problems.len(), 1, "{text}");
        assert!(problems.concat().starts_with(expected), "{text}: {problems:?}");
        let strict = if text == "[boot\n" { Require::Signed } else { Require::None };
        assert_eq!(config, Config { integrity: Integrity { require: strict, ..Integrity::default() }, ..Config::default() }, "{text}");
    }
}

#[test]
fn doubts_about_integrity_are_strict() {
    for text in ["[integrity]\nrequire = \"sometimes\"\n", "[integrity]\nkeys = 5\n", "integrity = 5\n", "x"] {
        assert_eq!(read(&[text]).0.integrity.require, Require::Signed, "{text}");
    }
    let (config, problems) = parse(&[Source { file: "f", text: Err("input/output error") }]);
    assert_eq!(config.integrity.require, Require::Signed);
    assert_eq!(problems.len(), 1);
    // What is readable elsewhere does not dispel the doubt.
    let loose = "[integrity]\nrequire = \"none\"\n";
    for texts in [&["[integrity]\nkeys = 5\nrequire = \"none\"\n"][..], &["x", loose], &["integrity = 5\n", loose], &[loose, "x"]] {
        assert_eq!(read(texts).0.integrity.require, Require::Signed, "{texts:?}");
    }
}

#[test]
fn origins_are_those_of_the_last_word() {
    let texts = ["[boot]\ntries = 5\nkeep = 9\n", "# more\n\n[boot]\ntries = 6\n[[path]]\ntarget = \"/a\"\n"];
    let merged = merge(&[Source { file: "a", text: Ok(texts[0]) }, Source { file: "b", text: Ok(texts[1]) }]);
    let of = |key: &str| merged.origins.of(key);
    assert_eq!([of("boot.tries"), of("boot.keep"), of("/a"), of("boot.count")], [Some(("b", 4)), Some(("a", 3)), Some(("b", 5)), None]);
}

#[test]
fn durations() {
    let deadline = |text: &str| read(&[&format!("[boot]\ndeadline = {text}\n")]).0.boot.deadline;
    for (text, expected) in [
        ("\"off\"", None),
        ("90", Some(90)),
        ("\"90\"", Some(90)),
        ("\"2h\"", Some(7200)),
        ("\"1d 1s\"", Some(86401)),
        ("\"10 min\"", Some(600)),
        ("0", Some(600)),
        ("\"\"", Some(600)),
        ("\"5 fortnights\"", Some(600)),
        ("\"99999999999999999999s\"", Some(600)),
        ("\"400d\"", Some(600)),
    ] {
        assert_eq!(deadline(text), expected, "{text}");
    }
}

#[test]
fn fragments_in_order() {
    let present = [
        "etc/bedplate/bedplate.toml",
        "usr/lib/bedplate/bedplate.toml",
        "usr/lib/bedplate/bedplate.toml.d/50-b.toml",
        "usr/lib/bedplate/bedplate.toml.d/10-a.toml",
        "usr/lib/bedplate/bedplate.toml.d/README",
        "usr/lib/bedplate/bedplate.toml.d/.hidden.toml",
        "run/bedplate/bedplate.toml.d/50-b.toml",
        "etc/bedplate/other.toml",
    ];
    let expected = [
        "usr/lib/bedplate/bedplate.toml",
        "etc/bedplate/bedplate.toml",
        "usr/lib/bedplate/bedplate.toml.d/10-a.toml",
        "run/bedplate/bedplate.toml.d/50-b.toml",
    ];
    assert_eq!(fragments(&present), expected);
}

#[test]
fn the_documented_example_is_the_default() {
    let (config, problems) = read(&[include_str!("../../../bedplate.toml.example")]);
    assert_eq!(problems, [""; 0]);
    assert_eq!(config, Config::default());
}

proptest! {
    #[test]
    fn any_text_is_read(text in ".*") {
        let (config, _) = read(&[&text]);
        prop_assert!(config.boot.tries > 0);
    }

    #[test]
    fn any_value_is_read(key in prop::sample::select(vec!["boot.tries", "boot.deadline", "etc.keep", "var.mode", "integrity.require"]), value in "[\\[\\]\"a-z0-9 .{}=-]{0,12}") {
        let (config, problems) = read(&[&format!("{key} = {value}\n")]);
        prop_assert!(config.boot.tries > 0);
        prop_assert!(problems.len() <= 1);
    }
}
