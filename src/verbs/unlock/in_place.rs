//! In place, for one command: it alone sees the deployment's own usr writable. It is written down before it starts.

use super::mounts::{Sources, mount_all};
use super::{System, hold, shown};
use crate::cli;
use crate::verbs::Exit;
use crate::verbs::access::View;
use crate::verbs::who::who;
use bedplate::boot::copy::linked_outside;
use bedplate::decide::model::Id;
use bedplate::decide::unlock::{Opened, Step, in_place, may_open_in_place};
use bedplate::error::{Error, OrFail, Result};
use bedplate::sys::mount::{self, Flags};
use bedplate::sys::program::apart::{Apart, End, Event, Left, Processes, adopt, left};
use bedplate::sys::program::interrupt::{Interrupt, Interrupts};
use bedplate::sys::{AsFd, OwnedFd, fs, host};
use std::os::unix::process::CommandExt;
use std::process::Command;

pub fn run(args: &cli::Unlock) -> Result<Exit> {
    let interrupts = Interrupts::hold().or_fail("cannot hold signals for", "unlock")?;
    let begun = begin(args)?;
    let end = start(args, &begun).and_then(|apart| wait(apart, &interrupts));
    let status = match &end {
        Ok(End::Status(status)) => Some(*status),
        Ok(End::Failed(_)) | Err(_) => None,
    };
    let noted = finish(args, &begun, status);
    let command = shown(&args.command);
    match (end?, noted) {
        (End::Failed(why), _) => Err(Error::transient(format!("cannot run \"{command}\": {why}"))),
        (End::Status(0), noted) => noted.map(|()| Exit::Done),
        (End::Status(status), noted) => {
            let more = noted.err().map(|error| format!(" (and {error})")).unwrap_or_default();
            Err(Error::transient(format!("\"{command}\" exited with {status}{more}")))
        }
    }
}

/// A command that may run.
struct Begun {
    id: Id,
    /// The command has it, too, and what it leaves running: as long as one of them runs, nobody takes the deployment for settled.
    held: OwnedFd,
    steps: Vec<Step>,
    /// What is written of it so far.
    opened: Opened,
}

/// Refuses what cannot be, and writes down what will be: on the disk before anything changes.
fn begin(args: &cli::Unlock) -> Result<Begun> {
    let view = View::open_for_change(args.sysroot.as_deref(), &args.run)?;
    let system = System::look(&view)?;
    may_open_in_place(&system.running(&view))?;
    let (deployment, tree) = system.booted()?;
    for path in std::iter::once(&"usr").chain(&system.beside_usr) {
        stands_alone(tree, path)?;
    }
    let held = hold(&view, &deployment.id)?;
    let boot_id = view.facts.boot_id.as_str().to_string();
    let opened = Opened { time: host::unix_time(), boot_id, by: who(), command: args.command.clone(), exit: None };
    let id = deployment.id.clone();
    let mut all = view.store.opened(&id)?;
    all.push(opened.clone());
    view.store.write_opened(&id, &all)?;
    view.note("unlocked", &id, &format!("in place, for one command: {}", shown(&args.command)));
    Ok(Begun { steps: in_place(&system.mounts, system.vendor_etc, &system.beside_usr), id, held, opened })
}

/// Refuses a directory of the tree of which a file has another name elsewhere.
fn stands_alone(tree: &OwnedFd, directory: &str) -> Result<()> {
    let dir = fs::open_dir_in(tree, directory).or_fail("cannot open", directory)?;
    match linked_outside(dir.as_fd())? {
        None => Ok(()),
        Some(path) => Err(Error::refused(format!(
            "\"/{directory}/{path}\" has another name outside /{directory} of this deployment, and what has it would change, too: use deploy --from-current"
        ))),
    }
}

fn finish(args: &cli::Unlock, begun: &Begun, status: Option<i32>) -> Result<()> {
    let view = View::open_for_change(args.sysroot.as_deref(), &args.run)?;
    // What the command has changed is on the disk before it is said how it ended.
    fs::sync_fs(&view.store.dir).or_fail("cannot flush", "bedplate/deployments")?;
    let mut all = view.store.opened(&begun.id)?;
    if let Some(own) = all.iter_mut().rfind(|opened| **opened == begun.opened) {
        own.exit = status;
    }
    view.store.write_opened(&begun.id, &all)?;
    let why = status.map_or("the command could not be started".into(), |status| format!("the command exited with {status}"));
    let left = match left().or_fail("cannot look for processes of", "the command")? {
        Left::Some => {
            log::warn!("what the command has started still runs, and can change /usr until it ends");
            ", and what it has started still runs"
        }
        Left::None => "",
    };
    view.note("locked", &begun.id, &format!("{why}{left}"));
    Ok(())
}

fn start(args: &cli::Unlock, begun: &Begun) -> Result<Apart> {
    let Begun { id, steps, held, .. } = begun;
    adopt().or_fail("cannot become the parent of", "what the command leaves running")?;
    let path = crate::verbs::access::find_sysroot(args.sysroot.as_deref());
    let work = || {
        mount::own_namespace().or_fail("cannot make a mount namespace for", "/usr")?;
        let sysroot = fs::open_dir(&path).or_fail("cannot open", &path)?;
        let tree_path = format!("bedplate/deployments/{id}/root");
        let tree = fs::open_dir_in(&sysroot, &tree_path).or_fail("cannot open", &tree_path)?;
        mount_all(steps, Sources { tree: &tree, changes: None })?;
        // The store stays closed.
        if mount::is_mount_point(&sysroot).or_fail("cannot look at", &path)? {
            mount::set_flags(&sysroot, Flags::READ_ONLY, Flags::default()).or_fail("cannot close", &path)?;
        }
        fs::hand_on(held).or_fail("cannot hand on the lock of", &tree_path)?;
        Err(execute(&args.command))
    };
    Apart::start(Processes::Free, work).or_fail("cannot start a process for", "the command")
}

/// Becomes the command; the error says why not.
fn execute(command: &[String]) -> Error {
    let Some((program, arguments)) = command.split_first() else { return Error::usage("no command is given") };
    Error::transient(Command::new(program).args(arguments).exec().to_string())
}

/// What comes from the terminal has reached the command, too, and it decides. A request to end is passed on.
fn wait(apart: Apart, interrupts: &Interrupts) -> Result<End> {
    let on = "the command";
    loop {
        match apart.next(interrupts).or_fail("cannot wait for", on)? {
            Event::Ended => return apart.end().or_fail("cannot wait for", on),
            Event::Interrupted(Interrupt::Stop) => {}
            Event::Interrupted(Interrupt::Terminate) => apart.terminate(),
        }
    }
}
