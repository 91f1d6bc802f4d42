use super::unit::{Program, programs};
use super::*;
use crate::decide::config::{Config, Merged, Source, merge};
use crate::decide::fstab;
use crate::decide::model::fixture::deployment;
use crate::decide::model::{Deployment, Instance, VendorEtc};
use crate::decide::record::{Key, Record};
use crate::error::Error;
use alloc::string::ToString;
use alloc::vec;
use proptest::prelude::*;

fn good_tree() -> Tree {
    Tree {
        has_usr: true,
        vendor_etc: Some(VendorEtc::Etc),
        no_init: None,
        no_mount_points: vec![],
        missing_half: vec![],
        has_machine_id: true,
        fstab: vec![],
        directories: vec!["/data".into()],
        kept_files: vec![],
        units: vec![],
    }
}

fn shown(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(ToString::to_string).collect()
}

fn read(text: &str) -> Merged {
    merge(&[Source { file: "f", text: Ok(text) }])
}

#[test]
fn nothing_is_found_in_a_good_image() {
    assert_eq!(tree(&good_tree(), &Config::default()), []);
    assert_eq!(config(&read("[[path]]\ntarget = \"/data\"\n"), &[], &good_tree()), []);
    assert_eq!(summary(&[]), "nothing to complain about");
}

#[test]
fn findings_on_the_configuration() {
    for (text, expected) in [
        ("[boot]\ntries = 0\n", "error: f:2: boot.tries has to be a number from 1 to 255; going on with its default"),
        ("\n[root]\nmood = 1\n", "error: f:3: unknown key root.mood (there are: root.mode), ignoring it"),
        (
            "[integrity]\nrequire = \"signed\"\n",
            "warning: f:2: integrity.require is not supported by this version: deployments are not verified",
        ),
        (
            "[etc]\nmode = \"ro\"\nderived = [\"ssl/cache\"]\n",
            "warning: f:3: etc.derived has no effect with etc.mode = \"ro\": it goes with \"overlay\"",
        ),
        ("[etc]\nkeep = [\"ssh\"]\n", "warning: f:2: etc.keep has no effect with etc.mode = \"overlay\": it goes with \"transient\""),
        ("[var]\nsource = \"LABEL=v\"\n", "warning: f:2: var.source has no effect with var.mode = \"bind\": it goes with \"device\""),
        (
            "[etc]\nmode = \"bind\"\n",
            "error: f:2: etc.mode = \"bind\" makes the vendor's /etc writable in place, and no rollback brings it back: ship it as usr/etc, or choose another mode",
        ),
        (
            "[[path]]\ntarget = \"/srv/x\"\n",
            "error: f:1: [[path]] target = \"/srv/x\": the tree has no such directory to mount on: make it",
        ),
        (
            "[var]\nmode = \"none\"\n[[path]]\ntarget = \"/var/x\"\nscope = \"deployment\"\n",
            "error: f:3: [[path]] target = \"/var/x\": the tree has no such directory to mount on: make it",
        ),
    ] {
        assert_eq!(shown(&config(&read(text), &[], &good_tree())), [expected]);
    }
    let merged = merge(&[Source { file: "etc/bedplate/bedplate.toml", text: Err("input/output error") }]);
    let found = config(&merged, &[("etc/bedplate".into(), 0o777)], &good_tree());
    let expected = [
        "error: etc/bedplate/bedplate.toml: cannot read it: input/output error; leaving the file out and requiring signed deployments",
        "error: etc/bedplate: writable by others (mode 0777): chmod go-w it",
    ];
    assert_eq!(shown(&found), expected);
}

#[test]
fn what_is_no_finding() {
    let usr_etc = Tree { vendor_etc: Some(VendorEtc::UsrEtc), ..good_tree() };
    for text in ["[etc]\nmode = \"bind\"\n", "[[path]]\ntarget = \"/var/lib/app\"\n", "[[path]]\ntarget = \"/none\"\nmode = \"none\"\n"] {
        assert_eq!(config(&read(text), &[], &usr_etc), [], "{text}");
    }
}

#[test]
fn the_last_file_that_sets_a_key_is_named() {
    let [a, b] = ["[etc]\nmode = \"bind\"\n", "\n\n[etc]\nmode = \"bind\"\n"];
    let merged = merge(&[Source { file: "a", text: Ok(a) }, Source { file: "b", text: Ok(b) }]);
    let found = config(&merged, &[], &good_tree());
    assert_eq!(found.iter().map(|finding| (finding.file.as_str(), finding.line)).collect::<Vec<_>>(), [("b", Some(4))]);
}

#[test]
fn findings_on_the_tree() {
    let lacks = UnitState::Lacks(vec![Program { line: 7, path: "/usr/bin/bedplate".into() }]);
    let found = Tree {
        has_usr: false,
        no_init: Some("there is no init program".into()),
        no_mount_points: vec!["sysroot".into()],
        missing_half: vec![(crate::decide::deploy::Part::MarkGood, "usr/bin/bedplate".into())],
        has_machine_id: false,
        fstab: fstab::parse("# by hand\nUUID=1 / ext4\n/dev/b /var ext4\n/dev/c /srv ext4\nswap none swap\n"),
        units: vec![
            Unit { file: "etc/systemd/system/bedplate-started.service".into(), state: UnitState::Masked },
            Unit { file: "usr/lib/systemd/system/bedplate-mark-good.service".into(), state: lacks },
        ],
        ..good_tree()
    };
    let expected = [
        "error: usr: there is no such directory: it is no root tree",
        "error: sbin/init: the tree cannot boot: there is no init program",
        "error: etc/fstab:2: a line for / would undo the read-only mounts: take it out (at boot, systemd-remount-fs is switched off for it)",
        "warning: etc/fstab:3: a line for /var has no effect, it is mounted already: take it out, or use var.mode = \"device\"",
        "warning: etc/machine-id: missing: each deployment makes an empty one at its first boot; put an empty file there",
        "warning: sysroot: there is no such directory to mount on: bedplate deploy makes it, other ways of installing do not",
        "warning: usr/bin/bedplate: missing: the system cannot mark itself good, and a trial of it ends in a rollback (make install DESTDIR= puts it there)",
        "warning: etc/systemd/system/bedplate-started.service: masked: what it is for does not happen; unmask it",
        "warning: usr/lib/systemd/system/bedplate-mark-good.service:7: the tree has no /usr/bin/bedplate: the unit fails at each boot",
    ];
    let findings = tree(&found, &Config::default());
    assert_eq!(shown(&findings), expected);
    assert_eq!(summary(&findings), "3 errors, 6 warnings");
    assert_eq!((summary(&findings[..1]), summary(&findings[3..4])), ("1 error".into(), "1 warning".into()));
}

#[test]
fn without_any_etc_there_is_one_finding() {
    let found = Tree { vendor_etc: None, has_machine_id: false, ..good_tree() };
    assert_eq!(shown(&tree(&found, &Config::default())), ["error: etc: there is neither usr/etc nor etc: it is no root tree"]);
}

#[test]
fn a_var_line_matters_only_where_var_is_mounted() {
    let found = Tree { fstab: fstab::parse("/dev/b /var ext4\n"), ..good_tree() };
    assert_eq!(tree(&found, &read("[var]\nmode = \"none\"\n").config), []);
}

#[test]
fn findings_on_the_store() {
    let mut record = Record::default();
    let v1 = deployment("v1");
    record.arm(Key::of(&v1.id, &Instance::from_random([7; 8])), 3, &[]).expect("an empty record");
    let broken = Deployment { defect: Some(Error::deterministic("no manifest")), manifest: None, ..deployment("v3") };
    let deployments = [v1, deployment("v2"), broken];
    let names = ["v1", "v2", "v3", ".v4.new", ".v5.del", "lost+found"].map(String::from);
    let modes = [("", 0o702), ("record", 0o602), ("state", 0o755), ("var", 0o1777)].map(|(path, mode)| (path.into(), mode)).into();
    let mut found = Store {
        modes,
        private: &["", "state"],
        record_lost: None,
        record: &record,
        deployments: &deployments,
        names: &names,
        odd: &["a marker is damaged".into()],
    };
    let expected = [
        "error: bedplate: writable by others (mode 0702): chmod go-w it",
        "error: bedplate/record: writable by others (mode 0602): chmod go-w it",
        "warning: bedplate/state: others may look into it (mode 0755): chmod 0700 it",
        "warning: bedplate/deployments/v2: not armed: it boots only by bedplate.deployment=; deploy it under another ID",
        "warning: bedplate/deployments/v3: cannot boot: no manifest; bedplate remove v3, and deploy it again",
        "warning: bedplate/deployments/.v4.new: left by a deploy that was interrupted: the next deploy or remove deletes it",
        "warning: bedplate/deployments/.v5.del: left by a removal that was interrupted: the next deploy or remove finishes it",
        "warning: bedplate/deployments/lost+found: not the name of a deployment: it is never looked at; move it away",
        "warning: bedplate: a marker is damaged",
    ];
    assert_eq!(shown(&store(&found)), expected);
    found = Store { modes: vec![], deployments: &deployments[..2], names: &[], odd: &[], record_lost: Some("it is lost".into()), ..found };
    let expected = "error: bedplate/record: it is lost: the machine chooses by the boot-success markers, without counting";
    assert_eq!(shown(&store(&found)), [expected]);
}

#[test]
fn programs_of_units() {
    let text = "[Service]\nExecStart=-/usr/bin/a b\n# ExecStart=/usr/bin/c\nExecStop = @!!/bin/d e\nExecStartPre=true\nExecStart=\n\
                ExecStart=/usr/lib/%i/x\nExecStartPost=\"/opt/a\" b\nExecutor=/bin/f\n";
    let found: Vec<_> = programs(text).into_iter().map(|program| (program.line, program.path)).collect();
    assert_eq!(found, [(2, "/usr/bin/a".into()), (4, "/bin/d".into()), (8, "/opt/a".into())]);
}

proptest! {
    #[test]
    fn any_unit_is_read(text in "(ExecStart=|[^\n]{0,9}|\n|[-@:+!|]|/[a-z]{1,3}| ){0,20}") {
        for program in programs(&text) {
            prop_assert!(program.path.starts_with('/') && (1..=text.lines().count()).contains(&program.line));
        }
    }
}
