//! Changes in numbers: how many of each cause, and an example.

use super::Cause;
use alloc::string::String;
use alloc::vec::Vec;
use serde::Serialize;

/// How many changes have one cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Count {
    pub cause: Cause,
    pub count: u64,
    /// The first of them, as a person would name it.
    pub example: String,
}

/// In the order of [`Cause::ALL`]; a cause without changes is left out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct Tally(pub Vec<Count>);

impl Tally {
    /// Notes one change; what it is called is asked for where it is the first of its cause.
    pub fn add(&mut self, cause: Cause, name: impl FnOnce() -> String) {
        match self.0.binary_search_by_key(&cause, |count| count.cause) {
            Ok(at) => {
                if let Some(count) = self.0.get_mut(at) {
                    count.count = count.count.saturating_add(1);
                }
            }
            Err(at) => self.0.insert(at, Count { cause, count: 1, example: name() }),
        }
    }

    pub fn total(&self) -> u64 {
        self.0.iter().fold(0, |sum, count| sum.saturating_add(count.count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_counted_in_their_order() {
        let mut tally = Tally::default();
        for (cause, name) in [(Cause::Type, "a"), (Cause::Added, "b"), (Cause::Edited, "c"), (Cause::Added, "d")] {
            tally.add(cause, || name.into());
        }
        let counts: Vec<_> = tally.0.iter().map(|count| (count.cause, count.count, count.example.as_str())).collect();
        assert_eq!(counts, [(Cause::Added, 2, "b"), (Cause::Edited, 1, "c"), (Cause::Type, 1, "a")]);
        assert_eq!((tally.total(), Tally::default().total()), (4, 0));
        assert_eq!(serde_json::to_string(&Tally(tally.0[2..].into())).unwrap(), r#"[{"cause":"type","count":1,"example":"a"}]"#);
    }
}
