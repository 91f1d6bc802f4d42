//! `history`: who booted, was tried, failed, was marked, and why; oldest first.

use super::access::View;
use super::{Exit, plain, say, say_json};
use crate::cli;
use bedplate::decide::model::SCHEMA;
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
    let mut events = Vec::new();
    let mut unreadable = 0;
    for file in ["history.jsonl.1", "history.jsonl"] {
        let text = match fs::read_text(&view.store.dir, file) {
            Ok(text) => text,
            Err(Errno::ENOENT) => continue,
            Err(errno) => return Err(errno).or_fail("cannot read", &format!("bedplate/{file}")),
        };
        let parsed: Vec<_> = text.lines().map(serde_json::from_str::<Event>).collect();
        unreadable += parsed.iter().filter(|event| event.is_err()).count();
        events.extend(parsed.into_iter().flatten());
    }
    if args.json {
        say_json(out, &Json { schema: SCHEMA, events, unreadable })?;
    } else {
        say(out, &text(&events, unreadable))?;
    }
    Ok(Exit::Done)
}

fn text(events: &[Event], unreadable: usize) -> String {
    let line = |event: &Event| {
        let details = event.details();
        let details = if details.is_empty() { details } else { format!(" ({details})") };
        let boot = event.boot_id.get(..8).unwrap_or_default();
        let on = event.deployment.as_deref().unwrap_or("record");
        plain(&format!("{}  boot {boot}  {:<10} {on}{details}", utc(event.time), event.what)) + "\n"
    };
    let damaged = (unreadable > 0).then(|| format!("{unreadable} damaged lines are left out\n"));
    let text: String = events.iter().map(line).chain(damaged).collect();
    if text.is_empty() { "there is no history yet\n".into() } else { text }
}

/// Seconds since 1970 as UTC: days to a civil date by the usual era arithmetic (400 years have 146097 days).
fn utc(time: u64) -> String {
    let (days, seconds) = (time / 86400 + 719_468, time % 86400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}Z", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::utc;

    #[test]
    fn civil_dates() {
        for (time, expected) in [
            (0, "1970-01-01 00:00:00Z"),
            (951_782_399, "2000-02-28 23:59:59Z"),
            (951_782_400, "2000-02-29 00:00:00Z"),
            (1_078_012_800, "2004-02-29 00:00:00Z"),
            (4_107_542_400, "2100-03-01 00:00:00Z"),
        ] {
            assert_eq!(utc(time), expected);
        }
    }
}
