//! What deploy and remove do on a boot partition: here, a directory that is named with --boot.

use super::bench::{Bench, Ended};
use super::mounted::{inside_of, mount};
use std::process::Command;

/// With a tree that has a kernel.
fn bench() -> Bench {
    let bench = Bench::new();
    kernel(&bench, "6.12.1", "kernel 1", "initramfs 1");
    bench.write("tree/usr/lib/kernel/cmdline", "root=LABEL=x rw\n");
    std::fs::create_dir(bench.path("boot")).unwrap();
    bench
}

/// Of the tree, in the place of another one.
fn kernel(bench: &Bench, release: &str, image: &str, initramfs: &str) {
    bench.write(&format!("tree/usr/lib/modules/{release}/vmlinuz"), image);
    bench.write(&format!("tree/usr/lib/modules/{release}/initramfs.img"), initramfs);
}

fn boot(bench: &Bench, arguments: &[&str]) -> Ended {
    bench.bedplate(&[arguments, &["--boot", &bench.path("boot")]].concat())
}

fn done(bench: &Bench, arguments: &[&str]) -> String {
    let ended = boot(bench, arguments);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{arguments:?}");
    ended.out
}

fn refused(bench: &Bench, arguments: &[&str], why: &str) {
    let ended = boot(bench, arguments);
    assert_eq!((ended.code, ended.out.as_str()), (1, ""), "{arguments:?}");
    assert!(ended.err.contains(why) && ended.err.lines().count() == 1, "{}", ended.err);
}

fn entries(bench: &Bench) -> Vec<String> {
    bench.names("boot/loader/entries")
}

fn entry(bench: &Bench, id: &str) -> String {
    std::fs::read_to_string(bench.path(&format!("boot/loader/entries/bedplate-{id}.conf"))).unwrap()
}

/// What is in the boot partition, directories aside.
fn files(bench: &Bench) -> usize {
    let below = |dir: &str| if bench.exists(dir) { bench.names(dir).len() } else { 0 };
    below("boot/bedplate") + below("boot/loader/entries")
}

#[test]
fn kernels_are_shared_and_go_with_the_last_that_needs_them() {
    let bench = bench();
    let out = done(&bench, &["deploy", "TREE", "--id", "v1", "--good"]);
    assert_eq!(
        out,
        "deployed v1 (version 1): it boots next, as known to work\nits kernel 6.12.1 is on the boot partition: bedplate-v1.conf\n"
    );
    let text = entry(&bench, "v1");
    for line in
        [&format!("# bedplate deployment v1@{}", bench.instance("v1")), "version 1-6.12.1", "options root=LABEL=x rw bedplate.entry=v1"]
    {
        assert!(text.lines().any(|found| found == line), "{text}");
    }
    for (key, content) in [("linux", "kernel 1"), ("initrd", "initramfs 1")] {
        let path = text.lines().find_map(|line| line.strip_prefix(&format!("{key} "))).unwrap();
        assert_eq!(std::fs::read_to_string(bench.path(&format!("boot{path}"))).unwrap(), content);
    }
    // The same kernel, another initramfs.
    kernel(&bench, "6.12.1", "kernel 1", "initramfs 2");
    done(&bench, &["deploy", "TREE", "--id", "v2"]);
    assert_eq!((entries(&bench).len(), bench.names("boot/bedplate").len()), (2, 3));
    assert!(entry(&bench, "v2").contains("version 2-6.12.1\n"));
    // A newer one beside it, and one that has no initramfs.
    kernel(&bench, "6.12.10", "kernel 3", "initramfs 2");
    bench.write("tree/usr/lib/modules/7.0/vmlinuz", "kernel 4");
    done(&bench, &["deploy", "TREE", "--id", "v3"]);
    assert!(entry(&bench, "v3").contains("version 3-6.12.10\n"));
    assert_eq!(bench.names("boot/bedplate").len(), 4);

    bench.write("boot/bedplate/README", "mine");
    done(&bench, &["remove", "v2"]);
    assert_eq!((entries(&bench), bench.names("boot/bedplate").len()), (vec!["bedplate-v1.conf".into(), "bedplate-v3.conf".into()], 5));
    done(&bench, &["remove", "v3"]);
    assert_eq!((entries(&bench).len(), bench.names("boot/bedplate").len()), (1, 3));
}

#[test]
fn what_the_loader_has_renamed_is_removed_and_what_others_have_is_not() {
    let bench = bench();
    done(&bench, &["deploy", "TREE", "--id", "v1"]);
    let at = |name: &str| bench.path(&format!("boot/loader/entries/{name}"));
    std::fs::rename(at("bedplate-v1.conf"), at("bedplate-v1+1-2.conf")).unwrap();
    bench.write("boot/loader/entries/debian.conf", "linux /debian/linux\n");
    bench.write(
        "boot/loader/entries/bedplate-v2+3.conf",
        "# bedplate deployment v2@0000000000000000\nlinux /bedplate/linux-00000000000000000000000000000000\n",
    );
    bench.write("boot/bedplate/linux-00000000000000000000000000000000", "of another store");
    refused(&bench, &["deploy", "TREE", "--id", "V2"], "entries/bedplate-v2+3.conf\" already, of another store: choose another ID");
    done(&bench, &["remove", "v1"]);
    assert_eq!(entries(&bench), ["bedplate-v2+3.conf", "debian.conf"]);
    assert_eq!(bench.names("boot/bedplate"), ["linux-00000000000000000000000000000000"]);
}

#[test]
fn what_cannot_be_started_is_refused_before_anything_changes() {
    let bench = bench();
    std::fs::remove_file(bench.path("tree/usr/lib/kernel/cmdline")).unwrap();
    refused(&bench, &["deploy", "TREE", "--id", "v1"], "no command line for its kernel: put one into usr/lib/kernel/cmdline of the tree");
    bench.write("tree/etc/kernel/cmdline", &format!("root=x {}\n", "y".repeat(2048)));
    refused(&bench, &["deploy", "TREE", "--id", "v1"], "the command line for its kernel has 2073 bytes, at most 2047 are possible");
    bench.write("boot/loader/entries", "");
    refused(&bench, &["deploy", "TREE", "--id", "v1"], "boot/loader/entries\": not a directory");
    assert_eq!(bench.names("sysroot/bedplate/deployments"), [""; 0]);
    let ended = bench.bedplate(&["deploy", "TREE", "--id", "v1", "--boot", &bench.path("none")]);
    assert!(ended.code == 1 && ended.err.contains("none\": no such file or directory"), "{}", ended.err);
}

#[test]
fn the_admins_command_line_comes_before_the_vendors() {
    let bench = bench();
    bench.write("tree/etc/kernel/cmdline", "# ours\nroot=LABEL=y\n");
    done(&bench, &["deploy", "TREE", "--id", "v1"]);
    assert!(entry(&bench, "v1").contains("options root=LABEL=y bedplate.entry=v1\n"));
}

#[test]
fn without_a_boot_partition_one_line_says_so() {
    let bench = bench();
    let out = bench.done(&["deploy", "TREE", "--id", "v1"]);
    let line = "no boot partition with loader/entries is mounted: who starts its kernel 6.12.1 is left to you (--boot names one)";
    assert_eq!(out.lines().last().unwrap(), line);
}

#[test]
fn what_was_left_is_cleared_by_the_next_verb() {
    for next in [&["deploy", "TREE", "--id", "v9"][..], &["remove", "v0"]] {
        let bench = bench();
        bench.write("tree/usr/lib/modules/6.12.1/initramfs.img", "of v0");
        done(&bench, &["deploy", "TREE", "--id", "v0"]);
        // Removed while the partition was not there.
        kernel(&bench, "6.12.1", "kernel 1", "initramfs 1");
        done(&bench, &["deploy", "TREE", "--id", "v1"]);
        bench.done(&["remove", "v1"]);
        // Cut off between the boot partition and the store.
        kernel(&bench, "6.12.1", "kernel 2", "initramfs 2");
        done(&bench, &["deploy", "TREE", "--id", "v2"]);
        let key = bench.key("v2");
        bench.change(|record| record.remove(key));
        let deployments = bench.path("sysroot/bedplate/deployments");
        std::fs::rename(format!("{deployments}/v2"), format!("{deployments}/.v2.new")).unwrap();
        // Cut off while it was written.
        bench.write("boot/bedplate/linux-11111111111111111111111111111111.new", "half");
        bench.write("boot/loader/entries/.bedplate-v3.conf.new", "half");
        kernel(&bench, "6.12.1", "kernel 3", "initramfs 3");
        done(&bench, next);
        let left = if next[0] == "deploy" { (vec!["bedplate-v0.conf".to_string(), "bedplate-v9.conf".into()], 4) } else { (Vec::new(), 0) };
        assert_eq!((entries(&bench), bench.names("boot/bedplate").len()), left, "{next:?}");
    }
}

#[test]
fn a_file_that_is_not_what_its_name_says_is_written_anew() {
    let bench = bench();
    done(&bench, &["deploy", "TREE", "--id", "v1"]);
    for name in bench.names("boot/bedplate") {
        bench.write(&format!("boot/bedplate/{name}"), "rotten");
    }
    done(&bench, &["deploy", "TREE", "--id", "v2"]);
    let content: Vec<String> = bench
        .names("boot/bedplate")
        .iter()
        .map(|name| std::fs::read_to_string(bench.path(&format!("boot/bedplate/{name}"))).unwrap())
        .collect();
    assert_eq!(content, ["initramfs 1", "kernel 1"]);
}

/// A boot partition of its own file system; gone when it is dropped.
struct Partition<'a>(&'a Bench);

impl<'a> Partition<'a> {
    fn mount(bench: &'a Bench, options: &str) -> Self {
        mount(&["-t", "tmpfs", "-o", options, "boot", &bench.path("boot")]);
        Self(bench)
    }

    fn remount(&self, options: &str) {
        mount(&["-o", &format!("remount,{options}"), &self.0.path("boot")]);
    }
}

impl Drop for Partition<'_> {
    fn drop(&mut self) {
        assert!(Command::new("umount").arg(self.0.path("boot")).status().unwrap().success());
    }
}

#[test]
fn a_full_one_is_refused_before_anything_changes() {
    if !inside_of("boot", "a_full_one_is_refused_before_anything_changes") {
        return;
    }
    let bench = bench();
    let partition = Partition::mount(&bench, "size=5m");
    let mebibytes = |number: usize, fill: u8| String::from_utf8(vec![fill; number << 20]).unwrap();
    kernel(&bench, "6.12.1", &mebibytes(1, b'1'), &mebibytes(2, b'1'));
    done(&bench, &["deploy", "TREE", "--id", "v1"]);
    // The initramfs is shared.
    kernel(&bench, "6.12.1", &mebibytes(2, b'2'), &mebibytes(2, b'1'));
    let before = (std::fs::read(bench.path("sysroot/bedplate/record")).unwrap(), entries(&bench));
    let why = "not enough space on the boot partition: 2.0 MiB are needed and 1.9 MiB are free; bedplate remove v1 would free 3.0 MiB";
    refused(&bench, &["deploy", "TREE", "--id", "v2"], why);
    assert_eq!((std::fs::read(bench.path("sysroot/bedplate/record")).unwrap(), entries(&bench)), before);
    assert_eq!((bench.names("sysroot/bedplate/deployments"), bench.names("boot/bedplate").len()), (vec!["v1".into()], 2));
    partition.remount("ro");
    refused(&bench, &["deploy", "TREE", "--id", "v2"], "is read-only: mount it writable first");
    partition.remount("rw");
    done(&bench, &["remove", "v1"]);
    done(&bench, &["deploy", "TREE", "--id", "v2"]);
}

/// A file system with room for so many files that the next one cannot be made: the installation fails at each place in turn.
#[test]
fn wherever_it_fails_nothing_stays() {
    if !inside_of("boot", "wherever_it_fails_nothing_stays") {
        return;
    }
    let bench = bench();
    let record = std::fs::read(bench.path("sysroot/bedplate/record")).unwrap();
    let mut failed = 0;
    loop {
        // One is the file system's own root.
        let _partition = Partition::mount(&bench, &format!("nr_inodes={}", failed + 1));
        let ended = boot(&bench, &["deploy", "TREE", "--id", "v1"]);
        if ended.code == 0 {
            // Three directories, two files and an entry.
            return assert_eq!((failed, files(&bench)), (6, 3));
        }
        assert!(ended.err.contains("no space left on device"), "{}", ended.err);
        assert_eq!((files(&bench), bench.names("sysroot/bedplate/deployments").len()), (0, 0), "{}", ended.err);
        assert_eq!(std::fs::read(bench.path("sysroot/bedplate/record")).unwrap(), record);
        failed += 1;
    }
}
