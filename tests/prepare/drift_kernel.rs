//! `diff` and `status` of what is started before the deployment: its kernel, the loader entry, the copies on the boot partition.

use crate::machine::{Machine, machine, read};
use crate::namespace::{Disk, run};
use std::fs;
use std::path::PathBuf;

/// A machine that runs v1, whose kernel is installed on a boot partition at /boot.
fn running(machine: &Machine<'_>, release: &str) {
    machine.write_programs();
    for (name, content) in [("vmlinuz", "kernel 1"), ("initramfs.img", "initramfs 1")] {
        machine.write_tree(&format!("usr/lib/modules/{release}/{name}"), content);
    }
    machine.write_tree("usr/lib/kernel/cmdline", "root=LABEL=x\n");
    fs::create_dir(machine.tree("boot")).unwrap();
    let boot = machine.lab.path("boot").to_owned();
    fs::create_dir_all(machine.at("boot/loader/entries")).unwrap();
    machine.deploy("v1", &["--good", "--boot", &boot]);
    assert_eq!(machine.boot("").stands(), "v1");
    machine.enter();
    run("mount", &["--bind", &boot, machine.lab.path("sysroot/boot")]);
    shows_cmdline(machine, "root=LABEL=x bedplate.entry=v1\n");
}

/// As the kernel shows it in the root.
fn shows_cmdline(machine: &Machine<'_>, text: &str) {
    machine.lab.write("cmdline", text);
    run("mount", &["--bind", machine.lab.path("cmdline"), machine.lab.path("sysroot/proc/cmdline")]);
}

/// The boot partition is a directory, which nobody finds unless it is named.
fn diff(machine: &Machine<'_>, more: &[&str]) -> String {
    machine.bedplate(&[&["diff", "--boot", "/boot"], more].concat())
}

/// What begins with this on the boot partition: its name, and where it is.
fn installed(machine: &Machine<'_>, text: &str) -> (String, PathBuf) {
    let files = fs::read_dir(machine.at("boot/bedplate")).unwrap().map(|entry| entry.unwrap().path());
    let path = files.into_iter().find(|path| read(path).starts_with(text)).unwrap();
    (path.file_name().unwrap().to_str().unwrap().to_owned(), path)
}

fn release() -> String {
    fs::read_to_string("/proc/sys/kernel/osrelease").unwrap().trim().to_owned()
}

#[test]
fn a_boot_partition_that_drifts_is_told() {
    machine(Disk::Tmpfs, |machine| {
        let release = release();
        running(machine, &release);
        assert_eq!(diff(machine, &[]), "");
        let (name, path) = installed(machine, "kernel 1");
        fs::write(&path, "kernel 1, patched").unwrap();
        let next = "deploy the tree of v1 under another ID, which writes it anew";
        let why = format!("\"/boot/bedplate/{name}\" is not what was installed: {next}");
        assert_eq!(diff(machine, &[]), format!("kernel    {why}\n"));
        let json: serde_json::Value = serde_json::from_str(&diff(machine, &["--json"])).unwrap();
        assert_eq!((&json["others"], &json["changes"]), (&serde_json::json!([{ "what": "kernel", "text": why }]), &serde_json::json!([])));
        assert_eq!(diff(machine, &["/etc"]), "", "who asks for paths gets paths");

        fs::remove_file(&path).unwrap();
        let why = format!("\"/boot/bedplate/{name}\" is gone, and the loader entry names it: {next}");
        assert_eq!(diff(machine, &[]), format!("kernel    {why}\n"));

        fs::write(&path, "kernel 1").unwrap();
        let own = format!("usr/lib/modules/{release}/initramfs.img");
        fs::write(machine.store("deployments/v1/root").join(&own), "another").unwrap();
        let why = format!("\"{own}\" of v1 is not what its loader entry starts: deploy its tree under another ID");
        assert_eq!(diff(machine, &[]), format!("kernel    {why}\n"));
        // Of a deployment that does not run, nothing was started.
        machine.deploy("v2", &[]);
        assert_eq!(diff(machine, &["--deployment", "v2"]), "");
    });
}

#[test]
fn another_ones_entry_and_kernel_are_told() {
    machine(Disk::Tmpfs, |machine| {
        let release = release();
        running(machine, &release);
        shows_cmdline(machine, "bedplate.entry=v0\n");
        let entry = "loader-entry the loader entry of v0 was started, not that of v1: choose v1 in the boot loader\n";
        assert_eq!(diff(machine, &[]), entry);
        shows_cmdline(machine, "quiet\n");
        assert_eq!(diff(machine, &[]), "", "no entry of ours");
        let modules = machine.store("deployments/v1/root/usr/lib/modules");
        fs::rename(modules.join(&release), modules.join("1.2.3")).unwrap();
        let why = format!("{release} runs, which is none of v1's (1.2.3): start the loader entry of v1, or see boot.kernel-mismatch");
        let said = diff(machine, &[]);
        assert!(said.starts_with(&format!("kernel    {why}\n")), "{said}");
        assert!(machine.bedplate(&["status"]).contains(&format!("drift      kernel: {why}\n")));
    });
}
