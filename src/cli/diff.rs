//! The arguments of `diff`.

use argh::FromArgs;

/// every local change with its cause; of one file, how it differs from the deployment's
#[derive(FromArgs, Debug)]
#[argh(subcommand, name = "diff")]
pub struct Diff {
    /// only these paths and what is below them; one that is a file is compared line by line
    #[argh(positional)]
    pub path: Vec<String>,
    /// only changes with this cause: added, edited, metadata, deleted, conflict, stale, duplicate, opaque, type or hidden; may be
    /// given more than once
    #[argh(option)]
    pub cause: Vec<String>,
    /// the deployment whose changes are listed (default: the booted one; on another machine's disk, the one that boots next)
    #[argh(option)]
    pub deployment: Option<String>,
    /// where the boot loader reads kernels and entries (default: the boot partition that is mounted)
    #[argh(option)]
    pub boot: Option<String>,
    /// print JSON
    #[argh(switch)]
    pub json: bool,
    /// the physical root (default /sysroot, else /run/bedplate/sysroot)
    #[argh(option)]
    pub sysroot: Option<String>,
    /// directory with the report of this boot (default /run)
    #[argh(option, default = "String::from(\"/run\")")]
    pub run: String,
}
