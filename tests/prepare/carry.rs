//! /etc carried forward to a trial, boot by boot.

use crate::machine::{Ended, Machine, machine, read, write};
use crate::namespace::{Disk, run};
use bedplate::decide::model::Carried;
use std::fs;
use std::process::Command;

impl Machine<'_> {
    /// What the booted system notes, for its boot to be known.
    fn started(&self) {
        self.verb(&["note", "started", "--run", self.lab.path("run")]);
    }

    fn etc(&self, path: &str) -> std::path::PathBuf {
        self.root("etc").join(path)
    }

    fn upper(&self, id: &str, path: &str) -> std::path::PathBuf {
        self.store(&self.state(id)).join("etc/upper").join(path)
    }
}

/// Everything in a directory with type, mode, owner, size, all times, target, attributes and content. Of a whiteout neither links
/// nor the time of the last change of those: the overlay shares one between its work directory and the layer, and clears that at a mount.
fn listing(dir: &std::path::Path) -> String {
    let dir = dir.to_str().unwrap();
    let script = r#"cd "$1" && (find . ! -type c -printf '%P %y %m %U %G %s %A@ %T@ %C@ %n %l\n'; find . -type c -printf '%P %y %m %U %G %T@\n') | sort; getfattr -dhR -m- . | sort; find . -type f -print0 | sort -z | xargs -0 -r sha256sum"#;
    // Looking must not touch it.
    run("mount", &["--bind", dir, dir]);
    run("mount", &["-o", "remount,bind,ro", dir]);
    let output = Command::new("sh").args(["-c", script, "sh", dir]).output().unwrap();
    run("umount", &[dir]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn carried(ended: &Ended) -> &Carried {
    ended.report().carried.as_ref().unwrap()
}

/// v1 runs and is edited; v2 with other vendor content is deployed in it.
fn edited(machine: &Machine<'_>) {
    machine.write_tree("etc/issue", "vendor 1\n");
    machine.write_tree("etc/motd", "vendor 1\n");
    machine.write_tree("etc/passwd", "root:x:0:0::/root:/bin/sh\n");
    machine.deploy("v1", &["--good"]);
    assert_eq!(machine.boot("").stands(), "v1");
    machine.started();
    fs::write(machine.etc("hosts"), "mine\n").unwrap();
    fs::write(machine.etc("issue"), "mine\n").unwrap();
    fs::write(machine.etc("new"), "mine\n").unwrap();
    fs::remove_file(machine.etc("motd")).unwrap();
    write(&machine.etc("passwd"), "root:x:0:0::/root:/bin/sh\nme:x:1000:1000::/:/bin/sh\n");
    machine.write_tree("etc/issue", "vendor 2\n");
    machine.write_tree("etc/added", "vendor 2\n");
    machine.write_tree("etc/passwd", "root:x:0:0::/root:/bin/sh\nsvc:x:999:999::/:/bin/false\n");
    machine.deploy("v2", &[]);
}

#[test]
fn a_trial_begins_with_the_changes_of_the_one_that_it_came_from() {
    machine(Disk::Tmpfs, |machine| {
        edited(machine);
        machine.new_boot();
        let before = listing(&machine.upper("v1", ""));
        let ended = machine.again("");
        assert_eq!(ended.stands(), "v2");
        assert_eq!(listing(&machine.upper("v1", "")), before);
        assert_eq!(["hosts", "issue", "new", "added"].map(|name| read(&machine.etc(name))), ["mine\n", "mine\n", "mine\n", "vendor 2\n"]);
        assert!(!machine.etc("motd").exists());
        let passwd = "root:x:0:0::/root:/bin/sh\nsvc:x:999:999::/:/bin/false\nme:x:1000:1000::/:/bin/sh\n";
        assert_eq!(read(&machine.etc("passwd")), passwd);
        let what = carried(&ended);
        assert_eq!((what.from.split('@').next(), what.carried, what.dropped, what.conflicts), (Some("v1"), 5, 0, 1));
        let conflict =
            "changed in /etc by the vendor and locally: /etc/issue (edited); the local versions stay, the vendor's are kept beside";
        assert_eq!(ended.warnings(), [conflict]);
        let kept: Carried = serde_json::from_str(&read(&machine.store(&machine.state("v2")).join("etc/carried"))).unwrap();
        assert_eq!(&kept, what);
        assert_eq!(read(&machine.store(&machine.state("v2")).join("etc/vendor/issue")), "vendor 2\n");
        let conflicts = read(&machine.store(&machine.state("v2")).join("etc/conflicts"));
        assert!(conflicts.starts_with("# bedplate conflicts 1\nedited f 644 0 0 5 "), "{conflicts}");
        machine.started();
        let history = read(&machine.store("history.jsonl"));
        assert!(history.contains("/etc carried forward from v1: 5 changes, 0 dropped, 1 conflict"), "{history}");
        // Nothing is left in between, and the second boot carries nothing.
        assert!(!machine.store(&machine.state("v2")).join(".etc.new").exists());
        fs::write(machine.etc("hosts"), "of v2\n").unwrap();
        assert!(machine.boot("").report().carried.is_none());
        assert_eq!(read(&machine.etc("hosts")), "of v2\n");
    });
}

#[test]
fn what_is_changed_meanwhile_is_carried_again_and_what_the_trial_had_is_set_aside() {
    machine(Disk::Tmpfs, |machine| {
        machine.write_programs();
        edited(machine);
        assert_eq!(machine.boot("").stands(), "v2");
        machine.started();
        fs::write(machine.etc("hosts"), "of v2\n").unwrap();
        machine.new_boot();
        let before = listing(&machine.upper("v1", ""));
        let disk = machine.again("bedplate.deployment=v1");
        assert_eq!((disk.stands(), disk.report().carried.is_none()), ("v1", true));
        // What v1 finds is what it left, but for what its own overlay does at the mount.
        assert_eq!(listing(&machine.upper("v1", "")), before);
        machine.started();
        fs::write(machine.etc("new"), "later\n").unwrap();
        let ended = machine.boot("bedplate.deployment=v2");
        assert_eq!((read(&machine.etc("hosts")), read(&machine.etc("new"))), ("mine\n".into(), "later\n".into()));
        let aside = format!("bedplate/{}/etc.aside", machine.state("v2"));
        assert_eq!(carried(&ended).aside.as_ref(), Some(&aside));
        let warning = format!("another deployment has run since the last boot of v2: its own changes to /etc are set aside at {aside}");
        assert_eq!(ended.warnings()[1], warning);
        assert_eq!(read(&machine.at("disk").join(&aside).join("upper/hosts")), "of v2\n");
        machine.started();
        // Once it was good, nothing of another deployment is taken over any more.
        machine.enter();
        machine.bedplate(&["mark", "good"]);
        fs::write(machine.etc("hosts"), "good\n").unwrap();
        assert_eq!(machine.boot("bedplate.deployment=v1").stands(), "v1");
        machine.started();
        assert!(machine.boot("").report().carried.is_none());
        assert_eq!(read(&machine.etc("hosts")), "good\n");
    });
}

/// Nothing that a person has changed in a trial is lost, however often it is passed over.
#[test]
fn what_is_set_aside_stays_when_a_layer_is_replaced_again() {
    machine(Disk::Tmpfs, |machine| {
        edited(machine);
        assert_eq!(machine.boot("").stands(), "v2");
        machine.started();
        for (content, aside) in [("first\n", "etc.aside"), ("second\n", "etc.aside.2"), ("third\n", "etc.aside.3")] {
            fs::write(machine.etc("hosts"), content).unwrap();
            assert_eq!(machine.boot("bedplate.deployment=v1").stands(), "v1");
            machine.started();
            let ended = machine.boot("bedplate.deployment=v2");
            assert_eq!(carried(&ended).aside, Some(format!("bedplate/{}/{aside}", machine.state("v2"))));
            machine.started();
        }
        let set_aside = |name: &str| read(&machine.store(&machine.state("v2")).join(name).join("upper/hosts"));
        assert_eq!(["etc.aside", "etc.aside.2", "etc.aside.3"].map(set_aside), ["first\n", "second\n", "third\n"]);
    });
}

/// Its name says where its changes are, and what they were made on.
#[test]
fn a_source_whose_manifest_is_damaged_is_carried_from_all_the_same() {
    for damage in [Some("no manifest = ["), None] {
        machine(Disk::Tmpfs, move |machine| {
            edited(machine);
            let manifest = machine.store("deployments/v1/deployment.toml");
            machine.new_boot();
            damage.map_or_else(|| fs::remove_file(&manifest), |text| fs::write(&manifest, text)).unwrap();
            let ended = machine.again("");
            assert_eq!((ended.stands(), carried(&ended).carried), ("v2", 5));
            assert_eq!(read(&machine.etc("hosts")), "mine\n");
        });
    }
}

#[test]
fn a_source_that_is_gone_is_told_and_nothing_is_carried() {
    machine(Disk::Tmpfs, |machine| {
        edited(machine);
        let from = machine.state("v1").trim_start_matches("state/").to_owned();
        machine.new_boot();
        fs::remove_dir_all(machine.store("deployments/v1")).unwrap();
        let ended = machine.again("");
        let warning = format!("{from}, which v2 came from, is gone: no local changes are carried forward");
        assert_eq!((ended.stands(), ended.warnings()), ("v2", vec![warning.as_str()]));
        assert_eq!(read(&machine.etc("hosts")), "vendor\n");
        // From then on its layer is its own.
        assert_eq!(machine.boot("").warnings(), [""; 0]);
    });
}

#[test]
fn a_layer_of_an_older_bedplate_and_other_modes_of_etc_are_left_alone() {
    machine(Disk::Tmpfs, |machine| {
        edited(machine);
        fs::create_dir_all(machine.upper("v2", "")).unwrap();
        assert!(machine.boot("").report().carried.is_none());
        assert_eq!(read(&machine.etc("hosts")), "vendor\n");
    });
    machine(Disk::Tmpfs, |machine| {
        edited(machine);
        machine.configure("[etc]\nmode = \"transient\"\n");
        assert!(machine.boot("").report().carried.is_none());
        machine.configure("");
        assert_eq!(carried(&machine.boot("")).carried, 5);
    });
}

#[test]
fn what_was_cut_short_is_made_again() {
    machine(Disk::Tmpfs, |machine| {
        edited(machine);
        let state = machine.store(&machine.state("v2"));
        fs::create_dir_all(state.join(".etc.new/upper/half")).unwrap();
        assert_eq!(carried(&machine.boot("")).carried, 5);
        assert!(!machine.etc("half").exists() && !state.join(".etc.new").exists());
    });
}

/// Full to the last inode: the copies have no place.
#[test]
fn a_full_disk_is_a_failed_attempt() {
    machine(Disk::Tmpfs, |machine| {
        edited(machine);
        machine.new_boot();
        let before = listing(&machine.upper("v1", ""));
        let space = rustix::fs::statvfs(machine.lab.path("disk")).unwrap();
        run("mount", &["-o", &format!("remount,nr_inodes={}", space.f_files - space.f_ffree + 5), machine.lab.path("disk")]);
        let ended = machine.again("");
        assert_eq!(ended.stands(), "v1");
        let said = ended.warnings()[0].to_owned();
        assert!(
            said.starts_with("v2 cannot boot: cannot carry /etc forward from v1@") && said.contains("no space left on device"),
            "{said}"
        );
        assert!(!machine.store(&machine.state("v2")).join(".etc.new").exists());
        assert_eq!(listing(&machine.upper("v1", "")), before);
        run("mount", &["-o", "remount,nr_inodes=0", machine.lab.path("disk")]);
        assert_eq!(carried(&machine.boot("")).carried, 5);
    });
}

#[test]
fn declared_paths_begin_with_the_data_of_the_one_before() {
    machine(Disk::Tmpfs, |machine| {
        machine.configure("[[path]]\ntarget = \"/var/lib/app\"\nscope = \"deployment\"\n");
        machine.write_tree("var/lib/dpkg/status", "v1\n");
        machine.deploy("v1", &["--good"]);
        machine.boot("");
        fs::write(machine.root("var/lib/app/data"), "of v1\n").unwrap();
        machine.write_tree("var/lib/dpkg/status", "v2\n");
        machine.deploy("v2", &[]);
        assert_eq!(machine.boot("").stands(), "v2");
        assert_eq!(read(&machine.root("var/lib/app/data")), "of v1\n");
        // What describes /usr is the tree's own.
        assert_eq!(read(&machine.root("var/lib/dpkg/status")), "v2\n");
        fs::write(machine.root("var/lib/app/data"), "of v2\n").unwrap();
        assert_eq!(machine.boot("bedplate.deployment=v1").stands(), "v1");
        assert_eq!(read(&machine.root("var/lib/app/data")), "of v1\n");
        assert_eq!(machine.boot("bedplate.deployment=v2").stands(), "v2");
        assert_eq!(read(&machine.root("var/lib/app/data")), "of v2\n");
    });
}

/// The overlay keeps those flags beside the file. Another deployment's has them, too, also where nothing else was changed.
#[test]
fn what_may_not_be_changed_may_not_be_changed_after_a_carry_either() {
    machine(Disk::Image("ext4"), |machine| {
        machine.write_tree("etc/log", "vendor\n");
        machine.deploy("v1", &["--good"]);
        machine.boot("");
        fs::write(machine.etc("new"), "mine\n").unwrap();
        for (flag, name) in [("+i", "hosts"), ("+i", "new"), ("+a", "log")] {
            run("chattr", &[flag, machine.etc(name).to_str().unwrap()]);
        }
        machine.deploy("v2", &[]);
        assert_eq!(carried(&machine.boot("")).carried, 3);
        for name in ["hosts", "new", "log"] {
            let refused = fs::write(machine.etc(name), "later\n").unwrap_err();
            assert_eq!(refused.kind(), std::io::ErrorKind::PermissionDenied, "{name}");
        }
        fs::OpenOptions::new().append(true).open(machine.etc("log")).unwrap();
    });
}
