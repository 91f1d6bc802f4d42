//! Paths of a mounted /etc are given back to the deployment, and the next boot drops what that left in the layer.

use crate::machine::{Machine, machine, read, set_mode, write};
use crate::namespace::{Disk, run};
use bedplate::boot::clean;
use bedplate::boot::drift::Layer;
use bedplate::boot::restore::Restore;
use bedplate::decide::config::EtcMode;
use bedplate::sys::{AsFd, fs as bedplate_fs};
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};

fn lived_in(machine: &Machine<'_>) {
    for path in
        ["etc/ssh/config", "etc/ssh/moduli", "etc/gone/deep/file", "etc/gone/other", "etc/was-file", "etc/opaque/one", "etc/opaque/sub/two"]
    {
        machine.write_tree(path, "vendor\n");
    }
    symlink("hosts", machine.tree("etc/link")).unwrap();
    fs::create_dir_all(machine.tree("etc/was-dir/below")).unwrap();
    machine.deploy("v1", &["--good"]);
    machine.boot("");
    let etc = machine.root("etc");
    write(&etc.join("hosts"), "mine\n");
    set_mode(&etc.join("ssh/config"), 0o600);
    set_mode(&etc.join("ssh"), 0o700);
    write(&etc.join("ssh/added/deep"), "mine\n");
    fs::remove_dir_all(etc.join("gone")).unwrap();
    fs::remove_file(etc.join("was-file")).unwrap();
    write(&etc.join("was-file/below"), "mine\n");
    fs::remove_dir_all(etc.join("was-dir")).unwrap();
    write(&etc.join("was-dir"), "mine\n");
    fs::remove_file(etc.join("link")).unwrap();
    symlink("/elsewhere", etc.join("link")).unwrap();
    fs::remove_dir_all(etc.join("opaque")).unwrap();
    write(&etc.join("opaque/one"), "mine\n");
    write(&etc.join("stays"), "mine\n");
}

const LAYER: Layer = Layer::of(EtcMode::Overlay).unwrap();

fn restore(machine: &Machine<'_>, paths: &[&str]) -> Result<Vec<String>, String> {
    let open = |path: &std::path::Path| bedplate_fs::open_dir(path.to_str().unwrap()).unwrap();
    let (vendor, merged) = (open(&machine.store("deployments/v1/root/etc")), open(&machine.root("etc")));
    let state = machine.state("v1");
    let queue: Vec<Vec<u8>> = paths.iter().map(|path| path.as_bytes().to_vec()).collect();
    clean::enqueue(&machine.open_store(), state.strip_prefix("state/").unwrap(), LAYER, &queue).unwrap();
    let mut restore = Restore { vendor: vendor.as_fd(), merged: merged.as_fd(), kept: &[], changed: Vec::new() };
    restore.paths(&queue).map_err(|error| error.text)?;
    Ok(restore.changed.iter().map(|path| String::from_utf8(path.clone()).unwrap()).collect())
}

fn upper(machine: &Machine<'_>) -> Vec<String> {
    let upper = machine.store(&format!("{}/etc/upper", machine.state("v1")));
    let output = std::process::Command::new("find").arg(upper).args(["-mindepth", "1", "-printf", "%P\n"]).output().unwrap();
    let mut names: Vec<String> = String::from_utf8(output.stdout).unwrap().lines().map(String::from).collect();
    names.sort();
    names
}

const ALL: [&str; 8] = ["hosts", "ssh", "gone", "was-file", "was-dir", "link", "opaque", "nothing/at/all"];

#[test]
fn every_kind_of_change_is_taken_back_at_once_and_leaves_nothing() {
    machine(Disk::Tmpfs, |machine| {
        lived_in(machine);
        let changed = restore(machine, &ALL).unwrap();
        assert!(
            ["hosts", "ssh", "ssh/added", "ssh/config", "gone", "was-file", "was-dir", "link", "opaque/one", "opaque/sub"]
                .iter()
                .all(|path| changed.iter().any(|changed| changed == path)),
            "{changed:?}"
        );
        let etc = machine.root("etc");
        let vendor = machine.store("deployments/v1/root/etc");
        fs::remove_file(etc.join("stays")).unwrap();
        run("diff", &["--recursive", "--no-dereference", etc.to_str().unwrap(), vendor.to_str().unwrap()]);
        assert_eq!(["ssh", "ssh/config"].map(|path| fs::metadata(etc.join(path)).unwrap().mode() & 0o777), [0o755, 0o644]);
        write(&etc.join("stays"), "mine\n");
        assert_eq!(restore(machine, &ALL).unwrap(), [""; 0], "once");
        assert!(upper(machine).len() > 1);
        let ended = machine.boot("");
        assert_eq!(ended.warnings(), [""; 0]);
        assert_eq!(upper(machine), ["stays"]);
        assert!(!machine.store(&format!("{}/etc/queued", machine.state("v1"))).exists());
        assert_eq!(read(&machine.root("etc/gone/deep/file")), "vendor\n");
    });
}

#[test]
fn what_is_edited_again_before_the_reboot_stays() {
    machine(Disk::Tmpfs, |machine| {
        lived_in(machine);
        restore(machine, &["hosts", "opaque", "ssh"]).unwrap();
        // As a power cut leaves it.
        write(&machine.root("etc/ssh/.bedplate-reset/config"), "half");
        write(&machine.root("etc/hosts"), "again\n");
        write(&machine.root("etc/opaque/mine"), "again\n");
        machine.boot("");
        assert_eq!((read(&machine.root("etc/hosts")).as_str(), read(&machine.root("etc/opaque/mine")).as_str()), ("again\n", "again\n"));
        assert_eq!(read(&machine.root("etc/opaque/one")), "vendor\n");
        assert!(!upper(machine).iter().any(|path| path.starts_with("ssh")), "{:?}", upper(machine));
    });
}

#[test]
fn links_are_not_followed_and_mounts_not_touched() {
    machine(Disk::Tmpfs, |machine| {
        lived_in(machine);
        write(&machine.root("var/target/config"), "safe\n");
        fs::remove_dir_all(machine.root("etc/ssh")).unwrap();
        symlink("/var/target", machine.root("etc/ssh")).unwrap();
        assert!(restore(machine, &["ssh/config"]).unwrap_err().contains("cannot reset \"/etc/ssh/config\""));
        assert_eq!(read(&machine.root("var/target/config")), "safe\n");
        run("mount", &["--bind", machine.lab.path("boot-id"), machine.root("etc/hosts").to_str().unwrap()]);
        assert!(restore(machine, &["hosts"]).unwrap_err().contains("something is mounted there"));
        let why = restore(machine, &["gone/other"]).unwrap_err();
        assert!(why.contains("its directory \"/etc/gone\" was removed: reset that"), "{why}");
        restore(machine, &["ssh"]).unwrap();
        assert_eq!(read(&machine.root("etc/ssh/config")), "vendor\n");
        assert_eq!(read(&machine.root("var/target/config")), "safe\n");
    });
}

#[test]
fn drift_of_a_listed_cause_is_dropped_at_each_boot() {
    machine(Disk::Tmpfs, |machine| {
        machine.write_tree("etc/both", "old\n");
        machine.deploy("v1", &["--good"]);
        machine.boot("");
        write(&machine.root("etc/hosts"), "vendor\n");
        write(&machine.root("etc/mine"), "mine\n");
        set_mode(&machine.root("etc/both"), 0o600);
        machine.boot("");
        assert_eq!(upper(machine), ["both", "hosts", "mine"], "not without being asked to");
        machine.configure("[etc]\nclean = [\"duplicate\"]\n");
        let ended = machine.boot("");
        assert_eq!((upper(machine), ended.warnings()), (vec!["both".into(), "mine".into()], vec![]));
        machine.new_boot();
        let before = machine.listing();
        machine.again("");
        assert_eq!(machine.listing(), before, "nothing to drop, nothing written");
    });
}
