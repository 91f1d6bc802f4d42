//! `[[path]]` in every scope and mode.

use crate::machine::{Machine, machine, read, write};
use crate::namespace::{Disk, takes_writes};

/// How a path is declared, whether it takes writes, and what is in it after a reboot, and in another deployment.
type Case = (&'static str, &'static str, bool, &'static str, &'static str);

const CASES: [Case; 9] = [
    ("/data", "", true, "mine", "mine"),
    ("/data", "scope = \"shared\"\nsource = \"elsewhere/data\"", true, "mine", "mine"),
    ("/data", "scope = \"deployment\"", true, "mine", "mine"),
    ("/data", "scope = \"transient\"", true, "", ""),
    ("/data", "scope = \"deployment\"\nmode = \"ro\"", false, "vendor", "vendor"),
    ("/var/lib/app", "scope = \"deployment\"", true, "mine", "mine"),
    ("/var/lib/app", "scope = \"transient\"", true, "", ""),
    ("/home/app", "scope = \"deployment\"", true, "mine", "mine"),
    ("/etc/app", "scope = \"deployment\"", true, "mine", "mine"),
];

fn deploy(machine: &Machine<'_>, id: &str, more: &[&str]) {
    for directory in ["data", "home/app", "etc/app"] {
        machine.write_tree(&format!("{directory}/file"), "vendor");
    }
    machine.deploy(id, more);
}

fn content(machine: &Machine<'_>, target: &str) -> String {
    std::fs::read_to_string(machine.root(&target[1..]).join("file")).unwrap_or_default()
}

#[test]
fn scopes_and_modes() {
    for (target, declared, writable, rebooted, elsewhere) in CASES {
        machine(Disk::Tmpfs, move |machine| {
            machine.configure(&format!("[[path]]\ntarget = \"{target}\"\n{declared}\n"));
            deploy(machine, "v1", &["--good"]);
            let ended = machine.boot("");
            assert_eq!((ended.stands(), ended.warnings()), ("v1", vec![]), "{target} {declared}");
            let access = if writable { "rw" } else { "ro" };
            let line = format!("{target} tmpfs {access}");
            assert_eq!(ended.mounts().iter().filter(|mount| mount.starts_with(target)).collect::<Vec<_>>(), [&line]);
            assert_eq!(takes_writes(&machine.root(&target[1..])), writable, "{target} {declared}");
            if writable {
                write(&machine.root(&target[1..]).join("file"), "mine");
            }
            machine.boot("");
            assert_eq!(content(machine, target), rebooted, "{target} {declared}");
            deploy(machine, "v2", &[]);
            assert_eq!(machine.boot("").stands(), "v2");
            assert_eq!(content(machine, target), elsewhere, "{target} {declared}");
            assert_eq!(machine.boot("bedplate.deployment=v1").stands(), "v1");
            assert_eq!(content(machine, target), rebooted, "{target} {declared}");
            // Never in the deployment itself.
            assert_eq!(read(&machine.store("deployments/v1/root/data/file")), "vendor");
        });
    }
}

#[test]
fn where_the_source_is() {
    machine(Disk::Tmpfs, |machine| {
        machine.configure(
            "[[path]]\ntarget = \"/data/inner\"\n[[path]]\ntarget = \"/data\"\nsource = \"/elsewhere\"\n[[path]]\ntarget = \"/var/lib/app\"\nscope = \"deployment\"\n",
        );
        machine.write_tree("data/inner/file", "vendor");
        machine.deploy("v1", &["--good"]);
        // Parents come first, however they are declared.
        let ended = machine.boot("");
        assert_eq!(ended.stands(), "v1");
        for (path, place) in [
            ("data/file", "var/elsewhere/file".to_owned()),
            ("data/inner/file", "var/data/inner/file".to_owned()),
            ("var/lib/app/file", format!("{}/paths/var/lib/app/file", machine.state("v1"))),
        ] {
            write(&machine.root(path), path);
            assert_eq!(read(&machine.store(&place)), path);
        }
    });
}

#[test]
fn package_databases_go_with_the_deployment() {
    machine(Disk::Tmpfs, |machine| {
        machine.write_tree("var/lib/dpkg/status", "v1");
        machine.deploy("v1", &["--good"]);
        machine.boot("");
        write(&machine.root("var/lib/dpkg/status"), "v1, changed");
        machine.write_tree("var/lib/dpkg/status", "v2");
        machine.deploy("v2", &[]);
        machine.boot("");
        assert_eq!(read(&machine.root("var/lib/dpkg/status")), "v2");
        machine.boot("bedplate.deployment=v1");
        assert_eq!(read(&machine.root("var/lib/dpkg/status")), "v1, changed");
    });
}

/// What cannot be done is left out, with a warning; the machine boots.
#[test]
fn what_cannot_be_mounted_is_left_out() {
    let left_out = "leaving this path out";
    for (declared, warning) in [
        ("target = \"/none\"", "[[path]] target = \"/none\": the deployment has no such directory, leaving the path out".to_owned()),
        (
            "target = \"/usr/share/x\"",
            format!(
                "etc/bedplate/bedplate.toml:1: [[path]]: target = \"/usr/share/x\" is in /usr, which stays read-only: mode = \"ro\" only; {left_out}"
            ),
        ),
        (
            "target = \"/tmp/x\"",
            format!("etc/bedplate/bedplate.toml:1: [[path]]: target = \"/tmp/x\" is not an absolute path that can be declared; {left_out}"),
        ),
        (
            "target = \"/data\"\n[var]\nmode = \"none\"",
            "[[path]] target = \"/data\": there is no shared /var (var.mode = \"none\"), leaving the path out".to_owned(),
        ),
    ] {
        machine(Disk::Tmpfs, move |machine| {
            machine.configure(&format!("[[path]]\n{declared}\n"));
            deploy(machine, "v1", &["--good"]);
            let ended = machine.boot("");
            assert_eq!((ended.stands(), ended.warnings()), ("v1", vec![warning.as_str()]));
        });
    }
}
