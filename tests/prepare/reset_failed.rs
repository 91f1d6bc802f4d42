//! A reset that cannot be done, or only in part: the machine boots, what was there is there, and nothing comes from elsewhere.

use crate::machine::{Machine, PROGRAM, machine, read, write};
use crate::namespace::{Disk, run};
use crate::reset::{etc_is_the_vendors, lived_in, reset};
use bedplate::decide::model::ResetKind;
use bedplate::sys::copy::space;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// Takes all that the disk has left, but what is reserved for root.
fn ballast(machine: &Machine<'_>) -> PathBuf {
    let file = machine.at("disk/ballast");
    let free = space(&machine.open_store().dir).unwrap().bytes;
    run("fallocate", &["--length", &free.to_string(), file.to_str().unwrap()]);
    file
}

#[test]
fn a_disk_without_room_for_what_var_begins_with_resets_nothing() {
    machine(Disk::Image("ext4"), |machine| {
        write(&machine.tree("usr/share/factory/var/lib/large"), &"vendor".repeat(4 << 20));
        lived_in(machine);
        machine.new_boot();
        let file = ballast(machine);
        for what in [&["--all"][..], &["--var", "--keep", "/var/lib/app"]] {
            reset(machine, what);
            for _ in 0..2 {
                let ended = machine.boot("");
                assert_eq!((ended.stands(), &ended.report().reset), ("v1", &None));
                assert!(ended.warnings().iter().any(|line| line.contains("nothing is reset")), "{:?}", ended.said);
                let mine = ["etc/hosts", "var/lib/app/seed", "var/lib/app/data", "var/home/alice/letter"];
                assert_eq!(mine.map(|path| read(&machine.root(path))), ["mine\n", "mine\n", "mine\n", "dear\n"]);
            }
        }
        fs::remove_file(file).unwrap();
        assert!(machine.boot("").report().reset.is_some(), "it stays asked for");
        assert_eq!(["seed", "data"].map(|name| read(&machine.root("var/lib/app").join(name))), ["mine\n"; 2]);
        assert!(!machine.root("var/log/messages").exists() && machine.root("var/lib/large").exists());
    });
}

#[test]
fn a_full_disk_resets_nothing() {
    machine(Disk::Image("ext4"), |machine| {
        lived_in(machine);
        reset(machine, &["--etc"]);
        machine.new_boot();
        ballast(machine);
        let mut rest = fs::File::create(machine.at("disk/rest")).unwrap();
        let full = std::io::copy(&mut std::io::repeat(1), &mut rest).unwrap_err();
        assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
        let ended = machine.boot("");
        assert_eq!((ended.stands(), read(&machine.root("etc/hosts")).as_str()), ("v1", "mine\n"));
        assert!(ended.warnings().iter().any(|line| line.contains("nothing is reset")), "{:?}", ended.said);
    });
}

/// v2 came from v1 and has booted, and an entry of /var cannot be renamed.
fn with_an_immutable_entry(machine: &Machine<'_>) {
    lived_in(machine);
    write(&machine.root("var/empty/file"), "mine\n");
    machine.deploy("v2", &[]);
    assert_eq!(machine.boot("").stands(), "v2");
    assert_eq!(read(&machine.root("etc/hosts")), "mine\n");
    run("chattr", &["+i", machine.store("var/empty").to_str().unwrap()]);
}

#[test]
fn what_is_immutable_stays_and_the_rest_goes() {
    machine(Disk::Image("ext4"), |machine| {
        with_an_immutable_entry(machine);
        run("chattr", &["+i", machine.store("var/lib/app/data").to_str().unwrap()]);
        reset(machine, &["--etc", "--var", "--keep", "/var/lib/app/data"]);
        let ended = machine.boot("bedplate.deployment=v2");
        let warned = |text: &str| ended.warnings().iter().any(|line| line.contains(text));
        assert!(warned("\"bedplate/var/empty\" stays as it is: it is immutable"), "{:?}", ended.said);
        assert!(warned("\"lib/app/data\"") || warned("is to be kept, but cannot be put back"), "{:?}", ended.said);
        assert_eq!((ended.report().carried.is_none(), ended.report().reset.is_some()), (true, true));
        etc_is_the_vendors(machine);
        assert_eq!(read(&machine.root("var/empty/file")), "mine\n");
        assert!(!machine.root("var/log/messages").exists());
        for path in ["var/empty", "reset/1/var/lib/app/data"] {
            run("chattr", &["-i", machine.store(path).to_str().unwrap()]);
        }
        reset(machine, &["--undo"]);
        assert_eq!(machine.boot("bedplate.deployment=v2").warnings(), [""; 0]);
        assert_eq!(["etc/hosts", "var/lib/app/data", "var/empty/file"].map(|path| read(&machine.root(path))), ["mine\n"; 3]);
    });
}

/// A boot in which the call of this kind with this number fails, as on a disk that is broken there.
fn failing(machine: &Machine<'_>, call: &str, number: u32, cmdline: &str) -> String {
    machine.new_boot();
    let inject = format!("inject={call}:error=EIO:when={number}");
    let trace = format!("trace={call}");
    let [sysroot, run, config] = ["sysroot", "run", "config"].map(|name| machine.lab.path(name));
    let program = [PROGRAM, "prepare-root", sysroot, cmdline, "--run", run, "--config-root", config];
    let output = Command::new("strace").args(["-f", "-o", "/dev/null", "-e", &trace, "-e", &inject]).args(program).output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_reset_that_fails_half_way_is_gone_on_with_and_nothing_is_carried_meanwhile() {
    for (number, place) in [(1, "bedplate/state/v2@"), (2, "bedplate/var/")] {
        machine(Disk::Tmpfs, move |machine| {
            lived_in(machine);
            machine.deploy("v2", &[]);
            assert_eq!(machine.boot("").stands(), "v2");
            reset(machine, &["--etc", "--var"]);
            let said = failing(machine, "renameat2", number, "bedplate.deployment=v2");
            assert!(said.contains(&format!("is not complete: cannot set aside \"{place}")), "{said}");
            assert!(!said.contains("carried forward"), "{said}");
            write(&machine.root("etc/since"), "mine\n");
            let ended = machine.boot("bedplate.deployment=v2");
            assert_eq!((ended.report().carried.is_none(), ended.warnings()), (true, vec![]));
            etc_is_the_vendors(machine);
            assert!(!machine.root("var/log/messages").exists());
            assert_eq!(machine.root("etc/since").exists(), number == 2, "what was made in a new layer is not older than the reset");
        });
    }
}

#[test]
fn an_undo_leaves_out_what_belonged_to_a_deployment_that_was_removed() {
    machine(Disk::Tmpfs, |machine| {
        lived_in(machine);
        machine.deploy("v2", &[]);
        assert_eq!(machine.boot("").stands(), "v2");
        reset(machine, &["--etc", "--var", "--keep", "/var/lib/app/data"]);
        assert_eq!(machine.boot("").stands(), "v2");
        assert_eq!(machine.boot("bedplate.deployment=v1").stands(), "v1");
        write(&machine.root("var/lib/app/data"), "since then\n");
        reset(machine, &["--undo"]);
        machine.verb(&["remove", "v2", "--run", machine.lab.path("run")]);
        let ended = machine.boot("");
        assert_eq!(ended.stands(), "v1");
        assert!(ended.warnings()[0].contains("v2 was removed: its own data is not brought back"), "{:?}", ended.said);
        assert_eq!(ended.report().reset.as_ref().map(|done| done.kind), Some(ResetKind::Undo));
        let seen = ["var/log/messages", "var/lib/app/data", "etc/hosts"].map(|path| read(&machine.root(path)));
        assert_eq!(seen, ["lines\n", "since then\n", "mine\n"]);
        reset(machine, &["--etc"]);
        assert!(machine.boot("").report().reset.is_some(), "a new one is not in its way");
        etc_is_the_vendors(machine);
    });
}

#[test]
fn what_is_made_while_an_undo_fails_is_nowhere_removed() {
    machine(Disk::Tmpfs, |machine| {
        lived_in(machine);
        reset(machine, &["--etc"]);
        machine.boot("");
        write(&machine.root("etc/first"), "first\n");
        reset(machine, &["--undo"]);
        for boot in ["second", "third"] {
            let said = failing(machine, "renameat2", 2, "");
            assert!(said.contains("undoing the reset is not complete"), "{said}");
            write(&machine.root("etc").join(boot), "since\n");
        }
        machine.boot("");
        assert_eq!(read(&machine.root("etc/hosts")), "mine\n");
        let undone = ["state/etc/upper/first", "1/etc/upper/second", "2/etc/upper/third"];
        assert!(undone.iter().all(|path| machine.store("reset/1/undone").join(path).exists()));
    });
}

#[test]
fn what_a_transient_etc_keeps_comes_neither_from_the_deployment_before_nor_back() {
    machine(Disk::Tmpfs, |machine| {
        machine.configure("[etc]\nmode = \"transient\"\nkeep = [\"ssh\"]\n");
        lived_in(machine);
        machine.deploy("v2", &["--tries", "15"]);
        let kept = || {
            let ended = machine.boot("bedplate.deployment=v2");
            assert_eq!(ended.stands(), "v2");
            (machine.root("etc/ssh/host_key").exists(), read(&machine.root("etc/machine-id")))
        };
        // At its first boot, and at one after that.
        for _ in 0..2 {
            reset(machine, &["--all"]);
            assert_eq!(kept(), (false, String::new()));
            assert_eq!(kept(), (false, String::new()), "it stays so");
            reset(machine, &["--undo"]);
            assert_eq!(kept(), (true, "0123\n".into()));
        }
        reset(machine, &["--etc"]);
        assert_eq!(kept(), (false, "0123\n".into()), "the machine-id stays");
        fs::remove_file(machine.store(&format!("{}/etc-keep/machine-id", machine.state("v2")))).unwrap();
        reset(machine, &["--etc"]);
        assert_eq!(kept(), (false, String::new()));
    });
}
