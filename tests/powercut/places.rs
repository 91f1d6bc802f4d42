//! Which path of the recording machine means what.

use std::path::PathBuf;

/// Where the trace's paths are.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// Paths of the recording machine, with what they are below the physical root.
    pub inside: Vec<(String, String)>,
    /// Places that are none of the disk's.
    pub outside: Vec<String>,
    /// Places that are none of the disk's although they look like it: what a file system writes to itself there is thrown away.
    pub elsewhere: Vec<String>,
    /// What paths mean to all processes but the first, before anything else does: what they are below the physical root, if
    /// they are of the disk at all.
    pub apart: Vec<(String, Option<String>)>,
    /// Directories among them below which nothing may be changed: what that would do to the disk is not known.
    pub closed: Vec<String>,
    /// Trees that are copied. Their paths may be as if they were the root: they are read from a detached mount.
    pub trees: Vec<PathBuf>,
}

/// Where a path of the recording machine is.
#[derive(Debug)]
pub enum Spot {
    /// Below the physical root.
    Disk(Vec<u8>),
    Elsewhere,
}

impl Places {
    /// Of a path as one of the processes names it.
    pub fn find(&self, process: usize, path: &[u8]) -> Option<Spot> {
        let below = |place: &str| {
            let rest = path.strip_prefix(place.as_bytes())?;
            (rest.is_empty() || rest.starts_with(b"/")).then_some(rest)
        };
        let apart = self.apart.iter().filter(|_| process > 0).find_map(|(from, to)| Some((to, below(from)?)));
        match apart {
            Some((Some(base), rest)) => return Some(Spot::Disk([base.as_bytes(), rest].concat())),
            Some((None, _)) => return Some(Spot::Elsewhere),
            None if self.elsewhere.iter().any(|place| below(place).is_some()) => return Some(Spot::Elsewhere),
            None => {}
        }
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
        let mut in_trees = self.trees.iter().map(|tree| tree.join(path.trim_start_matches('/')));
        in_trees.find(|path| path.exists()).unwrap_or_else(|| path.as_ref().into())
    }
}
