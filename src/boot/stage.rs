//! The stage: a small tmpfs of our own below /run on which a new root is put together, out of sight, and from which it is
//! handed over to the place of the physical root once all of it stands.
//!
//! It knows nothing of plans. The stage is private: the initramfs's own propagation is left alone, and nothing that is
//! mounted on the stage appears anywhere else.

use crate::error::{Errno, Error, OrFail, Result};
use crate::sys::mount::{self, Parameter};
use crate::sys::{AsFd, OwnedFd, SysResult, fs, process};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

/// Below /run.
const PLACE: &str = "bedplate/stage";
/// On the stage: where the new root is mounted, and the tmpfs uppers of this boot.
const ROOT: &str = "root";
const SCRATCH: &str = "scratch";

/// A stage that stands. When it is dropped without having been handed over, all that is mounted on it goes away.
#[derive(Debug)]
pub struct Stage {
    /// The root of the tmpfs.
    mount: OwnedFd,
    /// Its path, for messages.
    path: String,
    /// Mounts attached outside the stage, that go away with it when it is undone.
    outside: RefCell<Vec<OwnedFd>>,
    standing: Cell<Standing>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Stands,
    Gone,
}

impl Stage {
    /// Sets up the stage below `run` (/run); what an earlier run has left there is detached first.
    pub fn begin(run: &str) -> Result<Self> {
        let path = format!("{run}/{PLACE}");
        let run = fs::open_dir(run).or_fail("cannot open", run)?;
        fs::make_dirs(&run, fs::split(PLACE).0, 0o755).or_fail("cannot make the directory of", &path)?;
        fs::make_dirs(&run, PLACE, 0o700).or_fail("cannot make", &path)?;
        detach_all(&run, PLACE).or_fail("cannot detach what an earlier run left at", &path)?;
        let parameters = [("source", "bedplate-stage"), ("size", "1m"), ("nr_inodes", "256"), ("mode", "700")];
        let mount = mount::make_fs("tmpfs", &parameters.map(|(key, value)| Parameter::Text(key, value)))?;
        fs::open_target_in(&run, PLACE).and_then(|at| mount::attach(&mount, at)).or_fail("cannot mount", &path)?;
        let stage = Self { mount, path, outside: RefCell::default(), standing: Cell::new(Standing::Stands) };
        stage.furnish().or_fail("cannot set up", &stage.path)?;
        Ok(stage)
    }

    fn furnish(&self) -> SysResult<()> {
        // Attached below a shared /run, it became shared itself. A move away from a shared parent would be refused, and
        // that after the physical root is gone.
        mount::make_private(&self.mount)?;
        fs::make_dir(&self.mount, ROOT, 0o755)?;
        fs::make_dir(&self.mount, SCRATCH, 0o700)
    }

    /// The new root: what is mounted there, or an empty directory as long as nothing is.
    pub fn new_root(&self) -> SysResult<OwnedFd> {
        fs::open_target_in(&self.mount, ROOT)
    }

    /// Holds the tmpfs uppers.
    pub fn scratch(&self) -> SysResult<OwnedFd> {
        fs::open_target_in(&self.mount, SCRATCH)
    }

    /// Takes note of a mount that was attached outside the stage: undoing detaches it, too.
    pub fn remember(&self, mount: OwnedFd) {
        self.outside.borrow_mut().push(mount);
    }

    /// Detaches everything that was mounted on it. Once more does nothing.
    pub fn undo(&self) -> Result<()> {
        if self.standing.replace(Standing::Gone) == Standing::Gone {
            return Ok(());
        }
        let outside = self.outside.take();
        let detached: Vec<_> = outside.iter().rev().chain([&self.mount]).map(mount::detach).collect();
        detached.into_iter().collect::<SysResult<()>>().or_fail("cannot detach", &self.path)
    }

    /// Moves the new root to `sysroot`, in place of the physical root, and clears the stage away. A failure leaves the
    /// physical root where it was.
    ///
    /// The order is that of OSTree since 2025.6: the plan has attached a clone of the physical root inside the new one;
    /// the original is detached, and a second clone is kept to put back. (Moving the original inside instead makes a
    /// cycle of mounts that cannot be unmounted at shutdown.)
    pub fn hand_over(self, sysroot: &str) -> Result<()> {
        if sysroot == "/" {
            return self.become_root();
        }
        let new = self.new_root().or_fail("cannot open the new root on", &self.path)?;
        if !mount::is_mount_point(&new).or_fail("cannot look at the new root on", &self.path)? {
            return Err(Error::transient(format!("no new root is mounted on \"{}\": this is a bug of bedplate", self.path)));
        }
        let spot = Spot::of(sysroot)?;
        let kept = spot.clear().or_fail("cannot detach the physical root from", sysroot)?;
        if let Err(errno) = spot.attach(&new) {
            return Err(spot.put_back(kept, errno));
        }
        // The new root stands. Should the stage not go away, that is no reason to boot another one: `drop` says it.
        self.outside.take();
        Ok(())
    }
}

/// What the kernel provides goes along to a new root.
const MOVED: [&str; 3] = ["dev", "sys", "proc"];

impl Stage {
    /// Without an initramfs, the physical root is / itself: the new root takes its place for this process, and it is detached, with
    /// the stage on it. A directory that the new root does not have stays behind: init mounts there what it needs.
    fn become_root(self) -> Result<()> {
        let new = self.new_root().or_fail("cannot open the new root on", &self.path)?;
        process::change_dir_to(&new).or_fail("cannot enter the new root on", &self.path)?;
        // The stage is below /run, which therefore cannot be moved into the new root: another mount of it can.
        if let Some((run, to)) = mounted(&new, "run")? {
            let clone = mount::clone_tree(run).or_fail("cannot clone", "/run")?;
            mount::attach(clone, to).or_fail("cannot mount in the new root", "run")?;
        }
        for name in MOVED {
            if let Some((from, to)) = mounted(&new, name)? {
                mount::attach(from, to).or_fail("cannot move to the new root", name)?;
            }
        }
        mount::pivot_here().or_fail("cannot make the new root", "/")?;
        self.standing.set(Standing::Gone);
        Ok(())
    }
}

/// What is mounted at a directory of the root, and its place in the new one, where that is there.
fn mounted(new: &OwnedFd, name: &str) -> Result<Option<(OwnedFd, OwnedFd)>> {
    let from = fs::open_dir(&format!("/{name}")).or_fail("cannot open", name)?;
    match fs::open_dir_in(new, name) {
        Err(Errno::ENOENT) => Ok(None),
        to => {
            let to = to.or_fail("cannot open in the new root", name)?;
            let is_mounted = mount::is_mount_point(&from).or_fail("cannot look at", name)?;
            Ok(is_mounted.then_some((from, to)))
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Err(error) = self.undo() {
            log::error!("{error}");
        }
    }
}

/// Detaches all that is mounted at a path, one on top of the other.
pub fn detach_all(root: impl AsFd, path: &str) -> SysResult<()> {
    loop {
        let there = fs::open_target_in(&root, path)?;
        if !mount::is_mount_point(&there)? {
            return Ok(());
        }
        mount::detach(there)?;
    }
}

/// Where the physical root is, held by its parent directory: the name leads to something else once it is detached.
struct Spot {
    path: String,
    parent: OwnedFd,
    name: String,
}

impl Spot {
    fn of(sysroot: &str) -> Result<Self> {
        let opened = fs::open_dir(sysroot).or_fail("cannot open", sysroot)?;
        // As the kernel has it: without symlinks, absolute.
        let path = mount::path_now(opened).or_fail("cannot find the place of", sysroot)?;
        let (parent, name) = fs::split(&path);
        if name.is_empty() {
            return Err(Error::refused("cannot replace \"/\" itself, the new root needs a directory below it"));
        }
        let parent = fs::open_dir(&format!("/{parent}")).or_fail("cannot open the directory of", sysroot)?;
        Ok(Self { name: name.into(), path, parent })
    }

    fn there(&self) -> SysResult<OwnedFd> {
        fs::open_path_in(&self.parent, &self.name)
    }

    /// Detaches what is mounted there. A detached clone of it comes back; none where nothing is mounted.
    fn clear(&self) -> SysResult<Option<OwnedFd>> {
        let physical = self.there()?;
        if !mount::is_mount_point(&physical)? {
            return Ok(None);
        }
        let kept = mount::clone_tree(&physical)?;
        mount::detach(&physical)?;
        Ok(Some(kept))
    }

    fn attach(&self, mount: impl AsFd) -> SysResult<()> {
        mount::attach(mount, self.there()?)
    }

    /// The error to report once the physical root is where it was.
    fn put_back(&self, kept: Option<OwnedFd>, why: Errno) -> Error {
        let back = kept.map_or(Ok(()), |kept| self.attach(kept));
        let and = match back {
            Ok(()) => String::new(),
            Err(errno) => format!(", and the physical root could not be put back: {errno}"),
        };
        Error::transient(format!("cannot move the new root to \"{}\": {why}{and}", self.path))
    }
}
