//! The plan: an ordered list of steps that produce the new root.

use super::Id;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// What a place's path is relative to. Names are resolved inside it: no symlink leads out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base {
    /// The physical root.
    Sysroot,
    /// The chosen deployment's tree.
    Deployment,
    /// The root under construction.
    New,
    /// What the new root has at /var, once that step is done.
    Var,
    /// The tmpfs uppers of this boot; each first component is a tmpfs of its own, never seen under a path.
    Scratch,
    /// /run.
    Run,
}

impl Base {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sysroot => "sysroot",
            Self::Deployment => "deployment",
            Self::New => "new",
            Self::Var => "var",
            Self::Scratch => "scratch",
            Self::Run => "run",
        }
    }
}

/// A path in a base, without leading slash; empty is the base itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub base: Base,
    pub path: String,
}

impl Place {
    pub fn new(base: Base, path: impl Into<String>) -> Self {
        Self { base, path: path.into() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:/{}", self.base.name(), self.path)
    }
}

/// Whether a mount lets writes through. A property of the mount alone, never of its superblock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    ReadOnly,
    Writable,
    /// As its source, or the file system, is.
    Kept,
    /// The mount lets writes through; whether its file system takes them is for later to say.
    Opened,
}

impl Access {
    pub const fn word(self) -> &'static str {
        match self {
            Self::ReadOnly => "ro",
            Self::Writable => "rw",
            Self::Kept => "as-is",
            Self::Opened => "rw-mount",
        }
    }
}

/// Whose overlay it is, and so how it is mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Ours, on the state of a deployment: index, metacopy, `redirect_dir` and xino off, so that the upper stays a plain list.
    Portable,
    /// OSTree's: by the kernel's defaults, under the name "overlay".
    Plain,
}

/// What fs-verity has to say of a composefs image and its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verity {
    /// Nothing.
    NotAsked,
    /// It is on for all of them.
    Required,
    /// It is on for all of them, and the image has this digest: SHA-256, as 64 hex digits.
    Digest(String),
}

/// Mode and owner of a directory to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    pub mode: u16,
    pub uid: u32,
    pub gid: u32,
}

/// One thing to do. Every `to` that is mounted on is in [`Base::New`], except for [`Action::Physical`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Makes a directory, and missing parents (0755), unless it is there; an existing one is left as it is.
    Directory { at: Place, owner: Owner },
    /// A bind mount of `from` alone (not what is mounted below it). Flags of the source are kept, access is set.
    Bind { from: Place, to: Place, access: Access },
    /// An overlay. `lower` from top to bottom.
    Overlay { lower: Vec<Place>, upper: Place, work: Place, to: Place, access: Access, style: Style },
    /// A composefs: an EROFS `image` of names and modes over a directory of file contents; with `changes`, an upper and its work
    /// directory, it is writable.
    Composefs { image: Place, objects: Place, changes: Option<[Place; 2]>, to: Place, access: Access, verity: Verity },
    /// A tmpfs; `to` is in `New`, or in `Scratch` with one component. `size` as tmpfs takes it ("50%").
    Tmpfs { to: Place, mode: u16, size: Option<String> },
    /// A file system on a device (a /dev path, UUID=, LABEL=, PARTUUID=, PARTLABEL=), writable.
    Device { source: String, to: Place },
    /// A regular file with this content, unless something is there; its directory is made.
    File { at: Place, mode: u16, content: String },
    /// Copies a tree with everything that it has, beside, synced and renamed, unless `to` holds something already.
    Fill { from: Place, to: Place },
    /// A clone of the physical root, read-only, nosuid, nodev. `to` is in `New` or in `Run`.
    Physical { to: Place },
}

impl Action {
    /// The mount point in the new root, where the action mounts something there.
    pub fn mounts_on(&self) -> Option<&Place> {
        match self {
            Self::Bind { to, .. }
            | Self::Overlay { to, .. }
            | Self::Composefs { to, .. }
            | Self::Tmpfs { to, .. }
            | Self::Device { to, .. }
            | Self::Physical { to } => (to.base == Base::New).then_some(to),
            Self::Directory { .. } | Self::File { .. } | Self::Fill { .. } => None,
        }
    }
}

/// What a step's failure means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnError {
    /// The boot of this deployment has failed.
    Fatal,
    /// Logged; the machine comes up without it.
    Warn,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub action: Action,
    pub on_error: OnError,
    /// Shown by `plan` and in errors.
    pub why: String,
}

/// The ordered steps, and what to tell the person about them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub deployment: Id,
    pub steps: Vec<Step>,
    /// Each says what was noticed and what happens next.
    pub warnings: Vec<String>,
    /// Files below /run, written once the root stands: path below /run, content.
    pub run_files: Vec<RunFile>,
    /// Checked for by verify, inside the new root.
    pub init: String,
}

/// A file (or, with `link`, a symlink) for the booted system's service manager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFile {
    /// Below /run, without leading slash.
    pub path: String,
    pub content: RunContent,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunContent {
    Text(String),
    Bytes(Vec<u8>),
    Link(String),
}
