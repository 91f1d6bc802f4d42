//! Arguments of `deploy`.

use argh::FromArgs;

/// add a deployment, from a directory or from the running system after a command, and put it on trial
#[derive(FromArgs, Debug)]
#[argh(subcommand, name = "deploy")]
pub struct Deploy {
    /// a directory with a whole root tree; with --from-current, the command
    #[argh(positional, arg_name = "tree or command")]
    pub words: Vec<String>,
    /// copy the running deployment, and change the copy by a command that runs in it
    #[argh(switch)]
    pub from_current: bool,
    /// name of the deployment: letters, digits, ". _ -"
    #[argh(option)]
    pub id: String,
    /// boots that it gets to prove itself (default: the configuration's tries)
    #[argh(option)]
    pub tries: Option<u8>,
    /// it is known to work; only where no good deployment exists yet
    #[argh(switch)]
    pub good: bool,
    /// also while a trial is running
    #[argh(switch)]
    pub force: bool,
    /// version to show (default: the tree's os-release)
    #[argh(option)]
    pub version_name: Option<String>,
    /// where the boot loader reads kernels and entries (default: the boot partition that is mounted)
    #[argh(option)]
    pub boot: Option<String>,
    /// the physical root (default /sysroot, else /run/bedplate/sysroot)
    #[argh(option)]
    pub sysroot: Option<String>,
    /// directory with the report of this boot (default /run)
    #[argh(option, default = "String::from(\"/run\")")]
    pub run: String,
}
