//! `lint` on whole images: what `make install` and the documented example put into one is clean, and each thing that is spoilt
//! in it is found, in the file and line where it is.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "all of this file is a test")]

use serde_json::json;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

const PROGRAM: &str = env!("CARGO_BIN_EXE_bedplate");
const PROJECT: &str = env!("CARGO_MANIFEST_DIR");
const CONFIG: &str = "usr/lib/bedplate/bedplate.toml";
const UNITS: &str = "usr/lib/systemd/system";

/// A tree as an image builder would ship it, and a physical root with a store that it was deployed to.
struct Image(PathBuf);

impl Image {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let dir = std::env::temp_dir().join(format!("bedplate-lint-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
        fs::create_dir(&dir).unwrap();
        let image = Self(dir);
        let install = format!("DESTDIR={}", image.tree(""));
        run(Command::new("make").args(["-s", "-C", PROJECT, "install", &install, &format!("BIN={PROGRAM}")]));
        for directory in ["sysroot", "var", "tmp", "proc", "sys", "dev", "run", "data"] {
            fs::create_dir(image.tree(directory)).unwrap();
        }
        for program in ["sbin/init", "usr/lib/systemd/systemd"] {
            image.write(program, "program");
            image.set_mode(program, 0o755);
        }
        image.write("etc/machine-id", "");
        image.write(CONFIG, &fs::read_to_string(format!("{PROJECT}/bedplate.toml.example")).unwrap());
        image.set_mode("usr/lib/bedplate", 0o755);
        image.set_mode(CONFIG, 0o644);
        image
    }

    fn with_store() -> Self {
        let image = Self::new();
        fs::create_dir(image.path("disk")).unwrap();
        run(Command::new(PROGRAM).args(["init-store", "--sysroot", &image.path("disk")]));
        run(Command::new(PROGRAM).args(["deploy", &image.tree(""), "--id=v1", "--good", "--sysroot", &image.path("disk")]));
        image
    }

    fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.0.display())
    }

    fn tree(&self, name: &str) -> String {
        self.path(&format!("tree/{name}")).trim_end_matches('/').into()
    }

    fn write(&self, file: &str, content: &str) {
        let path = self.tree(file);
        fs::create_dir_all(Path::new(&path).parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        // Whatever the umask is.
        for path in Path::new(&path).ancestors().take_while(|path| *path != Path::new(&self.tree(""))) {
            let mode = fs::metadata(path).unwrap().permissions().mode();
            fs::set_permissions(path, fs::Permissions::from_mode(mode & !0o022)).unwrap();
        }
    }

    fn set_mode(&self, file: &str, mode: u32) {
        fs::set_permissions(self.tree(file), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Exit code and output, with the directories' names taken out.
    fn lint(&self, more: &[&str]) -> (i32, String) {
        let output = Command::new(PROGRAM).args(["lint", &self.tree("")]).args(more).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        let text = String::from_utf8(output.stdout).unwrap();
        (output.status.code().unwrap(), text.replace(&self.tree(""), "TREE").replace(&self.path("disk"), "DISK"))
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// What is done to the image, the finding, and the exit code.
type Case = (fn(&Image), &'static str, i32);

const CASES: [Case; 23] = [
    (
        |image| image.write("etc/bedplate/bedplate.toml.d/10-x.toml", "# mine\n[boot]\ntrys = 5\n"),
        "error: TREE/etc/bedplate/bedplate.toml.d/10-x.toml:3: unknown key boot.trys (there are: boot.tries, boot.good-tries, boot.count, \
         boot.refunds, boot.deadline, boot.on-exhausted, boot.when-nothing-boots, boot.kernel-mismatch, boot.record, boot.record-device, \
         boot.watchdog, boot.keep), ignoring it",
        2,
    ),
    (
        |image| image.write("run/bedplate/bedplate.toml", "[etc]\nmode = \"rw\"\n"),
        "error: TREE/run/bedplate/bedplate.toml:2: etc.mode has to be one of \"overlay\", \"transient\", \"ro\", \"bind\"; going on with its default",
        2,
    ),
    (
        |image| fs::write(image.tree(CONFIG), b"[boot]\n# \xff\n").unwrap(),
        "error: TREE/usr/lib/bedplate/bedplate.toml: cannot read it: it is not UTF-8 text; leaving the file out and requiring signed deployments",
        2,
    ),
    (
        |image| fs::create_dir_all(image.tree("etc/bedplate/bedplate.toml")).unwrap(),
        "error: TREE/etc/bedplate/bedplate.toml: cannot read it: is a directory; leaving the file out and requiring signed deployments",
        2,
    ),
    (
        |image| {
            fs::create_dir_all(image.tree("etc/ssh")).unwrap();
            image.write("run/bedplate/bedplate.toml", "[etc]\nmode = \"transient\"\nkeep = [\"new\", \"ssh\", \"/etc/machine-id\"]\n");
        },
        "error: TREE/run/bedplate/bedplate.toml:3: etc.keep has \"machine-id\", which the vendor's /etc has and not as a directory: only \
         directories can be kept",
        2,
    ),
    (|image| image.set_mode(CONFIG, 0o666), "error: TREE/usr/lib/bedplate/bedplate.toml: writable by others (mode 0666): chmod go-w it", 2),
    (|image| image.set_mode("usr/lib/bedplate", 0o777), "error: TREE/usr/lib/bedplate: writable by others (mode 0777): chmod go-w it", 2),
    (
        |image| image.write("run/bedplate/bedplate.toml", "[ostree]\nrollback = true\n[boot]\nrecord-device = \"/dev/x\"\n"),
        "warning: TREE/run/bedplate/bedplate.toml:4: boot.record-device is not supported by this version: the record in the store is used",
        0,
    ),
    (
        |image| image.write("etc/ostree/prepare-root.conf", "[etc]\ntransient=maybe\n"),
        "error: TREE/etc/ostree/prepare-root.conf: cannot understand prepare-root.conf: etc.transient is \"maybe\", neither true nor false: \
         nothing boots with it",
        2,
    ),
    (
        |image| image.write("usr/lib/ostree/prepare-root.conf", "[sysroot]\nread-only=true\n"),
        "error: TREE/usr/lib/ostree/prepare-root.conf: prepare-root.conf: sysroot.read-only is unknown, ignoring it",
        2,
    ),
    (
        |image| {
            image.write("etc/initrd-release", "");
            image.write("usr/lib/ostree/ostree-prepare-root", "program");
            for unit in ["ostree", "bedplate"] {
                image.write(&format!("etc/systemd/system/initrd-root-fs.target.wants/{unit}-prepare-root.service"), "unit");
            }
        },
        "error: TREE/etc/systemd/system/initrd-root-fs.target.wants/ostree-prepare-root.service: ostree-prepare-root is started beside \
         bedplate, and both make the root: leave its dracut module out (98ostree), bedplate does its job",
        2,
    ),
    (
        |image| image.write("etc/dracut.conf.d/x.conf", "add_dracutmodules+=\" bedplate ostree \"\n"),
        "error: TREE/etc/dracut.conf.d/x.conf: dracut is told to add both ostree and bedplate, and both make the root: take \"ostree\" out, \
         bedplate does its job",
        2,
    ),
    (
        |image| image.write("run/bedplate/bedplate.toml", "[[path]]\ntarget = \"/date\"\n"),
        "error: TREE/run/bedplate/bedplate.toml:1: [[path]] target = \"/date\": the tree has no such directory to mount on: make it",
        2,
    ),
    (
        |image| image.write("etc/fstab", "UUID=1 / ext4\n"),
        "error: TREE/etc/fstab:1: a line for / would undo the read-only mounts: take it out (at boot, systemd-remount-fs is switched off for it)",
        2,
    ),
    (
        |image| fs::remove_file(image.tree("sbin/init")).unwrap(),
        "error: TREE/sbin/init: the tree cannot boot: there is no init program: looked for /sbin/init, /etc/init, /bin/init",
        2,
    ),
    (
        |image| image.set_mode("sbin/init", 0o644),
        "error: TREE/sbin/init: the tree cannot boot: the init program \"/sbin/init\" is not an executable file",
        2,
    ),
    (
        |image| fs::remove_file(image.tree("etc/machine-id")).unwrap(),
        "warning: TREE/etc/machine-id: missing: each deployment makes an empty one at its first boot; put an empty file there",
        0,
    ),
    (
        |image| fs::remove_dir(image.tree("sysroot")).unwrap(),
        "warning: TREE/sysroot: there is no such directory to mount on: bedplate deploy makes it, other ways of installing do not",
        0,
    ),
    (
        |image| fs::remove_file(image.tree("usr/lib/systemd/system/multi-user.target.wants/bedplate-mark-good.service")).unwrap(),
        "warning: TREE/usr/lib/systemd/system/multi-user.target.wants/bedplate-mark-good.service: missing: the system cannot mark itself good, \
         and a trial of it ends in a rollback (make install DESTDIR= puts it there)",
        0,
    ),
    (
        |image| fs::remove_file(image.tree("usr/lib/systemd/system/bedplate-shutdown.service")).unwrap(),
        "warning: TREE/usr/lib/systemd/system/bedplate-shutdown.service: missing: a clean reboot before mark good counts as \
         a failure (make install DESTDIR= puts it there)",
        0,
    ),
    (
        |image| {
            fs::create_dir_all(image.tree("etc/systemd/system")).unwrap();
            symlink("/dev/null", image.tree("etc/systemd/system/bedplate-started.service")).unwrap();
        },
        "warning: TREE/etc/systemd/system/bedplate-started.service: masked: what it is for does not happen; unmask it",
        0,
    ),
    (
        |image| image.write(&format!("{UNITS}/bedplate-x.service"), "[Service]\nType=oneshot\nExecStart=-/usr/bin/bedplat note x\n"),
        "warning: TREE/usr/lib/systemd/system/bedplate-x.service:3: the tree has no /usr/bin/bedplat: the unit fails at each boot",
        0,
    ),
    (
        |image| image.write("run/bedplate/bedplate.toml", "[etc]\nmode = \"bind\"\n"),
        "error: TREE/run/bedplate/bedplate.toml:2: etc.mode = \"bind\" makes the vendor's /etc writable in place, and no rollback brings it \
         back: ship it as usr/etc, or choose another mode",
        2,
    ),
];

#[test]
fn what_is_shipped_is_clean() {
    let image = Image::with_store();
    assert_eq!(image.lint(&["--sysroot", &image.path("disk")]), (0, "nothing to complain about\n".into()));
    // usr/etc may be the vendor's as well.
    fs::rename(image.tree("etc"), image.tree("usr/etc")).unwrap();
    fs::create_dir(image.tree("etc")).unwrap();
    assert_eq!(image.lint(&[]), (0, "nothing to complain about\n".into()));
}

#[test]
fn no_stale_program_is_installed() {
    let image = Image::new();
    fs::create_dir(image.path("target")).unwrap();
    fs::write(image.path("target/bedplate"), "stale").unwrap();
    let steps = |more: &[&str]| {
        let mut make = Command::new("make");
        make.args(["-n", "-C", &image.path(""), "-f", &format!("{PROJECT}/Makefile"), "install"]).args(more);
        String::from_utf8(make.output().unwrap().stdout).unwrap()
    };
    assert!(steps(&[]).contains("build-static target/bedplate\n"), "{}", steps(&[]));
    assert!(!steps(&[&format!("BIN={PROGRAM}")]).contains("build-static"));
}

#[test]
fn each_fault_is_found_where_it_is() {
    for (spoil, finding, code) in CASES {
        let image = Image::new();
        spoil(&image);
        let summary = if code == 0 { "1 warning" } else { "1 error" };
        assert_eq!(image.lint(&[]), (code, format!("{finding}\n{summary}\n")));
    }
}

#[test]
fn what_is_no_tree_has_errors() {
    let image = Image::new();
    fs::rename(image.tree(""), image.path("aside")).unwrap();
    fs::create_dir(image.tree("")).unwrap();
    let (code, text) = image.lint(&[]);
    let errors: Vec<&str> = text.lines().filter(|line| line.starts_with("error: ")).collect();
    let expected = [
        "error: TREE/usr: there is no such directory: it is no root tree",
        "error: TREE/etc: there is neither usr/etc nor etc: it is no root tree",
        "error: TREE/sbin/init: the tree cannot boot: there is no init program: looked for /sbin/init, /etc/init, /bin/init",
    ];
    assert_eq!((code, errors.as_slice()), (2, &expected[..]));
    assert!(text.ends_with("\n3 errors, 8 warnings\n"), "{text}");
}

#[test]
fn a_store_is_checked_too() {
    let image = Image::with_store();
    let disk = |name: &str| image.path(&format!("disk/bedplate/{name}"));
    fs::create_dir_all(disk("deployments/by-hand/root/usr")).unwrap();
    fs::create_dir(disk("deployments/.v2.new")).unwrap();
    fs::create_dir(disk("deployments/.v3.del")).unwrap();
    run(Command::new("cp").args(["-a", &disk("deployments/v1"), &disk("deployments/v9")]));
    fs::set_permissions(disk("deployments/v1/deployment.toml"), fs::Permissions::from_mode(0o646)).unwrap();
    fs::set_permissions(disk("state"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(disk("record"), "damaged").unwrap();
    fs::set_permissions(disk("record"), fs::Permissions::from_mode(0o600)).unwrap();
    let expected = "\
warning: DISK/bedplate/state: others may look into it (mode 0755): chmod 0700 it
error: DISK/bedplate/deployments/v1/deployment.toml: writable by others (mode 0646): chmod go-w it
error: DISK/bedplate/record: the record is lost (copy A: too short, copy B: too short): the machine chooses by the boot-success markers, without counting
warning: DISK/bedplate/deployments/by-hand: cannot boot: \"bedplate/deployments/by-hand/deployment.toml\" is missing; bedplate remove by-hand, and deploy it again
warning: DISK/bedplate/deployments/v9: cannot boot: \"bedplate/deployments/v9/deployment.toml\" names v1: the directory is not a deployment; bedplate remove v9, and deploy it again
warning: DISK/bedplate/deployments/.v2.new: left by a deploy that was interrupted: the next deploy or remove deletes it
warning: DISK/bedplate/deployments/.v3.del: left by a removal that was interrupted: the next deploy or remove finishes it
2 errors, 5 warnings
";
    assert_eq!(image.lint(&["--sysroot", &image.path("disk")]), (2, expected.into()));
}

#[test]
fn whatever_others_may_change_is_found() {
    let image = Image::with_store();
    let files = ["", "record", "config.json", "history.jsonl", "deployments", "manifests", "state", "var", "deployments/v1"];
    let files = files.map(String::from).into_iter();
    let of_deployment =
        ["deployment.toml", "boot-success", "boot-failure", "etc.manifest", "usr.manifest"].map(|name| format!("deployments/v1/{name}"));
    for file in files.chain(of_deployment) {
        let path = image.path(&format!("disk/bedplate/{file}"));
        if !Path::new(&path).exists() {
            fs::write(&path, "{}").unwrap();
        }
        let before = fs::metadata(&path).unwrap().permissions();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o722)).unwrap();
        let (code, text) = image.lint(&["--sysroot", &image.path("disk")]);
        fs::set_permissions(&path, before).unwrap();
        let file = format!("DISK/bedplate/{file}");
        let expected = format!("error: {}: writable by others (mode 0722): chmod go-w it\n", file.trim_end_matches('/'));
        assert!(code == 2 && text.contains(&expected), "{file}: {text}");
    }
    fs::set_permissions(image.path("disk/bedplate/var"), fs::Permissions::from_mode(0o1777)).unwrap();
    assert!(!image.lint(&["--sysroot", &image.path("disk")]).1.contains("DISK/bedplate/var"));
}

#[test]
fn nobody_is_told_to_remove_what_is_kept() {
    let image = Image::with_store();
    fs::write(image.path("disk/bedplate/deployments/v1/deployment.toml"), "damaged").unwrap();
    let (_, text) = image.lint(&["--sysroot", &image.path("disk")]);
    assert!(text.contains("; repair it, bedplate remove refuses: \"bedplate/deployments/v1/deployment.toml\" cannot be read"), "{text}");
}

#[test]
fn findings_as_json() {
    let image = Image::new();
    image.write("run/bedplate/bedplate.toml", "[boot]\ntries = 0\n");
    fs::remove_dir(image.tree("sysroot")).unwrap();
    let (code, text) = image.lint(&["--json"]);
    let expected = json!({
        "schema": 1,
        "errors": 1,
        "warnings": 1,
        "findings": [
            {
                "severity": "error",
                "file": "TREE/run/bedplate/bedplate.toml",
                "line": 2,
                "text": "boot.tries has to be a number from 1 to 255; going on with its default",
            },
            {
                "severity": "warning",
                "file": "TREE/sysroot",
                "line": null,
                "text": "there is no such directory to mount on: bedplate deploy makes it, other ways of installing do not",
            },
        ],
    });
    assert_eq!((code, serde_json::from_str::<serde_json::Value>(&text).unwrap()), (2, expected));
}
