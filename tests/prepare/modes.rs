use crate::good::whole;
use crate::machine::{Loop, machine, read, write};
use crate::namespace::{Disk, run, takes_writes};
use std::fs;

/// The usual table with one line changed, or taken out.
fn with(target: &str, line: Option<&str>) -> Vec<String> {
    let mut lines = whole("tmpfs");
    let at = lines.iter().position(|line| line.split(' ').next() == Some(target)).unwrap();
    match line {
        Some(line) => lines[at] = line.into(),
        None => drop(lines.remove(at)),
    }
    lines
}

#[test]
fn the_root_may_be_transient() {
    machine(Disk::Tmpfs, |machine| {
        machine.configure("[root]\nmode = \"transient\"\n");
        machine.deploy("v1", &["--good"]);
        for _ in 0..2 {
            let ended = machine.boot("");
            assert_eq!(ended.mounts(), with("/", Some("/ overlay rw")));
            assert!(!machine.root("mine").exists());
            write(&machine.root("mine"), "1");
            assert!(!takes_writes(&machine.root("usr")));
        }
        assert!(!machine.store("deployments/v1/root/mine").exists());
    });
}

#[test]
fn etc_may_be_transient_but_for_what_is_kept() {
    machine(Disk::Tmpfs, |machine| {
        // The machine-id is kept in any case; what is named twice, or inside another one, is kept once.
        machine.configure("[etc]\nmode = \"transient\"\nkeep = [\"ssh/keys\", \"ssh\", \"/etc/ssh/\", \"new\", \"machine-id\"]\n");
        machine.write_tree("etc/ssh/config", "vendor");
        machine.write_tree("etc/ssh/keys/readme", "vendor");
        machine.deploy("v1", &["--good"]);
        let ended = machine.boot("");
        assert_eq!(ended.stands(), "v1");
        for file in ["ssh/config", "ssh/keys/one", "new/file", "hosts"] {
            write(&machine.root("etc").join(file), "mine");
        }
        fs::write(machine.root("etc/machine-id"), "0123\n").unwrap();
        let ended = machine.boot("");
        let etc: Vec<String> = ended.mounts().into_iter().filter(|line| line.starts_with("/etc")).collect();
        assert_eq!(etc, ["/etc overlay rw", "/etc/machine-id tmpfs rw", "/etc/new tmpfs rw", "/etc/ssh overlay rw"]);
        assert!(machine.at("run/systemd/system/systemd-machine-id-commit.service.d/50-bedplate.conf").exists());
        let found = ["ssh/config", "ssh/keys/one", "ssh/keys/readme", "new/file", "hosts", "machine-id"];
        assert_eq!(found.map(|file| read(&machine.root("etc").join(file))), ["mine", "mine", "vendor", "mine", "vendor\n", "0123\n"]);
        assert!(!machine.store(&format!("{}/etc", machine.state("v1"))).exists());
    });
}

#[test]
fn what_is_kept_goes_on_and_hides_nothing_of_the_next_vendor() {
    machine(Disk::Tmpfs, |machine| {
        machine.configure("[etc]\nmode = \"transient\"\nkeep = [\"ssh\", \"hosts\"]\n");
        for name in ["config", "edited", "gone"] {
            machine.write_tree(&format!("etc/ssh/{name}"), "vendor 1");
        }
        machine.deploy("v1", &["--good"]);
        let ended = machine.boot("");
        assert_eq!(ended.stands(), "v1");
        assert_eq!(ended.warnings(), ["etc.keep has \"hosts\": that is a file and only directories can be kept, leaving it out"]);
        let etc = |name: &str| machine.root("etc").join(name);
        fs::write(etc("machine-id"), "0123\n").unwrap();
        for name in ["ssh/key", "ssh/edited", "lost"] {
            write(&etc(name), "mine");
        }
        fs::remove_file(etc("ssh/gone")).unwrap();
        for name in ["config", "edited", "gone", "new"] {
            machine.write_tree(&format!("etc/ssh/{name}"), "vendor 2");
        }
        machine.deploy("v2", &[]);
        for _ in 0..2 {
            assert_eq!(machine.boot("").stands(), "v2");
            let found = ["ssh/key", "ssh/edited", "ssh/config", "ssh/new", "machine-id"].map(|name| read(&etc(name)));
            assert_eq!(found, ["mine", "mine", "vendor 2", "vendor 2", "0123\n"]);
            assert!(!etc("ssh/gone").exists() && !etc("lost").exists());
        }
        write(&etc("ssh/key"), "of v2");
        assert_eq!(read(&machine.store(&format!("{}/etc-keep/ssh/key", machine.state("v1")))), "mine");
    });
}

#[test]
fn a_boot_with_a_transient_etc_has_the_machine_id_of_the_others() {
    machine(Disk::Tmpfs, |machine| {
        machine.deploy("v1", &["--good"]);
        machine.boot("");
        fs::write(machine.root("etc/machine-id"), "0123\n").unwrap();
        assert_eq!(machine.boot("bedplate.etc=transient").stands(), "v1");
        assert_eq!(read(&machine.root("etc/machine-id")), "0123\n");
        machine.boot("");
        fs::remove_file(machine.root("etc/machine-id")).unwrap();
        assert_eq!(machine.boot("bedplate.etc=transient").stands(), "v1", "a whiteout is no id");
    });
}

#[test]
fn etc_may_be_read_only_or_in_place() {
    machine(Disk::Tmpfs, |machine| {
        machine.deploy("v1", &["--good"]);
        assert_eq!(machine.boot("bedplate.etc=ro").mounts(), with("/etc", Some("/etc tmpfs ro")));
        assert!(!takes_writes(&machine.root("etc")));
        assert_eq!(machine.boot("bedplate.etc=bind").mounts(), with("/etc", Some("/etc tmpfs rw")));
        write(&machine.root("etc/hosts"), "in place\n");
        assert_eq!(read(&machine.store("deployments/v1/root/etc/hosts")), "in place\n");
        assert_eq!(machine.boot("").mounts(), whole("tmpfs"));
    });
}

#[test]
fn usr_etc_is_the_vendors_where_it_is() {
    machine(Disk::Tmpfs, |machine| {
        fs::rename(machine.tree("etc"), machine.tree("usr/etc")).unwrap();
        machine.deploy("v1", &["--good"]);
        for (cmdline, content) in [("", "vendor\n"), ("bedplate.etc=transient", "vendor\n"), ("bedplate.etc=ro", "vendor\n")] {
            assert_eq!(machine.boot(cmdline).stands(), "v1");
            assert_eq!(read(&machine.root("etc/hosts")), content, "{cmdline}");
        }
        assert_eq!(machine.boot("bedplate.etc=bind").stands(), "v1");
        assert_eq!(fs::read_dir(machine.root("etc")).unwrap().count(), 0);
    });
}

#[test]
fn var_may_be_transient_or_the_trees() {
    machine(Disk::Tmpfs, |machine| {
        machine.write_tree("var/lib/vendor", "vendor");
        machine.deploy("v1", &["--good"]);
        for _ in 0..2 {
            let expected: Vec<String> = whole("overlay")
                .into_iter()
                .zip(whole("tmpfs"))
                .enumerate()
                .map(|(at, (var, other))| if (3..10).contains(&at) { var } else { other })
                .collect();
            assert_eq!(machine.boot("bedplate.var=transient").mounts(), expected);
            assert_eq!(read(&machine.root("var/lib/vendor")), "vendor");
            assert!(!machine.root("var/mine").exists() && !machine.root("home/mine").exists());
            write(&machine.root("var/mine"), "1");
            write(&machine.root("home/mine"), "1");
        }
        assert_eq!(fs::read_dir(machine.store("var")).unwrap().count(), 0);
        let ended = machine.boot("bedplate.var=none");
        assert_eq!(ended.mounts(), ["/ tmpfs ro", "/usr tmpfs ro", "/etc overlay rw", "/tmp tmpfs rw", "/sysroot tmpfs ro"]);
        assert_eq!(read(&machine.root("var/lib/vendor")), "vendor");
        // An empty shared var is filled once, from the tree.
        assert_eq!(machine.boot("").mounts(), whole("tmpfs"));
        assert_eq!(read(&machine.root("var/lib/vendor")), "vendor");
        fs::remove_file(machine.root("var/lib/vendor")).unwrap();
        machine.boot("");
        assert!(!machine.root("var/lib/vendor").exists());
    });
}

#[test]
fn everything_may_be_transient_for_a_boot() {
    machine(Disk::Tmpfs, |machine| {
        machine.deploy("v1", &["--good"]);
        machine.boot("");
        write(&machine.root("etc/mine"), "1");
        let ended = machine.boot("systemd.volatile=yes");
        let lines = ended.mounts();
        assert_eq!([lines[0].as_str(), &lines[2]], ["/ overlay rw", "/etc overlay rw"]);
        assert!(!machine.root("etc/mine").exists());
        machine.boot("systemd.volatile=state");
        assert_eq!(read(&machine.root("etc/mine")), "1");
    });
}

/// As a device manager makes them: relative, in a directory of their own.
struct DeviceLink(std::path::PathBuf);

impl DeviceLink {
    fn new(device: &Loop) -> Self {
        let directory = std::path::PathBuf::from(format!("/dev/bedplate-test-{}", std::process::id()));
        fs::create_dir(&directory).unwrap();
        std::os::unix::fs::symlink(device.0.replace("/dev/", "../"), directory.join("var")).unwrap();
        Self(directory)
    }

    fn path(&self) -> String {
        self.0.join("var").to_str().unwrap().into()
    }
}

impl Drop for DeviceLink {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn var_may_be_on_a_device_of_its_own() {
    machine(Disk::Tmpfs, |machine| {
        let image = machine.lab.path("var.img");
        fs::File::create(image).unwrap().set_len(8 << 20).unwrap();
        let label = format!("var-{}", std::process::id());
        run("mkfs.ext4", &["-q", "-L", &label, image]);
        let device = Loop::new(&[image]);
        machine.deploy("v1", &["--good"]);
        let link = DeviceLink::new(&device);
        for source in [device.0.clone(), format!("LABEL={label}"), link.path()] {
            machine.configure(&format!("[var]\nmode = \"device\"\nsource = \"{source}\"\n"));
            let ended = machine.boot("");
            assert_eq!(ended.stands(), "v1");
            let lines = ended.mounts();
            assert_eq!([lines[3].as_str(), &lines[5]], ["/var ext4 rw", "/home ext4 rw"], "{source}");
            write(&machine.root("home/mine"), "1");
        }
        assert_eq!(fs::read_dir(machine.store("var")).unwrap().count(), 0);
        // Without a source there is no device to wait for: the machine boots with the shared one.
        machine.configure("# none\n\n[var]\nmode = \"device\"\n");
        let ended = machine.boot("");
        assert_eq!(
            ended.warnings(),
            ["etc/bedplate/bedplate.toml:4: var.mode = \"device\" needs var.source, a device; going on with its default"]
        );
        assert_eq!(ended.mounts(), whole("tmpfs"));
        machine.configure("");
        let ended = machine.boot("bedplate.var=device");
        assert_eq!(ended.warnings(), ["bedplate.var=device: the configuration has no var.source, going by the configuration"]);
        assert_eq!(ended.mounts(), whole("tmpfs"));
        machine.new_boot();
    });
}
