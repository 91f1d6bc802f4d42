//! What takes long: each made once for what it is made of, by the scripts in `guest/debian`.

use crate::cache::{self, Key, workspace};
use crate::error::{OrSay, Result};
use crate::programs::Programs;
use crate::scenario::{Flavour, Initramfs};
use crate::tool::Tool;
use std::fs;
use std::path::{Path, PathBuf};

/// In `guest/debian`.
pub fn script(name: &str) -> PathBuf {
    workspace().join("qemu-tests/guest/debian").join(name)
}

/// A key of other made things, by their names, and of the scripts that work on them.
fn key(made: &[&Path], scripts: &[&str]) -> Result<Key> {
    let key = made.iter().fold(Key::default(), |key, path| key.with(path.as_os_str().as_encoded_bytes()));
    scripts.iter().try_fold(key, |key, name| key.with_file(&script(name)))
}

/// Debian as its packages come, in `root`, and its kernel, `vmlinuz`. Needs the network the first time only.
pub fn base() -> Result<PathBuf> {
    cache::get("debian-base", key(&[], &["make-base", "packages"])?, |to| {
        eprintln!("making a Debian from its packages: some minutes, once");
        Tool::new(script("make-base")).arg(to).run().map(drop)
    })
}

/// A deployment's tree without bedplate. That of the field needs the network the first time.
pub fn tree(base: &Path, flavour: Flavour) -> Result<PathBuf> {
    let (kind, program, scripts): (_, _, &[&str]) = match flavour {
        Flavour::Plain => ("debian-tree", "make-tree", &["make-tree"]),
        Flavour::Field => ("debian-field", "make-field", &["make-field", "make-tree", "packages-field", "repository-field"]),
    };
    cache::get(kind, key(&[base], scripts)?, |to| Tool::new(script(program)).arg(base).arg(to).run().map(drop))
}

/// What `make install` puts into a tree.
pub fn installed(programs: &Programs) -> Result<PathBuf> {
    let files = ["systemd-units", "systemd-drop-ins", "dracut-module/90bedplate"].map(files_in);
    let files = files.into_iter().collect::<Result<Vec<_>>>()?.concat();
    let key = Key::default().with_file(&programs.bedplate)?.with_file(&workspace().join("Makefile"))?;
    let key = files.iter().try_fold(key, |key, path| key.with(path.as_os_str().as_encoded_bytes()).with_file(path))?;
    cache::get("installed", key, |to| {
        let make = Tool::new("make").args(["-s", "install"]).dir(&workspace());
        make.arg(format!("BIN={}", programs.bedplate.display())).arg(format!("DESTDIR={}", to.display())).run().map(drop)
    })
}

fn files_in(dir: &str) -> Result<Vec<PathBuf>> {
    let dir = workspace().join(dir);
    let entries = fs::read_dir(&dir).or_say(format!("cannot read {}", dir.display()))?.flatten();
    let mut files: Vec<_> = entries.map(|entry| entry.path()).collect();
    files.sort();
    Ok(files)
}

/// A generic initramfs with bedplate's dracut module.
pub fn initramfs(base: &Path, programs: &Programs, variant: Initramfs) -> Result<PathBuf> {
    let installed = installed(programs)?;
    let key = key(&[base, &installed], &["make-initramfs"])?.with(variant.word());
    cache::get("initramfs", key, |to| {
        eprintln!("making an initramfs with dracut ({})", variant.word());
        Tool::new(script("make-initramfs")).arg(base).arg(&installed).arg(to).arg(variant.word()).run().map(drop)
    })
}
