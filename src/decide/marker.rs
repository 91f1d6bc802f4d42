//! The boot-success and boot-failure markers: what decides when the record is lost.

use super::manifest::{describe, quote};
use super::model::Instance;
use crate::error::Result;
use alloc::format;
use alloc::string::String;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Success,
    Failure,
}

/// Kept beside a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Marker {
    pub verdict: Verdict,
    pub instance: Instance,
    /// The record's revision with which it was written; the higher one is the newer.
    pub revision: u64,
    /// Seconds since 1970: shown, never compared.
    pub time: u64,
    pub boot_id: String,
    /// Who or what gave the verdict.
    pub how: String,
}

/// Reads a marker's text.
pub fn parse(text: &str) -> Result<Marker> {
    toml::from_str(text).map_err(|error| describe(text, &error))
}

/// The marker as text; [`parse`] gives it back.
pub fn format(marker: &Marker) -> String {
    let verdict = match marker.verdict {
        Verdict::Success => "success",
        Verdict::Failure => "failure",
    };
    format!(
        "verdict = \"{verdict}\"\ninstance = {}\nrevision = {}\ntime = {}\nboot-id = {}\nhow = {}\n",
        quote(marker.instance.as_str()),
        marker.revision.min(i64::MAX.unsigned_abs()),
        marker.time.min(i64::MAX.unsigned_abs()),
        quote(&marker.boot_id),
        quote(&marker.how)
    )
}

/// The one with the higher revision; of two with the same one, the failure: a doubt never makes a deployment good.
pub fn newer(a: Option<Marker>, b: Option<Marker>) -> Option<Marker> {
    match (a, b) {
        (Some(a), Some(b)) if b.revision > a.revision => Some(b),
        (Some(a), Some(b)) if b.revision == a.revision && b.verdict == Verdict::Failure => Some(b),
        (None, b) => b,
        (a, _) => a,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn marker(verdict: Verdict, revision: u64) -> Marker {
        let instance = Instance::from_random([1; 8]);
        Marker { verdict, instance, revision, time: 5, boot_id: "b".into(), how: "mark good".into() }
    }

    #[test]
    fn the_higher_revision_is_newer() {
        use Verdict::{Failure, Success};
        let cases = [
            (None, None, None),
            (Some((Success, 1)), None, Some((Success, 1))),
            (None, Some((Failure, 1)), Some((Failure, 1))),
            (Some((Success, 2)), Some((Failure, 1)), Some((Success, 2))),
            (Some((Success, 1)), Some((Failure, 2)), Some((Failure, 2))),
            (Some((Success, 2)), Some((Failure, 2)), Some((Failure, 2))),
            (Some((Failure, 2)), Some((Success, 2)), Some((Failure, 2))),
        ];
        let make = |m: Option<(Verdict, u64)>| m.map(|(verdict, revision)| marker(verdict, revision));
        for (a, b, expected) in cases {
            assert_eq!(newer(make(a), make(b)), make(expected), "{a:?} {b:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".*") {
            let _ = parse(&text);
        }

        #[test]
        fn what_was_written_is_read(revision in any::<u32>(), how in ".*", boot_id in ".*") {
            let written = Marker { boot_id, how, ..marker(Verdict::Failure, revision.into()) };
            prop_assert_eq!(parse(&format(&written)).expect("own text"), written);
        }
    }
}
