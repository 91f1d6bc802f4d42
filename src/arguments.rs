//! The command line, with what argh does not understand by itself: `--name=value`, `-`, `--version`, other names of the program.

use crate::cli::{Cli, Pid1, Verb};
use argh::FromArgs;
use bedplate::boot::pid1::From;

/// What the command line came to.
#[derive(Debug)]
pub enum Parsed {
    Run(Verb),
    /// Asked for by --help or --version.
    Show(String),
    /// A usage error.
    Wrong(String),
}

/// Not for people: help does not list it.
const HIDDEN: &str = "note";

/// Parses the arguments, the program's name first. Called as `init` or as `ostree-prepare-root`, it is that verb; the latter as
/// PID 1 is started by a kernel that has no initramfs.
pub fn parse(argv: &[String], pid: u32) -> Parsed {
    let (program, arguments) = argv.split_first().map_or(("bedplate", argv), |(first, rest)| (first.as_str(), rest));
    let verb = match program.rsplit('/').next() {
        Some("init") => return Parsed::Run(Verb::Pid1(Pid1 { arguments: arguments.to_vec(), from: From::Initramfs })),
        Some("ostree-prepare-root") if pid == 1 => {
            return Parsed::Run(Verb::Pid1(Pid1 { arguments: arguments.to_vec(), from: From::Disk }));
        }
        Some("ostree-prepare-root") => Some("prepare-root"),
        _ => None,
    };
    let words: Vec<String> = verb.map(String::from).into_iter().chain(rewrite(arguments)).collect();
    if words.iter().take_while(|word| *word != "--").any(|word| word == "--version") {
        return Parsed::Show(format!("bedplate {}\n", env!("CARGO_PKG_VERSION")));
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match Cli::from_args(&["bedplate"], &words) {
        Ok(cli) => Parsed::Run(cli.verb),
        Err(exit) if exit.status.is_ok() => Parsed::Show(help(&exit.output)),
        Err(exit) => Parsed::Wrong(complaint(&exit.output)),
    }
}

/// `--name=value` becomes two words, and `-` (which argh takes for an option) the file that it stands for.
fn rewrite(arguments: &[String]) -> Vec<String> {
    let end = arguments.iter().position(|word| word == "--").unwrap_or(arguments.len());
    let (options, rest) = arguments.split_at(end);
    let split = |word: &String| match word.split_once('=') {
        Some((name, value)) if name.starts_with("--") => vec![name.into(), value.into()],
        _ if word == "-" => vec!["/dev/stdin".into()],
        _ => vec![word.clone()],
    };
    options.iter().flat_map(split).chain(rest.iter().cloned()).collect()
}

fn help(text: &str) -> String {
    let shown = |line: &&str| line.split_whitespace().next() != Some(HIDDEN) || !line.starts_with("  ");
    text.trim_end().lines().filter(shown).collect::<Vec<&str>>().join("\n") + "\n"
}

/// argh's message as one line of ours, with the next step.
fn complaint(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty() && *line != HIDDEN && *line != "help").collect();
    // It has a heading for positional ones and a heading for options.
    let (headings, rest): (Vec<&str>, Vec<&str>) = lines.iter().partition(|line| line.ends_with(':'));
    let what = match headings.first().or(lines.first()) {
        None => "wrong arguments".into(),
        Some(heading) if heading.starts_with("Required ") => format!("not given: {}", rest.join(", ")),
        Some(heading) if heading.starts_with("One of the following ") => format!("a command is missing; there are: {}", rest.join(", ")),
        Some(first) => lower_first(first.trim_end_matches('.')),
    };
    format!("{what} (--help tells more)")
}

fn lower_first(text: &str) -> String {
    text.chars().take(1).map(|first| first.to_ascii_lowercase()).chain(text.chars().skip(1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(String::from).collect()
    }

    #[test]
    fn words_are_rewritten_up_to_two_hyphens() {
        for (given, expected) in [
            ("deploy - --id=v1", "deploy /dev/stdin --id v1"),
            ("plan --cmdline=a=b", "plan --cmdline a=b"),
            ("pid1 a=b -x", "pid1 a=b -x"),
            ("pin --sysroot=/x -- --a=b -", "pin --sysroot /x -- --a=b -"),
            ("pin --sysroot=", "pin --sysroot "),
        ] {
            assert_eq!(rewrite(&words(given)), words(expected), "{given}");
        }
    }

    #[test]
    fn complaints_are_one_line() {
        for (argh, ours) in [
            ("Required options not provided:\n    --id\n    --x\n", "not given: --id, --x (--help tells more)"),
            (
                "Required positional arguments not provided:\n    source\n\nRequired options not provided:\n    --id\n",
                "not given: source, --id (--help tells more)",
            ),
            ("No value provided for option '--id'.\n", "no value provided for option '--id' (--help tells more)"),
            (
                "One of the following subcommands must be present:\n    help\n    pin\n    note\n",
                "a command is missing; there are: pin (--help tells more)",
            ),
            ("", "wrong arguments (--help tells more)"),
        ] {
            assert_eq!(complaint(argh), ours);
        }
    }

    #[test]
    fn other_names_are_verbs() {
        let called = |name: &str, pid| match parse(&words(name), pid) {
            Parsed::Run(Verb::Pid1(args)) => format!("pid1 {:?} {:?}", args.from, args.arguments),
            Parsed::Run(Verb::PrepareRoot(args)) => format!("prepare-root {:?}", args.places),
            other => format!("{other:?}"),
        };
        assert_eq!(called("/init --version ro=1", 1), "pid1 Initramfs [\"--version\", \"ro=1\"]");
        assert_eq!(called("/usr/lib/ostree/ostree-prepare-root /sysroot", 7), "prepare-root [\"/sysroot\"]");
        assert_eq!(called("/x/usr/lib/ostree/ostree-prepare-root single", 1), "pid1 Disk [\"single\"]");
    }
}
