//! Where the command runs: the copy as its root, with /etc and /var as the machine has them now, and file systems of the kernel.
//! This is the first process of a PID namespace; with it goes everything that is mounted and everybody whom it started.

use super::{ETC_BEFORE, SCRATCH};
use bedplate::boot::overlay::Layers;
use bedplate::decide::plan::{VAR_BACKED, resolve};
use bedplate::error::{Errno, Error, OrFail, Result};
use bedplate::sys::copy::{self, Device, Node};
use bedplate::sys::fs::FileType;
use bedplate::sys::mount::{self, Flags, Parameter};
use bedplate::sys::{OwnedFd, SysResult, fs, process};
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

const ALL: Flags = Flags::READ_ONLY.and(Flags::NOSUID).and(Flags::NODEV).and(Flags::NOEXEC);
/// Name, minor number of major 1 or 5.
const NODES: [(&std::ffi::CStr, u32, u32); 6] =
    [(c"null", 1, 3), (c"zero", 1, 5), (c"full", 1, 7), (c"random", 1, 8), (c"urandom", 1, 9), (c"tty", 5, 0)];
const LINKS: [(&str, &str); 5] = [("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2"), ("ptmx", "pts/ptmx")];
const RESOLV_CONF: &str = "etc/resolv.conf";

/// What the command gets.
#[derive(Debug, Clone, Copy)]
pub struct Room<'a> {
    /// The physical root.
    pub sysroot: &'a str,
    /// Below it, the directory that holds the tree and the scratch.
    pub place: &'a str,
    /// Of the tree, below /var.
    pub databases: &'a [&'a str],
    pub command: &'a [String],
}

impl Room<'_> {
    /// Builds it and runs the command to its end: its exit status, or 128 and the signal that ended it.
    pub fn run(&self) -> Result<u8> {
        mount::own_namespace().or_fail("cannot make a mount namespace for", "the command")?;
        let sysroot = fs::open_dir(self.sysroot).or_fail("cannot open", self.sysroot)?;
        let place = fs::open_dir_in(&sysroot, self.place).or_fail("cannot open", self.place)?;
        let names = Names::of_machine()?;
        // What the mounts of the room will cover.
        let databases = self.open_databases(&place)?;
        let root = root(&place)?;
        layer("etc", vec![open(&place, &format!("{SCRATCH}/{ETC_BEFORE}"))?], &place, &root)?;
        layer("var", vec![fs::open_dir("/var").or_fail("cannot open", "/var")?], &place, &root)?;
        bind_var_backed(&root)?;
        for (path, database) in databases {
            fs::make_dirs(&root, path, 0o755).or_fail("cannot make", path)?;
            attach(&database, &root, path)?;
        }
        kernels_own(&root)?;
        names.put(&root)?;
        enter(&root).or_fail("cannot enter", "the copy")?;
        self.execute()
    }

    fn open_databases<'a>(&'a self, place: &OwnedFd) -> Result<Vec<(&'a str, OwnedFd)>> {
        let mut opened = Vec::new();
        for database in self.databases {
            match fs::open_dir_in(place, &format!("root/{database}")).and_then(private_clone) {
                Err(Errno::ENOENT | Errno::ENOTDIR) => {}
                clone => opened.push((*database, clone.or_fail("cannot clone the mount of", database)?)),
            }
        }
        Ok(opened)
    }

    fn execute(&self) -> Result<u8> {
        let Some((program, arguments)) = self.command.split_first() else { return Err(Error::usage("no command is given")) };
        // Nothing here is to be told of what is installed.
        let started = Command::new(program).args(arguments).env("SYSTEMD_OFFLINE", "1").spawn();
        let ended = started.and_then(|mut child| child.wait()).map_err(|error| Error::transient(error.to_string()))?;
        let signal = ended.signal().map(|signal| signal.saturating_add(128));
        Ok(ended.code().or(signal).and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX))
    }
}

/// An overlay whose changes are in the scratch.
fn layer(name: &str, lower: Vec<OwnedFd>, place: &OwnedFd, root: &OwnedFd) -> Result<()> {
    let [upper, work] = ["upper", "work"].map(|part| open(place, &format!("{SCRATCH}/{name}/{part}")));
    let layers = Layers { lower, upper: upper?, work: work? };
    attach(&layers.make(&format!("bedplate-{name}"))?, root, name)
}

fn open(dir: &OwnedFd, path: &str) -> Result<OwnedFd> {
    fs::open_dir_in(dir, path).or_fail("cannot open", path)
}

fn private_clone(dir: OwnedFd) -> SysResult<OwnedFd> {
    let clone = mount::clone_tree(dir)?;
    mount::make_private(&clone)?;
    Ok(clone)
}

fn attach(made: &OwnedFd, root: &OwnedFd, path: &str) -> Result<()> {
    fs::open_target_in(root, path).and_then(|at| mount::attach(made, at)).or_fail("cannot mount in the copy at", path)
}

/// The tree as a mount of its own, on which all is allowed that a root allows.
fn root(place: &OwnedFd) -> Result<OwnedFd> {
    let made = fs::open_dir_in(place, "root").and_then(private_clone).or_fail("cannot clone the mount of", "the copy")?;
    mount::set_flags(&made, Flags::default(), ALL).or_fail("cannot set the mount flags of", "the copy")?;
    attach(&made, place, "root")?;
    Ok(made)
}

/// As at boot, but in the layer over the machine's own /var.
fn bind_var_backed(root: &OwnedFd) -> Result<()> {
    for (target, place) in VAR_BACKED {
        let is_directory = fs::stat_in(root, target).is_ok_and(|stat| stat.file_type == FileType::Directory);
        match fs::open_dir_in(root, &format!("var/{place}")) {
            Ok(dir) if is_directory => {
                attach(&private_clone(dir).or_fail("cannot clone the mount of", place)?, root, target)?;
            }
            Ok(_) | Err(Errno::ENOENT | Errno::ENOTDIR) => {}
            Err(errno) => return Err(errno).or_fail("cannot open", place),
        }
    }
    Ok(())
}

/// What the kernel shows, and memory for what is of no use later. Devices are the harmless ones.
fn kernels_own(root: &OwnedFd) -> Result<()> {
    let on = "/dev of the copy";
    attach(&mount::make_fs("proc", &[])?, root, "proc")?;
    let sys = mount::make_fs("sysfs", &[])?;
    mount::set_flags(&sys, Flags::READ_ONLY, Flags::default()).or_fail("cannot set the mount flags of", "/sys of the copy")?;
    attach(&sys, root, "sys")?;
    for (path, mode) in [("run", "755"), ("tmp", "1777"), ("dev", "755")] {
        attach(&mount::make_fs("tmpfs", &[Parameter::Text("source", "bedplate"), Parameter::Text("mode", mode)])?, root, path)?;
    }
    fs::make_dir(root, "run/lock", 0o1777).or_fail("cannot make", "/run/lock of the copy")?;
    let dev = fs::open_dir_in(root, "dev").or_fail("cannot open", on)?;
    furnish(&dev).or_fail("cannot furnish", on)?;
    let pts = [Parameter::Text("ptmxmode", "666"), Parameter::Text("mode", "620")];
    attach(&mount::make_fs("devpts", &pts)?, &dev, "pts")
}

fn furnish(dev: &OwnedFd) -> SysResult<()> {
    for (name, major, minor) in NODES {
        copy::make_special_at(dev, name, Node::Character(Device { major, minor }))?;
        copy::set_mode_at(dev, name, 0o666)?;
    }
    LINKS.iter().try_for_each(|(name, target)| fs::make_symlink(dev, name, target))?;
    fs::make_dir(dev, "pts", 0o755)?;
    fs::make_dir(dev, "shm", 0o1777)
}

/// It becomes the root of this namespace; nothing of the other one can be named any more.
fn enter(root: &OwnedFd) -> SysResult<()> {
    process::change_dir(&fs::magic_path(root))?;
    mount::move_here_to_root()?;
    process::change_root(".")?;
    process::change_dir("/")
}

/// How names of the network are resolved. Where /etc has a link that leads to /run, as with systemd-resolved, what it means is
/// copied there.
#[derive(Debug)]
struct Names(Option<(String, Vec<u8>)>);

impl Names {
    fn of_machine() -> Result<Self> {
        let machine = fs::open_dir("/").or_fail("cannot open", "/")?;
        let Ok(link) = fs::read_link_in(&machine, RESOLV_CONF) else { return Ok(Self(None)) };
        let path = resolve(RESOLV_CONF, &link).filter(|path| path.starts_with("run/"));
        let content = fs::read(&machine, RESOLV_CONF);
        Ok(Self(path.zip(content.ok())))
    }

    fn put(&self, root: &OwnedFd) -> Result<()> {
        let Some((path, content)) = &self.0 else { return Ok(()) };
        let made = fs::make_dirs(root, fs::split(path).0, 0o755).and_then(|()| fs::write_new_in(root, path, 0o644, content));
        made.or_fail("cannot write in the copy", path)
    }
}
