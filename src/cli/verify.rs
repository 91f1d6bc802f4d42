//! The arguments of `verify`.

use argh::FromArgs;

/// is /usr bit for bit what was deployed?
#[derive(FromArgs, Debug)]
#[argh(subcommand, name = "verify")]
pub struct Verify {
    /// the deployment (default: the booted one)
    #[argh(positional)]
    pub id: Option<String>,
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
