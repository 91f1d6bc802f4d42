//! The initramfs of a tiny guest: bedplate as /init, the modules that it loads, and its configuration.

use crate::cpio::Archive;
use crate::error::{OrSay, Result};
use crate::kernel::Kernel;
use crate::kernel::modules::Dependencies;
use crate::scenario::{Disk, FileSystem, Watchdog};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

/// Where `bedplate pid1` finds which modules to load: one path a line, in order.
const MODULE_LIST: &str = "usr/lib/bedplate/modules.list";

#[derive(Debug)]
pub struct Content<'a> {
    pub program: &'a Path,
    pub kernel: &'a Kernel,
    pub disk: &'a Disk,
    pub watchdog: Option<Watchdog>,
    pub config: &'a str,
    /// By path.
    pub files: &'a BTreeMap<String, String>,
}

pub fn write(to: &Path, content: &Content<'_>) -> Result<()> {
    let mut archive = create(to)?;
    let say = || format!("cannot write {}", to.display());
    archive.file("init", 0o755, &read(content.program)?).or_say(say())?;
    if !content.config.is_empty() {
        archive.file("usr/lib/bedplate/bedplate.toml", 0o644, content.config.as_bytes()).or_say(say())?;
    }
    for (path, text) in content.files {
        archive.file(path, 0o644, text.as_bytes()).or_say(say())?;
    }
    add_modules(&mut archive, content)?;
    end(archive).or_say(say())
}

fn add_modules<W: Write>(archive: &mut Archive<W>, content: &Content<'_>) -> Result<()> {
    let mut list = String::new();
    for place in put_modules(archive, content.kernel, &modules(content.disk, content.watchdog))? {
        let parameters = content.watchdog.filter(|_| place.contains(Watchdog::MODULE)).map_or("", Watchdog::parameters);
        list.extend(["/", &place, " ", parameters, "\n"]);
    }
    archive.file(MODULE_LIST, 0o644, list.as_bytes()).or_say(MODULE_LIST)
}

/// With what they need; where they are now, in the order in which they have to be loaded.
fn put_modules<W: Write>(archive: &mut Archive<W>, kernel: &Kernel, names: &[&str]) -> Result<Vec<String>> {
    let paths = Dependencies::of(kernel)?.in_order(names);
    let place = |path: &String| format!("usr/lib/modules/{}/{path}", kernel.release);
    for path in &paths {
        archive.file(&place(path), 0o644, &read(&kernel.modules.join(path))?).or_say(path)?;
    }
    Ok(paths.iter().map(place).collect())
}

fn modules(disk: &Disk, watchdog: Option<Watchdog>) -> Vec<&'static str> {
    let mut names = vec!["virtio_pci", "virtio_blk", "virtio_console", "overlay"];
    for fs in [disk.fs].into_iter().chain(disk.more.iter().map(|more| more.fs)) {
        names.push(match fs {
            FileSystem::Ext4 => "ext4",
            FileSystem::Xfs => "xfs",
            FileSystem::Btrfs => "btrfs",
        });
    }
    names.extend(watchdog.map(|_| Watchdog::MODULE));
    if disk.verity {
        names.extend(["dm_verity", "erofs", "loop"]);
    }
    if disk.esp > 0 {
        names.extend(["vfat", "nls_cp437", "nls_ascii", "efivarfs"]);
    }
    names
}

/// An initramfs whose init is the guest's own, with modules that it loads, and files by path, all of them executable.
pub fn write_with(to: &Path, guest_init: &Path, kernel: &Kernel, modules: &[&str], files: &BTreeMap<String, Vec<u8>>) -> Result<()> {
    let mut archive = create(to)?;
    let say = || format!("cannot write {}", to.display());
    archive.file("init", 0o755, &read(guest_init)?).or_say(say())?;
    let places = put_modules(&mut archive, kernel, modules)?;
    let list: String = places.iter().flat_map(|place| ["/", place, "\n"]).collect();
    archive.file(guest_init::MODULE_LIST.trim_start_matches('/'), 0o644, list.as_bytes()).or_say(say())?;
    files.iter().try_for_each(|(path, bytes)| archive.file(path, 0o755, bytes)).or_say(say())?;
    end(archive).or_say(say())
}

pub fn write_bare(to: &Path, program: &Path) -> Result<()> {
    let mut archive = create(to)?;
    archive.file("init", 0o755, &read(program)?).or_say("init")?;
    end(archive).or_say(format!("cannot write {}", to.display()))
}

/// With what a kernel needs to start an init: the mount points, and a console to write to.
fn create(to: &Path) -> Result<Archive<BufWriter<File>>> {
    let file = File::create(to).or_say(format!("cannot create {}", to.display()))?;
    let mut archive = Archive::new(BufWriter::new(file));
    for dir in ["dev", "proc", "sys", "run", "sysroot"] {
        archive.directory(dir).or_say(dir)?;
    }
    archive.device("dev/console", 0o600, (5, 1)).or_say("dev/console")?;
    Ok(archive)
}

fn end<W: Write>(archive: Archive<W>) -> std::io::Result<()> {
    archive.finish()?.flush()
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).or_say(format!("cannot read {}", path.display()))
}
