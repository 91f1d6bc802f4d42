//! Kernels from Debian packages: fetched and unpacked once, installed nowhere.

mod apt;
pub mod modules;

use crate::cache;
use crate::error::{OrSay, Result};
use crate::tool::Tool;
use serde::Deserialize;
use std::fs;
use std::path::{Path, PathBuf};

/// By the version that a scenario names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, serde::Serialize)]
pub enum Version {
    /// Debian bookworm's.
    #[serde(rename = "6.1")]
    Bookworm,
    /// Debian trixie's.
    #[default]
    #[serde(rename = "6.12")]
    Trixie,
}

impl Version {
    const fn suite(self) -> &'static str {
        match self {
            Self::Bookworm => "bookworm",
            Self::Trixie => "trixie",
        }
    }
}

/// An unpacked kernel package.
#[derive(Debug, Clone)]
pub struct Kernel {
    /// The kernel itself, as QEMU loads it.
    pub image: PathBuf,
    /// `uname -r`
    pub release: String,
    /// The directory with modules.dep.
    pub modules: PathBuf,
}

/// Needs the network the first time only.
pub fn get(version: Version) -> Result<Kernel> {
    let key = cache::Key::default().with(version.suite()).with("linux-image-cloud-amd64");
    let root = cache::get(&format!("kernel-{}", version.suite()), key, |to| unpack(version.suite(), to))?;
    in_root(&root)
}

fn unpack(suite: &str, to: &Path) -> Result<()> {
    let package = apt::download(suite, "linux-image-cloud-amd64")?;
    let depends = Tool::new("dpkg-deb").arg("-f").arg(&package).arg("Depends").run()?;
    let name = depends.split([' ', ',']).find(|word| word.starts_with("linux-image-"));
    let name = name.or_say(format!("{} names no kernel: {}", package.display(), depends.trim()))?;
    let package = apt::download(suite, name)?;
    Tool::new("dpkg-deb").arg("-x").arg(&package).arg(to).run().map(drop)
}

/// Finds kernel and modules where a package (or an installed system) has them.
pub fn in_root(root: &Path) -> Result<Kernel> {
    let dirs = ["usr/lib/modules", "lib/modules"].map(|dir| root.join(dir));
    let parent = dirs.iter().find(|dir| dir.is_dir()).or_say(format!("no modules in {}", root.display()))?;
    let mut entries = fs::read_dir(parent).or_say(format!("cannot read {}", parent.display()))?.flatten();
    let entry = entries.next().or_say(format!("no modules in {}", parent.display()))?;
    let release = entry.file_name().to_string_lossy().into_owned();
    let image = root.join("boot").join(format!("vmlinuz-{release}"));
    let kernel = Kernel { image, modules: entry.path(), release };
    if !kernel.modules.join("modules.dep").exists() {
        let base = root.join(if dirs.first() == Some(parent) { "usr" } else { "." });
        Tool::new("depmod").arg("-b").arg(base).arg(&kernel.release).run()?;
    }
    Ok(kernel)
}
