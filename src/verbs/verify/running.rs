//! Whether what stands at /usr of the running system is the tree that was checked.

use super::device;
use bedplate::boot::verify::{Stands, is_root, standing};
use bedplate::decide::model::Report;
use bedplate::error::{OrFail, Result};
use bedplate::sys::fs;

/// Why it is something else. In a container or a chroot nothing can be said.
pub fn look(report: &Report) -> Result<Option<String>> {
    if !is_root("/", &report.mounts)? {
        return Ok(None);
    }
    Ok(match standing("/usr", &report.mounts)? {
        Stands::AsBooted | Stands::NotDeclared => None,
        Stands::Other(fstype) if fstype == "overlay" => {
            Some("an overlay covers /usr until the next boot: what is in it is not checked (bedplate diff shows it)".into())
        }
        Stands::Other(fstype) => Some(format!("another mount covers /usr ({fstype}): what is in it is not checked{}", on_verity()?)),
    })
}

/// What the kernel says of the device of that mount.
fn on_verity() -> Result<String> {
    let usr = fs::open_dir("/usr").or_fail("cannot open", "/usr")?;
    Ok(device::under(&usr)?.map_or_else(String::new, |verity| format!("; {verity}")))
}
