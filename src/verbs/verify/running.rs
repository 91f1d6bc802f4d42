//! Whether what stands at /usr of the running system is the tree that was checked.

use bedplate::boot::verify::{Stands, is_root, standing};
use bedplate::decide::model::Report;
use bedplate::error::Result;

#[derive(Debug, Default)]
pub struct Standing {
    /// Why it is something else.
    pub other: Option<String>,
    pub verity: Option<String>,
    /// The kernel has seen a block that is not what was signed for.
    pub corrupted: bool,
}

/// In a container or a chroot nothing can be said.
pub fn look(report: &Report) -> Result<Standing> {
    if !is_root("/", &report.mounts)? {
        return Ok(Standing::default());
    }
    let other = match standing("/usr", &report.mounts)? {
        Stands::AsBooted | Stands::NotDeclared => None,
        Stands::Other(fstype) if fstype == "overlay" => {
            Some("an overlay covers /usr until the next boot: what is in it is not checked (bedplate diff shows it)".into())
        }
        Stands::Other(fstype) => Some(format!("another mount covers /usr ({fstype}): what is in it is not checked")),
    };
    Ok(Standing { other, ..Standing::default() })
}
