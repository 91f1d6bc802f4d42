//! Reads what asks for something: the configuration below a root, and the kernel command line.

use crate::decide::cmdline::{self, Cmdline};
use crate::decide::config::{self, DIRECTORIES, Merged, Source, unsupported};
use crate::decide::model::Request;
use crate::error::{Errno, OrFail, Result};
use crate::sys::{OwnedFd, fs, host};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// The request of this boot, and what was odd about it.
pub fn request(config_root: &str, cmdline: &str) -> Result<(Request, Vec<String>)> {
    let root = fs::open_dir(config_root).or_fail("cannot open", config_root)?;
    let Merged { config, problems, .. } = configuration(&root);
    let mut warnings: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let open = |(path, mode)| format!("\"{path}\" is writable by others (mode {mode:04o}), using it all the same: chmod go-w it");
    warnings.extend(writable_by_others(&root).into_iter().map(open));
    let (request, more) = cmdline::request(&Cmdline::parse(cmdline), config);
    warnings.extend(more);
    warnings.extend(unsupported(&request.config).iter().map(ToString::to_string));
    Ok((request, warnings))
}

/// The configuration below a root: what all files come to.
pub fn configuration(root: &OwnedFd) -> Merged {
    let files = files(root);
    let sources: Vec<Source<'_>> =
        files.iter().map(|(file, text)| Source { file, text: text.as_deref().map_err(String::as_str) }).collect();
    config::merge(&sources)
}

/// /proc/cmdline, or what was given instead.
pub fn cmdline(given: Option<&str>) -> Result<String> {
    match given {
        Some(text) => Ok(text.into()),
        None => host::read_path("/proc/cmdline").or_fail("cannot read", "/proc/cmdline"),
    }
}

/// The directories that configuration may be in, with their drop-ins.
fn places() -> impl Iterator<Item = String> {
    DIRECTORIES.into_iter().flat_map(|directory| [directory.to_string(), format!("{directory}/bedplate.toml.d")])
}

/// Every configuration file in the order in which it counts, with its text or why it cannot be read. First come directories
/// that cannot be read: nobody knows what they hold.
fn files(root: &OwnedFd) -> Vec<(String, core::result::Result<String, String>)> {
    let (mut files, mut present) = (Vec::new(), Vec::new());
    for place in places() {
        match fs::names_in(root, &place) {
            Ok(names) => present.extend(names.iter().map(|name| format!("{place}/{name}"))),
            Err(Errno::ENOENT | Errno::ENOTDIR) => {}
            Err(errno) => files.push((place, Err(errno.to_string()))),
        }
    }
    let present: Vec<&str> = present.iter().map(String::as_str).collect();
    let text = |file: String| {
        let text = fs::read(root, &file).map_err(|errno| errno.to_string());
        let text = text.and_then(|bytes| String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_string()));
        (file, text)
    };
    files.extend(config::fragments(&present).into_iter().map(text));
    files
}

/// Configuration files and directories that others than their owner may change, with their modes. By mode alone: the files of
/// an initramfs carry the owner of whoever built it.
pub fn writable_by_others(root: &OwnedFd) -> Vec<(String, u16)> {
    let files = files(root).into_iter().map(|(file, _)| file);
    let mode = |path: String| fs::stat_target_in(root, &path).ok().map(|stat| (path, stat.mode));
    places().chain(files).filter_map(mode).filter(|(_, mode)| mode & 0o022 != 0).collect()
}
