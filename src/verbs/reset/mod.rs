//! `reset`: writes down what the next boot is to take away, or to bring back. Single paths of /etc are reset at once.

mod ask;
mod paths;
mod preview;

use super::access::View;
use super::{Exit, ostree};
use crate::cli;
use bedplate::decide::reset::{What, Word, glob::Glob};
use bedplate::error::{Error, Result};
use std::io::Write;

pub fn run(args: &cli::Reset, out: &mut dyn Write) -> Result<Exit> {
    let wishes = [(args.etc, Word::Etc), (args.var, Word::Var), (args.home, Word::Home), (args.all, Word::All)];
    let words: Vec<Word> = wishes.into_iter().filter(|(asked, _)| *asked).map(|(_, word)| word).collect();
    match (What::new(&words), args.paths.is_empty(), args.undo) {
        (None, true, true) if args.keep.is_empty() && !args.preview => ask::undo(args, out),
        (_, _, true) => Err(Error::usage("--undo stands alone: it takes back the last reset as a whole")),
        (Some(_), false, _) => Err(Error::usage("PATHs are reset at once, the options at the next boot: ask for one of them")),
        (None, false, _) if args.keep.is_empty() => paths::run(args, out),
        (None, false, _) => Err(Error::usage("--keep goes with --etc, --var, --home and --all: PATHs name what is reset")),
        (None, true, _) => {
            Err(Error::usage("nothing to reset: one of --etc, --var, --home, --all, --undo, or PATHs of /etc (--help tells more)"))
        }
        (Some(_), _, _) if args.force => Err(Error::usage("--force goes with PATHs")),
        (Some(what), _, _) => {
            check_globs(&args.keep)?;
            if args.preview { preview::run(args, &what, out) } else { ask::reset(args, &what, out) }
        }
    }
}

/// OSTree has no state of ours: its /etc is a plain copy of the vendor's.
fn refuse_ostree(view: &View) -> Result<()> {
    ostree::refuse_here(view, "cp -a /usr/etc/PATH /etc/PATH brings the vendor's back (bedplate diff lists what differs)")
}

fn check_globs(keep: &[String]) -> Result<()> {
    for text in keep {
        Glob::parse(text).map_err(|why| Error::usage(format!("--keep \"{text}\" {why}")))?;
    }
    Ok(())
}
