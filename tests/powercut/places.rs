//! Which path of the recording machine means what.

use std::path::PathBuf;

/// Where the trace's paths are.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// Paths of the recording machine, with what they are below the physical root.
    pub inside: Vec<(String, String)>,
    /// Places that are none of the disk's.
    pub outside: Vec<String>,
    /// Directories among them below which nothing may be changed: what that would do to the disk is not known.
    pub closed: Vec<String>,
    /// The tree that is deployed. Its paths may be as if it were the root: it is read from a detached mount.
    pub tree: PathBuf,
}

/// Where a path of the recording machine is.
#[derive(Debug)]
pub enum Spot {
    /// Below the physical root.
    Disk(Vec<u8>),
    Elsewhere,
}

impl Places {
    pub fn find(&self, path: &[u8]) -> Option<Spot> {
        let below = |place: &str| {
            let rest = path.strip_prefix(place.as_bytes())?;
            (rest.is_empty() || rest.starts_with(b"/")).then_some(rest)
        };
        if let Some((base, rest)) = self.inside.iter().find_map(|(from, to)| Some((to, below(from)?))) {
            return Some(Spot::Disk([base.as_bytes(), rest].concat()));
        }
        let outside = self.outside.iter().any(|place| below(place).is_some());
        let closed = self.closed.iter().filter_map(|place| below(place)).any(|rest| !rest.is_empty());
        (outside && !closed).then_some(Spot::Elsewhere)
    }

    /// Where something that is copied can be read.
    pub fn source(&self, path: &[u8]) -> PathBuf {
        let path = String::from_utf8_lossy(path);
        let in_tree = self.tree.join(path.trim_start_matches('/'));
        if in_tree.exists() { in_tree } else { path.as_ref().into() }
    }
}
