//! A reset: back to the deployment, at the next boot. What was asked for, what of the disk it takes away, and how far it is.
//!
//! A reset removes nothing. What it takes away is set aside by renaming, so that an undo can bring it back, until the machine
//! has succeeded in a later boot.

mod argument;
pub mod glob;
pub mod journal;
mod name;
mod part;
pub mod queue;
#[cfg(test)]
mod tests;

pub use argument::{Argument, FACTORY, argument};
pub use name::Name;
pub use part::{HOME, Part, began, parts};

use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// One thing that can be reset, as arguments name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Word {
    /// The local changes to /etc of the deployment that boots; the machine-id stays.
    Etc,
    /// The shared /var, without what [`Word::Home`] names.
    Var,
    /// /home, /root and /srv.
    Home,
    /// All of these, the data of declared paths with scope `deployment`, and the machine-id.
    All,
}

impl Word {
    pub const ALL: [Self; 4] = [Self::Etc, Self::Var, Self::Home, Self::All];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Etc => "etc",
            Self::Var => "var",
            Self::Home => "home",
            Self::All => "all",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.word() == word)
    }
}

/// What is to be reset: one thing at least.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Word>", into = "Vec<Word>")]
pub struct What(Vec<Word>);

impl What {
    /// In order, each once; `None` where nothing is named.
    pub fn new(words: &[Word]) -> Option<Self> {
        let named = |word: &Word| words.contains(word);
        // The others say nothing beside it.
        let words = if words.contains(&Word::All) { Vec::from([Word::All]) } else { Word::ALL.into_iter().filter(named).collect() };
        (!words.is_empty()).then_some(Self(words))
    }

    pub fn includes(&self, word: Word) -> bool {
        self.0.contains(&word) || self.0.contains(&Word::All)
    }

    /// Both together.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let both: Vec<Word> = self.0.iter().chain(&other.0).copied().collect();
        Self::new(&both).unwrap_or_else(|| self.clone())
    }
}

impl TryFrom<Vec<Word>> for What {
    type Error = &'static str;

    fn try_from(words: Vec<Word>) -> Result<Self, Self::Error> {
        Self::new(&words).ok_or("nothing to reset: one of etc, var, home, all at least")
    }
}

impl From<What> for Vec<Word> {
    fn from(what: What) -> Self {
        what.0
    }
}

impl core::fmt::Display for What {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let words: Vec<&str> = self.0.iter().map(|word| word.word()).collect();
        f.write_str(&words.join(", "))
    }
}

/// The machine-id: what makes a machine itself goes only with everything.
pub const MACHINE_ID: &str = "/etc/machine-id";

/// The globs of a reset, with what is kept without being named.
pub fn kept(what: &What, keep: &[String]) -> Vec<glob::Glob> {
    let own = (!what.includes(Word::All)).then_some(MACHINE_ID);
    keep.iter().map(String::as_str).chain(own).filter_map(|text| glob::Glob::parse(text).ok()).collect()
}
