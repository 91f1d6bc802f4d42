//! A thread with a mount namespace of its own, and in it a small machine: a physical root with one deployment, and /run.
//! Everything that is mounted there is gone when the thread ends.

use bedplate::boot::apply::{self, Applied, Bases};
use bedplate::boot::stage::Stage;
use bedplate::boot::verify;
use bedplate::decide::model::{Access, Action, Base, Id, Mounted, OnError, Owner, Place, Plan, Step, Style};
use bedplate::error::Result;
use bedplate::sys::{AsFd, fs as bedplate_fs, mount};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

pub const PLAIN: Owner = Owner { mode: 0o755, uid: 0, gid: 0 };
/// The deployment's tree, in the physical root.
pub const TREE: &str = "bedplate/deployments/v1/root";

/// What the physical root is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disk {
    Tmpfs,
    /// A loop device with this file system.
    Image(&'static str),
    /// A directory and no mount point.
    Directory,
}

/// The machine; `dir` holds `sysroot` and `run`.
#[derive(Debug)]
pub struct Lab {
    pub dir: PathBuf,
}

/// Number of the next machine.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// Runs a test in a namespace. Without root it cannot: then it says so, and fails where all tests are wanted.
pub fn lab(disk: Disk, test: impl FnOnce(&Lab) + Send + 'static) {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        assert!(std::env::var("CI").is_err(), "needs root");
        println!("skipped: needs root");
        return;
    }
    let name = format!("bedplate-namespace-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let dir = std::env::temp_dir().join(name);
    fs::create_dir(&dir).unwrap();
    let lab = Lab { dir: dir.clone() };
    let thread = std::thread::spawn(move || {
        mount::own_namespace().unwrap();
        lab.set_up(disk);
        test(&lab);
    });
    let result = thread.join();
    fs::remove_dir(&dir).unwrap();
    result.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}

/// Runs a program that has to succeed.
pub fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

impl Lab {
    fn set_up(&self, disk: Disk) {
        run("mount", &["-t", "tmpfs", "lab", self.path("")]);
        for name in ["sysroot", "run", "outside"] {
            fs::create_dir(self.dir.join(name)).unwrap();
        }
        run("mount", &["-t", "tmpfs", "run", self.path("run")]);
        match disk {
            Disk::Tmpfs => run("mount", &["-t", "tmpfs", "disk", self.path("sysroot")]),
            Disk::Image(fstype) => self.mount_image(fstype),
            Disk::Directory => {}
        }
        self.make_tree();
    }

    fn mount_image(&self, fstype: &str) {
        let image = self.path("disk.img");
        fs::File::create(image).unwrap().set_len(320 << 20).unwrap();
        run(&format!("mkfs.{fstype}"), &["-q", image]);
        run("mount", &["-o", "loop", image, self.path("sysroot")]);
    }

    fn make_tree(&self) {
        let dirs = "usr/bin usr/sbin usr/local usr/lib/systemd usr/etc var home opt tmp sysroot proc sys dev run etc";
        for dir in dirs.split(' ') {
            fs::create_dir_all(self.tree().join(dir)).unwrap();
        }
        std::os::unix::fs::symlink("usr/sbin", self.tree().join("sbin")).unwrap();
        std::os::unix::fs::symlink("/lib/systemd/systemd", self.tree().join("usr/sbin/init")).unwrap();
        std::os::unix::fs::symlink("usr/lib", self.tree().join("lib")).unwrap();
        self.write("sysroot/bedplate/deployments/v1/root/usr/lib/systemd/systemd", "program");
        fs::set_permissions(self.tree().join("usr/lib/systemd/systemd"), fs::Permissions::from_mode(0o755)).unwrap();
        self.write("sysroot/bedplate/deployments/v1/root/usr/etc/vendor", "vendor");
        fs::create_dir_all(self.dir.join("sysroot/bedplate/var")).unwrap();
    }

    /// A path of the machine. (Leaked: a test is short.)
    pub fn path(&self, path: &str) -> &'static str {
        Box::leak(self.dir.join(path).into_os_string().into_string().unwrap().into_boxed_str())
    }

    pub fn tree(&self) -> PathBuf {
        self.dir.join("sysroot").join(TREE)
    }

    pub fn write(&self, path: &str, content: &str) {
        fs::write(self.dir.join(path), content).unwrap();
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.dir.join(path)).unwrap()
    }

    /// Stages the plan, applies and verifies it; then `look` sees the stage and what came of it. What `look` does not hand
    /// over is undone.
    pub fn staged<T>(&self, plan: &Plan, look: impl FnOnce(Stage, Result<(Applied, Vec<Mounted>)>) -> T) -> T {
        let stage = Stage::begin(self.path("run")).unwrap();
        let open = |path: &str| bedplate_fs::open_dir(self.path(path)).unwrap();
        let (sysroot, run) = (open("sysroot"), open("run"));
        let deployment = open(&format!("sysroot/{TREE}"));
        let bases = Bases { sysroot: sysroot.as_fd(), deployment: deployment.as_fd(), run: run.as_fd(), stage: &stage };
        let result = apply::apply(plan, &bases).and_then(|applied| Ok((applied, verify::verify(plan, &bases)?)));
        look(stage, result)
    }

    /// The plan's root at SYSROOT, or the test ends.
    pub fn boot(&self, plan: &Plan) -> (Applied, Vec<Mounted>) {
        self.staged(plan, |stage, result| {
            let result = result.unwrap();
            stage.hand_over(self.path("sysroot")).unwrap();
            result
        })
    }

    /// The error of a plan that has to fail.
    pub fn fails(&self, plan: &Plan) -> bedplate::error::Error {
        self.staged(plan, |_, result| result.unwrap_err())
    }

    /// The line of mountinfo for a mount point, the one on top.
    pub fn mount(&self, path: &str) -> Option<String> {
        let at = self.dir.join(path);
        let at = at.to_str().unwrap().trim_end_matches('/').to_owned();
        table().into_iter().rev().find(|line| line.split(' ').nth(4) == Some(&at))
    }

    /// The options of the mount there, as mountinfo has them.
    pub fn options(&self, path: &str) -> Vec<String> {
        let line = self.mount(path).unwrap_or_else(|| panic!("nothing is mounted at {path}"));
        line.split(' ').nth(5).unwrap().split(',').map(String::from).collect()
    }
}

/// The mount table of this thread, line by line.
pub fn table() -> Vec<String> {
    fs::read_to_string("/proc/thread-self/mountinfo").unwrap().lines().map(String::from).collect()
}

/// The same without the numbers of mounts and of their parents: what was detached and put back has new ones.
pub fn table_without_numbers() -> Vec<String> {
    let mut lines: Vec<String> = table().iter().map(|line| line.splitn(3, ' ').nth(2).unwrap().to_owned()).collect();
    lines.sort();
    lines
}

pub fn place(base: Base, path: &str) -> Place {
    Place::new(base, path)
}

pub fn new(path: &str) -> Place {
    place(Base::New, path)
}

pub fn step(action: Action) -> Step {
    Step { action, on_error: OnError::Fatal, why: "the test wants it".into() }
}

pub fn bind(from: Place, to: &str, access: Access) -> Step {
    step(Action::Bind { from, to: new(to), access })
}

pub fn directory(at: Place) -> Step {
    step(Action::Directory { at, owner: PLAIN })
}

/// The overlay of /etc with its directories; `upper` holds upper and work.
pub fn etc(base: Base, upper: &str) -> [Step; 3] {
    let [upper, work] = ["upper", "work"].map(|name| place(base, &format!("{upper}/{name}")));
    let lower = vec![place(Base::Deployment, "usr/etc")];
    let overlay = Action::Overlay {
        lower,
        upper: upper.clone(),
        work: work.clone(),
        to: new("etc"),
        access: Access::Writable,
        style: Style::Portable,
    };
    [directory(upper), directory(work), step(overlay)]
}

pub fn tmpfs(to: Place, mode: u16) -> Step {
    step(Action::Tmpfs { to, mode, size: Some("4m".into()) })
}

pub fn plan(steps: impl IntoIterator<Item = Step>) -> Plan {
    let steps = steps.into_iter().collect();
    Plan { deployment: Id::parse("v1").unwrap(), steps, warnings: vec![], run_files: vec![], init: "sbin/init".into() }
}

/// / and /usr, with which every plan begins.
pub fn root() -> Vec<Step> {
    let of = |path: &str| bind(place(Base::Deployment, path), path, Access::ReadOnly);
    vec![of(""), of("usr")]
}

/// The root of a machine whose disk can be written.
pub fn whole() -> Vec<Step> {
    let mut steps = root();
    steps.extend(etc(Base::Sysroot, "bedplate/state/v1@x/etc"));
    steps.extend([
        bind(place(Base::Sysroot, "bedplate/var"), "var", Access::Writable),
        directory(place(Base::Var, "usrlocal")),
        bind(place(Base::Var, "usrlocal"), "usr/local", Access::Writable),
        directory(place(Base::Var, "home")),
        bind(place(Base::Var, "home"), "home", Access::Writable),
        tmpfs(new("tmp"), 0o1777),
        step(Action::Physical { to: new("sysroot") }),
    ]);
    steps
}

/// Whether a file can be made in a directory.
pub fn takes_writes(directory: &Path) -> bool {
    let file = directory.join("probe");
    fs::write(&file, "x").and_then(|()| fs::remove_file(&file)).is_ok()
}
