//! What README and man page say of the program is what the program says of itself.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "all of this file is a test")]

use bedplate::decide::cmdline::{self, Cmdline};
use bedplate::decide::config::Config;
use std::process::Command;

const README: &str = include_str!("../README.md");
const MAN: &str = include_str!("../man/bedplate.8");

fn help(verb: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_bedplate")).args(verb).arg("--help").output().unwrap();
    assert!(output.status.success(), "{verb:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The first words of the lines of a section of a help text; a line that is indented deeper goes on with the one before.
fn first_words(help: &str, section: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != section).skip(1).take_while(|line| !line.is_empty());
    let entries = lines.filter_map(|line| line.strip_prefix("  ")).filter(|line| !line.starts_with(' '));
    entries.map(|line| line.split([' ', ',']).next().unwrap().to_owned()).collect()
}

fn verbs() -> Vec<String> {
    first_words(&help(&[]), "Commands:")
}

/// The synopsis of each verb, without the macros of mdoc.
fn synopses() -> Vec<String> {
    let synopsis = MAN.split(".Sh DESCRIPTION").next().unwrap();
    let plain =
        [".Op ", ".Cm ", "Ar "].iter().fold(synopsis.replace(".Fl", "Fl").replace("Fl -", "--"), |text, word| text.replace(word, ""));
    plain.split(".Nm\n").skip(1).map(String::from).collect()
}

#[test]
fn every_verb_is_described() {
    let verbs = verbs();
    assert!(verbs.len() > 12, "{verbs:?}");
    for verb in &verbs {
        // The verb of the units is not for people.
        assert!(*verb == "note" || README.contains(&format!("`{verb}")), "README: {verb}");
        let described = |line: &str| line.starts_with(".It Cm ") && line.split([' ', ',']).any(|word| word == verb);
        assert!(MAN.lines().any(described), "man page: {verb}");
    }
}

#[test]
fn the_synopsis_has_every_option() {
    let all = synopses();
    let names = |synopsis: &str, verb: &str| synopsis.lines().next().unwrap().split([' ', '|']).any(|word| word == verb);
    for verb in verbs() {
        let Some(synopsis) = all.iter().find(|synopsis| names(synopsis, &verb)) else { panic!("no synopsis of {verb}") };
        for option in first_words(&help(&[&verb]), "Options:").iter().filter(|option| *option != "--help") {
            assert!(synopsis.split_whitespace().any(|word| word == option), "{verb} {option}");
        }
    }
}

/// As the warning about an unknown one lists them.
fn kernel_arguments() -> Vec<String> {
    let (_, warnings) = cmdline::request(&Cmdline::parse("bedplate.x"), Config::default());
    let list = warnings[0].split_once("there are: bedplate").unwrap().1.split_once(')').unwrap().0;
    list.split(", ").map(|name| format!("bedplate{name}=")).collect()
}

#[test]
fn every_kernel_argument_is_described() {
    let arguments = kernel_arguments();
    assert_eq!(arguments[0], "bedplate.deployment=");
    // Understood, and without effect so far.
    let planned = ["bedplate.log="];
    for argument in arguments.iter().filter(|argument| !planned.contains(&argument.as_str())) {
        assert!(README.contains(argument) && MAN.contains(argument), "{argument}");
    }
}
