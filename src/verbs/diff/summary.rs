//! Drift in numbers, for `status`: the state of a machine is a function of what is listed here.

use super::gather::{Look, Other, Subject, gather};
use super::listed::shown;
use super::scope::is_in;
use crate::verbs::access::View;
use crate::verbs::counted;
use bedplate::decide::drift::{Cause, Count, Tally};
use bedplate::error::Result;
use serde::Serialize;

/// What differs from the deployment that runs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Summary {
    #[serde(rename = "causes")]
    pub tally: Tally,
    /// Those of /etc.
    #[serde(skip)]
    pub etc: u64,
    pub others: Vec<Other>,
}

impl Summary {
    /// `None`: nothing that is here was booted, or its changes cannot be read.
    pub fn of(view: &View, run: &str, warnings: &mut Vec<String>) -> Option<Self> {
        let booted = view.booted()?;
        let own = |path: &[u8]| view.report.iter().flat_map(|report| &report.mounts).any(|mount| mount.target.as_bytes() == path);
        let count = || -> Result<_> {
            let (mut tally, mut etc) = (Tally::default(), 0);
            let rest = gather(&Subject::open(view, booted, run)?, Look::Quick, &mut |listed| {
                // What the boot's own mounts hide is the same in every boot of this deployment: no change.
                if listed.cause == Cause::Hidden && own(&listed.path) {
                    return;
                }
                etc += u64::from(is_in(&listed.path, b"/etc"));
                tally.add(listed.cause, || shown(&listed.path));
            })?;
            Ok((tally, etc, rest))
        };
        match count() {
            Ok((tally, etc, rest)) => {
                warnings.extend(rest.warnings);
                Some(Self { tally, etc, others: rest.others })
            }
            Err(error) => {
                warnings.push(format!("{error}, so that local changes are not counted"));
                None
            }
        }
    }

    pub fn lines(&self, id: &str, line: &mut impl FnMut(&str, &str)) {
        let total = self.tally.total().saturating_add(self.others.len() as u64);
        if total == 0 {
            return line("state", &format!("f({id}): exactly the deployment"));
        }
        line("state", &format!("f({id}, {}): see bedplate diff", counted(total, "listed change", "listed changes")));
        for Count { cause, count, example } in &self.tally.0 {
            let more = if *count > 1 { ", …" } else { "" };
            line("drift", &format!("{count} {}: {example}{more}", cause.word()));
        }
        // Which entry was started has a line of its own.
        for other in self.others.iter().filter(|other| other.what != "loader-entry") {
            line("drift", &format!("{}: {}", other.what, other.text));
        }
    }
}
