//! The command line as a person or a script meets it: the built program, its exit codes, and what it says where.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "all of this file is a test")]

use serde_json::Value;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

const PROGRAM: &str = env!("CARGO_BIN_EXE_bedplate");

const VERBS: [&str; 22] = [
    "prepare-root",
    "pid1",
    "plan",
    "status",
    "list",
    "history",
    "diff",
    "health",
    "init-store",
    "deploy",
    "remove",
    "mark",
    "rollback",
    "unlock",
    "set-default",
    "set-oneshot",
    "pin",
    "unpin",
    "verify",
    "reset",
    "lint",
    "note",
];

/// Verbs that work on a store, with arguments that are right.
const ON_A_STORE: [&[&str]; 16] = [
    &["plan"],
    &["status"],
    &["status", "--check"],
    &["list"],
    &["history"],
    &["diff"],
    &["deploy", "/", "--id", "v1"],
    &["remove", "v1"],
    &["mark", "good"],
    &["mark", "bad", "--reason", "x"],
    &["rollback"],
    &["set-default", "v1"],
    &["set-oneshot", "v1"],
    &["pin", "v1"],
    &["unpin", "v1"],
    &["verify", "v1"],
];

/// Exit code, standard output, standard error.
type Ended = (i32, String, String);

fn ended(command: &mut Command) -> Ended {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn bedplate(arguments: &[&str]) -> Ended {
    ended(Command::new(PROGRAM).args(arguments))
}

fn called_as(name: &str, arguments: &[&str]) -> Ended {
    ended(Command::new(PROGRAM).arg0(name).args(arguments))
}

/// A directory that is gone with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("bedplate-cli-{name}-{}", std::process::id()));
        std::fs::create_dir(&dir).unwrap();
        Self(dir)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }

    fn write(&self, file: &str, content: &str) {
        let path = self.0.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

/// A physical root with a store and a deployment v1 that is good.
fn store(name: &str) -> Scratch {
    let scratch = Scratch::new(name);
    for file in ["tree/usr/bin/bedplate", "tree/usr/lib/os-release", "tree/sbin/init", "tree/etc/machine-id"] {
        scratch.write(file, "");
    }
    let init = scratch.0.join("tree/sbin/init");
    std::fs::set_permissions(init, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let tree = format!("{}/tree", scratch.path());
    for arguments in [&["init-store"][..], &["deploy", &tree, "--id=v1", "--good"]] {
        let (code, _, err) = bedplate(&[arguments, &["--sysroot", scratch.path()]].concat());
        assert_eq!((code, err.as_str()), (0, ""));
    }
    scratch
}

#[test]
fn every_verb_explains_itself() {
    let (code, help, err) = bedplate(&["--help"]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert_eq!(bedplate(&["help"]), (0, help.clone(), err));
    for verb in VERBS {
        let (code, out, err) = bedplate(&[verb, "--help"]);
        assert_eq!((code, err.as_str()), (0, ""), "{verb}");
        assert!(out.starts_with(&format!("Usage: bedplate {verb}")) && out.ends_with("display usage information\n"), "{out}");
        assert_eq!(help.lines().any(|line| line.starts_with(&format!("  {verb}"))), verb != "note", "{help}");
    }
}

#[test]
fn every_verb_has_a_version() {
    let version = concat!("bedplate ", env!("CARGO_PKG_VERSION"), "\n").to_owned();
    for arguments in VERBS.iter().map(|verb| vec![*verb, "--version"]).chain([vec!["--version"]]) {
        assert_eq!(bedplate(&arguments), (0, version.clone(), String::new()), "{arguments:?}");
    }
}

#[test]
fn usage_errors_are_one_line_on_standard_error() {
    let all = VERBS.iter().filter(|verb| **verb != "note").copied().collect::<Vec<_>>().join(", ");
    let no_command = format!("a command is missing; there are: {all} (--help tells more)");
    let table: &[(&[&str], &str)] = &[
        (&[], &no_command),
        (&["frob"], "unrecognized argument: frob (--help tells more)"),
        (&["--sysroot=/x", "list"], "unrecognized argument: --sysroot (--help tells more)"),
        (&["list", "--frob"], "unrecognized argument: --frob (--help tells more)"),
        (&["list", "--json=yes"], "unrecognized argument: yes (--help tells more)"),
        (&["list", "--sysroot"], "no value provided for option '--sysroot' (--help tells more)"),
        (&["deploy"], "not given: --id (--help tells more)"),
        (&["deploy", "x"], "not given: --id (--help tells more)"),
        (&["deploy", "--id=x"], "not given: a directory with a tree, or --from-current and a command (--help tells more)"),
        (&["deploy", "--id=x", "a", "b"], "unrecognized argument: b (--help tells more)"),
        (&["deploy", "--id=x", "--from-current"], "--from-current needs a command: deploy --from-current --id ID -- COMMAND…"),
        (
            &["deploy", "--id=x", "--from-current", "--good", "a"],
            "--good is for a tree that is known to work: what a command makes goes on trial",
        ),
        (
            &["deploy", "x", "--id=x", "--tries=300"],
            "error parsing option '--tries' with value '300': number too large to fit in target type (--help tells more)",
        ),
        (
            &["deploy", "x", "--id=../x"],
            "--id \"../x\": not a deployment ID: 1 to 64 of A-Z a-z 0-9 . _ - beginning with a letter or digit",
        ),
        (&["pin", "a", "b"], "unrecognized argument: b (--help tells more)"),
        (&["pin", "--", "--a", "--b"], "unrecognized argument: --b (--help tells more)"),
        (&["mark"], "not given: verdict (--help tells more)"),
        (&["mark", "well"], "mark takes good or bad, not \"well\""),
        (&["mark", "bad"], "mark bad needs --reason TEXT: the history keeps it"),
        (&["mark", "good", "--reason=x"], "--reason goes with mark bad"),
        (&["unlock", "--live"], "unlock --live needs a command: unlock --live -- COMMAND…"),
        (&["unlock", "x"], "a command goes with --live; without it, /usr is opened for everybody until the next boot"),
        (&["note", "x"], "note takes started, unhealthy, shutdown, deadline, countdown or watchdog, not \"x\""),
        (&["health", "--after=x"], "--after takes green or red, not \"x\""),
        (&["prepare-root", "a", "b", "c"], "prepare-root takes SYSROOT and CMDLINE, nothing more: \"c\""),
        (&["lint", "/bedplate/none"], "cannot check \"/bedplate/none\": no such file or directory; give the root of a tree"),
        (&["pid1"], "pid1 is for PID 1 of an initramfs: put bedplate there as /init"),
    ];
    for (arguments, why) in table {
        assert_eq!(bedplate(arguments), (2, String::new(), format!("bedplate: error: {why}\n")), "{arguments:?}");
    }
    let scratch = store("usage");
    for arguments in [&["set-default"][..], &["set-default", "v1", "--clear"]] {
        let ended = bedplate(&[arguments, &["--sysroot", scratch.path()]].concat());
        assert_eq!(ended, (2, String::new(), "bedplate: error: set-default takes either an ID or --clear\n".into()));
    }
}

#[test]
fn without_a_store_it_says_so() {
    let empty = Scratch::new("empty");
    let missing = format!("{}/none", empty.path());
    let no_store = format!(
        "bedplate: error: there is no store at \"{}/bedplate\": this is not a bedplate system, or it is not mounted (bedplate init-store makes one)\n",
        empty.path()
    );
    for verb in ON_A_STORE {
        assert_eq!(bedplate(&[verb, &["--sysroot", empty.path()]].concat()), (3, String::new(), no_store.clone()), "{verb:?}");
        let ended = bedplate(&[verb, &["--sysroot", &missing]].concat());
        assert_eq!(ended, (3, String::new(), format!("bedplate: error: there is no \"{missing}\": this is not a bedplate system\n")));
    }
    for verb in [&["note", "started"][..], &["lint", "/", "--sysroot"]] {
        let rest: &[&str] = if verb.len() == 2 { &["--sysroot", empty.path()] } else { &[empty.path()] };
        assert_eq!(bedplate(&[verb, rest].concat()), (3, String::new(), no_store.clone()), "{verb:?}");
    }
    assert_eq!(std::fs::read_dir(&empty.0).unwrap().count(), 0);
}

#[test]
fn an_option_and_its_value_may_be_one_word() {
    let scratch = store("words");
    let two = bedplate(&["list", "--sysroot", scratch.path()]);
    assert_eq!(two.0, 0, "{}", two.2);
    assert_eq!(bedplate(&["list", &format!("--sysroot={}", scratch.path())]), two);
    let sysroot = format!("--sysroot={}", scratch.path());
    for id in ["--v1", "-", "--x=y"] {
        let ended = bedplate(&["pin", &sysroot, "--", id]);
        assert_eq!(ended, (1, String::new(), format!("bedplate: error: there is no deployment \"{id}\" (there are: v1)\n")));
    }
    let ended = bedplate(&["pin", &sysroot, "--", "v1"]);
    assert_eq!(ended, (0, "v1 is never removed until bedplate unpin v1\n".into(), String::new()));
    let ended = bedplate(&["deploy", "-", "--id=v2", &sysroot]);
    assert!(ended.2.contains("\"/dev/stdin\""), "{}", ended.2);
}

#[test]
fn called_by_other_names() {
    let scratch = store("names");
    let refused = (2, String::new(), "bedplate: error: pid1 is for PID 1 of an initramfs: put bedplate there as /init\n".to_owned());
    for name in ["init", "/sbin/init"] {
        for arguments in [&[][..], &["6"], &["--help"], &["--version"]] {
            assert_eq!(called_as(name, arguments), refused, "{name} {arguments:?}");
        }
    }
    let (code, out, _) = called_as("/usr/lib/ostree/ostree-prepare-root", &["--help"]);
    assert_eq!((code, out.starts_with("Usage: bedplate prepare-root")), (0, true));
    let run = format!("{}/run", scratch.path());
    std::fs::create_dir(&run).unwrap();
    let ended = called_as("ostree-prepare-root", &[scratch.path(), "bedplate=0", "--run", &run, "--config-root", scratch.path()]);
    assert_eq!(ended, (0, String::new(), "bedplate: bedplate=0 on the kernel command line, nothing to do\n".into()));
}

#[test]
fn what_is_shown_as_json_has_a_schema() {
    let scratch = store("json");
    let tree = format!("{}/tree", scratch.path());
    let health = ["health", "--check-only", "--root", &tree];
    let verbs: [&[&str]; 6] = [&["status"], &["list"], &["history"], &health, &["plan", "--config-root", &tree], &["lint", &tree]];
    for verb in verbs {
        let (code, out, err) = bedplate(&[verb, &["--json", "--sysroot", scratch.path()]].concat());
        assert_eq!((code, err.as_str()), (0, ""), "{verb:?}");
        let document: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(document["schema"], 1, "{verb:?}");
    }
}

#[test]
fn a_plan_changes_nothing() {
    let scratch = store("plan");
    let listing = || {
        let output = Command::new("find").arg(scratch.path()).args(["-printf", "%P %m %T@ %C@ %s\n"]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let before = listing();
    let (code, out, err) =
        bedplate(&["plan", "--sysroot", scratch.path(), "--cmdline", "bedplate.etc=ro", "--config-root", scratch.path()]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.starts_with("choice    v1: the deployment that last succeeded\nbind      new:/ ro from deployment:/"), "{out}");
    assert!(out.contains("bind      new:/etc ro from deployment:/etc  # etc.mode = \"ro\"\n"), "{out}");
    assert_eq!(listing(), before);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let scratch = store("pipe");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = Command::new(PROGRAM).args(["list", "--sysroot", scratch.path()]).stdout(writer).status().unwrap();
    assert_eq!(status.code(), Some(0));
    assert!(Path::new(scratch.path()).exists());
}
