//! What trees of a sysroot hold, as text.

use crate::error::{OrSay, Result};
use guest_init::listing::walk;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Of these trees, by path in the sysroot, where `ID@` stands for `ID@INSTANCE`. A tree that is not there is an error.
pub fn of(sysroot: &Path, paths: &[String]) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for path in paths {
        let found = find(sysroot, path)?;
        walk(&found, Path::new(path), &mut lines).or_say(format!("cannot list {path}"))?;
    }
    Ok(lines)
}

fn find(sysroot: &Path, path: &str) -> Result<PathBuf> {
    path.split('/').try_fold(sysroot.to_path_buf(), |dir, part| match part.strip_suffix('@') {
        Some(_) => {
            let mut names = fs::read_dir(&dir).or_say(format!("cannot read {}", dir.display()))?.flatten().map(|entry| entry.file_name());
            let name = names.find(|name| name.as_bytes().starts_with(part.as_bytes()));
            name.map(|name| dir.join(name)).or_say(format!("nothing is named {part}INSTANCE in {}", dir.display()))
        }
        None => Ok(dir.join(part)),
    })
}

/// What is in only one of two listings, with a sign as in a diff.
pub fn differences(before: &[String], after: &[String]) -> Vec<String> {
    let only = |these: &[String], those: &[String], sign: &str| -> Vec<String> {
        these.iter().filter(|line| !those.contains(line)).map(|line| format!("{sign} {line}")).collect()
    };
    [only(before, after, "-"), only(after, before, "+")].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache;
    use std::os::unix::fs::symlink;

    #[test]
    fn every_change_is_seen() {
        let root = std::env::temp_dir().join(format!("listing-{}", std::process::id()));
        let tree = root.join("state/v1@ab/etc");
        fs::create_dir_all(&tree).unwrap();
        fs::write(tree.join("file"), "one").unwrap();
        symlink("file", tree.join("link")).unwrap();
        let paths = ["state/v1@/etc".to_string()];
        let list = || of(&root, &paths).unwrap();
        let before = list();
        assert_eq!((before.len(), differences(&before, &list())), (3, Vec::new()));
        let time = tree.join("file").metadata().unwrap().modified().unwrap();
        fs::write(tree.join("file"), "two").unwrap();
        fs::File::options().write(true).open(tree.join("file")).unwrap().set_modified(time).unwrap();
        let found = differences(&before, &list());
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("- \"state/v1@/etc/file\" mode=100644"), "{found:?}");
        assert!(of(&root, &["state/v2@/etc".to_string()]).is_err() && of(&root, &["nothing".to_string()]).is_err());
        cache::remove(&root).unwrap();
    }
}
