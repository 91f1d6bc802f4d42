//! The program `bedplate`: parses arguments, runs one verb, maps its end to an exit code.

mod arguments;
mod cli;
mod logger;
mod verbs;

use arguments::Parsed;
use bedplate::error::{Errno, Error};
use bedplate::sys::process;
use cli::Verb;
use logger::Reader;
use std::io::Write;
use std::process::ExitCode;
use verbs::Exit;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    let parsed = arguments::parse(&words, std::process::id());
    // PID 1 of a container that does something else must not mount anything.
    let is_init = matches!(parsed, Parsed::Run(Verb::Pid1(_))) && std::process::id() == 1;
    let early = if is_init { bedplate::boot::pid1::early() } else { Ok(()) };
    logger::init(match &parsed {
        Parsed::Run(_) if is_init => Reader::Kernel,
        Parsed::Run(Verb::PrepareRoot(_) | Verb::Pid1(_) | Verb::Note(_)) => Reader::Unit,
        _ => Reader::Person,
    });
    if let Err(error) = early {
        // The boot is tried all the same: what is missing will say so where it is needed.
        log::error!("{error}");
    }
    let exit = match parsed {
        Parsed::Run(verb) => run(verb),
        Parsed::Show(text) => print(&text),
        Parsed::Wrong(text) => {
            log::error!("{text}");
            Exit::Usage
        }
    };
    ExitCode::from(exit.code())
}

/// Shows what was asked for; a reader that has gone away is no error.
fn print(text: &str) -> Exit {
    let _ = std::io::stdout().write_all(text.as_bytes());
    Exit::Done
}

fn run(verb: Verb) -> Exit {
    let mut out = std::io::stdout().lock();
    let result = match verb {
        Verb::PrepareRoot(args) => verbs::prepare_root::run(args),
        Verb::Pid1(args) => verbs::pid1::run(&args),
        Verb::Plan(args) => verbs::plan::run(&args, &mut out),
        Verb::Status(args) => verbs::status::run(&args, &mut out),
        Verb::List(args) => verbs::list::run(&args, &mut out),
        Verb::History(args) => verbs::history::run(&args, &mut out),
        Verb::Diff(args) => verbs::diff::run(&args, &mut out),
        Verb::Health(args) => verbs::health::run(&args, &mut out),
        Verb::InitStore(args) => verbs::init_store::run(&args, &mut out),
        Verb::Deploy(args) => verbs::deploy::run(&args, &mut out),
        Verb::Remove(args) => verbs::remove::run(&args, &mut out),
        Verb::Mark(args) => verbs::mark::run(&args, &mut out),
        Verb::Rollback(args) => verbs::rollback::run(&args, &mut out),
        Verb::Unlock(args) => verbs::unlock::run(&args, &mut out),
        Verb::SetDefault(args) => verbs::prefer::set_default(&args, &mut out),
        Verb::SetOneshot(args) => verbs::prefer::set_oneshot(&args, &mut out),
        Verb::Pin(args) => verbs::prefer::pin(&args, &mut out),
        Verb::Unpin(args) => verbs::prefer::unpin(&args, &mut out),
        Verb::Verify(args) => verbs::verify::run(&args, &mut out),
        Verb::Reset(args) => verbs::reset::run(&args, &mut out),
        Verb::Lint(args) => verbs::lint::run(&args, &mut out),
        Verb::Note(args) => verbs::note::run(&args),
    };
    result.unwrap_or_else(|error| {
        log::error!("{error}{}", next_step(&error));
        Exit::of(&error)
    })
}

/// The one next step that every verb has: who is not root may be denied anything.
fn next_step(error: &Error) -> &'static str {
    let denied = [Errno::EPERM, Errno::EACCES].iter().any(|errno| error.text.contains(&errno.to_string()));
    if denied && !process::is_root() { "; run it as root" } else { "" }
}
