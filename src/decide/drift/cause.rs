//! The cause of one path, from what is found there.

use super::{Cause, Sameness};

/// What an entry of a layer of changes says besides itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    Plain,
    /// Nothing is there, whatever the layers below hold: a character device 0:0, or (Linux 6.7) an empty file with an attribute.
    Whiteout,
    /// A directory that hides what the layers below have in it.
    Opaque,
    /// A directory whose lower content is found under another name: made with `redirect_dir=on`, never by us.
    Redirect,
    /// A file without its content: made with `metacopy=on`, never by us.
    Metacopy,
}

/// What a local change is a change of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// It has content of its own only in what is below it.
    Directory,
    /// Anything else, also a whiteout.
    Leaf,
}

/// What is known of how the local one came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    Unknown,
    /// It equals what an older deployment's vendor had there.
    OlderVendor,
    /// It was kept against the vendor's when the changes were carried forward, and nobody has touched it since.
    Conflict,
}

/// One path of a layer of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding {
    pub mark: Mark,
    pub shape: Shape,
    /// How it compares with what the vendor has there; `None`: nothing. A whiteout is of another type than anything.
    pub vendor: Option<Sameness>,
    pub origin: Origin,
}

impl Finding {
    /// Whether what older vendors had matters here.
    pub const fn may_be_stale(&self) -> bool {
        let open = matches!(self.origin, Origin::Unknown) && matches!(self.mark, Mark::Plain);
        match (self.vendor, self.shape) {
            (None | Some(Sameness::Type), Shape::Directory) | (Some(Sameness::Same), _) => false,
            _ => open,
        }
    }

    /// Whether it is a directory that hides one of the vendor's. overlayfs marks every new one: where the vendor has none, it hides nothing.
    pub const fn hides_vendor(&self) -> bool {
        matches!(self.mark, Mark::Opaque) && matches!(self.vendor, Some(Sameness::Same | Sameness::Metadata | Sameness::Content))
    }

    /// `None`: no drift. What comes first counts:
    /// a directory that only leads to changes is none; what equals the vendor's only shadows its next version (also a whiteout
    /// over nothing); what a person has to decide; what is gone, or hides; what only its age explains; then the plain difference.
    pub const fn cause(&self) -> Option<Cause> {
        Some(match *self {
            Self { mark: Mark::Plain, shape: Shape::Directory, vendor: Some(Sameness::Same), .. } => return None,
            Self { mark: Mark::Plain, vendor: Some(Sameness::Same), .. } | Self { mark: Mark::Whiteout, vendor: None, .. } => {
                Cause::Duplicate
            }
            Self { mark: Mark::Redirect | Mark::Metacopy, .. } | Self { origin: Origin::Conflict, .. } => Cause::Conflict,
            Self { mark: Mark::Whiteout, .. } => Cause::Deleted,
            Self { mark: Mark::Opaque, vendor: Some(Sameness::Same | Sameness::Metadata | Sameness::Content), .. } => Cause::Opaque,
            Self { origin: Origin::OlderVendor, .. } => Cause::Stale,
            Self { vendor: None, .. } => Cause::Added,
            Self { vendor: Some(Sameness::Type), .. } => Cause::Type,
            Self { vendor: Some(Sameness::Content), .. } => Cause::Edited,
            Self { vendor: Some(Sameness::Metadata), .. } => Cause::Metadata,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// mark, shape, what the vendor has, origin: cause. Words as in the code; `-` is nothing.
    const TABLE: &str = "
        plain     leaf       -         unknown   added
        plain     directory  -         unknown   added
        opaque    directory  -         unknown   added
        plain     leaf       content   unknown   edited
        plain     leaf       metadata  unknown   metadata
        plain     directory  metadata  unknown   metadata
        whiteout  leaf       type      unknown   deleted
        plain     leaf       content   conflict  conflict
        plain     leaf       metadata  conflict  conflict
        plain     leaf       type      conflict  conflict
        plain     leaf       -         conflict  conflict
        plain     directory  type      conflict  conflict
        whiteout  leaf       type      conflict  conflict
        opaque    directory  same      conflict  conflict
        redirect  directory  same      unknown   conflict
        redirect  directory  -         unknown   conflict
        metacopy  leaf       content   unknown   conflict
        metacopy  leaf       -         older     conflict
        plain     leaf       content   older     stale
        plain     leaf       metadata  older     stale
        plain     directory  metadata  older     stale
        plain     leaf       type      older     stale
        plain     leaf       -         older     stale
        plain     leaf       same      unknown   duplicate
        plain     leaf       same      older     duplicate
        plain     leaf       same      conflict  duplicate
        whiteout  leaf       -         unknown   duplicate
        opaque    directory  same      unknown   opaque
        opaque    directory  metadata  unknown   opaque
        plain     leaf       type      unknown   type
        plain     directory  type      unknown   type
        opaque    directory  type      unknown   type
        plain     directory  same      unknown   -
        plain     directory  same      older     -
        plain     directory  same      conflict  -
    ";

    fn finding(words: &[&str]) -> Finding {
        let [mark, shape, vendor, origin, _] = words else { panic!("{words:?}") };
        Finding {
            mark: match *mark {
                "plain" => Mark::Plain,
                "whiteout" => Mark::Whiteout,
                "opaque" => Mark::Opaque,
                "redirect" => Mark::Redirect,
                "metacopy" => Mark::Metacopy,
                other => panic!("{other}"),
            },
            shape: if *shape == "directory" { Shape::Directory } else { Shape::Leaf },
            vendor: match *vendor {
                "-" => None,
                "same" => Some(Sameness::Same),
                "metadata" => Some(Sameness::Metadata),
                "content" => Some(Sameness::Content),
                "type" => Some(Sameness::Type),
                other => panic!("{other}"),
            },
            origin: match *origin {
                "unknown" => Origin::Unknown,
                "older" => Origin::OlderVendor,
                "conflict" => Origin::Conflict,
                other => panic!("{other}"),
            },
        }
    }

    #[test]
    fn each_cause_and_what_comes_first() {
        let mut seen = Vec::new();
        for line in TABLE.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let cause = finding(&words).cause();
            assert_eq!(cause.map_or("-", Cause::word), words[4], "{line}");
            seen.extend(cause);
        }
        // A mount is no entry of a layer.
        assert!(Cause::ALL.into_iter().all(|cause| cause == Cause::Hidden || seen.contains(&cause)));
    }

    #[test]
    fn older_vendors_are_asked_only_where_they_can_explain_something() {
        let asked = |line: &str| finding(&line.split_whitespace().collect::<Vec<_>>()).may_be_stale();
        for (line, expected) in [
            ("plain leaf content unknown ?", true),
            ("plain leaf metadata unknown ?", true),
            ("plain leaf type unknown ?", true),
            ("plain leaf - unknown ?", true),
            ("plain directory metadata unknown ?", true),
            ("plain directory - unknown ?", false),
            ("plain directory type unknown ?", false),
            ("plain leaf same unknown ?", false),
            ("plain leaf content conflict ?", false),
            ("whiteout leaf type unknown ?", false),
            ("opaque directory metadata unknown ?", false),
        ] {
            assert_eq!(asked(line), expected, "{line}");
        }
    }

    #[test]
    fn a_cause_is_found_by_its_word() {
        assert!(Cause::ALL.into_iter().all(|cause| Cause::from_word(cause.word()) == Some(cause)));
        assert_eq!(Cause::from_word("Edited"), None);
    }
}
