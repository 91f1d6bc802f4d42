//! Loads kernel modules in the order of a list, as the kernel allows: plain or compressed.

use crate::error::{Errno, OrFail, Result};
use crate::sys::{fs, module};
use alloc::string::{String, ToString};

/// One module a line: its path in the initramfs, then its parameters; `#` begins a comment line.
pub const LIST: &str = "usr/lib/bedplate/modules.list";

/// Loads every module of the list. No list means that everything needed is built in. One that fails is a warning: the
/// device that it drives may not be needed.
pub fn load_listed() -> Result<()> {
    let root = fs::open_dir("/").or_fail("cannot open", "/")?;
    let list = match fs::read_text(&root, LIST) {
        Ok(list) => list,
        Err(Errno::ENOENT) => return Ok(()),
        Err(errno) => return Err(errno).or_fail("cannot read", LIST),
    };
    for line in list.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (path, parameters) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        match fs::open_file_in(&root, path).and_then(|file| module::load(&file, compression(path), parameters.trim())) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(errno) => log::warn!("{}", warning(path, errno)),
        }
    }
    Ok(())
}

fn compression(path: &str) -> module::Compression {
    let compressed = [".xz", ".zst", ".gz"].iter().any(|ending| path.ends_with(ending));
    if compressed { module::Compression::ByKernel } else { module::Compression::None }
}

fn warning(path: &str, errno: Errno) -> String {
    // The kernel says "not found" for a symbol, too.
    let why =
        if errno == Errno::ENOENT { "it is missing, or needs a module that comes later in the list".into() } else { errno.to_string() };
    alloc::format!("cannot load the module \"{path}\" of \"{LIST}\": {why}, going on without")
}
