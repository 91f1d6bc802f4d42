//! Arguments of `unlock`.

use argh::FromArgs;

/// open the read-only /usr until the next boot, or in place for one command
#[derive(FromArgs, Debug)]
#[argh(subcommand, name = "unlock")]
pub struct Unlock {
    /// with --live, the command
    #[argh(positional)]
    pub command: Vec<String>,
    /// in place, in a mount namespace that only the command sees
    #[argh(switch)]
    pub live: bool,
    /// the physical root (default /sysroot, else /run/bedplate/sysroot)
    #[argh(option)]
    pub sysroot: Option<String>,
    /// directory with the report of this boot (default /run)
    #[argh(option, default = "String::from(\"/run\")")]
    pub run: String,
}
