//! A machine that boots: a disk with a store, a tree to deploy from, the initramfs's configuration, and /run. Each boot has a
//! boot id of its own. What the kernel keeps beside that is out of the program's reach: files are bound over it.

use crate::namespace::{Disk, Lab, lab, run, table};
use bedplate::boot::facts::read_manifest;
use bedplate::boot::store::Store;
use bedplate::decide::model::{Id, Report};
use bedplate::decide::record::codec::Reading;
use bedplate::decide::record::{Key, Record, Slot};
use bedplate::sys::fs as bedplate_fs;
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::fanotify::{EventFFlags, Fanotify, FanotifyEvent, FanotifyResponse, InitFlags, MarkFlags, MaskFlags, Response};
use std::cell::Cell;
use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_bedplate");

pub struct Machine<'a> {
    pub lab: &'a Lab,
    boots: Cell<u64>,
}

/// What a run of prepare-root came to.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    /// Standard error, line by line, without the program's name.
    pub said: Vec<String>,
    /// boot.json as it is after the run.
    pub report: Option<Report>,
}

impl Ended {
    /// Which deployment stands; the run must have ended well.
    pub fn stands(&self) -> &str {
        assert_eq!(self.code, 0, "{:?}", self.said);
        self.report.as_ref().unwrap().deployment.id.as_str()
    }

    pub fn report(&self) -> &Report {
        self.report.as_ref().unwrap()
    }

    pub fn warnings(&self) -> Vec<&str> {
        self.said.iter().filter_map(|line| line.strip_prefix("warning: ")).collect()
    }

    /// Target, type and access of each mount, as boot.json lists them.
    pub fn mounts(&self) -> Vec<String> {
        let mounts = &self.report().mounts;
        mounts.iter().map(|mount| format!("{} {} {}", mount.target, mount.fstype, mount.access)).collect()
    }
}

/// Runs a test on a machine with an empty store.
pub fn machine(disk: Disk, test: impl FnOnce(&Machine<'_>) + Send + 'static) {
    lab(disk, move |lab| {
        let machine = Machine { lab, boots: Cell::new(0) };
        machine.set_up();
        test(&machine);
    });
}

impl Machine<'_> {
    fn set_up(&self) {
        fs::remove_dir_all(self.at("sysroot/bedplate")).unwrap();
        for (file, target) in [("boot-id", "random/boot_id"), ("panic", "panic")] {
            self.lab.write(file, "0\n");
            run("mount", &["--bind", self.lab.path(file), &format!("/proc/sys/kernel/{target}")]);
        }
        fs::create_dir_all(self.at("config")).unwrap();
        fs::create_dir_all(self.at("disk")).unwrap();
        run("mount", &["--bind", self.lab.path("sysroot"), self.lab.path("disk")]);
        run("umount", &[self.lab.path("sysroot")]);
        self.verb(&["init-store"]);
        for directory in ["usr/lib", "usr/local", "etc", "home", "opt", "root", "srv", "mnt", "var"] {
            fs::create_dir_all(self.tree(directory)).unwrap();
        }
        self.write_tree("usr/bin/bedplate", "program");
        self.write_tree("usr/lib/os-release", "VERSION_ID=1\n");
        self.write_tree("sbin/init", "program");
        set_mode(&self.tree("sbin/init"), 0o755);
        self.write_tree("etc/machine-id", "");
        self.write_tree("etc/hosts", "vendor\n");
        self.new_boot();
    }

    pub fn at(&self, path: &str) -> PathBuf {
        self.lab.dir.join(path)
    }

    /// In the tree that `deploy` takes.
    pub fn tree(&self, path: &str) -> PathBuf {
        self.at("tree").join(path)
    }

    /// In the store.
    pub fn store(&self, path: &str) -> PathBuf {
        self.at("disk/bedplate").join(path)
    }

    /// In the root that stands.
    pub fn root(&self, path: &str) -> PathBuf {
        self.at("sysroot").join(path)
    }

    pub fn write_tree(&self, path: &str, content: &str) {
        write(&self.tree(path), content);
    }

    /// The initramfs's configuration, all of it.
    pub fn configure(&self, text: &str) {
        let file = self.at("config/etc/bedplate/bedplate.toml");
        write(&file, text);
        set_mode(&file, 0o644);
        set_mode(file.parent().unwrap(), 0o755);
    }

    /// A verb on the store, which has to succeed.
    pub fn verb(&self, arguments: &[&str]) {
        run(PROGRAM, &[arguments, &["--sysroot", self.lab.path("disk")]].concat());
    }

    pub fn deploy(&self, id: &str, more: &[&str]) {
        self.verb(&[&["deploy", self.lab.path("tree"), "--id", id, "--run", self.lab.path("run")], more].concat());
    }

    /// v1 is good, and v2 on trial.
    pub fn upgraded(&self) {
        self.deploy("v1", &["--good"]);
        self.deploy("v2", &[]);
    }

    /// Power off and on: nothing is mounted but the disk, /run is empty, the boot id is new.
    pub fn new_boot(&self) {
        self.boots.set(self.boots.get() + 1);
        self.lab.write("boot-id", &format!("{:08x}-0000-4000-8000-000000000000\n", self.boots.get()));
        self.take_away("sysroot");
        self.take_away("run");
        run("mount", &["-t", "tmpfs", "run", self.lab.path("run")]);
        run("mount", &["--bind", self.lab.path("disk"), self.lab.path("sysroot")]);
    }

    /// Unmounts all that is there.
    pub fn take_away(&self, path: &str) {
        while self.lab.mount(path).is_some() {
            run("umount", &["--lazy", "--recursive", self.lab.path(path)]);
        }
    }

    /// A new boot with this command line.
    pub fn boot(&self, cmdline: &str) -> Ended {
        self.new_boot();
        self.again(cmdline)
    }

    /// prepare-root in this boot.
    pub fn again(&self, cmdline: &str) -> Ended {
        let (sysroot, run, config) = (self.lab.path("sysroot"), self.lab.path("run"), self.lab.path("config"));
        let output =
            Command::new(PROGRAM).args(["prepare-root", sysroot, cmdline, "--run", run, "--config-root", config]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "");
        let said = String::from_utf8(output.stderr).unwrap().replace(self.lab.path(""), "LAB/");
        Ended {
            code: output.status.code().unwrap(),
            said: said.lines().map(|line| line.strip_prefix("bedplate: ").unwrap_or(line).to_owned()).collect(),
            report: fs::read_to_string(self.at("run/bedplate/boot.json")).ok().map(|text| serde_json::from_str(&text).unwrap()),
        }
    }

    /// prepare-root in this boot; it waits where it opens a file or directory for the first time, until something was done.
    pub fn again_and_when_opened(&self, path: &Path, act: impl FnOnce() + Send) -> Ended {
        let watch = Fanotify::init(InitFlags::FAN_CLASS_CONTENT | InitFlags::FAN_CLOEXEC, EventFFlags::O_RDONLY).unwrap();
        let opened = MaskFlags::FAN_OPEN_PERM | MaskFlags::FAN_ONDIR;
        watch.mark(MarkFlags::FAN_MARK_ADD, opened, fs::File::open("/").unwrap(), Some(path)).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let is_opened = poll(&mut [PollFd::new(watch.as_fd(), PollFlags::POLLIN)], 60_000_u16).unwrap();
                assert_eq!(is_opened, 1, "it is never opened");
                let events = watch.read_events().unwrap();
                act();
                for fd in events.iter().filter_map(FanotifyEvent::fd) {
                    watch.write_response(FanotifyResponse::new(fd, Response::FAN_ALLOW)).unwrap();
                }
            });
            self.again("")
        })
    }

    pub fn open_store(&self) -> Store {
        Store::open(bedplate_fs::open_dir(self.lab.path("disk")).unwrap(), "disk").unwrap()
    }

    pub fn record(&self) -> Record {
        match self.open_store().read_record() {
            Reading::Valid { record, .. } => record,
            other => panic!("{other:?}"),
        }
    }

    pub fn key(&self, id: &str) -> Key {
        let id = Id::parse(id).unwrap();
        let manifest = read_manifest(&self.open_store(), &id).unwrap();
        Key::of(&manifest.id, &manifest.instance)
    }

    pub fn slot(&self, id: &str) -> Slot {
        self.record().slot(self.key(id)).unwrap().clone()
    }

    /// The name of its directory in state/.
    pub fn state(&self, id: &str) -> String {
        let manifest = read_manifest(&self.open_store(), &Id::parse(id).unwrap()).unwrap();
        format!("state/{id}@{}", manifest.instance)
    }

    /// Everything on the disk with size, mode and times; the work directories of overlays are the kernel's.
    pub fn listing(&self) -> Vec<String> {
        let format = "%P %y %m %U %G %s %T@ %C@ %l\n";
        let output = Command::new("find").args([self.lab.path("disk"), "-printf", format]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let mut lines: Vec<String> = text.lines().filter(|line| !line.contains("/etc/work")).map(String::from).collect();
        lines.sort();
        lines
    }
}

/// A loop device, given back at the end even if something still uses it: then it goes with its last user.
pub struct Loop(pub String);

impl Loop {
    pub fn new(arguments: &[&str]) -> Self {
        let output = Command::new("losetup").args(["--find", "--show"]).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Self(String::from_utf8(output.stdout).unwrap().trim().into())
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        let _ = Command::new("losetup").args(["--detach", &self.0]).status();
    }
}

pub fn write(path: &Path, content: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

pub fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

pub fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The mounts of the machine, without what differs from boot to boot: what of which file system is where, with which flags.
pub fn mounts_now(machine: &Machine<'_>) -> Vec<String> {
    let lab = machine.lab.path("").trim_end_matches('/');
    let line = |line: String| {
        let (mount, file_system) = line.split_once(" - ")?;
        let fields: Vec<&str> = mount.split(' ').collect();
        let target = fields[4].strip_prefix(lab)?;
        Some(format!("{target} {} {} {}", fields[5], file_system.split(' ').next()?, fields[3]))
    };
    let mut mounts: Vec<String> = table().into_iter().filter_map(line).collect();
    mounts.sort();
    mounts
}
