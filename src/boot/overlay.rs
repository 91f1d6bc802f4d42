//! Makes an overlay from open layers. Where it is mounted, and what of it is kept, is the caller's.

use crate::error::Result;
use crate::sys::mount::{self, Flags, Parameter};
use crate::sys::{OwnedFd, SysResult, fs};
use alloc::string::String;
use alloc::vec::Vec;

/// All off: the upper stays a plain, portable list of changes.
const OFF: [&str; 4] = ["index", "metacopy", "redirect_dir", "xino"];

/// The layers, open.
#[derive(Debug)]
pub struct Layers {
    /// The topmost first.
    pub lower: Vec<OwnedFd>,
    pub upper: OwnedFd,
    /// An empty directory on the file system of `upper`.
    pub work: OwnedFd,
}

impl Layers {
    /// A detached mount with this name as its source.
    ///
    /// Layers are given by descriptor: a path in /proc needs no escapes and is never near the 255 bytes that a value may have.
    /// (Since Linux 6.13 the kernel takes descriptors themselves.)
    pub fn make(&self, name: &str) -> Result<OwnedFd> {
        self.with(name, OFF.map(|key| Parameter::Text(key, "off")))
    }

    /// The same by the kernel's defaults, named "overlay", as others mount theirs.
    pub fn make_plain(&self) -> Result<OwnedFd> {
        self.with("overlay", [])
    }

    fn with<const N: usize>(&self, name: &str, more: [Parameter<'_>; N]) -> Result<OwnedFd> {
        let lower: Vec<String> = self.lower.iter().map(fs::magic_path).collect();
        let (upper, work) = (fs::magic_path(&self.upper), fs::magic_path(&self.work));
        let texts = [("source", name.into()), ("lowerdir", lower.join(":")), ("upperdir", upper), ("workdir", work)];
        let texts = texts.iter().map(|(key, value)| Parameter::Text(key, value));
        let parameters: Vec<_> = texts.chain(more).collect();
        mount::make_fs("overlay", &parameters)
    }

    /// What the mounts of the layers forbid, taken together; without read-only, which is the caller's.
    pub fn restrictions(&self) -> SysResult<Flags> {
        let mut layers = self.lower.iter().chain([&self.upper]);
        let union = layers.try_fold(Flags::default(), |union, layer| SysResult::Ok(union.and(mount::flags_of(layer)?)))?;
        Ok(union.without(Flags::READ_ONLY))
    }
}
