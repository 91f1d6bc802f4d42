//! Things that take long to make, kept under target/qemu by what they were made of.

use crate::error::{OrSay, Result};
use rustix::fs::{FlockOperation, flock};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// The workspace.
pub fn workspace() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_path_buf()
}

/// Everything that the harness makes.
pub fn base() -> PathBuf {
    workspace().join("target/qemu")
}

/// Names a thing by all that it was made of.
#[derive(Debug, Clone, Default)]
pub struct Key(Sha256);

impl Key {
    pub fn with(mut self, part: impl AsRef<[u8]>) -> Self {
        let part = part.as_ref();
        self.0.update(part.len().to_le_bytes());
        self.0.update(part);
        self
    }

    pub fn with_file(self, path: &Path) -> Result<Self> {
        Ok(self.with(fs::read(path).or_say(format!("cannot read {}", path.display()))?))
    }

    fn name(self) -> String {
        self.0.finalize().iter().take(8).fold(String::new(), |mut name, byte| {
            // Writing to a string cannot fail.
            let _ = write!(name, "{byte:02x}");
            name
        })
    }
}

/// The thing `KIND-KEY`, made by `make` at the path that it is given unless it is there already. One maker at a time,
/// also among several runs of the harness.
pub fn get(kind: &str, key: Key, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let path = base().join("cache").join(format!("{kind}-{}", key.name()));
    if path.exists() {
        return Ok(path);
    }
    let _lock = lock(kind)?;
    if !path.exists() {
        let beside = path.with_extension("new");
        remove(&beside)?;
        make(&beside)?;
        fs::rename(&beside, &path).or_say(format!("cannot rename {}", beside.display()))?;
    }
    Ok(path)
}

/// Held until it is dropped.
pub fn lock(kind: &str) -> Result<File> {
    let dir = base().join("cache");
    fs::create_dir_all(&dir).or_say(format!("cannot make {}", dir.display()))?;
    let path = dir.join(format!("{kind}.lock"));
    let file = File::create(&path).or_say(format!("cannot open {}", path.display()))?;
    flock(&file, FlockOperation::LockExclusive).or_say(format!("cannot lock {}", path.display()))?;
    Ok(file)
}

/// A file or a whole directory, if it is there.
pub fn remove(path: &Path) -> Result<()> {
    let Ok(meta) = path.symlink_metadata() else { return Ok(()) };
    let removed = if meta.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    removed.or_say(format!("cannot remove {}", path.display()))
}

/// An empty directory.
pub fn fresh_dir(path: &Path) -> Result<()> {
    remove(path)?;
    fs::create_dir_all(path).or_say(format!("cannot make {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_tells_where_one_part_ends() {
        let name = |parts: &[&str]| parts.iter().fold(Key::default(), Key::with).name();
        assert_eq!(name(&["ab", "c"]), name(&["ab", "c"]));
        assert_ne!(name(&["ab", "c"]), name(&["a", "bc"]));
        assert_eq!(name(&[]).len(), 16);
    }
}
