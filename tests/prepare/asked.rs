//! What the command line and the configuration ask for, right and wrong.

use crate::machine::{machine, mounts_now, set_mode, write};
use crate::namespace::Disk;
use bedplate::decide::record::Status;
use std::fs;

#[test]
fn bedplate_0_does_nothing() {
    machine(Disk::Tmpfs, |machine| {
        machine.upgraded();
        machine.new_boot();
        let (table, listing) = (mounts_now(machine), machine.listing());
        let ended = machine.again("root=/dev/x bedplate=0 quiet");
        assert_eq!((ended.code, ended.said), (0, vec!["bedplate=0 on the kernel command line, nothing to do".into()]));
        assert_eq!((mounts_now(machine), machine.listing(), ended.report), (table, listing, None));
    });
}

/// A command line, who stands, by which rule, and what is warned about.
type Case = (&'static str, &'static str, &'static str, &'static [&'static str]);

const CASES: [Case; 13] = [
    ("", "v2", "trial", &[]),
    ("bedplate.deployment=v1", "v1", "argument", &[]),
    ("bedplate.deployment=\"v1\"", "v1", "argument", &[]),
    ("bedplate.deployment=v2 bedplate.deployment=v1 \n", "v1", "argument", &[]),
    ("bedplate.deployment=", "v2", "trial", &[]),
    ("bedplate.deployment=v3", "v2", "trial", &["bedplate.deployment=v3: no such deployment (there are: v1, v2), ignoring it"]),
    ("bedplate.deployment=../v1", "v2", "trial", &["bedplate.deployment=../v1: no such deployment (there are: v1, v2), ignoring it"]),
    ("init=/sbin/init -- bedplate.deployment=v1", "v2", "trial", &[]),
    ("bedplate=maybe", "v2", "trial", &["bedplate=maybe: neither 0 nor 1, going on as with 1"]),
    ("bedplate.etc=rw", "v2", "trial", &["bedplate.etc=rw: not one of overlay, transient, ro, bind, going by the configuration"]),
    (
        "bedplate.deploymnt=v1",
        "v2",
        "trial",
        &[
            "bedplate.deploymnt on the kernel command line is unknown (there are: bedplate.deployment, .entry, .attempt, .etc, .var, .root, \
           .reset, .log, .rootwait), ignoring it",
        ],
    ),
    (
        "bedplate.reset=etc",
        "v2",
        "trial",
        &["bedplate.reset=etc: it is WHAT:TOKEN, and obeyed once for each token, ignoring it: nothing is reset"],
    ),
    ("bedplate.entry=/x", "v2", "trial", &["bedplate.entry=/x: not a deployment ID, ignoring it"]),
];

#[test]
fn command_lines() {
    machine(Disk::Tmpfs, |machine| {
        machine.deploy("v1", &["--good"]);
        machine.deploy("v2", &["--tries", "100"]);
        for (cmdline, id, rule, warnings) in CASES {
            let ended = machine.boot(cmdline);
            assert_eq!((ended.stands(), ended.report().choice.rule.as_str()), (id, rule), "{cmdline}");
            assert_eq!((ended.warnings(), ended.report().warnings.len()), (warnings.to_vec(), warnings.len()), "{cmdline}");
        }
        let ended = machine.boot("bedplate.deployment=v3");
        assert_eq!(ended.report().argument.as_deref(), Some("v3"));
    });
}

#[test]
fn an_init_that_the_command_line_names_is_the_one_that_counts() {
    machine(Disk::Tmpfs, |machine| {
        machine.upgraded();
        write(&machine.store("deployments/v1/root/opt/rescue"), "program");
        set_mode(&machine.store("deployments/v1/root/opt/rescue"), 0o755);
        // /opt is a bind of /var/opt in the booted system: the program there is the one that has to exist.
        let ended = machine.boot("init=/opt/rescue");
        assert_eq!(ended.code, 1, "{:?}", ended.said);
        write(&machine.store("deployments/v1/root/usr/bin/rescue"), "program");
        set_mode(&machine.store("deployments/v1/root/usr/bin/rescue"), 0o755);
        let ended = machine.boot("init=/usr/bin/rescue bedplate.deployment=v1");
        assert_eq!((ended.stands(), ended.report().init.as_str()), ("v1", "usr/bin/rescue"));
    });
}

#[test]
fn what_somebody_typed_is_no_proof_against_a_deployment() {
    machine(Disk::Tmpfs, |machine| {
        machine.upgraded();
        let ended = machine.boot("init=/sbin/ini");
        assert_eq!((ended.code, ended.said.last().unwrap().contains("looked for /sbin/ini. next step")), (1, true), "{:?}", ended.said);
        assert_eq!((machine.slot("v1").status, machine.slot("v2").status), (Status::Good, Status::Trial));
        let ended = machine.boot("");
        assert_eq!((ended.stands(), ended.report().choice.try_number), ("v2", Some(2)));
        machine.new_boot();
        fs::rename(machine.store("deployments/v2/root/etc"), machine.store("deployments/v2/root/usr/etc")).unwrap();
        assert_eq!(machine.boot("bedplate.etc=bind").stands(), "v1");
        assert_eq!(machine.slot("v2").status, Status::Trial);
    });
}

#[test]
fn a_damaged_configuration_is_warned_about_and_boots() {
    let unread = "leaving the file out and requiring signed deployments";
    let unsigned = "integrity.require is not supported by this version: deployments are not verified";
    machine(Disk::Tmpfs, move |machine| {
        machine.deploy("v1", &["--good"]);
        let file = machine.at("config/etc/bedplate/bedplate.toml");
        machine.configure("");
        for (text, warnings) in [
            (&b"\n[boot]\ntrys = 5\n"[..], vec!["etc/bedplate/bedplate.toml:3: unknown key boot.trys (there are: boot.".to_owned()]),
            (
                b"[boot]\ntries = 0\n",
                vec!["etc/bedplate/bedplate.toml:2: boot.tries has to be a number from 1 to 255; going on with its default".into()],
            ),
            (b"[boot\n", vec![format!("etc/bedplate/bedplate.toml:1: cannot read it: "), unsigned.into()]),
            (b"\xff\xfe", vec![format!("etc/bedplate/bedplate.toml: cannot read it: it is not UTF-8 text; {unread}"), unsigned.into()]),
        ] {
            fs::write(&file, text).unwrap();
            let ended = machine.boot("");
            assert_eq!(ended.stands(), "v1");
            let said = ended.warnings();
            assert!(said.len() == warnings.len() && said.iter().zip(&warnings).all(|(said, start)| said.starts_with(start)), "{said:?}");
            assert_eq!(ended.report().warnings, said);
        }
        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
        let said = format!("etc/bedplate/bedplate.toml: cannot read it: is a directory; {unread}");
        assert_eq!(machine.boot("").warnings(), [&said, unsigned]);
        fs::remove_dir_all(machine.at("config/etc/bedplate")).unwrap();
        std::os::unix::fs::symlink("bedplate", machine.at("config/etc/bedplate")).unwrap();
        let ended = machine.boot("");
        assert_eq!(ended.stands(), "v1");
        assert!(ended.warnings()[0].starts_with("etc/bedplate: cannot read it: too many levels of symbolic links"), "{:?}", ended.said);
    });
}

#[test]
fn what_others_may_write_is_warned_about() {
    machine(Disk::Tmpfs, |machine| {
        machine.configure("");
        machine.deploy("v1", &["--good"]);
        set_mode(&machine.at("config/etc/bedplate/bedplate.toml"), 0o666);
        set_mode(&machine.store("deployments/v1/deployment.toml"), 0o622);
        set_mode(&machine.store("deployments/v1/boot-success"), 0o602);
        set_mode(&machine.store("record"), 0o620);
        let end = "using it all the same: chmod go-w it";
        let expected = [
            format!("\"etc/bedplate/bedplate.toml\" is writable by others (mode 0666), {end}"),
            format!("\"bedplate/record\" is writable by others (mode 0620), {end}"),
            format!("\"bedplate/deployments/v1/deployment.toml\" is writable by others (mode 0622), {end}"),
            format!("\"bedplate/deployments/v1/boot-success\" is writable by others (mode 0602), {end}"),
        ];
        let ended = machine.boot("");
        assert_eq!((ended.stands(), ended.warnings()), ("v1", expected.iter().map(String::as_str).collect()));
    });
}
