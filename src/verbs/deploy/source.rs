//! Looks at the tree that shall be deployed. Reads only.

use crate::verbs::root_tree::{self, found};
use bedplate::boot::copy::shares_blocks;
use bedplate::boot::facts;
use bedplate::boot::store::Store;
use bedplate::decide::deploy::{self, Nesting, Sharing};
use bedplate::decide::os_release;
use bedplate::error::{Errno, Error, OrFail, Result};
use bedplate::sys::{AsFd, BorrowedFd, OwnedFd, copy, fs, mount};

/// The tree, open.
#[derive(Debug)]
pub struct Source {
    pub dir: OwnedFd,
}

impl Source {
    pub fn open(path: &str) -> Result<Self> {
        match fs::open_dir(path) {
            Ok(dir) => Ok(Self { dir }),
            Err(Errno::ENOTDIR) => {
                let why = "images and tar streams cannot be deployed yet; unpack it and give the directory";
                Err(Error::refused(format!("\"{path}\" is no directory: {why}")))
            }
            Err(errno) => Err(errno).or_fail("cannot open", path),
        }
    }

    /// Everything that decides whether it may be deployed, but its size.
    pub fn facts(&self, store: &Store) -> Result<deploy::Source> {
        let stat = fs::stat_fd(&self.dir).or_fail("cannot look at", "the source")?;
        Ok(deploy::Source {
            place: nesting(self.dir.as_fd(), store.dir.as_fd())?,
            covered: self.covered()?,
            has_usr: root_tree::is_dir(&self.dir, "usr")?,
            has_etc: root_tree::vendor_etc(&self.dir)?.is_some(),
            no_init: root_tree::init(&self.dir).err().map(|error| error.text),
            missing: root_tree::missing_half(&self.dir)?,
            mode: stat.mode,
        })
    }

    /// The first of usr, the vendor's etc and the init program that is on another mount than the tree's own directory.
    fn covered(&self) -> Result<Option<String>> {
        let own = mount::id_of(&self.dir).or_fail("cannot look at", "the source")?;
        let etc = root_tree::vendor_etc(&self.dir)?.map(|vendor| vendor.path().to_string());
        let init = facts::find_init(&self.dir, None).ok();
        for path in std::iter::once("usr".to_string()).chain(etc).chain(init) {
            let target = found(fs::open_target_in(&self.dir, &path)).or_fail("cannot open", &path)?;
            let mount = target.map(mount::id_of).transpose().or_fail("cannot look at", &path)?;
            if mount.is_some_and(|mount| mount != own) {
                return Ok(Some(path));
            }
        }
        Ok(None)
    }

    /// Tried with the init program: it is there, and a file.
    pub fn sharing(&self, store: &Store) -> Sharing {
        let init = facts::find_init(&self.dir, None).ok().and_then(|init| fs::open_file_in(&self.dir, &init).ok());
        if init.is_some_and(|init| shares_blocks(init.as_fd(), store.dir.as_fd())) { Sharing::Blocks } else { Sharing::None }
    }

    /// The version that the tree gives itself, or nothing.
    pub fn version(&self) -> Result<String> {
        for path in ["usr/lib/os-release", "etc/os-release"] {
            if let Some(text) = found(fs::read_text(&self.dir, path)).or_fail("cannot read", path)? {
                return Ok(os_release::version(&text));
            }
        }
        Ok(String::new())
    }

    /// Kernel releases that it has modules for.
    pub fn kernels(&self) -> Result<Vec<String>> {
        let path = "usr/lib/modules";
        Ok(found(fs::names_in(&self.dir, path)).or_fail("cannot read", path)?.unwrap_or_default())
    }
}

/// Whether one is above the other.
fn nesting(source: BorrowedFd<'_>, store: BorrowedFd<'_>) -> Result<Nesting> {
    if is_below(source, store)? {
        Ok(Nesting::InStore)
    } else if is_below(store, source)? {
        Ok(Nesting::AroundStore)
    } else {
        Ok(Nesting::Apart)
    }
}

/// Whether `lower` is `upper`, or is below it by its `..`.
fn is_below(lower: BorrowedFd<'_>, upper: BorrowedFd<'_>) -> Result<bool> {
    let on = "a directory above the source or the store";
    let upper = copy::look_open(upper).or_fail("cannot look at", on)?.id;
    let mut at = copy::open_again(lower).or_fail("cannot open", on)?;
    loop {
        let here = copy::look_open(&at).or_fail("cannot look at", on)?;
        if here.id == upper {
            return Ok(true);
        }
        let parent = copy::open_parent(&at).or_fail("cannot open", on)?;
        let above = copy::look_open(&parent).or_fail("cannot look at", on)?;
        if (above.id, above.mount) == (here.id, here.mount) {
            return Ok(false);
        }
        at = parent;
    }
}
