//! The arguments of `health`.

use argh::FromArgs;

/// run the health checks of the booted deployment
#[derive(FromArgs, Debug)]
#[argh(subcommand, name = "health")]
pub struct Health {
    /// keep nothing of the result: the exit code tells it
    #[argh(switch)]
    pub check_only: bool,
    /// instead of the checks, run what is done after them: green or red
    #[argh(option)]
    pub after: Option<String>,
    /// seconds for each script (default 300)
    #[argh(option, default = "300")]
    pub limit: u64,
    /// seconds for all checks together (default 600, and less where the boot has a deadline)
    #[argh(option, default = "600")]
    pub limit_all: u64,
    /// below which the scripts are looked up (default /)
    #[argh(option, default = "String::from(\"/\")")]
    pub root: String,
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
