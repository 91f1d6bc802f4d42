//! /run/ostree-booted: how libostree, rpm-ostree and bootc learn what was booted, and how.

use super::variant::{Value, dictionary};
use alloc::string::String;
use alloc::vec::Vec;

/// What is told of a boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booted {
    /// Of the deployment's directory: by these libostree knows it again.
    pub device: u64,
    pub inode: u64,
    pub root_transient: bool,
    pub root_transient_ro: bool,
    pub composefs: Option<BootedComposefs>,
    pub sysroot_readonly: bool,
    /// The directory with the layers of a transient /etc.
    pub transient_etc: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootedComposefs {
    /// fs-verity was required.
    pub verity: bool,
    /// The file of keys by one of which the commit was signed, where that was checked.
    pub signed_by: Option<String>,
}

impl Booted {
    /// The file's content, in the order of the original.
    pub fn to_bytes(&self) -> Vec<u8> {
        let flag = |name, value| (name, Value::Boolean(value));
        let mut entries = alloc::vec![("backing-root-device-inode", Value::Pair(self.device, self.inode))];
        entries.push(flag("root.transient", self.root_transient));
        if self.root_transient_ro {
            entries.push(flag("root.transient-ro", true));
        }
        if let Some(composefs) = &self.composefs {
            entries.extend(composefs.signed_by.clone().map(|path| ("composefs.signed", Value::Text(path))));
            entries.extend([flag("composefs", true), flag("composefs.verity", composefs.verity)]);
        }
        entries.push(flag("sysroot-ro", self.sysroot_readonly));
        entries.extend(self.transient_etc.clone().map(|path| ("transient-etc", Value::Text(path))));
        dictionary(&entries)
    }
}
