//! One directory of a deployment against its manifest.

use crate::verbs::crew::{self, Hand, Task};
use crate::verbs::root_tree;
use bedplate::boot::copy::{Totals, measure};
use bedplate::boot::inventory::{self, Content};
use bedplate::decide::inventory::{Difference, Entry, Index, Kind, changes};
use bedplate::decide::model::VendorEtc;
use bedplate::error::{Errno, Error, OrFail, Result};
use bedplate::sys::program::interrupt::Interrupts;
use bedplate::sys::{AsFd, OwnedFd, fs};
use std::sync::atomic::{AtomicU64, Ordering};

/// What was looked at, and what differs.
#[derive(Debug, Default)]
pub struct Checked {
    pub paths: u64,
    pub bytes: u64,
    /// Files that were deployed with fs-verity.
    pub guarded: u64,
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
        self.guarded += other.guarded;
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
    let Order { numbers: order, whole, guarded } = order(&index);
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
    Ok(Checked { paths: index.len() as u64, bytes: whole.bytes, guarded, differences })
}

/// Reads a directory with all that is in it: what cannot be read differs.
pub fn read(deployment: &OwnedFd, path: &str, interrupts: &Interrupts) -> Result<Checked> {
    let dir = fs::open_dir_in(deployment, path).or_fail("cannot open", path)?;
    let paths = inventory::paths(dir.as_fd(), path)?;
    let order: Vec<u32> = (0..).take(paths.len()).collect();
    let task = Task { root: dir.as_fd(), order: &order, whole: measure(dir.as_fd())?, word: "reading" };
    let read = AtomicU64::new(0);
    let found = crew::share(&task, interrupts, |hand, number, found| {
        let Some(path) = usize::try_from(number).ok().and_then(|number| paths.get(number)) else { return };
        match hand.describe(path, Content::Sum) {
            Ok(Some(Entry { kind: Kind::File(digest), .. })) => {
                read.fetch_add(digest.size, Ordering::Relaxed);
            }
            // Gone or interrupted: nothing of this is shown.
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => found.push(Found { path: in_system("", path), difference: Difference::Unreadable(errno.to_string()) }),
        }
    });
    let mut differences = found.ok_or_else(|| Error::refused("interrupted: nothing can be said"))?;
    differences.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Checked { paths: paths.len() as u64, bytes: read.into_inner(), guarded: 0, differences })
}

/// What is looked at, one after the other.
struct Order {
    /// Of entries.
    numbers: Vec<u32>,
    whole: Totals,
    /// Of all entries, those with fs-verity.
    guarded: u64,
}

/// Large files first, the largest of them before the others: none is left for one core alone at the end. The others as they are
/// listed, so that neighbours stay together.
fn order(index: &Index<'_>) -> Order {
    const LARGE: u64 = 1 << 20;
    let (mut whole, mut guarded) = (Totals::default(), 0);
    let (mut large, mut order) = (Vec::new(), Vec::new());
    for (number, entry) in (0..).zip(0..index.len()).filter_map(|(number, at)| Some((number, index.entry(at)?))) {
        let size = if let Kind::File(digest) = entry.kind { digest.size } else { 0 };
        guarded += u64::from(entry.verity.is_some());
        whole.files += 1;
        whole.bytes += size;
        if size >= LARGE { large.push((size, number)) } else { order.push(number) }
    }
    large.sort_by_key(|(size, _)| std::cmp::Reverse(*size));
    Order { numbers: large.into_iter().map(|(_, number)| number).chain(order).collect(), whole, guarded }
}

/// One path, and if it is a directory, the names in it that nobody deployed.
fn look(hand: &mut Hand<'_>, index: &Index<'_>, was: &Entry, found: &mut Vec<Found>) {
    let difference = match hand.describe(&was.path, Content::Like(was)) {
        // Interrupted: nothing of this is shown.
        Err(Errno::EINTR) => return,
        Err(Errno::EIO) if was.verity.is_some() => {
            Some(Difference::Unreadable("other content than fs-verity allows, or a broken disk".into()))
        }
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
    let place = if path == b"." && place.is_empty() { "/" } else { place };
    if path == b"." { place.into() } else { [place.as_bytes(), b"/", path].concat() }
}
