//! The verbs with their arguments, as argh reads them. What it does not understand by itself is in `arguments`.

mod deploy;
mod diff;
mod health;
mod reset;
mod unlock;
mod verify;

use argh::FromArgs;
use bedplate::boot::pid1::From;
pub use deploy::Deploy;
pub use diff::Diff;
pub use health::Health;
pub use reset::Reset;
pub use unlock::Unlock;
pub use verify::Verify;

/// mounts the deployments of an image-based system, counts their boots, and rolls back those that fail
#[derive(FromArgs, Debug)]
pub struct Cli {
    #[argh(subcommand)]
    pub verb: Verb,
}

#[derive(FromArgs, Debug)]
#[argh(subcommand)]
pub enum Verb {
    PrepareRoot(PrepareRoot),
    Pid1(Pid1),
    Plan(Plan),
    Status(Status),
    List(List),
    History(History),
    Diff(Diff),
    Health(Health),
    InitStore(InitStore),
    Deploy(Deploy),
    Remove(Remove),
    Mark(Mark),
    Rollback(Rollback),
    Unlock(Unlock),
    SetDefault(SetDefault),
    SetOneshot(SetOneshot),
    Pin(Pin),
    Unpin(Unpin),
    Verify(Verify),
    Reset(Reset),
    Lint(Lint),
    Note(Note),
}

/// in the initramfs: choose a deployment, count the try, mount it and put it in SYSROOT's place
#[derive(FromArgs, Debug)]
#[argh(subcommand, name = "prepare-root")]
pub struct PrepareRoot {
    /// the mounted physical root (default /sysroot), then a command line instead of /proc/cmdline
    #[argh(positional, arg_name = "sysroot [cmdline]")]
    pub places: Vec<String>,
    /// where the configuration is looked up (default /)
    #[argh(option, default = "String::from(\"/\")")]
    pub config_root: String,
    /// directory for the report and the runtime units (default /run)
    #[argh(option, default = "String::from(\"/run\")")]
    pub run: String,
}

/// as PID 1 of an initramfs that holds nothing else: modules, root device, prepare-root, switch root
#[derive(FromArgs, Debug)]
#[argh(subcommand, name = "pid1")]
pub struct Pid1 {
    /// passed on to init
    #[argh(positional, greedy)]
    pub arguments: Vec<String>,
    /// not for people: an OSTree system starts the program by another name
    #[argh(option, hidden_help, default = "From::Initramfs", from_str_fn(never))]
    pub from: From,
}

fn never(_: &str) -> Result<From, String> {
    Err("it is told by the name of the program".into())
}

/// print the choice and the mount plan; changes nothing
#[derive(FromArgs, Debug)]
#[argh(subcommand, name = "plan")]
pub struct Plan {
    /// the physical root (default /sysroot, else /run/bedplate/sysroot)
    #[argh(option)]
    pub sysroot: Option<String>,
    /// instead of /proc/cmdline
    #[argh(option)]
    pub cmdline: Option<String>,
    /// where the configuration is looked up (default: in an initramfs /, else what this boot went by)
    #[argh(option)]
    pub config_root: Option<String>,
    /// print JSON
    #[argh(switch)]
    pub json: bool,
}

/// what runs and why, what would run next, and how many local changes there are
#[derive(FromArgs, Debug)]
#[argh(subcommand, name = "status")]
pub struct Status {
    /// print nothing; exit 4 when the machine fell back
    #[argh(switch)]
    pub check: bool,
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

/// all deployments, newest last
#[derive(FromArgs, Debug)]
#[argh(subcommand, name = "list")]
pub struct List {
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

/// who booted, was tried, failed, was marked, by whom and why
#[derive(FromArgs, Debug)]
#[argh(subcommand, name = "history")]
pub struct History {
    /// print JSON
    #[argh(switch)]
    pub json: bool,
    /// the physical root (default /sysroot, else /run/bedplate/sysroot)
    #[argh(option)]
    pub sysroot: Option<String>,
}

/// make an empty store
#[derive(FromArgs, Debug)]
#[argh(subcommand, name = "init-store")]
pub struct InitStore {
    /// the physical root (default /sysroot, else /run/bedplate/sysroot)
    #[argh(option)]
    pub sysroot: Option<String>,
}

/// remove a deployment and its state
#[derive(FromArgs, Debug)]
#[argh(subcommand, name = "remove")]
pub struct Remove {
    /// the deployment
    #[argh(positional)]
    pub id: String,
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

/// give the verdict on the booted deployment
#[derive(FromArgs, Debug)]
#[argh(subcommand, name = "mark")]
pub struct Mark {
    /// good or bad
    #[argh(positional)]
    pub verdict: String,
    /// why it is bad
    #[argh(option)]
    pub reason: Option<String>,
    /// the physical root (default /sysroot, else /run/bedplate/sysroot)
    #[argh(option)]
    pub sysroot: Option<String>,
    /// directory with the report of this boot (default /run)
    #[argh(option, default = "String::from(\"/run\")")]
    pub run: String,
}

/// leave the booted deployment: the next boot is the fallback, or ID
#[derive(FromArgs, Debug)]
#[argh(subcommand, name = "rollback")]
pub struct Rollback {
    /// the deployment to go to (default: the fallback that status shows)
    #[argh(positional)]
    pub id: Option<String>,
    /// the physical root (default /sysroot, else /run/bedplate/sysroot)
    #[argh(option)]
    pub sysroot: Option<String>,
    /// directory with the report of this boot (default /run)
    #[argh(option, default = "String::from(\"/run\")")]
    pub run: String,
}

/// boot ID from now on, whatever the rules say
#[derive(FromArgs, Debug)]
#[argh(subcommand, name = "set-default")]
pub struct SetDefault {
    /// the deployment
    #[argh(positional)]
    pub id: Option<String>,
    /// back to the rules
    #[argh(switch)]
    pub clear: bool,
    /// the physical root (default /sysroot, else /run/bedplate/sysroot)
    #[argh(option)]
    pub sysroot: Option<String>,
}

/// boot ID the next time only
#[derive(FromArgs, Debug)]
#[argh(subcommand, name = "set-oneshot")]
pub struct SetOneshot {
    /// the deployment
    #[argh(positional)]
    pub id: String,
    /// the physical root (default /sysroot, else /run/bedplate/sysroot)
    #[argh(option)]
    pub sysroot: Option<String>,
}

/// never remove ID
#[derive(FromArgs, Debug)]
#[argh(subcommand, name = "pin")]
pub struct Pin {
    /// the deployment
    #[argh(positional)]
    pub id: String,
    /// the physical root (default /sysroot, else /run/bedplate/sysroot)
    #[argh(option)]
    pub sysroot: Option<String>,
}

/// allow ID to be removed again
#[derive(FromArgs, Debug)]
#[argh(subcommand, name = "unpin")]
pub struct Unpin {
    /// the deployment
    #[argh(positional)]
    pub id: String,
    /// the physical root (default /sysroot, else /run/bedplate/sysroot)
    #[argh(option)]
    pub sysroot: Option<String>,
}

/// check a tree's configuration, units and content before it ships
#[derive(FromArgs, Debug)]
#[argh(subcommand, name = "lint")]
pub struct Lint {
    /// the tree (default /)
    #[argh(positional, default = "String::from(\"/\")")]
    pub dir: String,
    /// also check the store below this physical root
    #[argh(option)]
    pub sysroot: Option<String>,
    /// print JSON
    #[argh(switch)]
    pub json: bool,
}

/// used by bedplate's own units
#[derive(FromArgs, Debug)]
#[argh(subcommand, name = "note")]
pub struct Note {
    /// started, unhealthy, shutdown, deadline, countdown or watchdog
    #[argh(positional)]
    pub event: String,
    /// the physical root (default /sysroot, else /run/bedplate/sysroot)
    #[argh(option)]
    pub sysroot: Option<String>,
    /// directory with the report of this boot (default /run)
    #[argh(option, default = "String::from(\"/run\")")]
    pub run: String,
}
