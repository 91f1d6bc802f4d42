//! Which local changes are dropped at a boot: those whose cause is listed in `etc.clean`, and what is left of paths that were
//! reset. Dropping one shows the vendor's.

use super::Cause;
use crate::decide::config::Clean;
use crate::decide::reset::queue::{BESIDE, covers};
use alloc::vec::Vec;

/// A change, as a walk through the layer tells it, parents first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Below the layer.
    pub path: Vec<u8>,
    pub cause: Cause,
    pub shape: super::Shape,
    /// Of a directory that hides what the vendor has in it, whatever else is so of it: the vendor's files that nothing local stands for.
    pub hides: Option<u64>,
}

/// The paths to drop. What a reset that was cut off leaves beside goes with what was queued. Below an opaque directory the vendor's does not show: it goes as a whole, where that changes nothing, or
/// not at all. What is below a directory that is not dropped stays in it.
pub fn drops<'a>(seen: &'a [Seen], clean: &[Clean], queued: &[Vec<u8>]) -> Vec<&'a [u8]> {
    let below = |above: &Seen, path: &[u8]| path.strip_prefix(above.path.as_slice()).is_some_and(|rest| rest.starts_with(b"/"));
    let opaque: Vec<&Seen> = seen.iter().filter(|seen| seen.hides.is_some()).collect();
    let is_hidden = |path: &[u8]| opaque.iter().any(|above| below(above, path));
    let is_beside = |path: &[u8]| path.rsplit(|byte| *byte == b'/').next() == Some(BESIDE.as_bytes());
    let changes_nothing =
        |above: &Seen| above.hides == Some(0) && seen.iter().all(|seen| !below(above, &seen.path) || seen.cause == Cause::Duplicate);
    let drop = |seen: &&Seen| match seen.cause {
        Cause::Added if seen.shape == super::Shape::Directory && is_beside(&seen.path) => !queued.is_empty(),
        _ if is_hidden(&seen.path) => false,
        Cause::Duplicate => clean.contains(&Clean::Duplicate) || covers(queued, &seen.path),
        // Of one that was reset: what a deployment before this one has left in a layer that was copied.
        Cause::Stale => (clean.contains(&Clean::Stale) || covers(queued, &seen.path)) && seen.shape == super::Shape::Leaf,
        Cause::Opaque => covers(queued, &seen.path) && changes_nothing(seen),
        _ => false,
    };
    seen.iter().filter(drop).map(|seen| seen.path.as_slice()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Shape;
    use super::*;

    fn seen(text: &str) -> Vec<Seen> {
        let line = |line: &str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let shape = if words[0].ends_with('/') { Shape::Directory } else { Shape::Leaf };
            let hides = words.get(2).map(|hides| hides.parse().unwrap());
            Seen { path: words[0].trim_end_matches('/').into(), cause: Cause::from_word(words[1]).unwrap(), shape, hides }
        };
        text.split(',').filter(|text| !text.trim().is_empty()).map(line).collect()
    }

    #[test]
    fn what_is_dropped() {
        use Clean::{Duplicate, Stale};
        for (changes, clean, queued, expected) in [
            ("a edited, b duplicate, c stale", &[][..], "", ""),
            ("a edited, b duplicate, c stale", &[Duplicate], "", "b"),
            ("a edited, b duplicate, c stale", &[Stale], "", "c"),
            ("a edited, b duplicate, c stale", &[Duplicate, Stale], "", "b c"),
            ("a edited, b duplicate, c stale", &[], "a b c", "b c"),
            ("d/ stale, d/x stale, y stale", &[], "d", "d/x"),
            ("a/b duplicate, ab duplicate", &[], "a", "a/b"),
            ("d/ stale, d/x added", &[Stale], "", ""),
            ("d/ metadata, d/x duplicate", &[Duplicate], "", "d/x"),
            // What an opaque directory has is all that shows.
            ("d/ opaque 1, d/x duplicate, d/y stale", &[Duplicate, Stale], "d/x", ""),
            ("d/ opaque 0, d/x duplicate, d/e/y duplicate", &[Duplicate], "d", "d"),
            ("d/ opaque 0, d/x duplicate", &[Duplicate], "", ""),
            ("d/ opaque 2, d/x duplicate", &[], "d", ""),
            ("d/ opaque 0, d/x edited", &[], "d", ""),
            ("d/ opaque 0, dx edited", &[], "d", "d"),
            ("d/.bedplate-reset/ added, d/.bedplate-reset/x added, .bedplate-reset added", &[], "d/x", "d/.bedplate-reset"),
            ("d/ opaque 2, d/.bedplate-reset/ added", &[], "d/x", "d/.bedplate-reset"),
            ("d/ conflict 1, d/x duplicate, d/y stale", &[Duplicate, Stale], "d/x", ""),
            ("d/ conflict 0, d/x duplicate", &[], "d", ""),
            ("d/ conflict, d/x duplicate", &[], "d/x", "d/x"),
            ("d/.bedplate-reset/ added", &[Duplicate, Stale], "", ""),
            ("a deleted, b added, c conflict, d type", &[Duplicate, Stale], "a b c d", ""),
        ] {
            let queued: Vec<Vec<u8>> = queued.split_whitespace().map(|path| path.as_bytes().to_vec()).collect();
            let changes = seen(changes);
            let dropped: Vec<&str> = drops(&changes, clean, &queued).into_iter().map(|path| core::str::from_utf8(path).unwrap()).collect();
            assert_eq!(dropped.join(" "), expected, "{changes:?} {clean:?} {queued:?}");
        }
    }
}
