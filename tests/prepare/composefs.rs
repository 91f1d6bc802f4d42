//! Deployments of OSTree whose root is a composefs, on a disk without a store.

use crate::layout::commit::Signature;
use crate::layout::{Deployed, deploy};
use crate::machine::{Machine, machine, read, write};
use crate::namespace::{Disk, run, table, takes_writes};
use base64ct::{Base64, Encoding};
use bedplate::decide::ostree::variant::lookup;
use ed25519_dalek::SigningKey;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

const YES: &str = "[composefs]\nenabled=yes\n";
const SIGNED: &str = "[composefs]\nenabled=signed\nkeypath=/etc/ostree/keys\n";

/// A machine with one deployment, signed or not.
fn system(disk: Disk, test: impl FnOnce(&System<'_>) + Send + 'static) {
    signed_system(disk, Signature::None, test);
}

fn signed_system(disk: Disk, signature: Signature<'static>, test: impl FnOnce(&System<'_>) + Send + 'static) {
    machine(disk, move |machine| {
        fs::remove_dir_all(machine.store("")).unwrap();
        fs::create_dir(machine.tree("sysroot")).unwrap();
        fs::create_dir(machine.tree("boot")).unwrap();
        let deployed = deploy(&machine.at("disk"), &machine.tree(""), "whole", &signature).unwrap();
        test(&System { machine, deployed });
    });
}

struct System<'a> {
    machine: &'a Machine<'a>,
    deployed: Deployed,
}

impl System<'_> {
    fn configure(&self, text: &str) {
        write(&self.machine.at("config/etc/ostree/prepare-root.conf"), text);
    }

    fn boot(&self) -> crate::machine::Ended {
        self.machine.boot(&format!("ostree={}", self.deployed.link))
    }

    /// In the deployment's directory.
    fn deployment(&self, path: &str) -> std::path::PathBuf {
        self.machine.at("disk").join(&self.deployed.path).join(path)
    }

    /// The only error of a boot that fails; nothing of it is left mounted.
    fn refused(&self) -> String {
        self.machine.new_boot();
        let before = mounted(self.machine);
        let ended = self.machine.again(&format!("ostree={}", self.deployed.link));
        assert!(ended.code != 0 && ended.said.len() == 1, "{:?}", ended.said);
        assert_eq!(mounted(self.machine), before);
        ended.said[0].strip_prefix("error: ").unwrap().replace(&self.deployed.checksum, "CHECKSUM")
    }

    /// A value of /run/ostree-booted: its bytes as text of numbers.
    fn booted(&self, key: &str) -> Option<(String, Vec<u8>)> {
        let bytes = fs::read(self.machine.at("run/ostree-booted")).unwrap();
        lookup(&bytes, key).map(|(kind, value)| (String::from_utf8(kind.into()).unwrap(), value.to_vec()))
    }

    fn is_booted(&self, key: &str) -> Option<bool> {
        self.booted(key).map(|(kind, value)| {
            assert_eq!(kind, "b");
            value == [1]
        })
    }
}

/// Mount points below the machine, those of /run left out.
fn mounted(machine: &Machine<'_>) -> Vec<String> {
    let root = machine.lab.path("sysroot");
    table().iter().filter_map(|line| line.split(' ').nth(4)).filter(|at| at.starts_with(root)).map(String::from).collect()
}

const VAR: &str = "/sysroot/ostree/deploy/os/var";

#[test]
fn a_composefs_is_the_root() {
    system(Disk::Image("ext4"), |system| {
        system.configure(YES);
        for boot in 1..=2 {
            let ended = system.boot();
            assert_eq!(ended.code, 0, "{:?}", ended.said);
            assert_eq!(ended.warnings(), [""; 0]);
            assert_eq!(ended.mounts(), ["/ overlay ro", "/etc ext4 rw", "/sysroot ext4 ro", &format!("{VAR} ext4 rw")]);
            let machine = system.machine;
            let root = machine.lab.mount("sysroot").unwrap();
            assert_eq!(root.split(" - ").nth(1).unwrap().split(' ').nth(1), Some("composefs"), "{root}");
            assert_eq!(read(&machine.root("usr/lib/os-release")), "VERSION_ID=1\n");
            assert_eq!(read(&machine.root("etc/hosts")), if boot == 1 { "vendor\n" } else { "mine" });
            assert_eq!(machine.root("usr/lib/os-release").metadata().unwrap().mode() & 0o777, 0o644);
            assert!(!takes_writes(&machine.root("")) && !takes_writes(&machine.root("usr")) && !takes_writes(&machine.root("sysroot")));
            assert!(takes_writes(&machine.root(VAR.trim_start_matches('/'))));
            write(&machine.root("etc/hosts"), "mine");
            assert_eq!(read(&system.deployment("etc/hosts")), "mine");
            leaves_what_the_original_leaves(system);
        }
    });
}

fn leaves_what_the_original_leaves(system: &System<'_>) {
    let machine = system.machine;
    let mode = |path: &str| machine.at(path).metadata().unwrap().mode() & 0o7777;
    assert_eq!((mode("run/ostree"), mode("run/ostree/.private")), (0o755, 0));
    let disk = machine.at("disk").metadata().unwrap().dev();
    let device = format!("/dev/block/{}:{}", rustix::fs::major(disk), rustix::fs::minor(disk));
    assert_eq!(fs::read_link(machine.at("run/systemd/volatile-root")).unwrap().to_str(), Some(device.as_str()));
    let flags = ["composefs", "composefs.verity", "sysroot-ro", "root.transient"].map(|key| system.is_booted(key));
    assert_eq!(flags, [Some(true), Some(false), Some(true), Some(false)]);
    assert_eq!([system.booted("composefs.signed"), system.booted("root.transient-ro"), system.booted("transient-etc")], [None, None, None]);
    let deployment = system.deployment("").metadata().unwrap();
    let pair = [deployment.dev().to_le_bytes(), deployment.ino().to_le_bytes()].concat();
    assert_eq!(system.booted("backing-root-device-inode"), Some(("(tt)".into(), pair)));
    assert!(!table().iter().any(|line| line.contains("erofs") && line.contains(machine.lab.path(""))), "the image is out of sight");
}

#[test]
fn changes_to_the_root_may_be_for_one_boot() {
    system(Disk::Image("ext4"), |system| {
        system.configure(&format!("{YES}[root]\ntransient=true\n"));
        let machine = system.machine;
        for _ in 0..2 {
            let ended = system.boot();
            assert_eq!(ended.mounts()[0], "/ overlay rw", "{:?}", ended.said);
            assert_eq!((system.is_booted("root.transient"), system.booted("root.transient-ro")), (Some(true), None));
            assert!(!machine.root("mine").exists());
            write(&machine.root("mine"), "mine");
            assert_eq!(read(&machine.root("usr/lib/os-release")), "VERSION_ID=1\n");
            // A hole of the image gets its content before it is changed.
            let mut file = fs::File::options().append(true).open(machine.root("usr/lib/os-release")).unwrap();
            std::io::Write::write_all(&mut file, b"MINE=1\n").unwrap();
            assert_eq!(read(&machine.root("usr/lib/os-release")), "VERSION_ID=1\nMINE=1\n");
        }
        assert_eq!(read(&system.deployment("usr/lib/os-release")), "VERSION_ID=1\n");
    });
}

#[test]
fn a_transient_root_may_be_read_only_until_somebody_remounts_it() {
    system(Disk::Image("ext4"), |system| {
        system.configure(&format!("{YES}[root]\ntransient-ro=true\n"));
        let ended = system.boot();
        assert_eq!(ended.mounts()[0], "/ overlay ro", "{:?}", ended.said);
        assert_eq!((system.is_booted("root.transient"), system.is_booted("root.transient-ro")), (Some(false), Some(true)));
        assert!(!takes_writes(&system.machine.root("")));
        run("mount", &["-o", "remount,bind,rw", system.machine.lab.path("sysroot")]);
        assert!(takes_writes(&system.machine.root("")));
    });
}

#[test]
fn etc_may_be_transient_on_a_composefs() {
    system(Disk::Image("ext4"), |system| {
        system.configure(&format!("{YES}[etc]\ntransient=true\n"));
        let machine = system.machine;
        for _ in 0..2 {
            let ended = system.boot();
            assert_eq!(ended.mounts()[1], "/etc overlay rw", "{:?}", ended.said);
            assert_eq!(read(&machine.root("etc/hosts")), "vendor\n");
            write(&machine.root("etc/hosts"), "mine");
            let (kind, home) = system.booted("transient-etc").unwrap();
            let home = String::from_utf8(home).unwrap();
            let name = home.trim_end_matches('\0').strip_prefix("/run/").unwrap();
            assert!(kind == "s" && name.starts_with("ostree/transient-etc."), "{home}");
            assert_eq!(read(&machine.at("run").join(name).join("upper/hosts")), "mine");
        }
        assert_eq!(read(&system.deployment("etc/hosts")), "vendor\n");
    });
}

#[test]
fn a_writable_sysroot_is_asked_for() {
    system(Disk::Image("ext4"), |system| {
        system.configure(&format!("{YES}[sysroot]\nreadonly=false\n"));
        let ended = system.boot();
        assert_eq!(ended.mounts(), ["/ overlay ro", "/etc ext4 rw", "/sysroot ext4 rw"], "{:?}", ended.said);
        assert_eq!(system.is_booted("sysroot-ro"), Some(false));
    });
}

#[test]
fn maybe_is_composefs_where_there_is_an_image_and_an_image_that_is_none_ends_the_boot() {
    system(Disk::Image("ext4"), |system| {
        system.configure("[composefs]\nenabled=maybe\n");
        let ended = system.boot();
        assert_eq!(ended.mounts(), ["/ overlay ro", "/etc ext4 rw", "/sysroot ext4 rw"], "{:?}", ended.said);
        assert_eq!((system.is_booted("composefs"), system.is_booted("sysroot-ro")), (Some(true), Some(false)));
        system.machine.new_boot();
        let image = system.deployment(".ostree.cfs");
        fs::rename(&image, image.with_extension("kept")).unwrap();
        let ended = system.boot();
        assert_eq!(ended.mounts(), ["/ ext4 rw", "/usr ext4 ro", "/sysroot ext4 rw"], "{:?}", ended.said);
        assert_eq!(system.booted("composefs"), None);
        system.machine.new_boot();
        fs::write(&image, "no image at all").unwrap();
        let error = system.refused();
        assert!(error.contains("cannot mount the image \"deployment:/.ostree.cfs\": invalid argument; it is damaged"), "{error}");
        // The same boot goes on once it was put right.
        fs::rename(image.with_extension("kept"), &image).unwrap();
        let ended = system.machine.again(&format!("ostree={}", system.deployed.link));
        assert_eq!(ended.mounts()[0], "/ overlay ro", "{:?}", ended.said);
    });
}

#[test]
fn what_was_asked_for_and_cannot_be_had_ends_the_boot() {
    system(Disk::Image("ext4"), |system| {
        system.configure("[composefs]\nenabled=verity\n");
        let verity = system.refused();
        assert!(verity.starts_with(NO_VERITY), "{verity}");
        system.configure("[root]\ntransient=true\n");
        assert_eq!(system.refused(), "prepare-root.conf: root.transient needs composefs: set composefs.enabled, or take it out");
        system.configure(YES);
        fs::remove_file(system.deployment(".ostree.cfs")).unwrap();
        let missing = system.refused();
        assert!(missing.contains("asks for composefs, and os-") && missing.contains("has no \".ostree.cfs\""), "{missing}");
    });
}

#[test]
fn the_argument_overrides_the_file_and_says_what_it_switches_off() {
    system(Disk::Image("ext4"), |system| {
        let boot =
            |argument: &str| system.machine.boot(&format!("ostree={} ostree.prepare-root.composefs={argument}", system.deployed.link));
        system.configure(SIGNED);
        for (argument, root) in [("1", "/ overlay ro"), ("maybe", "/ overlay ro"), ("0", "/ ext4 rw")] {
            let ended = boot(argument);
            assert_eq!(ended.mounts()[0], root, "{:?}", ended.said);
            let what = "the signature of the deployment is not checked in this boot";
            assert_eq!(ended.warnings(), [format!("ostree.prepare-root.composefs={argument} on the kernel command line: {what}")]);
        }
        system.configure("");
        let ended = boot("yes");
        assert_eq!((ended.mounts()[0].as_str(), ended.warnings()), ("/ overlay ro", vec![]));
        assert_eq!(boot("signed").code, 1);
    });
}

#[test]
fn a_hotfix_lies_on_the_image() {
    system(Disk::Image("ext4"), |system| {
        for name in [".usr-ovl-upper", ".usr-ovl-work"] {
            fs::create_dir(system.deployment(name)).unwrap();
        }
        write(&system.deployment(".usr-ovl-upper/lib/os-release"), "VERSION_ID=hotfix\n");
        system.configure(YES);
        let ended = system.boot();
        assert_eq!(ended.mounts()[..3], ["/ overlay ro", "/etc ext4 rw", "/usr overlay rw"], "{:?}", ended.said);
        let file = system.machine.root("usr/lib/os-release");
        assert_eq!(read(&file), "VERSION_ID=hotfix\n");
        write(&file, "VERSION_ID=again\n");
        assert_eq!(read(&system.deployment(".usr-ovl-upper/lib/os-release")), "VERSION_ID=again\n");
        assert_eq!(read(&system.machine.root("usr/bin/bedplate")), "program");
    });
}

/// tmpfs has no read_folio: the kernel wants a block device.
#[test]
fn an_image_that_the_kernel_cannot_mount_by_itself_gets_a_loop_device() {
    system(Disk::Tmpfs, |system| {
        system.configure(YES);
        let image = system.machine.lab.path(&format!("disk/{}/.ostree.cfs", system.deployed.path));
        let devices = || String::from_utf8(Command::new("losetup").args(["--associated", image]).output().unwrap().stdout).unwrap();
        let ended = system.boot();
        assert_eq!(ended.mounts()[0], "/ overlay ro", "{:?}", ended.said);
        assert_eq!(read(&system.machine.root("usr/lib/os-release")), "VERSION_ID=1\n");
        assert_eq!(devices().lines().count(), 1, "{}", devices());
        // A tmpfs is on no block device.
        assert!(!system.machine.at("run/systemd/volatile-root").exists());
        system.machine.new_boot();
        assert_eq!(devices(), "");
    });
}

fn key(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[number; 32])
}

fn public(key: &SigningKey) -> String {
    Base64::encode_string(key.verifying_key().as_bytes())
}

/// Whatever fs-verity says is said after the signature was found right.
const NO_VERITY: &str = "cannot mount / (the deployment's composefs is the root): fs-verity is not on for \"deployment:/.ostree.cfs\"";

#[test]
fn one_of_the_keys_has_to_have_signed_the_commit() {
    let right: &'static SigningKey = Box::leak(Box::new(key(1)));
    signed_system(Disk::Image("ext4"), Signature::By(right), |system| {
        system.configure(SIGNED);
        let keys = system.machine.at("config/etc/ostree/keys");
        let none = "cannot read the public keys \"/etc/ostree/keys\": no such file or directory";
        assert!(system.refused().starts_with(none), "{}", system.refused());
        for (text, expected) in [
            (String::new(), "\"/etc/ostree/keys\": it holds no public key"),
            ("x\n".into(), "\"/etc/ostree/keys\": line 1 is no Ed25519 public key in base64"),
            (format!("{}\n", public(&key(2))), "commit CHECKSUM is signed by none of the keys in \"/etc/ostree/keys\""),
            (format!("{}\n", public(&key(1))), NO_VERITY),
            (format!("{}\n\n{}\n", public(&key(2)), public(&key(1))), NO_VERITY),
        ] {
            write(&keys, &text);
            let error = system.refused();
            assert!(error.starts_with(expected), "{error}");
        }
        let commit = |kind: &str| {
            let (first, rest) = system.deployed.checksum.split_at(2);
            system.machine.at(&format!("disk/ostree/repo/objects/{first}/{rest}.{kind}"))
        };
        let bytes = fs::read(commit("commit")).unwrap();
        let mut changed = bytes.clone();
        changed[40] ^= 1;
        system.machine.new_boot();
        fs::write(commit("commit"), changed).unwrap();
        assert!(system.refused().contains("is signed by none of the keys"));
        fs::remove_file(commit("commit")).unwrap();
        assert!(system.refused().starts_with("the repository has no commit of CHECKSUM: its signature cannot be checked"));
        fs::write(commit("commit"), bytes).unwrap();
        fs::write(commit("commitmeta"), "no variant").unwrap();
        assert!(system.refused().contains("is signed by none of the keys"));
        fs::remove_file(commit("commitmeta")).unwrap();
        assert_eq!(system.refused(), "commit CHECKSUM is not signed: sign it with ostree sign");
    });
}

#[test]
fn what_bootc_makes_of_a_commit_is_as_good_as_that() {
    let right: &'static SigningKey = Box::leak(Box::new(key(1)));
    signed_system(Disk::Image("ext4"), Signature::ParentBy(right), |system| {
        system.configure(SIGNED);
        for (number, expected) in [(1, NO_VERITY), (2, "commit ")] {
            write(&system.machine.at("config/etc/ostree/keys"), &public(&key(number)));
            assert!(system.refused().starts_with(expected), "{}", system.refused());
        }
    });
}
