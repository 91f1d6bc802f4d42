//! What the content of the tree was when it was deployed: etc.manifest explains local changes, usr.manifest lets `verify` look.

use crate::verbs::crew::{self, Task};
use crate::verbs::root_tree;
use bedplate::boot::copy::Totals;
use bedplate::boot::inventory::{self, Content, ETC, USR, describe_error};
use bedplate::decide::inventory::{Entry, Inventory};
use bedplate::decide::model::VendorEtc;
use bedplate::error::{OrFail, Result};
use bedplate::sys::program::interrupt::Interrupts;
use bedplate::sys::{AsFd, OwnedFd, fs};

/// Of the vendor's /etc.
pub fn write_etc(deployment: &OwnedFd, root: &OwnedFd) -> Result<()> {
    let Some(path) = root_tree::vendor_etc(root)?.map(VendorEtc::path) else { return Ok(()) };
    let etc = fs::open_dir_in(root, path).or_fail("cannot open", path)?;
    inventory::write(deployment.as_fd(), ETC, &inventory::collect(etc.as_fd(), path)?.to_string())
}

/// Of /usr, which is read again with all cores: what is on the disk counts, not what was to be copied. The digest that names it;
/// `None`: interrupted.
pub fn write_usr(deployment: &OwnedFd, root: &OwnedFd, totals: Totals, interrupts: &Interrupts) -> Result<Option<String>> {
    let usr = fs::open_dir_in(root, "usr").or_fail("cannot open", "usr")?;
    let Some(found) = collect(&usr, totals, interrupts)? else { return Ok(None) };
    let text = found.to_string();
    inventory::write(deployment.as_fd(), USR, &text)?;
    Ok(Some(inventory::name_of(text.as_bytes())))
}

fn collect(usr: &OwnedFd, totals: Totals, interrupts: &Interrupts) -> Result<Option<Inventory>> {
    let paths = inventory::paths(usr.as_fd(), "usr")?;
    let order: Vec<u32> = (0..).take(paths.len()).collect();
    let task = Task { root: usr.as_fd(), order: &order, whole: totals, word: "reading what was copied" };
    let found = crew::share(&task, interrupts, |hand, number, found: &mut Vec<Result<Option<Entry>>>| {
        let Some(path) = usize::try_from(number).ok().and_then(|number| paths.get(number)) else { return };
        found.push(hand.describe(path, Content::Sum).map_err(|errno| describe_error(path, errno)));
    });
    let Some(found) = found else { return Ok(None) };
    let mut entries: Vec<Entry> = found.into_iter().filter_map(Result::transpose).collect::<Result<_>>()?;
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Some(Inventory { entries }))
}
