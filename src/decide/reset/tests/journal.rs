use super::super::journal::{Journal, Reset, Stage, StateName, Todo, Undo, Wish};
use super::super::{Argument, FACTORY, Part};
use super::what;
use crate::decide::model::BootId;
use alloc::string::String;
use alloc::vec::Vec;
use proptest::prelude::*;
use std::format;

fn boot(number: u8) -> BootId {
    BootId::parse(&format!("{number:032x}")).unwrap()
}

fn argument(words: &str, token: &str) -> Argument {
    Argument { what: what(words), token: token.into() }
}

fn fresh(journal: &Journal, words: &str, number: u8) -> Reset {
    Reset {
        number: journal.next_number(),
        stage: Stage::Done,
        what: what(words),
        keep: Vec::new(),
        state: StateName::parse("v1@0123456789abcdef").unwrap(),
        boot: boot(number),
        parts: Vec::from([Part::Etc]),
    }
}

/// What happens, word by word; the result: asked, stage of the last reset, what the next boot does.
fn play(events: &str) -> String {
    let mut journal = Journal::default();
    for event in events.split_whitespace() {
        match event {
            "ask" => drop(journal.ask(what("etc"), Vec::new())),
            "ask-var" => drop(journal.ask(what("var"), Vec::new())),
            "undo" => drop(journal.undo()),
            "begin" => {
                let reset = fresh(&journal, "etc", 1);
                journal.begin(reset, &[]);
            }
            "done" => journal.done(),
            "begin-undo" => journal.begin_undo(),
            "undone" => journal.undone(),
            "good" => journal.good(&boot(1)),
            "good-later" => journal.good(&boot(2)),
            other => panic!("{other}"),
        }
        assert_eq!(Journal::parse(&journal.format()).unwrap(), journal, "{events}");
    }
    let asked = match &journal.asked {
        None => "-".into(),
        Some(Wish::Undo) => "undo".into(),
        Some(Wish::Reset { what, .. }) => format!("{what}"),
    };
    let last = match journal.last.as_ref().map(|last| last.stage) {
        None => "-",
        Some(Stage::Begun) => "begun",
        Some(Stage::Done) => "done",
        Some(Stage::Undoing) => "undoing",
    };
    let todo = match journal.todo(&[]) {
        Todo::Nothing => "nothing",
        Todo::Begin { .. } => "begin",
        Todo::Complete => "complete",
        Todo::BeginUndo => "begin-undo",
        Todo::CompleteUndo => "complete-undo",
    };
    format!("{asked} {last} {todo}")
}

#[test]
fn every_state_and_what_follows() {
    for (events, expected) in [
        ("", "- - nothing"),
        ("ask", "etc - begin"),
        ("ask ask-var", "var - begin"),
        ("ask undo", "- - nothing"),
        ("undo", "- - nothing"),
        ("ask begin", "- begun complete"),
        ("ask begin done", "- done nothing"),
        ("ask begin done good", "- done nothing"),
        ("ask begin done good-later", "- - nothing"),
        ("ask begin good-later", "- begun complete"),
        ("ask begin done undo", "undo done begin-undo"),
        ("ask begin done undo good-later", "undo done begin-undo"),
        ("ask begin done undo undo", "undo done begin-undo"),
        ("ask begin done undo ask-var", "var done begin"),
        ("ask begin done ask-var", "var done begin"),
        ("ask begin done ask-var undo", "- done nothing"),
        ("ask begin done ask-var undo undo", "undo done begin-undo"),
        ("ask begin undo", "undo begun begin-undo"),
        ("ask begin ask-var", "var begun complete"),
        ("ask begin done undo begin-undo", "- undoing complete-undo"),
        ("ask begin done undo begin-undo undo", "- undoing complete-undo"),
        ("ask begin done undo begin-undo ask-var", "var undoing complete-undo"),
        ("ask begin done undo begin-undo undone", "- - nothing"),
        ("ask begin done undo begin-undo undone good-later", "- - nothing"),
        ("ask begin done ask-var begin done", "- done nothing"),
    ] {
        assert_eq!(play(events), expected, "{events}");
    }
}

#[test]
fn an_undo_says_what_it_comes_to() {
    let mut journal = Journal::default();
    assert_eq!(journal.undo(), Undo::Nothing);
    assert_eq!(journal.ask(what("etc"), Vec::new()), None);
    assert_eq!(journal.undo(), Undo::Cancelled);
    let reset = fresh(&journal, "etc", 1);
    journal.begin(reset, &[]);
    journal.done();
    assert_eq!((journal.undo(), journal.undo()), (Undo::Asked, Undo::Already));
    assert_eq!(journal.ask(what("etc"), Vec::new()), Some(Wish::Undo));
}

#[test]
fn an_argument_is_obeyed_once_for_each_token() {
    let mut journal = Journal::default();
    let obey = |journal: &mut Journal, arguments: &[Argument]| match journal.todo(arguments) {
        Todo::Begin { what, tokens, .. } => {
            let reset = fresh(journal, "etc", 1);
            journal.begin(reset, &tokens);
            journal.done();
            format!("{what}")
        }
        other => format!("{other:?}"),
    };
    assert_eq!(obey(&mut journal, &[argument("etc", "1")]), "etc");
    assert_eq!(obey(&mut journal, &[argument("etc", "1")]), "Nothing");
    assert_eq!(obey(&mut journal, &[argument("var", "2")]), "var");
    assert_eq!(obey(&mut journal, &[argument("etc", "1")]), "Nothing");
    journal.ask(what("home"), Vec::from(["/home/alice".into()]));
    assert_eq!(obey(&mut journal, &[argument("etc", "3"), argument("var", "2")]), "etc, home", "both at once");
    assert_eq!(obey(&mut journal, &[argument("etc", "3"), argument("all", FACTORY)]), "all");
    assert!(!journal.rearm(&[argument("all", FACTORY)]), "it is still there");
    assert_eq!(obey(&mut journal, &[argument("all", FACTORY)]), "Nothing");
    assert!(journal.rearm(&[argument("etc", "3")]), "a boot without it");
    assert_eq!(obey(&mut journal, &[argument("etc", "3"), argument("all", FACTORY)]), "all");
    for number in 0..200 {
        assert_eq!(obey(&mut journal, &[argument("etc", &format!("t{number}"))]), "etc");
        assert_eq!(obey(&mut journal, &[argument("etc", &format!("t{number}"))]), "Nothing");
    }
    assert!(journal.format().len() < 4096, "it stays small");
}

#[test]
fn what_is_not_understood_does_nothing() {
    let mut journal = Journal::default();
    let reset = fresh(&journal, "etc", 1);
    journal.begin(reset, &[]);
    let text = journal.format();
    for (from, to) in [
        ("\"schema\": 1", "\"schema\": 2"),
        ("\"etc\"", "\"usr\""),
        ("v1@", "../v1@"),
        ("\"number\": 1", "\"number\": -1"),
        ("begun", "half"),
        ("{", ""),
    ] {
        assert!(text.contains(from));
        assert!(Journal::parse(&text.replacen(from, to, 1)).is_err(), "{from} {to}");
    }
    assert!(Journal::parse("").is_err());
    assert!(!journal.is_empty() && Journal::default().is_empty());
    assert!(journal.needs("1") && !journal.needs("2") && !journal.needs("01"));
}

proptest! {
    #[test]
    fn any_text_is_read(text in ".{0,200}") {
        if let Ok(journal) = Journal::parse(&text) {
            prop_assert_eq!(Journal::parse(&journal.format()).unwrap(), journal);
        }
    }

    /// Whatever happens, an end comes: nothing is begun for ever, and what is begun is completed before anything else.
    #[test]
    fn a_boot_comes_to_an_end(events in proptest::collection::vec(0..6_u8, 0..12)) {
        let mut journal = Journal::default();
        for event in events {
            match event {
                0 => drop(journal.ask(what("etc"), Vec::new())),
                1 => drop(journal.undo()),
                2 => journal.good(&boot(2)),
                _ => {
                    for _ in 0..6 {
                        match journal.todo(&[]) {
                            Todo::Nothing => break,
                            Todo::Begin { tokens, .. } => {
                                let reset = fresh(&journal, "etc", 1);
                                journal.begin(reset, &tokens);
                                // Cut off.
                                if event == 3 { break }
                            }
                            Todo::Complete => journal.done(),
                            Todo::BeginUndo => journal.begin_undo(),
                            Todo::CompleteUndo => journal.undone(),
                        }
                    }
                    prop_assert!(event == 3 || journal.todo(&[]) == Todo::Nothing);
                }
            }
        }
    }
}
