//! Does what a plan says, step by step, on the stage. It decides nothing.

use super::copy::{self, Flow};
use super::stage::Stage;
use crate::decide::model::{Access, Action, Base, OnError, Owner, Place, Plan, Timing};
use crate::error::{Errno, Error, OrFail, Result};
use crate::sys::mount::{self, Flags, Parameter};
use crate::sys::{AsFd, OwnedFd, fs, host};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// What the plan's places are relative to.
#[derive(Debug, Clone, Copy)]
pub struct Bases<'a> {
    pub sysroot: &'a OwnedFd,
    /// The chosen deployment's tree.
    pub deployment: &'a OwnedFd,
    pub run: &'a OwnedFd,
    pub stage: &'a Stage,
}

/// What came of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Applied {
    pub timing: Vec<Timing>,
    /// Steps that failed and may.
    pub warnings: Vec<String>,
}

/// Runs the steps in order; the first fatal failure ends it, and the caller undoes the stage.
pub fn apply(plan: &Plan, bases: &Bases<'_>) -> Result<Applied> {
    let mut applied = Applied::default();
    for step in &plan.steps {
        let started = host::monotonic_micros();
        match bases.run(&step.action) {
            Ok(()) => {}
            Err(error) if step.on_error == OnError::Warn => applied.warnings.push(format!("{error}, going on without")),
            Err(error) => return Err(Error::new(error.kind, format!("{error} ({})", step.why))),
        }
        applied.timing.push(Timing { step: step.action.to_string(), micros: host::monotonic_micros().saturating_sub(started) });
    }
    Ok(applied)
}

impl Bases<'_> {
    fn run(&self, action: &Action) -> Result<()> {
        match action {
            Action::Directory { at, owner } => self.directory(at, *owner),
            Action::Bind { from, to, access } => self.bind(from, to, *access),
            Action::Overlay { lower, upper, work, to, access } => self.overlay(lower, [upper, work], to, *access),
            Action::Tmpfs { to, mode, size } => self.tmpfs(to, *mode, size.as_deref()),
            Action::Device { source, to } => self.device(source, to),
            Action::File { at, mode, content } => self.file(at, *mode, content),
            Action::Fill { from, to } => self.fill(from, to),
            Action::Physical { to } => self.physical(to),
        }
    }

    /// The base's directory as it is mounted now.
    fn base(&self, base: Base) -> Result<OwnedFd> {
        match base {
            Base::Sysroot => same(self.sysroot, "the physical root"),
            Base::Deployment => same(self.deployment, "the deployment"),
            Base::Run => same(self.run, "/run"),
            Base::New => self.stage.root(),
            Base::Var => fs::open_dir_in(self.stage.root()?, "var").or_fail("cannot open", "/var"),
            Base::Scratch => self.stage.scratch(),
        }
    }

    /// A handle on what is at a place, symlinks followed inside its base.
    fn find(&self, place: &Place) -> Result<OwnedFd> {
        let base = self.base(place.base)?;
        fs::open_target_in(base, &place.path).or_fail("cannot open", &place.to_string())
    }

    fn directory(&self, at: &Place, owner: Owner) -> Result<()> {
        let base = self.base(at.base)?;
        let on = at.to_string();
        if fs::open_dir_in(&base, &at.path).is_ok() {
            return Ok(());
        }
        fs::make_dirs(&base, &at.path, owner.mode).or_fail("cannot make the directory", &on)?;
        let made = fs::open_target_in(&base, &at.path).or_fail("cannot open", &on)?;
        fs::set_owner(made, owner.uid, owner.gid).or_fail("cannot set the owner of", &on)
    }

    fn bind(&self, from: &Place, to: &Place, access: Access) -> Result<()> {
        let tree = mount::clone_tree(self.find(from)?).or_fail("cannot clone", &from.to_string())?;
        set_access(&tree, access).or_fail("cannot set the access of", &to.to_string())?;
        self.attach(tree, to)
    }

    /// An overlay has the restrictions of each of its layers.
    fn overlay(&self, lower: &[Place], [upper, work]: [&Place; 2], to: &Place, access: Access) -> Result<()> {
        let lower: Vec<OwnedFd> = lower.iter().map(|place| self.find(place)).collect::<Result<_>>()?;
        let (upper, work) = (self.find(upper)?, self.find(work)?);
        let layers = lower.iter().chain([&upper]);
        let restricted = layers.map(mount::flags_of).try_fold(Flags::default(), |all, flags| Ok(all.and(flags?)));
        let restricted = restricted.or_fail("cannot look at the layers of", &to.to_string())?.without(Flags::READ_ONLY);
        let lower: Vec<String> = lower.iter().map(fs::magic_path).collect();
        let (lower, upper, work) = (lower.join(":"), fs::magic_path(&upper), fs::magic_path(&work));
        let source = format!("bedplate-{}", to.path.replace('/', "-"));
        let overlay = mount::make_fs(
            "overlay",
            &[
                Parameter::Text("source", &source),
                Parameter::Text("lowerdir", &lower),
                Parameter::Text("upperdir", &upper),
                Parameter::Text("workdir", &work),
                Parameter::Text("index", "off"),
                Parameter::Text("metacopy", "off"),
                Parameter::Text("redirect_dir", "off"),
                Parameter::Text("xino", "off"),
            ],
        )?;
        mount::set_flags(&overlay, restricted, Flags::default()).or_fail("cannot restrict", &to.to_string())?;
        set_access(&overlay, access).or_fail("cannot set the access of", &to.to_string())?;
        self.attach(overlay, to)
    }

    fn tmpfs(&self, to: &Place, mode: u16, size: Option<&str>) -> Result<()> {
        if to.base == Base::Scratch {
            fs::make_dirs(self.base(Base::Scratch)?, &to.path, 0o755).or_fail("cannot make", &to.to_string())?;
        }
        let mode = format!("{mode:04o}");
        let parameters = [Parameter::Text("source", "bedplate"), Parameter::Text("mode", &mode)];
        let size = size.map(|size| Parameter::Text("size", size));
        let tmpfs = mount::make_fs("tmpfs", &parameters.into_iter().chain(size).collect::<Vec<_>>())?;
        mount::set_flags(&tmpfs, Flags::NOSUID.and(Flags::NODEV), Flags::default()).or_fail("cannot restrict", &to.to_string())?;
        self.attach(tmpfs, to)
    }

    fn device(&self, source: &str, to: &Place) -> Result<()> {
        let device = super::rootdev::mount_device(source)?;
        self.attach(device, to)
    }

    fn file(&self, at: &Place, mode: u16, content: &str) -> Result<()> {
        let base = self.base(at.base)?;
        let on = at.to_string();
        match fs::create_in(&base, &at.path, mode) {
            Ok(file) => fs::write_all(file, content.as_bytes()).or_fail("cannot write", &on),
            Err(Errno::EEXIST) => Ok(()),
            Err(errno) => Err(errno).or_fail("cannot create", &on),
        }
    }

    /// Beside, synced, renamed: a copy that was cut short is not seen, and is made again.
    fn fill(&self, from: &Place, to: &Place) -> Result<()> {
        let base = self.base(to.base)?;
        let on = to.to_string();
        if fs::names_in(&base, &to.path).is_ok_and(|names| !names.is_empty()) {
            return Ok(());
        }
        let (parent, name) = fs::split(&to.path);
        fs::make_dirs(&base, parent, 0o755).or_fail("cannot make the directory of", &on)?;
        let parent = fs::open_dir_in(&base, parent).or_fail("cannot open the directory of", &on)?;
        let beside = format!(".{name}.new");
        copy::remove_tree(parent.as_fd(), &beside)?;
        let from_base = self.base(from.base)?;
        let source = fs::open_dir_in(from_base, &from.path).or_fail("cannot open", &from.to_string())?;
        let copied = copy::copy_tree(source.as_fd(), parent.as_fd(), &beside, &mut |_| Flow::Continue)?;
        copied.left_out.first.iter().for_each(|sentence| log::warn!("{sentence}, going on without"));
        fs::sync_fs(&parent).or_fail("cannot flush", &on)?;
        fs::rename_in(&parent, &beside, name).or_fail("cannot rename into place", &on)?;
        fs::sync(&parent).or_fail("cannot flush", &on)
    }

    /// Old deployments hold setuid programs and devices: seen, not used.
    fn physical(&self, to: &Place) -> Result<()> {
        let tree = mount::clone_tree(self.sysroot).or_fail("cannot clone", "the physical root")?;
        let restricted = Flags::READ_ONLY.and(Flags::NOSUID).and(Flags::NODEV);
        mount::set_flags(&tree, restricted, Flags::default()).or_fail("cannot restrict", &to.to_string())?;
        self.attach(tree, to)
    }

    fn attach(&self, tree: OwnedFd, to: &Place) -> Result<()> {
        let onto = self.find(to)?;
        mount::attach(tree, onto).or_fail("cannot mount", &to.to_string())
    }
}

fn same(fd: &OwnedFd, what: &str) -> Result<OwnedFd> {
    fs::open_dir_in(fd, "").or_fail("cannot open", what)
}

fn set_access(tree: &OwnedFd, access: Access) -> core::result::Result<(), Errno> {
    match access {
        Access::ReadOnly => mount::set_flags(tree, Flags::READ_ONLY, Flags::default()),
        Access::Writable => mount::set_flags(tree, Flags::default(), Flags::READ_ONLY),
    }
}
