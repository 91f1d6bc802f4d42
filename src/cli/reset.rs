//! `reset`.

use argh::FromArgs;

/// back to the deployment at the next boot, or single PATHs of /etc at once
#[derive(FromArgs, Debug)]
#[argh(subcommand, name = "reset")]
#[expect(clippy::struct_excessive_bools, reason = "switches of a command line")]
pub struct Reset {
    /// files and directories of /etc that become the deployment's again, now
    #[argh(positional)]
    pub paths: Vec<String>,
    /// all local changes to /etc but the machine-id
    #[argh(switch)]
    pub etc: bool,
    /// all of /var but /home, /root and /srv
    #[argh(switch)]
    pub var: bool,
    /// also /home, /root and /srv
    #[argh(switch)]
    pub home: bool,
    /// everything, also the machine-id
    #[argh(switch)]
    pub all: bool,
    /// paths that stay: "/etc/ssh/ssh_host_*", "/var/lib/app/**"; more than once
    #[argh(option)]
    pub keep: Vec<String>,
    /// show what would go, change nothing
    #[argh(switch)]
    pub preview: bool,
    /// cancel what is asked for, or bring back what the last reset took away
    #[argh(switch)]
    pub undo: bool,
    /// also files that hold the machine's own users
    #[argh(switch)]
    pub force: bool,
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
