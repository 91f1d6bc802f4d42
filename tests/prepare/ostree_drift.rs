//! What `diff` and `status` tell of an OSTree deployment's /etc.

use crate::machine::{Machine, PROGRAM, read, set_mode, write};
use crate::namespace::run;
use crate::ostree::{id, ostree};
use std::fs;
use std::process::Command;

/// One of each kind, as people and programs make them.
fn edit(machine: &Machine<'_>) {
    let etc = |name: &str| machine.root("etc").join(name);
    write(&etc("edited"), "mine\n");
    write(&etc("new/one"), "mine\n");
    fs::remove_file(etc("gone")).unwrap();
    set_mode(&etc("mode"), 0o600);
    run("chown", &["1:1", etc("machine-id").to_str().unwrap()]);
    fs::remove_dir_all(etc("to-file")).unwrap();
    write(&etc("to-file"), "mine\n");
}

const CHANGES: [&str; 7] = [
    "edited /etc/edited",
    "deleted /etc/gone",
    "metadata /etc/machine-id",
    "metadata /etc/mode",
    "added /etc/new",
    "added /etc/new/one",
    "type /etc/to-file",
];

/// `CAUSE PATH` of each line.
fn causes(text: &str) -> Vec<String> {
    let line = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        format!("{} {}", words[0], words[4..].join(" "))
    };
    text.lines().map(line).collect()
}

#[test]
fn drift_of_etc_by_causes() {
    ostree("ba", |machine| {
        machine.boot_entry(1);
        assert_eq!(machine.bedplate(&["diff"]), "");
        edit(machine);
        assert_eq!(causes(&machine.bedplate(&["diff"])), CHANGES);
        assert_eq!(causes(&machine.bedplate(&["diff", "--cause", "metadata"])), ["metadata /etc/machine-id", "metadata /etc/mode"]);
        let text = machine.bedplate(&["diff", "/etc/edited"]);
        assert!(text.contains("-vendor\n+mine\n"), "{text}");
        let status = machine.bedplate(&["status"]);
        assert!(status.contains("drift      2 metadata: /etc/machine-id, …\n"), "{status}");
        let json = machine.bedplate(&["diff", "--json"]);
        assert!(json.contains("\"deployment\": \"debian-aaaaaaaaaaaa.0\""), "{json}");
        // From another machine, and of one that does not run.
        let from_outside = |words: &[&str]| {
            let places = ["--sysroot", machine.lab.path("disk"), "--run", machine.lab.path("outside")];
            let output = Command::new(PROGRAM).arg("diff").args(words).args(places).output().unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        assert_eq!(causes(&from_outside(&["--deployment", &id('a')])), CHANGES);
        assert!(from_outside(&["--deployment", &id('a'), "/etc/edited"]).contains("-vendor\n+mine\n"));
        assert_eq!(from_outside(&["--deployment", &id('b')]), "");
    });
}

#[test]
fn drift_of_a_transient_etc() {
    ostree("a", |machine| {
        write(&machine.at("config/etc/ostree/prepare-root.conf"), "[etc]\ntransient=true\n");
        machine.boot_entry(0);
        edit(machine);
        assert_eq!(causes(&machine.bedplate(&["diff"])), CHANGES);
        assert_eq!(read(&machine.deployment('a').join("etc/edited")), "vendor\n");
    });
}
