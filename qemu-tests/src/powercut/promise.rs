//! What a guest was told that is kept: a verb that has returned has done its work for good.

use crate::error::Result;
use crate::record;
use crate::run::Mark;
use bedplate::decide::record::codec::Reading;

#[derive(Debug)]
pub struct Promise {
    /// After what.
    what: String,
    /// From so many entries of the log on.
    pub entries: usize,
    /// Of the record; `None`: it is lost.
    revision: Option<u64>,
}

impl Promise {
    pub fn all_of(marks: &[Mark]) -> Result<Vec<Self>> {
        marks.iter().map(Self::of).collect()
    }

    fn of(mark: &Mark) -> Result<Self> {
        let revision = match record::of_file(&mark.record) {
            Reading::Valid { record, .. } => Some(record.revision),
            Reading::Lost { .. } => None,
            other => return Err(format!("after {}, the guest reads a record that is {other:?}", mark.what)),
        };
        Ok(Self { what: mark.what.clone(), entries: mark.entries, revision })
    }

    /// Whether a power cut after `upto` entries may leave this revision.
    pub fn holds(&self, upto: usize, revision: Option<u64>) -> Result<()> {
        if upto < self.entries || revision >= self.revision {
            return Ok(());
        }
        Err(format!("the record has {}, and {} was promised after {}", word(revision), word(self.revision), self.what))
    }
}

pub fn word(revision: Option<u64>) -> String {
    revision.map_or("no revision: it is lost".to_string(), |revision| format!("revision {revision}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_its_place_on_nothing_older_will_do() {
        let promise = Promise { what: "deploy".to_string(), entries: 5, revision: Some(3) };
        for (upto, revision, holds) in
            [(4, Some(2), true), (4, None, true), (5, Some(3), true), (5, Some(2), false), (9, None, false), (9, Some(4), true)]
        {
            assert_eq!(promise.holds(upto, revision).is_ok(), holds, "{upto} {revision:?}");
        }
    }
}
