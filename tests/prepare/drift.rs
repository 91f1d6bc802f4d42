//! `diff` and `status` of a machine whose /etc was changed through its overlay.

use crate::machine::{Machine, PROGRAM, machine, read, set_mode, write};
use crate::namespace::{Disk, run};
use std::fs;
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

/// What the verb prints; it has to succeed without a word of complaint.
fn said(machine: &Machine<'_>, arguments: &[&str]) -> String {
    let places = ["--sysroot", machine.lab.path("disk"), "--run", machine.lab.path("run")];
    let output = Command::new(PROGRAM).args(arguments).args(places).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && errors.is_empty(), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

fn diff(machine: &Machine<'_>, arguments: &[&str]) -> String {
    said(machine, &[&["diff"], arguments].concat())
}

/// `CAUSE PATH` of each line.
fn causes(text: &str) -> Vec<String> {
    let line = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        format!("{} {}", words[0], words[4..].join(" "))
    };
    text.lines().map(line).collect()
}

fn vendor(machine: &Machine<'_>) {
    for name in ["gone", "mode", "touched", "file", "restored"] {
        machine.write_tree(&format!("etc/{name}"), "vendor\n");
    }
    for name in ["cleared/one", "cleared/two", "dir/below", "to-file/one"] {
        machine.write_tree(&format!("etc/{name}"), "vendor\n");
    }
    machine.write_tree("etc/many", "one\ntwo\nthree\n");
    set_mode(&machine.tree("etc/mode"), 0o644);
}

/// One of each kind, as people and programs make them.
fn edit(machine: &Machine<'_>) {
    let etc = |name: &str| machine.root("etc").join(name);
    write(&etc("many"), "one\n2\nthree\n");
    write(&etc("new/one"), "mine\n");
    write(&etc("new/two"), "mine\n");
    fs::remove_file(etc("gone")).unwrap();
    set_mode(&etc("mode"), 0o600);
    run("touch", &[etc("touched").to_str().unwrap()]);
    fs::remove_dir_all(etc("cleared")).unwrap();
    fs::create_dir(etc("cleared")).unwrap();
    fs::remove_file(etc("file")).unwrap();
    fs::create_dir(etc("file")).unwrap();
    fs::remove_dir_all(etc("to-file")).unwrap();
    symlink("many", etc("to-file")).unwrap();
    write(&etc("dir/below"), "longer than the vendor's\n");
}

const CHANGES: [&str; 11] = [
    "opaque /etc/cleared (hides 2 files)",
    "edited /etc/dir/below",
    "type /etc/file",
    "deleted /etc/gone",
    "edited /etc/many",
    "metadata /etc/mode",
    "added /etc/new",
    "added /etc/new/one",
    "added /etc/new/two",
    "type /etc/to-file",
    "duplicate /etc/touched",
];

/// What diff shows on a terminal.
fn on_terminal(machine: &Machine<'_>, no_color: &str) -> String {
    let pty = nix::pty::openpty(None, None).unwrap();
    let mut command = Command::new(PROGRAM);
    command.args(["diff", "--sysroot", machine.lab.path("disk"), "--run", machine.lab.path("run")]).env("NO_COLOR", no_color);
    assert!(command.stdout(pty.slave).status().unwrap().success());
    drop(command);
    // With the last descriptor of the other end gone, the end is an error.
    let mut shown = Vec::new();
    let _ = fs::File::from(pty.master).read_to_end(&mut shown);
    String::from_utf8(shown).unwrap().replace('\r', "")
}

#[test]
fn a_terminal_shows_a_tree_in_colours() {
    machine(Disk::Tmpfs, |machine| {
        vendor(machine);
        machine.deploy("v1", &["--good"]);
        machine.boot("");
        edit(machine);
        let shown = on_terminal(machine, "");
        for words in ["\u{1b}[33medited   \u{1b}[0m", "\u{1b}[32madded    \u{1b}[0m", "new/  (2 files)", "gone  the vendor's 7 B"] {
            assert!(shown.contains(words), "{shown}");
        }
        assert!(!shown.contains("/etc/new/one"), "{shown}");
        let plain = on_terminal(machine, "1");
        assert!(!plain.contains('\u{1b}') && plain.contains("new/  (2 files)"), "{plain}");
        assert!(!diff(machine, &[]).contains('\u{1b}'), "not for a program");
    });
}

#[test]
fn every_change_is_listed_with_its_cause() {
    machine(Disk::Image("ext4"), |machine| {
        vendor(machine);
        machine.deploy("v1", &["--good"]);
        machine.boot("").stands();
        assert_eq!(diff(machine, &[]), "");
        assert!(said(machine, &["status"]).contains("state      f(v1): exactly the deployment\n"));
        edit(machine);
        let listed = diff(machine, &[]);
        assert_eq!(causes(&listed), CHANGES);
        // Columns: cause, sizes, time, path.
        let many = listed.lines().find(|line| line.ends_with("/etc/many")).unwrap();
        assert!(many.starts_with("edited            12         14 2") && many.contains("Z /etc/many") && !many.contains('\t'), "{many}");
        assert_eq!(
            causes(&diff(machine, &["--cause", "type", "--cause=deleted"])),
            ["type /etc/file", "deleted /etc/gone", "type /etc/to-file"]
        );
        assert_eq!(
            causes(&diff(machine, &["/etc/new/", "etc/dir"])),
            ["edited /etc/dir/below", "added /etc/new", "added /etc/new/one", "added /etc/new/two"]
        );
        let status = said(machine, &["status"]);
        for line in [
            "state      f(v1, 11 listed changes): see bedplate diff\n",
            "drift      2 edited: /etc/dir/below, …\n",
            "drift      1 opaque: /etc/cleared\n",
        ] {
            assert!(status.contains(line), "{status}");
        }
    });
}

#[test]
fn the_json_has_both_sides() {
    machine(Disk::Tmpfs, |machine| {
        vendor(machine);
        machine.deploy("v1", &["--good"]);
        machine.boot("").stands();
        edit(machine);
        let parse = |text: String| -> serde_json::Value { serde_json::from_str(&text).unwrap() };
        let json = parse(diff(machine, &["--json"]));
        assert_eq!((&json["schema"], &json["deployment"], &json["version"]), (&1.into(), &"v1".into(), &"1".into()));
        let changes = json["changes"].as_array().unwrap();
        assert_eq!(changes.len(), CHANGES.len());
        let find = |path: &str| changes.iter().find(|change| change["path"] == path).unwrap();
        let mode = find("/etc/mode");
        assert_eq!(
            (&mode["local"]["mode"], &mode["vendor"]["mode"], &mode["local"]["type"]),
            (&"0600".into(), &"0644".into(), &"file".into())
        );
        assert!(find("/etc/gone")["local"].is_null() && find("/etc/new/one")["vendor"].is_null());
        assert_eq!(find("/etc/cleared")["hides"], 2);
        let drift = &parse(said(machine, &["status", "--json"]))["booted"]["drift"];
        assert_eq!(drift["causes"][0], serde_json::json!({ "cause": "added", "count": 3, "example": "/etc/new" }));
    });
}

#[test]
fn one_file_is_compared_line_by_line() {
    machine(Disk::Tmpfs, |machine| {
        vendor(machine);
        machine.write_tree("etc/binary", "a\0b");
        machine.deploy("v1", &["--good"]);
        machine.boot("").stands();
        edit(machine);
        write(&machine.root("etc/binary"), "a\0bc");
        write(&machine.root("etc/odd"), "\u{1b}[2J\n");
        assert_eq!(
            diff(machine, &["/etc/many"]),
            "/etc/many: edited, compared with v1\n--- vendor/etc/many\n+++ local/etc/many\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n"
        );
        assert_eq!(diff(machine, &["/etc/mode"]), "/etc/mode: metadata, compared with v1\nmode: 0600 (the vendor's: 0644)\n");
        assert_eq!(diff(machine, &["/etc/restored"]), "/etc/restored: no change, compared with v1\n");
        assert_eq!(
            diff(machine, &["/etc/binary"]),
            "/etc/binary: edited, compared with v1\ncontent: binary, 4 bytes (the vendor's: binary, 3 bytes)\n"
        );
        assert!(diff(machine, &["/etc/gone"]).ends_with("@@ -1 +0,0 @@\n-vendor\n"));
        assert!(diff(machine, &["/etc/cleared/one"]).starts_with("/etc/cleared/one: opaque by /etc/cleared, compared with v1\n---"));
        assert!(diff(machine, &["/etc/odd"]).ends_with("+\\u{1b}[2J\n"));
        let output = Command::new(PROGRAM)
            .args(["diff", "/etc/none", "--sysroot", machine.lab.path("disk"), "--run", machine.lab.path("run")])
            .output();
        let output = output.unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&output.stderr).contains("neither v1 nor this system has \"/etc/none\""));
    });
}

#[test]
fn what_an_older_vendor_had_is_stale_also_when_it_is_removed() {
    machine(Disk::Tmpfs, |machine| {
        vendor(machine);
        machine.write_tree("etc/restored", "first\n");
        machine.deploy("v0", &["--good"]);
        machine.write_tree("etc/restored", "vendor\n");
        machine.deploy("v1", &[]);
        machine.write_tree("etc/restored", "new vendor\n");
        machine.deploy("v2", &["--force"]);
        assert_eq!(machine.boot("").stands(), "v2");
        write(&machine.root("etc/restored"), "vendor\n");
        write(&machine.root("etc/many"), "other\n");
        assert_eq!(causes(&diff(machine, &[])), ["edited /etc/many", "stale /etc/restored"]);
        // Another mode is somebody's edit.
        set_mode(&machine.root("etc/restored"), 0o600);
        assert_eq!(causes(&diff(machine, &["--cause=edited"])).len(), 2);
        set_mode(&machine.root("etc/restored"), 0o644);
        assert_eq!(diff(machine, &["--deployment", "v1"]), "");
        run(PROGRAM, &["remove", "v1", "--sysroot", machine.lab.path("disk"), "--run", machine.lab.path("run")]);
        assert_eq!(causes(&diff(machine, &[])), ["edited /etc/many", "stale /etc/restored"]);
    });
}

#[test]
fn etc_in_place_is_compared_with_the_vendors() {
    machine(Disk::Tmpfs, |machine| {
        machine.configure("[etc]\nmode = \"bind\"\n");
        fs::rename(machine.tree("etc"), machine.tree("usr/etc")).unwrap();
        machine.write_tree("etc/hosts", "vendor\n");
        machine.write_tree("etc/machine-id", "");
        machine.deploy("v1", &["--good"]);
        machine.boot("").stands();
        write(&machine.root("etc/hosts"), "mine\n");
        write(&machine.root("etc/new"), "mine\n");
        fs::set_permissions(machine.root("etc/machine-id"), fs::Permissions::from_mode(0o444)).unwrap();
        assert_eq!(causes(&diff(machine, &[])), ["edited /etc/hosts", "metadata /etc/machine-id", "added /etc/new"]);
        assert_eq!(read(&machine.root("etc/new")), "mine\n");
    });
}

#[test]
fn a_conflict_stays_one_until_somebody_touches_it() {
    machine(Disk::Tmpfs, |machine| {
        vendor(machine);
        machine.deploy("v1", &["--good"]);
        machine.boot("").stands();
        for name in ["many", "restored"] {
            write(&machine.root("etc").join(name), "mine\n");
        }
        machine.write_tree("etc/many", "newer\n");
        machine.deploy("v2", &[]);
        assert_eq!(machine.boot("").stands(), "v2");
        assert_eq!(causes(&diff(machine, &[])), ["conflict /etc/many", "edited /etc/restored"]);
        let (said, state) = (diff(machine, &["/etc/many"]), machine.state("v2"));
        let kept = format!("the vendor's version of then is kept at {}/bedplate/{state}/etc/vendor/many\n", machine.lab.path("disk"));
        assert!(said.starts_with("/etc/many: conflict, compared with v2\n") && said.contains(&kept), "{said}");
        write(&machine.root("etc/many"), "mine, after a look\n");
        assert_eq!(causes(&diff(machine, &[])), ["edited /etc/many", "edited /etc/restored"]);
    });
}

/// Whatever else is so of a directory that replaced the vendor's: what is in it is all that shows.
#[test]
fn nothing_is_dropped_below_an_opaque_directory_that_was_a_conflict() {
    machine(Disk::Tmpfs, |machine| {
        machine.configure("[etc]\nclean = [\"duplicate\", \"stale\"]\n");
        for name in ["a", "b"] {
            machine.write_tree(&format!("etc/both/{name}"), "vendor\n");
        }
        machine.deploy("v1", &["--good"]);
        machine.boot("");
        let both = machine.root("etc/both");
        set_mode(&both, 0o700);
        set_mode(&machine.tree("etc/both"), 0o711);
        machine.deploy("v2", &[]);
        assert_eq!(machine.boot("").stands(), "v2");
        assert_eq!(causes(&diff(machine, &[])), ["conflict /etc/both"]);
        fs::remove_dir_all(&both).unwrap();
        fs::create_dir(&both).unwrap();
        set_mode(&both, 0o700);
        fs::write(both.join("a"), "vendor\n").unwrap();
        set_mode(&both.join("a"), 0o644);
        assert_eq!(causes(&diff(machine, &[])), ["conflict /etc/both (hides 1 file)", "duplicate /etc/both/a"]);
        assert_eq!(machine.boot("").stands(), "v2");
        assert_eq!(read(&both.join("a")), "vendor\n");
        assert!(!both.join("b").exists());
    });
}
