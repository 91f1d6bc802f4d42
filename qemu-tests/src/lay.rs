//! Lays out files of a tree, with modes whatever the umask says.

use crate::cache;
use crate::error::{OrSay, Result};
use crate::scenario::Tree;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

/// Makes a tree differ as its scenario says. What its init does is the tier's own business.
pub fn vary(to: &Path, tree: &Tree) -> Result<()> {
    for path in &tree.remove {
        cache::remove(&to.join(path))?;
    }
    for (path, text) in &tree.files {
        file(&to.join(path), text)?;
    }
    for (path, target) in &tree.symlinks {
        cache::remove(&to.join(path))?;
        link(&to.join(path), target)?;
    }
    tree.modes.iter().try_for_each(|(path, mode)| set_mode(&to.join(path), mode))
}

fn set_mode(path: &Path, mode: &str) -> Result<()> {
    let mode = u32::from_str_radix(mode, 8).or_say(format!("mode {mode}"))?;
    permit(path, mode)
}

fn permit(path: &Path, mode: u32) -> Result<()> {
    fs::set_permissions(path, Permissions::from_mode(mode)).or_say(format!("cannot set the mode of {}", path.display()))
}

/// With its parents, each 0755.
pub fn directory(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    path.parent().map_or(Ok(()), directory)?;
    fs::create_dir(path).or_say(format!("cannot make {}", path.display()))?;
    permit(path, 0o755)
}

pub fn file(path: &Path, text: &str) -> Result<()> {
    path.parent().map_or(Ok(()), directory)?;
    fs::write(path, text).or_say(format!("cannot write {}", path.display()))?;
    permit(path, 0o644)
}

pub fn link(path: &Path, target: &str) -> Result<()> {
    path.parent().map_or(Ok(()), directory)?;
    symlink(target, path).or_say(format!("cannot make {}", path.display()))
}

pub fn install(path: &Path, program: &Path) -> Result<()> {
    path.parent().map_or(Ok(()), directory)?;
    fs::copy(program, path).or_say(format!("cannot copy {}", program.display()))?;
    permit(path, 0o755)
}
