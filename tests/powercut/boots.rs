//! prepare-root, boot by boot, on the small machine of its own tests.

use super::machine::{Machine, machine, set_mode, write};
use super::namespace::Disk;
use super::places::Places;
use super::record::Recording;
use std::process::Command;
use std::sync::{Arc, Mutex};

/// Directories that are made for a deployment and in /var, without a flush: a boot that does not find them makes them.
const MADE: [&str; 7] = [
    "bedplate/state/v",
    "bedplate/var/home",
    "bedplate/var/mnt",
    "bedplate/var/opt",
    "bedplate/var/roothome",
    "bedplate/var/srv",
    "bedplate/var/usrlocal",
];

type Record = fn(&Machine<'_>) -> Recording;

/// Needs root; without it there are none, and that is said.
pub fn all() -> Vec<Recording> {
    let boots: [Record; 14] = [
        |machine| {
            reset(machine);
            boot("prepare-root, a reset", machine, "")
        },
        |machine| {
            reset(machine);
            machine.boot("");
            // Of what is kept, only what has to have its directory made.
            for path in ["etc/own", "var/lib/app"] {
                std::fs::remove_dir_all(machine.root(path)).unwrap();
            }
            for path in
                ["etc/hosts", "etc/fresh/kept", "var/lib/fresh/data", "var/log/new", "var/mnt/new", "var/opt/new", "var/usrlocal/new"]
            {
                write(&machine.root(path), &format!("since then, {path}"));
            }
            machine.new_boot();
            machine.verb(&["reset", "--undo"]);
            boot("prepare-root, a reset is undone", machine, "")
        },
        |machine| {
            edited(machine);
            carry("prepare-root, /etc is carried forward", machine)
        },
        |machine| {
            edited(machine);
            machine.boot("");
            write(&machine.root("etc/hosts"), "mine, on v2");
            machine.boot("bedplate.deployment=v1");
            machine.verb(&["note", "started", "--run", machine.lab.path("run")]);
            carry("prepare-root, /etc is carried forward again", machine)
        },
        |machine| {
            machine.deploy("v1", &["--good"]);
            boot("prepare-root, the first boot of the incumbent", machine, "")
        },
        |machine| {
            machine.deploy("v1", &["--good"]);
            machine.boot("");
            boot(QUIET, machine, "")
        },
        |machine| {
            machine.upgraded();
            boot("prepare-root, a trial", machine, "")
        },
        |machine| {
            machine.upgraded();
            machine.boot("");
            boot("prepare-root, its second boot", machine, "")
        },
        |machine| {
            machine.upgraded();
            set_mode(&machine.store("deployments/v2/root/sbin/init"), 0o644);
            boot("prepare-root, a trial that fails, and another", machine, "")
        },
        |machine| {
            machine.upgraded();
            for id in ["v1", "v2"] {
                set_mode(&machine.store(&format!("deployments/{id}/root/sbin/init")), 0o644);
            }
            ends("prepare-root, nothing boots", 1, machine, "")
        },
        |machine| {
            super::namespace::run("mount", &["-t", "tmpfs", "sys", "/sys"]);
            machine.deploy("v1", &["--good"]);
            machine.deploy("v2", &["--tries", "1"]);
            machine.boot("");
            write("/sys/class/watchdog/watchdog0/bootstatus".as_ref(), "32\n");
            boot("prepare-root, the incumbent after another's reset", machine, "")
        },
        |machine| {
            machine.upgraded();
            machine.verb(&["set-oneshot", "v1"]);
            boot("prepare-root, a one-shot", machine, "")
        },
        |machine| {
            machine.upgraded();
            boot("prepare-root, by argument", machine, "bedplate.deployment=v1")
        },
        |machine| {
            machine.write_tree("usr/share/factory/var/lib/app/data", &"data".repeat(300));
            machine.write_tree("usr/share/factory/var/lib/other", "");
            machine.deploy("v1", &["--good"]);
            boot("prepare-root, with an empty /var", machine, "")
        },
    ];
    boots.into_iter().filter_map(|boot| on_machine(Disk::Tmpfs, boot)).chain(shared()).collect()
}

/// v1 runs and is edited; v2, whose vendor has changed the same, is deployed in it.
fn edited(machine: &Machine<'_>) {
    machine.write_tree("etc/issue", "vendor 1");
    machine.deploy("v1", &["--good"]);
    machine.boot("");
    for path in ["etc/hosts", "etc/issue", "etc/own/new"] {
        write(&machine.root(path), &format!("mine, {path}"));
    }
    machine.write_tree("etc/issue", "vendor 2");
    machine.deploy("v2", &[]);
}

/// A boot after which the new layer is on the disk.
fn carry(name: &'static str, machine: &Machine<'_>) -> Recording {
    machine.new_boot();
    let places = Places { trees: vec![machine.at("disk")], ..places(machine) };
    Recording::of(name, &prepare_root(machine, ""), 0, &machine.at("disk"), &places, &MADE[1..])
}

/// Asked for, where there is something to take away, to keep and to put back.
fn reset(machine: &Machine<'_>) {
    machine.write_tree("usr/share/factory/var/lib/other", "vendor");
    machine.deploy("v1", &["--good"]);
    machine.boot("");
    for path in ["etc/hosts", "etc/own/kept", "var/lib/app/data", "var/log/messages"] {
        write(&machine.root(path), &format!("mine, {path}"));
    }
    machine.new_boot();
    machine.verb(&["reset", "--etc", "--var", "--keep", "/etc/*/kept", "--keep", "/var/**/data"]);
}

/// The boot that has to write nothing.
pub const QUIET: &str = "prepare-root, the incumbent";

/// On file systems with shared blocks a copy is another call.
fn shared() -> Vec<Recording> {
    let deploys: [(&str, Record); 2] =
        [("btrfs", |machine| deploy("deploy, on btrfs", machine)), ("xfs", |machine| deploy("deploy, on xfs", machine))];
    deploys.into_iter().filter_map(|(fstype, deploy)| on_machine(Disk::Image(fstype), deploy)).collect()
}

pub fn on_machine(disk: Disk, record: Record) -> Option<Recording> {
    let result = Arc::new(Mutex::new(None));
    let to = Arc::clone(&result);
    machine(disk, move |machine| *to.lock().unwrap() = Some(record(machine)));
    result.lock().unwrap().take()
}

pub fn places(machine: &Machine<'_>) -> Places {
    let path = |path: &str| machine.lab.path(path).to_owned();
    let lab = machine.lab.path("").trim_end_matches('/').to_owned();
    Places {
        inside: vec![
            (path("run/bedplate/stage/root/var"), "bedplate/var".into()),
            (path("sysroot"), String::new()),
            (path("disk"), String::new()),
            // The root that was at sysroot, once another stands there.
            ("/bedplate".into(), "bedplate".into()),
        ],
        outside: [lab.as_str(), "/proc", "/dev", "/sys"].map(String::from).into(),
        // An overlay writes to the disk by itself.
        closed: vec![path("run/bedplate/stage/root")],
        trees: vec![machine.tree("")],
        ..Places::default()
    }
}

fn boot(name: &'static str, machine: &Machine<'_>, cmdline: &str) -> Recording {
    ends(name, 0, machine, cmdline)
}

/// The same with this exit code.
fn ends(name: &'static str, code: i32, machine: &Machine<'_>, cmdline: &str) -> Recording {
    machine.new_boot();
    // All that a boot copies.
    let places = Places { trees: vec![machine.tree("usr/share/factory/var")], ..places(machine) };
    Recording::of(name, &prepare_root(machine, cmdline), code, &machine.at("disk"), &places, &MADE)
}

fn prepare_root(machine: &Machine<'_>, cmdline: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bedplate"));
    let [sysroot, run, config] = ["sysroot", "run", "config"].map(|name| machine.lab.path(name));
    command.args(["prepare-root", sysroot, cmdline, "--run", run, "--config-root", config]);
    command
}

fn deploy(name: &'static str, machine: &Machine<'_>) -> Recording {
    machine.upgraded();
    // What is deployed is on the same file system.
    let tree = machine.at("disk/tree");
    super::namespace::run("cp", &["-a", machine.lab.path("tree"), tree.to_str().unwrap()]);
    std::fs::hard_link(tree.join("usr/bin/bedplate"), tree.join("usr/lib/same")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_bedplate"));
    let [disk, run] = ["disk", "run"].map(|name| machine.lab.path(name));
    command.args(["deploy", tree.to_str().unwrap(), "--id", "v3", "--sysroot", disk, "--run", run]);
    let places = Places { closed: Vec::new(), ..places(machine) };
    Recording::of(name, &command, 0, &machine.at("disk"), &places, &[])
}
