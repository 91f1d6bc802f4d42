//! Globs of paths that a reset keeps: `/etc/ssh/ssh_host_*`, `/var/lib/app/**`.
//!
//! In a component `*` stands for any bytes, `?` for one, `[a-z]` and `[!a-z]` for one of these or one of all others; a `\`
//! takes the meaning of the byte after it away. `**` as a whole component stands for any number of components. A name that
//! begins with a dot is a name like others. What is below a path that is kept is kept with it.

use alloc::string::String;
use alloc::vec::Vec;

/// Longer ones are refused.
const LONGEST: usize = 4096;

/// Where paths of the root are in the shared /var.
const IN_VAR: [(&str, &str); 6] = [
    ("/home", "/var/home"),
    ("/root", "/var/roothome"),
    ("/srv", "/var/srv"),
    ("/opt", "/var/opt"),
    ("/mnt", "/var/mnt"),
    ("/usr/local", "/var/usrlocal"),
];

/// A glob, component by component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    /// `**`.
    Any,
    One(Vec<u8>),
}

/// What a path is to a set of globs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// One of them keeps it.
    Kept,
    /// Something below it may be kept.
    Above,
    Gone,
}

impl Glob {
    /// The error is the end of a sentence about it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let path = in_var(text);
        if path.len() > LONGEST {
            return Err("is longer than 4096 bytes");
        }
        if path.bytes().any(|byte| byte == 0) || !["/etc/", "/var/"].iter().any(|start| path.starts_with(start)) {
            return Err("is not below /etc, /var, or what lives in /var (/home, /root, /srv, /opt, /mnt, /usr/local)");
        }
        let parts: Vec<&[u8]> = path.as_bytes().split(|byte| *byte == b'/').filter(|part| !part.is_empty()).collect();
        if parts.iter().any(|part| matches!(part, [b'.'] | [b'.', b'.'])) {
            return Err("has . or .. in it");
        }
        let piece = |part: &&[u8]| if *part == b"**" { Piece::Any } else { Piece::One(part.to_vec()) };
        Ok(Self(parts.iter().map(piece).collect()))
    }

    /// The places in the glob where a path may have come to: one more than the last is its end.
    fn walk<'a>(&self, path: impl Iterator<Item = &'a [u8]>) -> Fate {
        let mut at = self.with_skipped(Vec::from([0]));
        for part in path {
            if at.contains(&self.0.len()) {
                return Fate::Kept;
            }
            let next = at.iter().filter_map(|place| match self.0.get(*place)? {
                Piece::Any => Some(*place),
                Piece::One(piece) => matches(piece, part).then_some(place.saturating_add(1)),
            });
            at = self.with_skipped(next.collect());
        }
        match at.as_slice() {
            [] => Fate::Gone,
            at if at.contains(&self.0.len()) => Fate::Kept,
            _ => Fate::Above,
        }
    }

    /// `**` also stands for nothing.
    fn with_skipped(&self, mut at: Vec<usize>) -> Vec<usize> {
        let mut index = 0;
        while let Some(place) = at.get(index).copied() {
            let after = place.saturating_add(1);
            if self.0.get(place) == Some(&Piece::Any) && !at.contains(&after) {
                at.push(after);
            }
            index += 1;
        }
        at
    }
}

/// What becomes of a path, given by its components.
pub fn fate(globs: &[Glob], path: &[Vec<u8>]) -> Fate {
    let fates: Vec<Fate> = globs.iter().map(|glob| glob.walk(path.iter().map(Vec::as_slice))).collect();
    let first = [Fate::Kept, Fate::Above].into_iter().find(|fate| fates.contains(fate));
    first.unwrap_or(Fate::Gone)
}

fn in_var(text: &str) -> String {
    let inside = |(from, to): &(&str, &str)| {
        let rest = text.strip_prefix(from)?;
        (rest.is_empty() || rest.starts_with('/')).then(|| alloc::format!("{to}{rest}"))
    };
    IN_VAR.iter().find_map(inside).unwrap_or_else(|| text.into())
}

/// Whether a piece of a glob stands for a name. Time in proportion to the product of the lengths: the last `*` alone is ever
/// taken back.
pub fn matches(piece: &[u8], name: &[u8]) -> bool {
    let (mut glob, mut rest) = (piece, name);
    let mut star: Option<(&[u8], &[u8])> = None;
    loop {
        if let [b'*', tail @ ..] = glob {
            star = Some((tail, rest));
            glob = tail;
            continue;
        }
        let step = match (glob, rest) {
            ([], []) => return true,
            ([], _) | (_, []) => None,
            (glob, [byte, others @ ..]) => one(glob, *byte).map(|tail| (tail, others)),
        };
        (glob, rest) = match (step, star) {
            (Some(step), _) => step,
            (None, Some((tail, [_, later @ ..]))) => {
                star = Some((tail, later));
                (tail, later)
            }
            (None, _) => return false,
        };
    }
}

/// The rest of the glob, where its beginning stands for this byte.
fn one(glob: &[u8], byte: u8) -> Option<&[u8]> {
    match glob {
        [b'?', tail @ ..] => Some(tail),
        [b'[', inside @ ..] => match class(inside, byte) {
            Some((Hit::Yes, tail)) => Some(tail),
            Some((Hit::No, _)) => None,
            // Without an end it is a bracket.
            None => (byte == b'[').then_some(inside),
        },
        [b'\\', literal, tail @ ..] | [literal, tail @ ..] => (*literal == byte).then_some(tail),
        [] => None,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Hit {
    Yes,
    No,
}

/// After the opening bracket; a `]` that comes first is one of the bytes.
fn class(inside: &[u8], byte: u8) -> Option<(Hit, &[u8])> {
    let (wanted, mut rest) = match inside {
        [b'!' | b'^', tail @ ..] => (Hit::No, tail),
        inside => (Hit::Yes, inside),
    };
    let mut hit = Hit::No;
    let mut is_first = true;
    loop {
        let (low, high, tail) = match rest {
            [b']', tail @ ..] if !is_first => return Some((if hit == wanted { Hit::Yes } else { Hit::No }, tail)),
            [low, b'-', high, tail @ ..] if *high != b']' => (*low, *high, tail),
            [low, tail @ ..] => (*low, *low, tail),
            [] => return None,
        };
        if (low..=high).contains(&byte) {
            hit = Hit::Yes;
        }
        (rest, is_first) = (tail, false);
    }
}
