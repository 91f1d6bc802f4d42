//! `history`: who booted, was tried, failed, was marked, and why; oldest first.

use super::access::View;
use super::{Exit, plain, say, say_json};
use crate::cli;
use bedplate::boot::store::Store;
use bedplate::decide::model::{BootId, SCHEMA};
use bedplate::decide::utc::utc;
use bedplate::error::{Errno, OrFail, Result};
use bedplate::sys::fs;
use serde::{Deserialize, Serialize};
use std::io::Write;

/// One line of history.jsonl.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Event {
    /// Seconds since 1970, by a clock that may have been wrong.
    time: u64,
    boot_id: String,
    #[serde(rename = "event")]
    what: String,
    /// None: it is about the record itself.
    deployment: Option<String>,
    /// The rule that chose it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    /// Number of this try, and how many there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    r#try: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    of: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    /// The unit that noted it, or a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    /// How a boot ended: of an attempt, the one before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    outcome: Option<String>,
    /// Whose boot came before an attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<String>,
    /// The boot that ended, and how far it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ended_boot: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reached: Option<String>,
    /// What a failed health check said last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    output: Option<String>,
}

impl Event {
    /// What else is known of it, for people.
    fn details(&self) -> String {
        let attempt = self.r#try.zip(self.of).map(|(number, of)| format!("try {number} of {of}"));
        let outcome = self.outcome.as_ref().map(|outcome| match &self.before {
            Some(before) => format!("the boot before was {before}'s: {outcome}"),
            None => outcome.clone(),
        });
        let early = self.reached.as_ref().filter(|reached| *reached == "begun").map(|_| "before its local file systems".into());
        let boot = self.ended_boot.as_ref().map(|boot| format!("boot {}", boot.get(..8).unwrap_or_default()));
        let by = self.by.as_ref().map(|by| format!("by {by}"));
        let all = [self.rule.clone(), attempt, outcome, early, boot, self.why.clone(), by];
        all.into_iter().flatten().collect::<Vec<_>>().join("; ")
    }
}

#[derive(Serialize)]
struct Json {
    schema: u32,
    events: Vec<Event>,
    unreadable: usize,
}

pub fn run(args: &cli::History, out: &mut dyn Write) -> Result<Exit> {
    let view = View::open(args.sysroot.as_deref(), "/run")?;
    let (events, unreadable) = read(&view.store)?;
    if args.json {
        say_json(out, &Json { schema: SCHEMA, events, unreadable })?;
    } else {
        say(out, &text(&events, unreadable))?;
    }
    Ok(Exit::Done)
}

/// All events, oldest first, and how many lines are damaged.
fn read(store: &Store) -> Result<(Vec<Event>, usize)> {
    let mut events = Vec::new();
    let mut unreadable = 0;
    for file in ["history.jsonl.1", "history.jsonl"] {
        let text = match fs::read_text(&store.dir, file) {
            Ok(text) => text,
            Err(Errno::ENOENT) => continue,
            Err(errno) => return Err(errno).or_fail("cannot read", &format!("bedplate/{file}")),
        };
        let parsed: Vec<_> = text.lines().map(serde_json::from_str::<Event>).collect();
        unreadable += parsed.iter().filter(|event| event.is_err()).count();
        events.extend(parsed.into_iter().flatten());
    }
    Ok((events, unreadable))
}

/// Boots right before this one in which no root came to stand.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct NothingBooted {
    boots: usize,
    /// Of the last one.
    time: u64,
    why: String,
}

impl NothingBooted {
    /// From the history, as far as that can be read.
    pub fn find(store: &Store, boot: &BootId) -> Option<Self> {
        Self::of(&read(store).ok()?.0, boot.as_str())
    }

    fn of(events: &[Event], boot: &str) -> Option<Self> {
        let ends = events.iter().rev().skip_while(|event| event.boot_id == boot);
        // What else the same boots have noted came before.
        let is_end = |event: &&Event| event.what == "nothing-boots";
        let last = ends.clone().next().filter(is_end)?;
        let mut boots = vec![last.boot_id.as_str()];
        for event in ends {
            match boots.last() {
                Some(known) if *known == event.boot_id => {}
                _ if is_end(&event) => boots.push(&event.boot_id),
                _ => break,
            }
        }
        Some(Self { boots: boots.len(), time: last.time, why: last.why.clone().unwrap_or_default() })
    }

    pub fn text(&self) -> String {
        let boots = super::counted(u64::try_from(self.boots).unwrap_or(u64::MAX), "boot", "boots");
        format!("in {boots} right before this one, the last at {}: {}", utc(self.time), self.why)
    }
}

fn text(events: &[Event], unreadable: usize) -> String {
    let line = |event: &Event| {
        let details = event.details();
        let details = if details.is_empty() { details } else { format!(" ({details})") };
        let boot = event.boot_id.get(..8).unwrap_or_default();
        let on = event.deployment.as_deref().unwrap_or(if event.what == "rebuilt" { "the record" } else { "the machine" });
        let first = plain(&format!("{}  boot {boot}  {:<10} {on}{details}", utc(event.time), event.what)) + "\n";
        let said = event.output.iter().flat_map(|said| said.lines());
        said.fold(first, |text, said| text + "    " + &plain(said) + "\n")
    };
    let damaged = (unreadable > 0).then(|| format!("{unreadable} damaged lines are left out\n"));
    let text: String = events.iter().map(line).chain(damaged).collect();
    if text.is_empty() { "there is no history yet\n".into() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(text: &str) -> Vec<Event> {
        let event = |(time, (boot, what)): (u64, (&str, &str))| {
            let line =
                serde_json::json!({ "time": time, "boot-id": boot, "event": what, "deployment": null, "why": format!("why {time}") });
            serde_json::from_value(line).expect("an event")
        };
        text.split(", ").filter_map(|word| word.split_once(' ')).enumerate().map(|(n, word)| event((n as u64, word))).collect()
    }

    #[test]
    fn boots_that_came_to_nothing_are_counted_up_to_this_one() {
        let found = |text: &str| NothingBooted::of(&events(text), "now").map(|found| (found.boots, found.time));
        assert_eq!(found(""), None);
        assert_eq!(found("a attempt, now attempt"), None);
        assert_eq!(found("a attempt, a nothing-boots"), Some((1, 1)));
        assert_eq!(found("a nothing-boots, now attempt, now good"), Some((1, 0)));
        assert_eq!(found("a good, b attempt, b nothing-boots, c attempt, c nothing-boots, now good"), Some((2, 4)));
        assert_eq!(found("a nothing-boots, b attempt, c nothing-boots"), Some((1, 2)));
        assert_eq!(found("a nothing-boots, b good, now good"), None, "a boot went well since");
        let text = NothingBooted { boots: 2, time: 0, why: "v1: no usr".into() }.text();
        assert_eq!(text, "in 2 boots right before this one, the last at 1970-01-01 00:00:00Z: v1: no usr");
    }

    #[test]
    fn what_is_known_of_an_event_is_told() {
        let told = |line: &str| text(&[serde_json::from_str(line).expect("an event")], 0);
        let attempt = r#"{"time":0,"boot-id":"0123456789","event":"attempt","deployment":"v2","rule":"trial","try":2,"of":3,"before":"v2","outcome":"panic"}"#;
        let line = "1970-01-01 00:00:00Z  boot 01234567  attempt    v2 (trial; try 2 of 3; the boot before was v2's: panic)\n";
        assert_eq!(told(attempt), line);
        let ended = r#"{"time":0,"boot-id":"01234567","event":"ended","deployment":"v1","by":"a.service","outcome":"lost","ended-boot":"89abcdef01234567","reached":"begun"}"#;
        let line =
            "1970-01-01 00:00:00Z  boot 01234567  ended      v1 (lost; before its local file systems; boot 89abcdef; by a.service)\n";
        assert_eq!(told(ended), line);
        assert!(told(r#"{"time":0,"boot-id":"b","event":"rebuilt","deployment":null,"why":"x"}"#).ends_with("rebuilt    the record (x)\n"));
    }
}
