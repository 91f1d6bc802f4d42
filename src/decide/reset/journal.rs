//! The journal: what was asked for, and how far the last reset is. One small file, replaced as a whole; a boot that finds none
//! has nothing to do.
//!
//! ```text
//!         ask                begin              (every rename)   done               good, in a later boot
//! nothing ---> asked: reset ------> last: begun ---------------> last: done ------------------------------> nothing
//!    ^------------' cancel              '------------------------'   | undo
//!    '---------------------------------------- last: undoing <------- asked: undo
//! ```

use super::{Argument, FACTORY, Part, What};
use crate::decide::model::BootId;
use crate::error::Error;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// The number in `"schema"`.
const SCHEMA: u32 = 1;
/// Tokens that are remembered: as many arguments may stand in loader entries at a time.
const TOKENS: usize = 64;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Journal {
    schema: u32,
    /// For the next boot; not begun.
    #[serde(default)]
    pub asked: Option<Wish>,
    #[serde(default)]
    pub last: Option<Reset>,
    /// Arguments of the kernel command line that were obeyed, the newest last.
    #[serde(default)]
    tokens: Vec<String>,
    /// Of the last reset that was begun: names the directory that it sets aside to.
    #[serde(default)]
    number: u32,
}

/// What the next boot is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wish {
    Reset {
        what: What,
        /// Globs of paths that stay.
        #[serde(default)]
        keep: Vec<String>,
    },
    Undo,
}

/// A reset that was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Reset {
    pub number: u32,
    pub stage: Stage,
    pub what: What,
    #[serde(default)]
    pub keep: Vec<String>,
    /// `ID@INSTANCE` of the deployment that booted: its own data is what goes, whichever boots when this is completed.
    pub state: StateName,
    /// The boot that began it.
    pub boot: BootId,
    pub parts: Vec<Part>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    Begun,
    Done,
    Undoing,
}

/// `ID@INSTANCE`: a directory in state/.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StateName(String);

impl StateName {
    pub fn parse(text: &str) -> Option<Self> {
        use crate::decide::model::{Id, Instance};
        let (id, instance) = text.split_once('@')?;
        (Id::parse(id).is_some() && Instance::parse(instance).is_some()).then(|| Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn id(&self) -> &str {
        self.0.split_once('@').map_or(&self.0, |(id, _)| id)
    }
}

impl TryFrom<String> for StateName {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("not ID@INSTANCE")
    }
}

impl From<StateName> for String {
    fn from(name: StateName) -> Self {
        name.0
    }
}

/// What a boot does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Todo {
    Nothing,
    /// A new one: by the wish, by arguments, or by both.
    Begin {
        what: What,
        keep: Vec<String>,
        tokens: Vec<String>,
    },
    /// The last one was cut off.
    Complete,
    BeginUndo,
    CompleteUndo,
}

/// What `--undo` comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undo {
    /// The reset that was asked for is not.
    Cancelled,
    /// The next boot brings back what the last one took away.
    Asked,
    Already,
    /// There is none.
    Nothing,
}

impl Default for Journal {
    fn default() -> Self {
        Self { schema: SCHEMA, asked: None, last: None, tokens: Vec::new(), number: 0 }
    }
}

impl Journal {
    /// Reads what [`Self::format`] writes. Nothing is done by a journal that is not understood.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let journal: Self = serde_json::from_str(text).map_err(|error| Error::transient(error.to_string()))?;
        if journal.schema != SCHEMA {
            return Err(Error::transient(alloc::format!("its format is {}, this bedplate knows {SCHEMA}", journal.schema)));
        }
        if journal.last.as_ref().is_some_and(|last| last.number > journal.number) {
            return Err(Error::transient("the last reset has a number that was not given yet"));
        }
        Ok(journal)
    }

    pub fn format(&self) -> String {
        // Nothing in it can fail to be written: every map has text as keys.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// Nothing is to be remembered: there need not be a file.
    pub fn is_empty(&self) -> bool {
        self.asked.is_none() && self.last.is_none() && self.tokens.is_empty()
    }

    /// Takes the place of what was asked for before, which comes back.
    pub fn ask(&mut self, what: What, keep: Vec<String>) -> Option<Wish> {
        self.asked.replace(Wish::Reset { what, keep })
    }

    pub fn undo(&mut self) -> Undo {
        match (&self.asked, self.last.as_ref().map(|last| last.stage)) {
            (Some(Wish::Reset { .. }), _) => {
                self.asked = None;
                Undo::Cancelled
            }
            (Some(Wish::Undo), _) | (None, Some(Stage::Undoing)) => Undo::Already,
            (None, Some(Stage::Begun | Stage::Done)) => {
                self.asked = Some(Wish::Undo);
                Undo::Asked
            }
            (None, None) => Undo::Nothing,
        }
    }

    /// What is cut off comes first, but for a reset that is not wanted any more.
    pub fn todo(&self, arguments: &[Argument]) -> Todo {
        let stage = self.last.as_ref().map(|last| last.stage);
        match (stage, &self.asked) {
            (Some(Stage::Undoing), _) => return Todo::CompleteUndo,
            (Some(_), Some(Wish::Undo)) => return Todo::BeginUndo,
            (Some(Stage::Begun), _) => return Todo::Complete,
            _ => {}
        }
        let fresh: Vec<&Argument> = arguments.iter().filter(|argument| !self.tokens.contains(&argument.token)).collect();
        let wish = match &self.asked {
            Some(Wish::Reset { what, keep }) => Some((what.clone(), keep.clone())),
            Some(Wish::Undo) | None => None,
        };
        let keep = wish.as_ref().map(|(_, keep)| keep.clone()).unwrap_or_default();
        let all = wish.into_iter().map(|(what, _)| what).chain(fresh.iter().map(|argument| argument.what.clone()));
        match all.reduce(|one, other| one.and(&other)) {
            Some(what) => Todo::Begin { what, keep, tokens: fresh.iter().map(|argument| argument.token.clone()).collect() },
            None => Todo::Nothing,
        }
    }

    /// The number that the next reset gets.
    pub fn next_number(&self) -> u32 {
        self.number.saturating_add(1)
    }

    /// Takes the wish and the tokens. What the one before has set aside cannot be brought back any more.
    pub fn begin(&mut self, reset: Reset, tokens: &[String]) {
        self.number = reset.number;
        self.asked = None;
        self.tokens.extend_from_slice(tokens);
        let surplus = self.tokens.len().saturating_sub(TOKENS);
        self.tokens.drain(..surplus);
        self.last = Some(Reset { stage: Stage::Begun, ..reset });
    }

    pub fn done(&mut self) {
        self.advance(Stage::Begun, Stage::Done);
    }

    pub fn begin_undo(&mut self) {
        self.asked = self.asked.take().filter(|wish| *wish != Wish::Undo);
        if let Some(last) = &mut self.last {
            last.stage = Stage::Undoing;
        }
    }

    /// From here on there is no reset that could be undone.
    pub fn undone(&mut self) {
        self.last = None;
    }

    fn advance(&mut self, from: Stage, to: Stage) {
        if let Some(last) = self.last.as_mut().filter(|last| last.stage == from) {
            last.stage = to;
        }
    }

    /// `systemd.factory_reset=` has no token of its own: a boot without it makes it count anew. Whether that changed anything.
    pub fn rearm(&mut self, arguments: &[Argument]) -> bool {
        let before = self.tokens.len();
        if !arguments.iter().any(|argument| argument.token == FACTORY) {
            self.tokens.retain(|token| token != FACTORY);
        }
        self.tokens.len() != before
    }

    /// A boot has succeeded. In one after that of the reset, what was set aside is not needed any more.
    pub fn good(&mut self, boot: &BootId) {
        if self.last.as_ref().is_some_and(|last| last.stage == Stage::Done && last.boot != *boot) && self.asked != Some(Wish::Undo) {
            self.last = None;
        }
    }

    /// The directory that is still needed, by its number.
    pub fn needs(&self, name: &str) -> bool {
        self.last.as_ref().is_some_and(|last| last.number.to_string() == name)
    }
}
