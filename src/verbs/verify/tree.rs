//! One directory of a deployment against its manifest.

use crate::verbs::crew::{self, Hand, Task};
use crate::verbs::root_tree;
use bedplate::boot::copy::Totals;
use bedplate::boot::inventory::Content;
use bedplate::decide::inventory::{Difference, Entry, Index, Kind, changes};
use bedplate::decide::model::VendorEtc;
use bedplate::error::{Errno, Error, OrFail, Result};
use bedplate::sys::program::interrupt::Interrupts;
use bedplate::sys::{AsFd, OwnedFd, fs};

/// What was looked at, and what differs.
#[derive(Debug, Default)]
pub struct Checked {
    pub paths: u64,
    pub bytes: u64,
    /// By path.
    pub differences: Vec<Found>,
}

#[derive(Debug)]
pub struct Found {
    /// As in the booted system, with its slash; as bytes.
    pub path: Vec<u8>,
    pub difference: Difference,
}

impl Checked {
    pub fn add(&mut self, other: Self) {
        self.paths += other.paths;
        self.bytes += other.bytes;
        self.differences.extend(other.differences);
    }
}

/// Where the vendor's /etc of a deployment is.
pub fn vendor_etc(deployment: &OwnedFd) -> Result<Option<VendorEtc>> {
    root_tree::vendor_etc(&fs::open_dir_in(deployment, "root").or_fail("cannot open", "root")?)
}

/// `path` is the directory's, below the deployment's own.
pub fn check(deployment: &OwnedFd, path: &str, manifest: &str, interrupts: &Interrupts) -> Result<Checked> {
    let index =
        Index::of(manifest).map_err(|problem| Error::refused(format!("cannot read the manifest of {path}: {problem}; deploy it again")))?;
    let dir = fs::open_dir_in(deployment, path).or_fail("cannot open", path)?;
    let (order, whole) = order(&index);
    let task = Task { root: dir.as_fd(), order: &order, whole, word: "checking" };
    let found = crew::share(&task, interrupts, |hand, number, found| {
        if let Some(entry) = usize::try_from(number).ok().and_then(|number| index.entry(number)) {
            look(hand, &index, &entry, found);
        }
    });
    let mut differences = found.ok_or_else(|| Error::refused("interrupted: nothing can be said"))?;
    let place = path.strip_prefix("root").unwrap_or(path);
    for found in &mut differences {
        found.path = in_system(place, &found.path);
    }
    differences.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Checked { paths: index.len() as u64, bytes: whole.bytes, differences })
}

/// Large files first, the largest of them before the others: none is left for one core alone at the end. The others as they are
/// listed, so that neighbours stay together.
fn order(index: &Index<'_>) -> (Vec<u32>, Totals) {
    const LARGE: u64 = 1 << 20;
    let mut whole = Totals::default();
    let (mut large, mut order) = (Vec::new(), Vec::new());
    for (number, at) in (0..).zip(0..index.len()) {
        let size = match index.entry(at).map(|entry| entry.kind) {
            Some(Kind::File(digest)) => digest.size,
            _ => 0,
        };
        whole.files += 1;
        whole.bytes += size;
        if size >= LARGE { large.push((size, number)) } else { order.push(number) }
    }
    large.sort_by_key(|(size, _)| std::cmp::Reverse(*size));
    (large.into_iter().map(|(_, number)| number).chain(order).collect(), whole)
}

/// One path, and if it is a directory, the names in it that nobody deployed.
fn look(hand: &mut Hand<'_>, index: &Index<'_>, was: &Entry, found: &mut Vec<Found>) {
    let content = match was.kind {
        Kind::File(digest) => Content::OfSize(digest.size),
        _ => Content::Read,
    };
    let difference = match hand.describe(&was.path, content) {
        // Interrupted: nothing of this is shown.
        Err(Errno::EINTR) => return,
        Err(errno) => Some(Difference::Unreadable(errno.to_string())),
        Ok(None) => Some(Difference::Missing),
        Ok(Some(is)) => {
            if is.kind == Kind::Directory {
                extra(hand, index, &was.path, found);
            }
            let changes = changes(was, &is);
            (!changes.is_empty()).then_some(Difference::Changed(changes))
        }
    };
    found.extend(difference.map(|difference| Found { path: was.path.clone(), difference }));
}

fn extra(hand: &mut Hand<'_>, index: &Index<'_>, path: &[u8], found: &mut Vec<Found>) {
    match hand.names(path) {
        Ok(names) => {
            let below =
                names.iter().map(|name| if path == b"." { name.to_bytes().to_vec() } else { [path, b"/", name.to_bytes()].concat() });
            found.extend(below.filter(|path| !index.has(path)).map(|path| Found { path, difference: Difference::Extra }));
        }
        Err(errno) => found.push(Found { path: path.into(), difference: Difference::Unreadable(errno.to_string()) }),
    }
}

fn in_system(place: &str, path: &[u8]) -> Vec<u8> {
    if path == b"." { place.into() } else { [place.as_bytes(), b"/", path].concat() }
}
