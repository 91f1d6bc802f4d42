//! Reads what asks for something: the configuration below a root, and the kernel command line.

use crate::decide::cmdline::{self, Cmdline};
use crate::decide::config::{self, RecordKind, Require, Source};
use crate::decide::model::Request;
use crate::error::{Errno, OrFail, Result};
use crate::sys::{OwnedFd, fs, host};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Directories of the configuration, the later one wins.
const DIRECTORIES: [&str; 3] = ["usr/lib/bedplate", "etc/bedplate", "run/bedplate"];

/// The request of this boot, and what was odd about it.
pub fn request(config_root: &str, cmdline: &str) -> Result<(Request, Vec<String>)> {
    let root = fs::open_dir(config_root).or_fail("cannot open", config_root)?;
    let files = files(&root)?;
    let sources: Vec<Source<'_>> =
        files.iter().map(|(file, text)| Source { file, text: text.as_deref().map_err(String::as_str) }).collect();
    let (config, problems) = config::parse(&sources);
    let mut warnings: Vec<String> = problems.iter().map(ToString::to_string).collect();
    warnings.extend(files.iter().filter_map(|(file, _)| writable_by_others(&root, file)));
    let (request, more) = cmdline::request(&Cmdline::parse(cmdline), config);
    warnings.extend(more);
    warnings.extend(unsupported(&request));
    Ok((request, warnings))
}

/// Keys that a later version will obey: asking for them must not be silent.
fn unsupported(request: &Request) -> Vec<String> {
    let config = &request.config;
    let asked = [
        (config.integrity.require != Require::None, "integrity.require", "deployments are not verified"),
        (config.boot.record != RecordKind::Native, "boot.record", "the native record is used"),
        (!config.boot.record_device.is_empty(), "boot.record-device", "the record in the store is used"),
        (config.boot.watchdog.is_some(), "boot.watchdog", "no watchdog is armed"),
        (config.ostree.rollback, "ostree.rollback", "OSTree deployments are left alone"),
        (!config.etc.clean.is_empty(), "etc.clean", "drift is kept"),
    ];
    let asked = asked.into_iter().filter(|(asked, _, _)| *asked);
    asked.map(|(_, key, instead)| format!("{key} is not supported by this version: {instead}")).collect()
}

/// /proc/cmdline, or what was given instead.
pub fn cmdline(given: Option<&str>) -> Result<String> {
    match given {
        Some(text) => Ok(text.into()),
        None => host::read_path("/proc/cmdline").or_fail("cannot read", "/proc/cmdline"),
    }
}

/// Every configuration file in the order in which it counts, with its text or why it cannot be read.
fn files(root: &OwnedFd) -> Result<Vec<(String, core::result::Result<String, String>)>> {
    let mut present = Vec::new();
    for directory in DIRECTORIES {
        for place in [directory.to_string(), format!("{directory}/bedplate.toml.d")] {
            let names = match fs::names_in(root, &place) {
                Ok(names) => names,
                Err(Errno::ENOENT | Errno::ENOTDIR) => continue,
                Err(errno) => return Err(errno).or_fail("cannot read the configuration in", &place),
            };
            present.extend(names.iter().map(|name| format!("{place}/{name}")));
        }
    }
    let present: Vec<&str> = present.iter().map(String::as_str).collect();
    let text = |file: String| {
        let text = fs::read(root, &file).map_err(|errno| errno.to_string());
        let text = text.and_then(|bytes| String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_string()));
        (file, text)
    };
    Ok(config::fragments(&present).into_iter().map(text).collect())
}

/// By mode alone: the files of an initramfs carry the owner of whoever built it.
fn writable_by_others(root: &OwnedFd, file: &str) -> Option<String> {
    let stat = fs::stat_target_in(root, file).ok()?;
    let text = || format!("\"{file}\" is writable by others (mode {:04o}), using it all the same: chmod go-w it", stat.mode);
    (stat.mode & 0o022 != 0).then(text)
}
