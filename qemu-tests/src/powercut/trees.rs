//! Whether one directory is another.

use crate::error::{OrSay, Result};
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The first thing in which `found` is not `wanted`, if any: names, kinds, modes, owners, targets of links, content.
pub fn difference(wanted: &Path, found: &Path) -> Result<Option<String>> {
    let say = |what: &str| Ok(Some(format!("{} {what}", found.display())));
    let of = fs::symlink_metadata(wanted).or_say(format!("cannot look at {}", wanted.display()))?;
    let Ok(is) = fs::symlink_metadata(found) else { return say("is not there") };
    if head(&of) != head(&is) {
        return say("has another kind, mode or owner");
    }
    match of.file_type() {
        kind if kind.is_dir() => below(wanted, found),
        kind if kind.is_symlink() && fs::read_link(wanted).ok() != fs::read_link(found).ok() => say("leads elsewhere"),
        kind if kind.is_file() && (of.len() != is.len() || content(wanted)? != content(found)?) => say("has another content"),
        _ => Ok(None),
    }
}

fn below(wanted: &Path, found: &Path) -> Result<Option<String>> {
    let (names, there) = (names(wanted)?, names(found)?);
    if let Some(more) = there.iter().find(|name| !names.contains(name)) {
        return Ok(Some(format!("{} has {more:?}", found.display())));
    }
    for name in &names {
        let miss = difference(&wanted.join(name), &found.join(name))?;
        if miss.is_some() {
            return Ok(miss);
        }
    }
    Ok(None)
}

fn head(meta: &Metadata) -> (u32, u32, u32) {
    (meta.mode(), meta.uid(), meta.gid())
}

fn content(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).or_say(format!("cannot read {}", path.display()))
}

/// Sorted.
pub fn names(dir: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(dir).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
    let entries = entries.or_say(format!("cannot read {}", dir.display()))?;
    let mut names: Vec<_> = entries.iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::PathBuf;

    fn tree(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("bedplate-trees-{}-{name}", std::process::id()));
        fs::create_dir_all(dir.join("usr/bin")).unwrap();
        fs::write(dir.join("usr/bin/a"), "one").unwrap();
        symlink("usr/bin", dir.join("bin")).unwrap();
        dir
    }

    type Change = fn(&Path);

    #[test]
    fn each_difference_is_found() {
        let changes: [(&str, Change); 6] = [
            ("content", |dir| fs::write(dir.join("usr/bin/a"), "two").unwrap()),
            ("empty", |dir| fs::write(dir.join("usr/bin/a"), "").unwrap()),
            ("gone", |dir| fs::remove_file(dir.join("usr/bin/a")).unwrap()),
            ("more", |dir| fs::write(dir.join("usr/b"), "").unwrap()),
            ("mode", |dir| fs::set_permissions(dir.join("usr"), fs::Permissions::from_mode(0o700)).unwrap()),
            ("link", |dir| {
                fs::remove_file(dir.join("bin")).unwrap();
                symlink("usr", dir.join("bin")).unwrap();
            }),
        ];
        let wanted = tree("wanted");
        for (name, change) in changes {
            let found = tree(name);
            let same = difference(&wanted, &found);
            change(&found);
            let other = difference(&wanted, &found);
            fs::remove_dir_all(found).unwrap();
            assert_eq!(same, Ok(None), "{name}");
            assert!(matches!(other, Ok(Some(_))), "{name}: {other:?}");
        }
        fs::remove_dir_all(wanted).unwrap();
    }
}
