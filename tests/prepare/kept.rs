//! What a transient /etc keeps: shown with its causes, and given back to the deployment.

use crate::machine::{Machine, machine, read, set_mode, write};
use crate::namespace::{Disk, run};
use std::fs;

const CONFIG: &str = "[etc]\nmode = \"transient\"\nkeep = [\"ssh\", \"own\", \"a/b\"]\n";

fn running(machine: &Machine<'_>) {
    for name in ["ssh/config", "ssh/moduli", "ssh/gone", "ssh/cleared/one", "ssh/cleared/two", "a/b/file", "a/other"] {
        machine.write_tree(&format!("etc/{name}"), "vendor\n");
    }
    set_mode(&machine.tree("etc/a"), 0o700);
    machine.configure(CONFIG);
    machine.running();
}

fn edit(machine: &Machine<'_>) {
    let etc = |name: &str| machine.root("etc").join(name);
    for name in ["ssh/config", "ssh/key", "a/other", "own/file"] {
        write(&etc(name), "mine\n");
    }
    set_mode(&etc("ssh/moduli"), 0o600);
    set_mode(&etc("a/b"), 0o700);
    fs::remove_file(etc("ssh/gone")).unwrap();
    fs::remove_dir_all(etc("ssh/cleared")).unwrap();
    fs::create_dir(etc("ssh/cleared")).unwrap();
    write(&etc("a/b/other"), "mine\n");
    run("touch", &[etc("a/b/file").to_str().unwrap()]);
}

/// `CAUSE PATH` of each line.
fn causes(text: &str) -> Vec<String> {
    let line = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        format!("{} {}", words[0], words[4..].join(" "))
    };
    text.lines().map(line).collect()
}

const LASTING: [&str; 10] = [
    "metadata /etc/a/b",
    "duplicate /etc/a/b/file",
    "added /etc/a/b/other",
    "added /etc/own",
    "added /etc/own/file",
    "opaque /etc/ssh/cleared (hides 2 files)",
    "edited /etc/ssh/config",
    "deleted /etc/ssh/gone",
    "added /etc/ssh/key",
    "metadata /etc/ssh/moduli",
];

fn upper(machine: &Machine<'_>, id: &str) -> Vec<String> {
    let upper = machine.store(&format!("{}/etc-keep", machine.state(id)));
    let output = std::process::Command::new("find").arg(upper).args(["!", "-type", "d", "-printf", "%P\n"]).output().unwrap();
    let mut names: Vec<String> = String::from_utf8(output.stdout).unwrap().lines().map(String::from).collect();
    names.sort();
    names
}

#[test]
fn changes_to_what_is_kept_are_listed_with_their_causes() {
    machine(Disk::Tmpfs, |machine| {
        running(machine);
        assert_eq!(causes(&machine.bedplate(&["diff"])), ["added /etc/own"], "a directory that is only kept here");
        edit(machine);
        write(&machine.root("etc/hosts"), "lost\n");
        let listed = causes(&machine.bedplate(&["diff"]));
        let all = [&LASTING[..3], &["edited /etc/a/other", "edited /etc/hosts"], &LASTING[3..]].concat();
        assert_eq!(listed.iter().filter(|line| !all.contains(&line.as_str())).collect::<Vec<_>>(), [""; 0]);
        assert_eq!(listed.len(), all.len(), "{listed:?}");
        // Seen from beside, only what lasts.
        let from_beside = |words: &[&str]| {
            let places = ["--sysroot", machine.lab.path("disk"), "--run", machine.lab.path("run")];
            let output = std::process::Command::new(crate::machine::PROGRAM).args(words).args(places).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap()
        };
        assert_eq!(causes(&from_beside(&["diff"])), LASTING);
        let file = from_beside(&["diff", "/etc/ssh/config"]);
        assert!(file.starts_with("/etc/ssh/config: edited, compared with v1\n") && file.contains("\n+mine\n"), "{file}");
        let preview = machine.bedplate(&["reset", "--etc", "--preview"]);
        assert!(preview.contains("/etc/ssh/key") && !preview.contains("/etc/hosts"), "{preview}");
        // Kept no longer is not there any more.
        machine.configure("[etc]\nmode = \"transient\"\nkeep = [\"ssh\"]\n");
        machine.boot("");
        machine.enter();
        assert_eq!(causes(&machine.bedplate(&["diff"])), LASTING[5..]);
        write(&machine.root("etc/machine-id"), "0123\n");
        let status = machine.bedplate(&["status"]);
        assert!(status.contains("drift      2 edited: /etc/machine-id, …\n"), "{status}");
    });
}

#[test]
fn what_is_kept_is_given_back_at_once_and_leaves_nothing() {
    machine(Disk::Tmpfs, |machine| {
        running(machine);
        edit(machine);
        let said = machine.bedplate(&["reset", "--preview", "/etc/ssh", "/etc/own"]);
        assert!(said.ends_with("7 paths would be reset, nothing is changed by this\n"), "{said}");
        machine.bedplate(&["reset", "/etc/ssh", "/etc/own", "/etc/a"]);
        assert_eq!(causes(&machine.bedplate(&["diff", "--cause", "edited", "--cause", "deleted"])), [""; 0]);
        assert_eq!(["ssh/config", "ssh/gone", "ssh/cleared/two"].map(|name| read(&machine.root("etc").join(name))), ["vendor\n"; 3]);
        assert!(!machine.root("etc/ssh/key").exists() && !machine.root("etc/own/file").exists());
        assert!(upper(machine, "v1").len() > 2);
        let queue = machine.store(&format!("{}/etc-keep-queued", machine.state("v1")));
        assert_eq!(read(&queue), "a\nown\nssh\n", "the rest of /etc is new at every boot");

        // In the next deployment the copies are older than the vendor's.
        machine.write_tree("etc/ssh/config", "vendor 2\n");
        machine.deploy("v2", &[]);
        // As a cut leaves it between the queue and the copy.
        write(&machine.store(&format!("{}/etc-keep-queued", machine.state("v2"))), "a\nown\nssh\n");
        assert_eq!(machine.boot("").stands(), "v2");
        assert_eq!(upper(machine, "v2"), ["machine-id"]);
        assert_eq!(read(&machine.root("etc/ssh/config")), "vendor 2\n");
        assert!(upper(machine, "v1").len() > 2 && queue.exists(), "the other one's are its own");

        assert_eq!(machine.boot("bedplate.deployment=v1").stands(), "v1");
        assert_eq!(upper(machine, "v1"), ["machine-id"]);
        assert_eq!(read(&machine.root("etc/ssh/config")), "vendor\n");
        assert!(!queue.exists());
    });
}

#[test]
fn what_only_shadows_is_dropped_from_what_is_kept() {
    machine(Disk::Tmpfs, |machine| {
        running(machine);
        edit(machine);
        machine.configure(&format!("{CONFIG}clean = [\"duplicate\"]\n"));
        assert_eq!(machine.boot("").warnings(), [""; 0]);
        assert_eq!(upper(machine, "v1"), ["a/b/other", "machine-id", "own/file", "ssh/config", "ssh/gone", "ssh/key", "ssh/moduli"]);
        machine.enter();
        run("mount", &["--bind", machine.lab.path("outside"), machine.lab.path("sysroot/etc/ssh")]);
        let why = machine.refusal(&["reset", "/etc/ssh"]);
        assert!(why.contains("something is mounted there: unmount it first"), "{why}");
    });
}
