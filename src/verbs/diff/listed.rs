//! What `diff` lists: a change with its two sides, as a line or as JSON.

use bedplate::boot::drift::Change;
use bedplate::decide::drift::{Cause, Mark};
use bedplate::decide::utc::utc;
use bedplate::sys::copy::{Device, Meta, Node};
use serde::{Serialize, Serializer};

/// A change, with the path that it has in the booted system.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Listed {
    #[serde(serialize_with = "path_text")]
    pub path: Vec<u8>,
    pub cause: Cause,
    /// `None`: nothing is there.
    pub local: Option<Side>,
    pub vendor: Option<Side>,
    /// Files of the vendor's that an opaque directory or a mount hides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hides: Option<u64>,
}

/// One of the two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Side {
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Bytes; of a symlink, of its target.
    pub size: u64,
    /// Octal, as chmod(1) takes it.
    pub mode: String,
    pub uid: u32,
    pub gid: u32,
    /// Seconds since 1970.
    pub modified: i64,
}

fn path_text<S: Serializer>(path: &[u8], to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&text(path))
}

/// A path as JSON has it: as it is where it is UTF-8, else with `\xHH` for what is not, and backslashes doubled.
pub fn text(path: &[u8]) -> String {
    String::from_utf8(path.into()).unwrap_or_else(|_| path.escape_ascii().to_string())
}

/// A path for a person: control characters and what is no UTF-8 are escaped.
pub fn shown(path: &[u8]) -> String {
    match std::str::from_utf8(path) {
        Ok(text) if !text.contains(char::is_control) => text.into(),
        Ok(text) => text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect(),
        Err(_) => path.escape_ascii().to_string(),
    }
}

impl Side {
    pub fn of(meta: &Meta) -> Self {
        Self {
            kind: kind(meta.node),
            size: meta.size,
            mode: format!("{:04o}", meta.mode),
            uid: meta.uid,
            gid: meta.gid,
            modified: meta.modified.seconds,
        }
    }

    pub fn is_directory(&self) -> bool {
        self.kind == "directory"
    }
}

pub fn kind(node: Node) -> &'static str {
    match node {
        Node::Regular => "file",
        Node::Directory => "directory",
        Node::Symlink => "symlink",
        Node::Fifo => "fifo",
        Node::Socket => "socket",
        Node::Character(_) => "character device",
        Node::Block(_) => "block device",
    }
}

impl Listed {
    /// A change of the layer that the booted system has at `at`.
    pub fn of(change: &Change<'_>, at: &str) -> Self {
        let gone = change.cause == Cause::Deleted || change.mark == Mark::Whiteout;
        Self {
            path: below(at, change.path),
            cause: change.cause,
            local: (!gone).then(|| Side::of(&change.local)),
            vendor: change.vendor.as_ref().map(Side::of),
            hides: change.hides,
        }
    }

    pub fn is_directory(&self) -> bool {
        self.local.as_ref().is_some_and(Side::is_directory)
    }

    /// `CAUSE LOCAL VENDOR MODIFIED PATH`: sizes in bytes, `-` where there is none. No column but the last has a space in it.
    pub fn line(&self) -> String {
        let size = |side: &Option<Side>| side.as_ref().filter(|side| !side.is_directory()).map_or("-".into(), |side| side.size.to_string());
        let (local, vendor) = (size(&self.local), size(&self.vendor));
        let time = self.modified().map_or("-".into(), |time| time.replace(' ', "T"));
        let line = format!("{:<9} {local:>10} {vendor:>10} {time:<20} {}", self.cause.word(), shown(&self.path));
        self.hides.map_or(line.clone(), |hides| format!("{line} (hides {})", super::files(hides)))
    }

    /// When the local one was last modified.
    pub fn modified(&self) -> Option<String> {
        self.local.as_ref().map(|side| utc(u64::try_from(side.modified).unwrap_or_default()))
    }
}

/// The path in the booted system; `.` is the layer's own root.
fn below(at: &str, path: &[u8]) -> Vec<u8> {
    match path {
        b"." => at.into(),
        path => [at.as_bytes(), b"/", path].concat(),
    }
}

/// What a device node is, `MAJOR:MINOR`.
pub fn device(node: Node) -> Option<String> {
    match node {
        Node::Character(Device { major, minor }) | Node::Block(Device { major, minor }) => Some(format!("{major}:{minor}")),
        _ => None,
    }
}
