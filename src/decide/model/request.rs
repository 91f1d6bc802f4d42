//! What was asked for: the configuration, and what the kernel command line adds to it for this boot.

use super::{BootId, Id};
use crate::decide::config::Config;
use crate::decide::reset::Argument;
use alloc::string::String;
use alloc::vec::Vec;

/// Everything that a person or an image builder wants of this boot.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    /// The configuration with the kernel arguments `bedplate.etc=`, `.var=`, `.root=` worked in.
    pub config: Config,
    /// `bedplate.deployment=`: the name as typed, valid or not.
    pub deployment: Option<String>,
    /// `bedplate.entry=`: which deployment's kernel was loaded; a hint, it chooses nothing.
    pub entry: Option<Id>,
    /// `bedplate.attempt=`: the boot of the kernel that has started this one by kexec. Both are one boot of the machine.
    pub attempt: Option<BootId>,
    /// `bedplate.reset=` and `systemd.factory_reset=`.
    pub reset: Vec<Argument>,
    /// `init=`.
    pub init: Option<String>,
    /// The command line names the init program or changes the configuration: what then fails may be its fault alone.
    pub altered: bool,
    /// `bedplate=0`.
    pub disabled: bool,
}
