//! Which deployment boots, and why.

use super::Id;
use crate::decide::kernel::OwnKernel;
use alloc::string::String;
use alloc::vec::Vec;

/// The rule by which a candidate stands where it stands, in the order of the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// 1: `bedplate.deployment=`.
    Argument,
    /// 2.
    OneShot,
    /// 3: set by a person.
    Default,
    /// 4: while it has tries.
    Trial,
    /// 5: the deployment that last succeeded.
    Incumbent,
    /// 6: others that were good once, newest first.
    OnceGood,
    /// 6, at the end: the incumbent that has stopped working, once more.
    IncumbentCounted,
    /// 7: everything bootable, fewest fruitless boots first.
    LastResort,
}

impl Rule {
    pub const ALL: [Self; 8] = [
        Self::Argument,
        Self::OneShot,
        Self::Default,
        Self::Trial,
        Self::Incumbent,
        Self::OnceGood,
        Self::IncumbentCounted,
        Self::LastResort,
    ];

    /// As boot.json, status and history name it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Argument => "argument",
            Self::OneShot => "one-shot",
            Self::Default => "default",
            Self::Trial => "trial",
            Self::Incumbent => "incumbent",
            Self::OnceGood => "once-good",
            Self::IncumbentCounted => "incumbent-counted",
            Self::LastResort => "last-resort",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.word() == word)
    }

    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Argument => "asked for by bedplate.deployment= on the kernel command line",
            Self::OneShot => "asked for once by set-oneshot",
            Self::Default => "set as the default by a person",
            Self::Trial => "on trial, with tries left",
            Self::Incumbent => "the deployment that last succeeded",
            Self::OnceGood => "was good once, and nothing better is left",
            Self::IncumbentCounted => "the deployment that last succeeded; it stopped working and is tried again",
            Self::LastResort => "the last resort: no deployment has tries left",
        }
    }

    /// The same where the boot loader is who names a deployment: on an OSTree system.
    pub const fn sentence_of_loader(self) -> &'static str {
        match self {
            Self::Argument | Self::Default => "the boot loader asks for it",
            rule => rule.sentence(),
        }
    }

    /// A person named the deployment; the rules alone did not.
    pub const fn is_preference(self) -> bool {
        matches!(self, Self::Argument | Self::OneShot | Self::Default)
    }
}

/// Whether a boot consumes a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counting {
    Counted,
    Uncounted,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    pub id: Id,
    pub rule: Rule,
    pub counting: Counting,
    /// Its own kernel, where the running one is not among those that it has modules for: it is to be started first.
    pub kernel: Option<OwnKernel>,
}

/// All that can boot now, best first, with what a person should know about those left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    pub candidates: Vec<Candidate>,
    /// Each says what was passed over, why, and what happens instead.
    pub notes: Vec<String>,
    /// The deployment that should run but does not, when the first candidate is what the machine fell back to.
    pub fell_back_from: Option<Id>,
    /// The first that only the next boot of the machine can start: this one has jumped to another kernel already.
    pub later: Option<Id>,
}

impl Selection {
    pub fn first(&self) -> Option<&Candidate> {
        self.candidates.first()
    }

    /// What boots if the first one fails.
    pub fn fallback(&self) -> Option<&Id> {
        let first = self.candidates.first()?;
        self.candidates.iter().map(|candidate| &candidate.id).find(|id| **id != first.id).or(self.later.as_ref())
    }
}
