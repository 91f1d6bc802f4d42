//! The state of boot loaders that count, written and read by the tools of others: Debian's sgdisk, cgpt and grub-editenv.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "all of this file is a test")]

use bedplate::boot::loader::bls::Entries;
use bedplate::boot::loader::gpt::Disk;
use bedplate::boot::loader::grubenv::File;
use bedplate::decide::loader::counter;
use bedplate::decide::loader::state::Change;
use bedplate::decide::model::Id;
use bedplate::sys::fs as bedplate_fs;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

const SECTORS: u64 = 8192;

/// A directory that goes with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("bedplate-loaders-{name}-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).into_os_string().into_string().unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Runs a program that has to succeed; both of its outputs.
fn run(program: &str, arguments: &[&str]) -> String {
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    let output = Command::new(program).args(arguments).env("PATH", path).output().unwrap_or_else(|error| panic!("{program}: {error}"));
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{program} {arguments:?}: {said}");
    said
}

fn id(name: &str) -> Id {
    Id::parse(name).unwrap()
}

/// A disk with the partitions v1, good, and v2, on nothing yet.
fn disk(scratch: &Scratch) -> String {
    let image = scratch.path("disk");
    fs::File::create(&image).unwrap().set_len(SECTORS * 512).unwrap();
    run("sgdisk", &["--new=1:2048:+1M", "--change-name=1:v1", "--new=2:0:+1M", "--change-name=2:v2", &image]);
    run("cgpt", &["add", "-i", "1", "-P", "1", "-T", "0", "-S", "1", &image]);
    image
}

/// What cgpt reads: priority, tries, successful of each.
fn by_cgpt(image: &str) -> String {
    let one = |partition: &str, flag: &str| run("cgpt", &["show", "-i", partition, flag, image]).trim().to_owned();
    let all = |partition| format!("P{} T{} S{}", one(partition, "-P"), one(partition, "-T"), one(partition, "-S"));
    format!("v1 {}, v2 {}", all("1"), all("2"))
}

fn by_us(image: &str) -> String {
    Disk::open(image, 512, SECTORS).unwrap().state(&[id("v1"), id("v2")]).to_string()
}

#[test]
fn cgpt_and_sgdisk_read_what_we_write_and_we_what_they_write() {
    let scratch = Scratch::new("gpt");
    let image = disk(&scratch);
    assert_eq!(by_us(&image), "v1 good, v2 not to be started");
    let mut disk = Disk::open(&image, 512, SECTORS).unwrap();
    disk.prove(&id("v2")).unwrap();
    assert_eq!(by_cgpt(&image), "v1 P1 T0 S1, v2 P0 T0 S0");
    for (name, change, expected) in [
        ("v2", Change::Arm { tries: 3 }, "v1 P1 T0 S1, v2 P2 T3 S0"),
        ("v2", Change::Good, "v1 P1 T0 S1, v2 P2 T0 S1"),
        ("v1", Change::Good, "v1 P2 T0 S1, v2 P1 T0 S1"),
        ("v2", Change::Bad, "v1 P2 T0 S1, v2 P0 T0 S0"),
    ] {
        disk.change(&id(name), change).unwrap();
        assert_eq!(by_cgpt(&image), expected, "{name} {change:?}");
        let verified = run("sgdisk", &["--verify", &image]);
        assert!(verified.contains("No problems found"), "{verified}");
    }
    assert!(disk.change(&id("v1"), Change::Bad).unwrap_err().text.ends_with("nothing else would be left for the loader to start"));
    // As the loader writes it.
    run("cgpt", &["add", "-i", "2", "-P", "5", "-T", "7", &image]);
    assert_eq!(by_us(&image), "v2 with 7 starts left, v1 good");
}

/// Damage in either table, mended by us as by cgpt, byte by byte.
#[test]
fn damage_is_mended_as_cgpt_mends_it() {
    let scratch = Scratch::new("repair");
    let image = disk(&scratch);
    let whole = fs::read(&image).unwrap();
    let words = |why: &str| format!("v1 good, v2 not to be started; {why}");
    for (what, at, said) in [
        ("primary header", 512 + 30, words("the primary GPT is damaged (its header has a wrong sum), the backup counts")),
        ("primary entries", 1024 + 60, words("the primary GPT is damaged (its entries have a wrong sum), the backup counts")),
        ("backup header", (SECTORS - 1) * 512, words("the backup GPT is damaged (there is no header)")),
        ("backup entries", (SECTORS - 33) * 512 + 60, words("the backup GPT is damaged (its entries have a wrong sum)")),
    ] {
        fs::write(&image, &whole).unwrap();
        let damaged = |image: &str| fs::OpenOptions::new().write(true).open(image).unwrap().write_all_at(b"damage", at).unwrap();
        damaged(&image);
        assert_eq!(by_us(&image), said, "{what}");
        let mut disk = Disk::open(&image, 512, SECTORS).unwrap();
        disk.prove(&id("v2")).unwrap();
        assert!(fs::read(&image).unwrap() == whole, "{what}: not what it was");
        damaged(&image);
        run("cgpt", &["repair", &image]);
        assert!(fs::read(&image).unwrap() == whole, "{what}: cgpt mends it in another way");
    }
    fs::OpenOptions::new().write(true).open(&image).unwrap().write_all_at(&[0; 512], 512).unwrap();
    fs::OpenOptions::new().write(true).open(&image).unwrap().write_all_at(&[0; 512], (SECTORS - 1) * 512).unwrap();
    let said = by_us(&image);
    assert!(said.starts_with("its state cannot be gone by: both GPTs are damaged"), "{said}");
    assert!(Disk::open(&image, 512, SECTORS).unwrap().prove(&id("v2")).is_err());
}

#[test]
fn grub_editenv_reads_what_we_write_and_we_what_it_writes() {
    let scratch = Scratch::new("grubenv");
    fs::create_dir_all(scratch.path("boot/grub")).unwrap();
    let env = scratch.path("boot/grub/grubenv");
    let find = || File::find(bedplate_fs::open_dir(&scratch.path("")).unwrap()).unwrap();
    assert!(find().is_none());
    run("grub-editenv", &[&env, "create"]);
    run("grub-editenv", &[&env, "set", "saved_entry=a\\b c", "x=1"]);
    let file = find().unwrap();
    for (name, change, expected) in [
        ("v1", Change::Good, "bedplate_good=v1\nboot_success=1\n"),
        ("v2", Change::Arm { tries: 3 }, "bedplate_good=v1\nboot_success=0\nboot_counter=3\nbedplate_trial=v2\n"),
        ("v2", Change::Good, "bedplate_good=v2\nboot_success=1\n"),
    ] {
        file.change(&id(name), change).unwrap();
        assert_eq!(run("grub-editenv", &[&env, "list"]), format!("saved_entry=a\\b c\nx=1\n{expected}"), "{name} {change:?}");
        assert_eq!(fs::metadata(&env).unwrap().len(), 1024);
    }
    run("grub-editenv", &[&env, "set", "boot_success=0", "boot_counter=2", "bedplate_trial=v1"]);
    assert_eq!(file.state(&[id("v1"), id("v2")]).to_string(), "v1 with 2 starts left, v2 good");
    // What a power cut during grub-editenv leaves.
    fs::write(&env, "").unwrap();
    let said = file.prove().unwrap_err().text;
    assert!(said.contains("it has 0 bytes, not 1024"), "{said}");
    assert_eq!(fs::read_dir(scratch.path("boot/grub")).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn entries_are_renamed_and_a_twin_gives_way() {
    let scratch = Scratch::new("bls");
    let names = || {
        let mut names: Vec<_> = fs::read_dir(&scratch.0).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names.join(" ")
    };
    let write = |name: &str| fs::write(Path::new(&scratch.path(name)), name).unwrap();
    write("bedplate-v1.conf");
    write("bedplate-v2+1-2.conf");
    write("bedplate-v2.conf");
    let started = counter::parse("bedplate-v2+1-2.conf");
    let features = Some(vec![6, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0]);
    let entries = Entries::new(bedplate_fs::open_dir(&scratch.path("")).unwrap(), scratch.path(""), features, started);
    assert_eq!(entries.state(&[id("v1"), id("v2")]).to_string(), "v1 good, v2 with 1 start left");
    entries.prove().unwrap();
    for _ in 0..2 {
        entries.change(&id("v2"), Change::Good).unwrap();
        assert_eq!(names(), "bedplate-v1.conf bedplate-v2.conf");
    }
    assert_eq!(fs::read_to_string(scratch.path("bedplate-v2.conf")).unwrap(), "bedplate-v2+1-2.conf", "the one that was started");
    entries.change(&id("v1"), Change::Bad).unwrap();
    assert_eq!(names(), "bedplate-v1+0.conf bedplate-v2.conf");
    // Started with 1 try, and still there as if it had 2: the loader's rename failed.
    fs::rename(scratch.path("bedplate-v2.conf"), scratch.path("bedplate-v2+2-1.conf")).unwrap();
    assert!(entries.prove().unwrap_err().text.contains("the loader cannot persist its state"));
}
