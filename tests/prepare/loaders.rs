//! A boot loader that counts, beside the record: what it has counted before the initramfs began, and what verbs tell it.

use crate::machine::{Loop, Machine, PROGRAM, machine, read, write};
use crate::namespace::{Disk, run};
use std::fs;
use std::process::Command;

fn tool(program: &str, arguments: &[&str]) -> String {
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    let output = Command::new(program).args(arguments).env("PATH", path).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A verb on the store; both outputs, after its exit code.
fn verb(machine: &Machine<'_>, arguments: &[&str]) -> String {
    let (disk, run) = (machine.lab.path("disk"), machine.lab.path("run"));
    let output = Command::new(PROGRAM).args(arguments).args(["--sysroot", disk, "--run", run]).output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    format!("{}: {said}", output.status.code().unwrap())
}

fn deploy(machine: &Machine<'_>, id: &str) -> String {
    verb(machine, &["deploy", machine.lab.path("tree"), "--id", id])
}

fn loader_line(machine: &Machine<'_>) -> String {
    let status = verb(machine, &["status"]);
    status.lines().find_map(|line| line.strip_prefix("loader     ")).unwrap_or(&status).to_owned()
}

/// /boot of the machine's disk, in this namespace.
fn with_grubenv(fstype: &'static str, test: impl FnOnce(&Machine<'_>, &str) + Send + 'static) {
    machine(Disk::Image(fstype), move |machine| {
        fs::create_dir_all(machine.at("disk/boot/grub")).unwrap();
        run("mount", &["--bind", machine.lab.path("disk/boot"), "/boot"]);
        machine.configure("[boot]\nrecord = \"grubenv\"\n");
        machine.deploy("v1", &["--good"]);
        let env = machine.lab.path("disk/boot/grub/grubenv");
        test(machine, env);
    });
}

#[test]
fn what_grub_has_counted_counts() {
    with_grubenv("ext4", |machine, env| {
        assert_eq!(machine.boot("").stands(), "v1");
        assert_eq!(
            deploy(machine, "v2"),
            "1: bedplate: error: boot.record is \"grubenv\", but there is no /boot/grub/grubenv (grub-editenv FILE create makes one)\n"
        );
        fs::write(env, "").unwrap();
        let refused = deploy(machine, "v2");
        assert!(refused.starts_with("1: bedplate: error: the boot loader could not count its starts: "), "{refused}");
        assert!(!machine.store("deployments/v2").exists(), "nothing is changed");
        tool("grub-editenv", &[env, "create"]);
        assert!(deploy(machine, "v2").starts_with("0: deployed v2"));
        assert_eq!(tool("grub-editenv", &[env, "list"]), "boot_counter=3\nboot_success=0\nbedplate_trial=v2\n");
        assert_eq!(loader_line(machine), "v2 with 3 starts left");
        // Its kernel died twice before the initramfs; this is its last start.
        tool("grub-editenv", &[env, "set", "boot_counter=0"]);
        let before = fs::read(env).unwrap();
        assert_eq!(machine.boot("bedplate.entry=v2").stands(), "v2");
        assert_eq!(fs::read(env).unwrap(), before, "the initramfs writes no loader's state");
        tool("grub-editenv", &[env, "set", "boot_counter=-1"]);
        let ended = machine.boot("bedplate.entry=v1");
        assert_eq!(ended.stands(), "v1");
        let said = "the boot loader has given up v2, or was told to start another: v2, on trial, is passed over";
        assert_eq!(ended.warnings(), [said]);
        assert_eq!(loader_line(machine), "v2 not to be started");
    });
}

#[test]
fn bad_values_of_grub_are_said_and_the_last_good_one_boots() {
    with_grubenv("ext4", |machine, env| {
        tool("grub-editenv", &[env, "create"]);
        assert_eq!(machine.boot("").stands(), "v1");
        deploy(machine, "v2");
        let whole = fs::read(env).unwrap();
        let bad = |why: &str| format!("boot.record is \"grubenv\", and that cannot be gone by ({why}): a deployment on trial has to wait");
        tool("grub-editenv", &[env, "set", "boot_counter=many"]);
        let ended = machine.boot("");
        assert_eq!((ended.stands(), ended.warnings()), ("v1", vec![bad("boot_counter=many is no number").as_str()]));
        for content in [&b""[..], &[0xff; 1024], &whole[..1000], b"# GRUB Environment Block\n"] {
            fs::write(env, content).unwrap();
            let ended = machine.boot("");
            assert_eq!((ended.stands(), ended.warnings().len()), ("v1", 1), "{:?}", ended.said);
            assert!(ended.warnings()[0].contains("cannot be gone by"), "{:?}", ended.said);
        }
        fs::write(env, &whole).unwrap();
        assert_eq!(machine.boot("").stands(), "v2");
        assert!(verb(machine, &["rollback"]).starts_with("0: the next boot is v1"));
        assert_eq!(tool("grub-editenv", &[env, "list"]), "boot_counter=0\nboot_success=0\nbedplate_trial=v2\nbedplate_good=v1\n");
    });
}

#[test]
fn grub_cannot_persist_on_btrfs() {
    with_grubenv("btrfs", |machine, env| {
        tool("grub-editenv", &[env, "create"]);
        assert_eq!(machine.boot("").stands(), "v1");
        let refused = deploy(machine, "v2");
        assert!(refused.contains("the loader cannot persist its state") && refused.contains("is on btrfs"), "{refused}");
        assert!(!machine.store("deployments/v2").exists());
    });
}

/// The store's loop device is partition 3 of another one, by a /sys of the machine's own.
#[test]
fn what_a_loader_has_counted_in_the_gpt_counts() {
    machine(Disk::Image("ext4"), |machine| {
        let image = machine.lab.path("gpt.img");
        fs::File::create(image).unwrap().set_len(8 << 20).unwrap();
        tool("sgdisk", &["--new=1:2048:+1M", "--change-name=1:v1", "--new=2:0:+1M", "--change-name=2:v2", image]);
        tool("cgpt", &["add", "-i", "1", "-P", "1", "-T", "0", "-S", "1", image]);
        let device = Loop::new(&[image]);
        let disk = device.0.strip_prefix("/dev/").unwrap();
        let root = tool("findmnt", &["--noheadings", "--first-only", "--output", "SOURCE", machine.lab.path("disk")]);
        let root = root.trim().strip_prefix("/dev/").unwrap().to_owned();
        run("mount", &["-t", "tmpfs", "sys", "/sys"]);
        let devices = format!("/sys/devices/virtual/block/{disk}");
        write(format!("{devices}/{root}/partition").as_ref(), "3\n");
        write(format!("{devices}/size").as_ref(), &format!("{}\n", (8 << 20) / 512));
        write(format!("{devices}/queue/logical_block_size").as_ref(), "512\n");
        fs::create_dir_all("/sys/class/block").unwrap();
        std::os::unix::fs::symlink(&devices, format!("/sys/class/block/{disk}")).unwrap();
        std::os::unix::fs::symlink(format!("{devices}/{root}"), format!("/sys/class/block/{root}")).unwrap();

        machine.configure("[boot]\nrecord = \"gpt\"\n");
        machine.deploy("v1", &["--good"]);
        assert_eq!(machine.boot("").stands(), "v1");
        let refused = deploy(machine, "v3");
        assert!(refused.contains("no partition of the disk is named \"v3\""), "{refused}");
        assert!(deploy(machine, "v2").starts_with("0: deployed v2"));
        assert_eq!(loader_line(machine), "v2 with 3 starts left, v1 good");
        let cgpt = |arguments: &[&str]| tool("cgpt", &[arguments, &[device.0.as_str()]].concat());
        assert_eq!(cgpt(&["show", "-i", "2", "-T"]).trim(), "3");
        // Two starts were in vain before the initramfs; then all.
        cgpt(&["add", "-i", "2", "-T", "0"]);
        let before = fs::read(&device.0).unwrap();
        assert_eq!(machine.boot("bedplate.entry=v2").stands(), "v2");
        assert_eq!(machine.boot("bedplate.entry=v1").stands(), "v1");
        assert!(fs::read(&device.0).unwrap() == before, "the initramfs writes no loader's state");
        // Both tables damaged.
        cgpt(&["add", "-i", "2", "-T", "3"]);
        run("dd", &["if=/dev/zero", &format!("of={}", device.0), "bs=512", "seek=1", "count=1", "conv=notrunc", "status=none"]);
        assert_eq!(machine.boot("bedplate.entry=v2").stands(), "v2");
        let last = format!("seek={}", (8 << 20) / 512 - 1);
        run("dd", &["if=/dev/zero", &format!("of={}", device.0), "bs=512", &last, "count=1", "conv=notrunc", "status=none"]);
        let ended = machine.boot("bedplate.entry=v2");
        assert_eq!(ended.stands(), "v1");
        assert!(ended.warnings()[0].contains("both GPTs are damaged"), "{:?}", ended.said);
        assert!(read(&machine.at("run/bedplate/boot.json")).contains("both GPTs are damaged"));
        run("umount", &["/sys"]);
    });
}
