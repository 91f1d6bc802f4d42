//! The paths that were asked for.

use super::gather::Subject;
use bedplate::error::{Error, Result};

/// Paths of the booted system, as bytes without a trailing slash; none is all.
#[derive(Debug)]
pub struct Scope(Vec<Vec<u8>>);

impl Scope {
    /// A relative one is meant from where the person stands; on another machine's disk from its root.
    pub fn of(paths: &[String], subject: &Subject<'_>) -> Result<Self> {
        let here = if subject.runs() { std::env::current_dir().ok() } else { None };
        let here = here.and_then(|path| path.into_os_string().into_string().ok()).unwrap_or_else(|| "/".into());
        let absolute = |path: &String| if path.starts_with('/') { path.clone() } else { format!("{here}/{path}") };
        paths
            .iter()
            .map(|path| if path.is_empty() { Err(Error::usage("an empty path")) } else { Ok(plain(&absolute(path))) })
            .collect::<Result<_>>()
            .map(Self)
    }

    pub fn is_all(&self) -> bool {
        self.0.is_empty()
    }

    /// Where one path alone was asked for.
    pub fn one(&self) -> Option<&[u8]> {
        match self.0.as_slice() {
            [path] => Some(path),
            _ => None,
        }
    }

    pub fn holds(&self, path: &[u8]) -> bool {
        self.is_all() || self.0.iter().any(|wanted| is_in(path, wanted))
    }

    /// Whether what is in this directory was asked for by name.
    pub fn enters(&self, directory: &[u8]) -> bool {
        self.0.iter().any(|wanted| is_in(wanted, directory))
    }
}

/// Whether a path is another one or below it.
pub fn is_in(path: &[u8], above: &[u8]) -> bool {
    above == b"/" || path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

/// Without `.`, `..` and doubled slashes. Links are not followed: it is names that are compared.
fn plain(path: &str) -> Vec<u8> {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/")).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_made_plain() {
        for (path, expected) in [("/etc/", "/etc"), ("//etc/./a/../b", "/etc/b"), ("/../..", "/"), ("/", "/")] {
            assert_eq!(String::from_utf8_lossy(&plain(path)), expected);
        }
    }

    #[test]
    fn a_path_holds_what_is_below_it() {
        let scope = Scope(vec![b"/etc/a".into()]);
        assert!(scope.holds(b"/etc/a") && scope.holds(b"/etc/a/b") && !scope.holds(b"/etc/ab") && !scope.holds(b"/etc"));
        assert!(scope.enters(b"/etc") && scope.enters(b"/etc/a") && !scope.enters(b"/etc/a/b"));
        assert!(Scope(vec![]).holds(b"/x") && Scope(vec![b"/".into()]).holds(b"/x") && !Scope(vec![]).enters(b"/etc"));
    }
}
