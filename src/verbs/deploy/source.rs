//! Looks at the tree that shall be deployed. Reads only.

use bedplate::boot::copy::shares_blocks;
use bedplate::boot::facts;
use bedplate::boot::store::Store;
use bedplate::decide::deploy::{self, Nesting, Sharing};
use bedplate::decide::os_release;
use bedplate::error::{Errno, Error, OrFail, Result};
use bedplate::sys::fs::{self, FileType};
use bedplate::sys::{AsFd, BorrowedFd, OwnedFd, copy};

/// The tree, open.
pub struct Source {
    pub dir: OwnedFd,
}

/// bedplate's booted half: the program, and the unit that marks good where systemd runs.
const PROGRAM: &str = "usr/bin/bedplate";
const SYSTEMD: &str = "usr/lib/systemd/systemd";
const MARK_GOOD: &str = "systemd/system/multi-user.target.wants/bedplate-mark-good.service";

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
            has_usr: self.is_dir("usr")?,
            has_etc: vendor_etc(&self.dir)?.is_some(),
            no_init: facts::find_init(&self.dir, None).err().map(|error| error.text),
            missing: self.missing()?,
            mode: stat.mode,
        })
    }

    /// Tried with the init program: it is there, and a file.
    pub fn sharing(&self, store: &Store) -> Sharing {
        let init = facts::find_init(&self.dir, None).ok().and_then(|init| fs::open_file_in(&self.dir, &init).ok());
        if init.is_some_and(|init| shares_blocks(init.as_fd(), store.dir.as_fd())) { Sharing::Blocks } else { Sharing::None }
    }

    fn is_dir(&self, path: &str) -> Result<bool> {
        is_dir(&self.dir, path)
    }

    fn missing(&self) -> Result<Vec<String>> {
        let exists = |path: &str| found(fs::stat_in(&self.dir, path)).or_fail("cannot look at", path).map(|stat| stat.is_some());
        let mut missing = Vec::new();
        if !exists(PROGRAM)? {
            missing.push(PROGRAM.to_string());
        }
        if exists(SYSTEMD)? {
            let places = ["usr/lib", "usr/etc", "etc"].map(|place| exists(&format!("{place}/{MARK_GOOD}")));
            let enabled = places.into_iter().collect::<Result<Vec<bool>>>()?;
            if !enabled.contains(&true) {
                missing.push(format!("usr/lib/{MARK_GOOD}"));
            }
        }
        Ok(missing)
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

/// usr/etc where it is a directory, else etc, else nothing.
pub fn vendor_etc(tree: &OwnedFd) -> Result<Option<&'static str>> {
    for path in ["usr/etc", "etc"] {
        if is_dir(tree, path)? {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

fn is_dir(tree: &OwnedFd, path: &str) -> Result<bool> {
    let stat = found(fs::stat_in(tree, path)).or_fail("cannot look at", path)?;
    Ok(stat.is_some_and(|stat| stat.file_type == FileType::Directory))
}

/// Only "not found" means "not there".
fn found<T>(result: std::result::Result<T, Errno>) -> std::result::Result<Option<T>, Errno> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) => Ok(None),
        Err(errno) => Err(errno),
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
