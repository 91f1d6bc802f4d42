//! Which of the configuration files that are there count, and in which order.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Directories of the configuration, the later one wins.
pub const DIRECTORIES: [&str; 3] = ["usr/lib/bedplate", "etc/bedplate", "run/bedplate"];

/// Of the relative paths that exist, those that are read, in order: first each directory's bedplate.toml, then the drop-ins of all
/// directories by name. A drop-in in a later directory replaces one with the same name in an earlier one, as systemd.unit(5)
/// has it for its own; an empty one masks it.
pub fn fragments(present: &[&str]) -> Vec<String> {
    let main = DIRECTORIES.map(|directory| format!("{directory}/bedplate.toml"));
    let main = main.into_iter().filter(|path| present.contains(&path.as_str()));
    let mut drop_ins: BTreeMap<&str, &str> = BTreeMap::new();
    for directory in DIRECTORIES {
        let prefix = format!("{directory}/bedplate.toml.d/");
        for path in present {
            let name = path.strip_prefix(&prefix).filter(|name| is_drop_in(name));
            if let Some(name) = name {
                drop_ins.insert(name, path);
            }
        }
    }
    main.chain(drop_ins.into_values().map(ToString::to_string)).collect()
}

fn is_drop_in(name: &str) -> bool {
    name.strip_suffix(".toml").is_some_and(|stem| !stem.is_empty() && !stem.starts_with('.') && !stem.contains('/'))
}
