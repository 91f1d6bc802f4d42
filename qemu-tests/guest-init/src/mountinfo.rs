//! /proc/self/mountinfo as values; see proc_pid_mountinfo(5).

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    pub id: u32,
    pub parent: u32,
    /// major:minor
    pub device: String,
    /// Of the file system, what is mounted.
    pub root: String,
    pub target: String,
    pub fstype: String,
    pub source: String,
    /// Of the mount.
    pub options: Vec<String>,
    /// `shared:N`, `master:N`, `propagate_from:N`, `unbindable`; private: nothing.
    pub propagation: Vec<String>,
    /// Of the file system.
    pub super_options: Vec<String>,
}

impl Mount {
    pub fn has(&self, option: &str) -> bool {
        self.options.iter().any(|o| o == option)
    }
}

/// Lines that are not of this format are left out.
pub fn parse(text: &str) -> Vec<Mount> {
    text.lines().filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<Mount> {
    let (mount, fs) = line.split_once(" - ")?;
    let mut mount = mount.split(' ');
    let mut fs = fs.split(' ');
    Some(Mount {
        id: mount.next()?.parse().ok()?,
        parent: mount.next()?.parse().ok()?,
        device: mount.next()?.to_string(),
        root: unescape(mount.next()?),
        target: unescape(mount.next()?),
        options: list(mount.next()?),
        propagation: mount.map(str::to_string).collect(),
        fstype: fs.next()?.to_string(),
        source: unescape(fs.next()?),
        super_options: list(fs.next().unwrap_or_default()),
    })
}

fn list(text: &str) -> Vec<String> {
    text.split(',').filter(|option| !option.is_empty()).map(str::to_string).collect()
}

/// Space, tab, line feed and backslash stand as octal numbers.
fn unescape(text: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")].iter().fold(text.to_string(), |t, (from, to)| t.replace(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_with_optional_fields_and_an_escaped_target() {
        let text = "29 23 0:25 /sub /mnt/a\\040b ro,nosuid shared:7 master:1 - overlay over rw,lowerdir=/x,upperdir=/y\nnonsense\n";
        let mounts = parse(text);
        assert_eq!(mounts.len(), 1);
        let mount = &mounts[0];
        assert_eq!((mount.id, mount.parent, mount.device.as_str()), (29, 23, "0:25"));
        assert_eq!((mount.root.as_str(), mount.target.as_str()), ("/sub", "/mnt/a b"));
        assert_eq!((mount.fstype.as_str(), mount.source.as_str()), ("overlay", "over"));
        assert_eq!(mount.propagation, ["shared:7", "master:1"]);
        assert!(mount.has("ro") && mount.has("nosuid") && !mount.has("rw"));
        assert_eq!(mount.super_options, ["rw", "lowerdir=/x", "upperdir=/y"]);
    }
}
