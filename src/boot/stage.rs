//! The private place where a root is built, and its way to SYSROOT. Nothing appears there before all of it stands.

use crate::decide::plan::units::RUN_SYSROOT;
use crate::error::{Errno, OrFail, Result};
use crate::sys::mount::{self, Parameter};
use crate::sys::{OwnedFd, fs};
use alloc::format;
use alloc::string::String;

/// Below /run.
const STAGE: &str = "bedplate/stage";

/// An own small tmpfs at RUN/bedplate/stage, private, so that a mount can be moved out of it and none spreads from it.
#[derive(Debug)]
pub struct Stage {
    path: String,
    run: String,
}

impl Stage {
    /// Makes the stage anew; what an earlier run left there is detached first.
    pub fn open(run: &str) -> Result<Self> {
        let stage = Self { path: format!("{run}/{STAGE}"), run: run.into() };
        let run_dir = fs::open_dir(run).or_fail("cannot open", run)?;
        fs::make_dirs(&run_dir, STAGE, 0o700).or_fail("cannot make", &stage.path)?;
        stage.undo();
        let tmpfs = mount::make_fs(
            "tmpfs",
            &[Parameter::Text("mode", "0700"), Parameter::Text("size", "1m"), Parameter::Text("source", "bedplate")],
        )?;
        let onto = fs::open_dir(&stage.path).or_fail("cannot open", &stage.path)?;
        mount::attach(tmpfs, onto).or_fail("cannot mount", &stage.path)?;
        let dir = fs::open_dir(&stage.path).or_fail("cannot open", &stage.path)?;
        mount::make_private(&dir).or_fail("cannot make private", &stage.path)?;
        for name in ["root", "scratch"] {
            fs::make_dir(&dir, name, 0o755).or_fail("cannot make", name)?;
        }
        Ok(stage)
    }

    /// The root under construction, as it is mounted now.
    pub fn root(&self) -> Result<OwnedFd> {
        let path = self.root_path();
        fs::open_dir(&path).or_fail("cannot open", &path)
    }

    /// Its place in the mount table.
    pub fn root_path(&self) -> String {
        format!("{}/root", self.path)
    }

    /// Where tmpfs uppers stand.
    pub fn scratch(&self) -> Result<OwnedFd> {
        let path = format!("{}/scratch", self.path);
        fs::open_dir(&path).or_fail("cannot open", &path)
    }

    /// Takes all of it away. What was never mounted is no error: this also runs before anything is, and after a failure.
    pub fn undo(&self) {
        for path in [format!("{}/{RUN_SYSROOT}", self.run), self.path.clone()] {
            while is_mount_point(&path) && mount::detach(&path).is_ok() {}
        }
    }

    /// The stage has done its work; the root has left it.
    fn strike(&self) {
        while is_mount_point(&self.path) && mount::detach(&self.path).is_ok() {}
    }
}

/// A mount point is another mount than its parent directory.
fn is_mount_point(path: &str) -> bool {
    fs::mount_id(path).is_ok_and(|own| fs::mount_id(fs::split_absolute(path).0).is_ok_and(|parent| parent != own))
}

/// Puts the finished root in SYSROOT's place. The physical root leaves SYSROOT first: below a mount that is shared, a
/// root that is moved on top of another one would show up twice. On a failure it is put back.
pub fn hand_over(stage: &Stage, sysroot: &str) -> Result<()> {
    let physical = fs::open_dir(sysroot).or_fail("cannot open", sysroot)?;
    let kept = mount::clone_tree(&physical).or_fail("cannot clone", sysroot)?;
    drop(physical);
    if is_mount_point(sysroot) {
        mount::detach(sysroot).or_fail("cannot detach", sysroot)?;
    }
    let moved = move_root(stage, sysroot);
    if moved.is_err() {
        let put_back = fs::open_dir(sysroot).and_then(|onto| mount::attach(&kept, onto));
        put_back.or_fail("cannot put back the physical root at", sysroot)?;
    }
    moved?;
    stage.strike();
    Ok(())
}

fn move_root(stage: &Stage, sysroot: &str) -> Result<()> {
    let root = stage.root()?;
    let onto = fs::open_dir(sysroot).or_fail("cannot open", sysroot)?;
    match mount::attach(root, onto) {
        Err(Errno::ELOOP) => Err(Errno::ELOOP).or_fail("SYSROOT is inside the new root, cannot move it to", sysroot),
        result => result.or_fail("cannot move the new root to", sysroot),
    }
}
