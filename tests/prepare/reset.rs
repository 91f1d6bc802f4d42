use crate::machine::{Loop, Machine, machine, read, set_mode, write};
use crate::namespace::{Disk, run};
use bedplate::decide::model::ResetKind;
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::PathBuf;

/// v1 has booted once, and somebody has lived in it.
pub fn lived_in(machine: &Machine<'_>) {
    machine.write_tree("etc/ssh/config", "vendor\n");
    machine.write_tree("usr/share/factory/var/lib/app/seed", "vendor\n");
    machine.deploy("v1", &["--good"]);
    assert_eq!(machine.boot("").stands(), "v1");
    for (path, content) in [
        ("etc/hosts", "mine\n"),
        ("etc/machine-id", "0123\n"),
        ("etc/ssh/host_key", "key\n"),
        ("etc/new/deep/file", "mine\n"),
        ("var/lib/app/seed", "mine\n"),
        ("var/lib/app/data", "mine\n"),
        ("var/log/messages", "lines\n"),
        ("var/home/alice/letter", "dear\n"),
        ("var/roothome/.profile", "x\n"),
        ("var/srv/www", "x\n"),
    ] {
        write(&machine.root(path), content);
    }
    fs::remove_file(machine.root("etc/ssh/config")).unwrap();
    set_mode(&machine.root("etc/ssh"), 0o700);
    std::os::unix::fs::chown(machine.root("etc/ssh/host_key"), Some(7), Some(8)).unwrap();
    set_mode(&machine.root("etc/ssh/host_key"), 0o600);
}

fn with_run<'a>(machine: &'a Machine<'_>, arguments: &[&'a str]) -> Vec<&'a str> {
    [arguments, &["--run", machine.lab.path("run")]].concat()
}

pub fn reset(machine: &Machine<'_>, arguments: &[&str]) {
    machine.verb(&[&["reset"], with_run(machine, arguments).as_slice()].concat());
}

pub fn etc_is_the_vendors(machine: &Machine<'_>) {
    assert_eq!(read(&machine.root("etc/hosts")), "vendor\n");
    assert_eq!(read(&machine.root("etc/ssh/config")), "vendor\n");
    assert!(!machine.root("etc/new").exists());
}

/// Everything below a directory, with owner, mode and content.
fn listing(path: &PathBuf) -> Vec<String> {
    let output = std::process::Command::new("find").arg(path).args(["-printf", "%P %y %m %U %G %s %l\n"]).output().unwrap();
    let mut lines: Vec<String> = String::from_utf8(output.stdout).unwrap().lines().map(String::from).collect();
    lines.sort();
    lines
}

#[test]
fn etc_goes_but_for_the_machine_id_and_comes_back() {
    machine(Disk::Tmpfs, |machine| {
        lived_in(machine);
        let upper = machine.store(&format!("{}/etc/upper", machine.state("v1")));
        let before = listing(&upper);
        reset(machine, &["--etc"]);
        assert_eq!(read(&machine.root("etc/hosts")), "mine\n", "not before the next boot");
        let ended = machine.boot("");
        let done = ended.report().reset.as_ref().unwrap();
        assert_eq!((done.kind, done.what.to_string().as_str(), done.of.as_str()), (ResetKind::Reset, "etc", "v1"));
        etc_is_the_vendors(machine);
        assert!(!machine.root("etc/ssh/host_key").exists());
        assert_eq!(read(&machine.root("etc/machine-id")), "0123\n");
        assert_eq!(read(&machine.root("var/home/alice/letter")), "dear\n");
        assert_eq!(read(&machine.root("var/log/messages")), "lines\n");
        write(&machine.root("etc/hosts"), "since then\n");
        assert_eq!(machine.boot("").report().reset, None, "once");
        assert_eq!(read(&machine.root("etc/hosts")), "since then\n");

        reset(machine, &["--undo"]);
        let ended = machine.boot("");
        assert_eq!(ended.report().reset.as_ref().unwrap().kind, ResetKind::Undo);
        assert_eq!(read(&machine.root("etc/hosts")), "mine\n");
        assert!(!machine.root("etc/ssh/config").exists());
        assert_eq!(listing(&upper), before);
        let history = read(&machine.store("history.jsonl"));
        assert!(
            ["reset-asked", "\"event\":\"reset\"", "undo-asked", "reset-undone"].iter().all(|event| history.contains(event)),
            "{history}"
        );
    });
}

#[test]
fn var_goes_without_home_and_is_filled_again() {
    machine(Disk::Tmpfs, |machine| {
        lived_in(machine);
        write(&machine.root("var/lost"), "a file\n");
        symlink("/home", machine.root("var/link")).unwrap();
        reset(machine, &["--var"]);
        assert_eq!(machine.boot("").stands(), "v1");
        assert_eq!(read(&machine.root("etc/hosts")), "mine\n");
        assert_eq!(read(&machine.root("var/lib/app/seed")), "vendor\n");
        assert!(["lib/app/data", "log", "lost", "link"].iter().all(|gone| fs::symlink_metadata(machine.root("var").join(gone)).is_err()));
        assert_eq!(["home/alice/letter", "roothome/.profile", "srv/www"].map(|kept| machine.root("var").join(kept).exists()), [true; 3]);
        assert_eq!(read(&machine.root("home/alice/letter")), "dear\n");
        reset(machine, &["--undo"]);
        machine.boot("");
        assert_eq!(read(&machine.root("var/lib/app/seed")), "mine\n");
        assert_eq!(read(&machine.root("var/log/messages")), "lines\n");
        assert!(fs::symlink_metadata(machine.root("var/link")).unwrap().is_symlink());
        reset(machine, &["--home"]);
        machine.boot("");
        assert!(!machine.root("home/alice").exists() && machine.root("home").exists());
        assert_eq!(read(&machine.root("var/log/messages")), "lines\n");
    });
}

#[test]
fn everything_goes() {
    machine(Disk::Tmpfs, |machine| {
        machine.configure("[[path]]\ntarget = \"/var/lib/own\"\nscope = \"deployment\"\n");
        lived_in(machine);
        write(&machine.root("var/lib/own/data"), "mine\n");
        reset(machine, &["--all", "--keep", "/var/lib/own/*", "--keep", "/home/alice"]);
        assert_eq!(machine.boot("").stands(), "v1");
        etc_is_the_vendors(machine);
        assert_eq!(read(&machine.root("etc/machine-id")), "", "the vendor's");
        assert!(!machine.root("var/srv/www").exists());
        assert_eq!(read(&machine.root("var/lib/own/data")), "mine\n");
        assert_eq!(read(&machine.root("home/alice/letter")), "dear\n");
        assert_eq!(read(&machine.root("var/lib/app/seed")), "vendor\n");
        reset(machine, &["--all"]);
        machine.boot("");
        assert!(!machine.root("var/lib/own/data").exists() && !machine.root("home/alice").exists());
    });
}

#[test]
fn nothing_comes_back_from_the_deployment_that_this_one_came_from() {
    machine(Disk::Tmpfs, |machine| {
        machine.configure("[[path]]\ntarget = \"/var/lib/own\"\nscope = \"deployment\"\n");
        lived_in(machine);
        write(&machine.root("var/lib/own/data"), "mine\n");
        machine.deploy("v2", &[]);
        assert_eq!(machine.boot("").stands(), "v2");
        assert_eq!((read(&machine.root("etc/hosts")).as_str(), read(&machine.root("var/lib/own/data")).as_str()), ("mine\n", "mine\n"));
        reset(machine, &["--all"]);
        for _ in 0..2 {
            let ended = machine.boot("bedplate.deployment=v2");
            assert_eq!(ended.stands(), "v2");
            etc_is_the_vendors(machine);
            assert!(!machine.root("var/lib/own/data").exists());
        }
    });
}

#[test]
fn an_undo_brings_what_the_first_boot_would_have_brought() {
    machine(Disk::Tmpfs, |machine| {
        machine.configure("[[path]]\ntarget = \"/var/lib/app\"\nscope = \"deployment\"\n");
        lived_in(machine);
        machine.deploy("v2", &[]);
        reset(machine, &["--all"]);
        let ended = machine.boot("");
        assert_eq!((ended.stands(), ended.report().carried.is_none()), ("v2", true));
        etc_is_the_vendors(machine);
        assert!(!machine.root("var/lib/app/data").exists());
        write(&machine.root("etc/since"), "lost\n");
        reset(machine, &["--undo"]);
        let ended = machine.boot("");
        assert_eq!((ended.stands(), ended.report().carried.is_some()), ("v2", true));
        assert_eq!(["etc/hosts", "etc/new/deep/file", "var/lib/app/data"].map(|path| read(&machine.root(path))), ["mine\n"; 3]);
        assert!(!machine.root("etc/since").exists());
        let ended = machine.boot("");
        assert_eq!((ended.warnings(), read(&machine.root("etc/hosts")).as_str()), (vec![], "mine\n"));
    });
}

#[test]
fn what_is_kept_stays_with_all_that_it_has() {
    machine(Disk::Tmpfs, |machine| {
        lived_in(machine);
        reset(machine, &["--etc", "--var", "--keep", "/etc/ssh/*_key", "--keep", "/var/**/data", "--keep", "/etc/ssh/config"]);
        machine.boot("");
        assert_eq!(read(&machine.root("etc/hosts")), "vendor\n");
        let key = fs::metadata(machine.root("etc/ssh/host_key")).unwrap();
        assert_eq!((key.mode() & 0o777, key.uid(), key.gid()), (0o600, 7, 8));
        assert_eq!(fs::metadata(machine.root("etc/ssh")).unwrap().mode() & 0o777, 0o700, "as the directory was");
        assert!(!machine.root("etc/ssh/config").exists(), "that it was removed is kept, too");
        assert_eq!(["seed", "data"].map(|name| read(&machine.root("var/lib/app").join(name))), ["vendor\n", "mine\n"]);
        reset(machine, &["--undo"]);
        machine.boot("");
        assert_eq!(["seed", "data"].map(|name| read(&machine.root("var/lib/app").join(name))), ["mine\n", "mine\n"]);
        assert_eq!(read(&machine.root("etc/ssh/host_key")), "key\n");
        assert_eq!(read(&machine.root("etc/hosts")), "mine\n");
    });
}

#[test]
fn a_reset_that_is_not_done_yet_can_be_cancelled_or_changed() {
    machine(Disk::Tmpfs, |machine| {
        lived_in(machine);
        reset(machine, &["--etc"]);
        reset(machine, &["--undo"]);
        assert_eq!(machine.boot("").report().reset, None);
        assert_eq!(read(&machine.root("etc/hosts")), "mine\n");
        assert!(!machine.store("reset/journal").exists(), "nothing is left to look at");
        reset(machine, &["--etc"]);
        reset(machine, &["--home"]);
        assert_eq!(machine.boot("").report().reset.as_ref().unwrap().what.to_string(), "home");
        assert_eq!(read(&machine.root("etc/hosts")), "mine\n");
    });
}

#[test]
fn an_argument_is_obeyed_once_for_each_token() {
    machine(Disk::Tmpfs, |machine| {
        lived_in(machine);
        for (cmdline, expected) in [
            ("bedplate.reset=etc:1", Some("etc")),
            ("bedplate.reset=etc:1", None),
            ("bedplate.reset=etc,home:2", Some("etc, home")),
            ("systemd.factory_reset=1 bedplate.reset=etc:1", Some("all")),
            ("systemd.factory_reset=1", None),
            ("quiet", None),
            ("systemd.factory_reset=1", Some("all")),
            ("bedplate.reset=etc,usr:3", None),
        ] {
            let ended = machine.boot(cmdline);
            assert_eq!(ended.report().reset.as_ref().map(|done| done.what.to_string()).as_deref(), expected, "{cmdline}");
            let seen = read(&machine.root("etc/hosts"));
            assert_eq!(seen == "vendor\n", expected.is_some_and(|what| what.contains("etc") || what == "all"), "{cmdline} {seen}");
            write(&machine.root("etc/hosts"), "mine\n");
        }
        machine.configure("[integrity]\nrequire = \"signed\"\n");
        let strict = machine.boot("bedplate.reset=etc:9");
        assert!(strict.warnings().iter().any(|line| line.contains("would loosen integrity.require, ignoring it: nothing is reset")));
        assert_eq!(read(&machine.root("etc/hosts")), "mine\n");
    });
}

#[test]
fn no_link_is_followed_and_no_mount_entered() {
    machine(Disk::Tmpfs, |machine| {
        lived_in(machine);
        machine.new_boot();
        write(&machine.at("disk/elsewhere/file"), "safe\n");
        symlink("/elsewhere", machine.store("var/lib/out")).unwrap();
        symlink("../../elsewhere", machine.store("var/away")).unwrap();
        for directory in ["var/mounted", "var/log/inner"] {
            fs::create_dir(machine.store(directory)).unwrap();
            let there = machine.at("sysroot/bedplate").join(directory);
            run("mount", &["-t", "tmpfs", "other", there.to_str().unwrap()]);
            write(&there.join("file"), "safe\n");
        }
        run(crate::machine::PROGRAM, &["reset", "--var", "--keep", "/var/**/file", "--sysroot", machine.lab.path("disk")]);
        let ended = machine.again("");
        let left = ended.warnings().into_iter().find(|line| line.contains("bedplate/var/mounted")).unwrap().to_owned();
        assert!(left.contains("stays as it is: a mount, a subvolume or a link is in the way"), "{left}");
        assert_eq!(read(&machine.at("disk/elsewhere/file")), "safe\n");
        assert!(!machine.store("var/log/inner").exists());
        assert!(machine.store("reset/1/var/lib/out").is_symlink() && machine.store("reset/1/var/away").is_symlink());
        // The file system that was mounted further down has all that it had.
        run("umount", &["--lazy", "--recursive", machine.lab.path("sysroot")]);
        assert_eq!(listing(&machine.store("reset/1/var/log/inner")).len(), 1, "the mount point itself");
    });
}

#[test]
fn a_disk_that_cannot_be_written_keeps_it_asked_for() {
    machine(Disk::Image("ext4"), |machine| {
        lived_in(machine);
        reset(machine, &["--etc"]);
        machine.new_boot();
        run("umount", &[machine.lab.path("sysroot")]);
        run("umount", &[machine.lab.path("disk")]);
        let image = machine.lab.path("disk.img");
        let device = Loop::new(&["--read-only", image]);
        run("mount", &["-o", "ro,noload", &device.0, machine.lab.path("sysroot")]);
        let ended = machine.again("");
        assert!(
            ended.warnings().iter().any(|line| line.starts_with("a reset is asked for, but the disk cannot be written")),
            "{:?}",
            ended.said
        );
        assert_eq!((read(&machine.root("etc/hosts")).as_str(), &ended.report().reset), ("mine\n", &None));
        machine.take_away("sysroot");
        drop(device);
        let device = Loop::new(&[image]);
        run("mount", &[&device.0, machine.lab.path("disk")]);
        assert!(machine.boot("").report().reset.is_some());
        etc_is_the_vendors(machine);
    });
}

#[test]
fn a_damaged_journal_resets_nothing() {
    machine(Disk::Tmpfs, |machine| {
        lived_in(machine);
        reset(machine, &["--etc"]);
        write(&machine.store("reset/journal"), "{ \"schema\": 1");
        let ended = machine.boot("");
        assert!(ended.warnings().iter().any(|line| line.contains("nothing is reset, booting without it")), "{:?}", ended.said);
        assert_eq!((ended.stands(), read(&machine.root("etc/hosts")).as_str()), ("v1", "mine\n"));
    });
}

#[test]
fn the_reset_is_of_the_deployment_that_boots_and_is_told_where_another_one_stands() {
    machine(Disk::Tmpfs, |machine| {
        lived_in(machine);
        machine.deploy("v2", &[]);
        fs::remove_file(machine.store("deployments/v2/root/sbin/init")).unwrap();
        fs::create_dir(machine.store("deployments/v2/root/sbin/init")).unwrap();
        reset(machine, &["--etc", "--home"]);
        let ended = machine.boot("");
        assert_eq!(ended.stands(), "v1");
        if let Some(done) = &ended.report().reset {
            assert!(["v1", "v2"].contains(&done.of.as_str()));
        }
        assert!(!machine.root("home/alice").exists());
    });
}

#[test]
fn an_incumbents_boot_after_a_reset_writes_nothing() {
    machine(Disk::Tmpfs, |machine| {
        lived_in(machine);
        reset(machine, &["--etc"]);
        machine.boot("");
        machine.new_boot();
        let before = machine.listing();
        machine.again("");
        assert_eq!(machine.listing(), before);
    });
}
