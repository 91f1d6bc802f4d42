//! The pieces that a reset renames, each as a whole.

use super::glob::{Fate, Glob, fate};
use super::{Name, What, Word};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// The names in the shared /var that hold what people made: `/home`, `/root`, `/srv`.
pub const HOME: [&str; 3] = ["home", "roothome", "srv"];

/// One piece that is set aside as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// The deployment's own layer of /etc, with all that belongs to it.
    Etc,
    /// What a transient /etc keeps.
    EtcKeep,
    /// Declared paths with scope `deployment`.
    Paths,
    /// An entry of the shared /var.
    Var(Name),
}

impl Part {
    /// The directory that holds it, below the store; `state` is `ID@INSTANCE`.
    pub fn directory(&self, state: &str) -> String {
        match self {
            Self::Etc | Self::EtcKeep | Self::Paths => format!("state/{state}"),
            Self::Var(_) => "var".into(),
        }
    }

    /// The directory that it is set aside to, below that of the reset.
    pub const fn group(&self) -> &'static str {
        match self {
            Self::Etc | Self::EtcKeep | Self::Paths => "state",
            Self::Var(_) => "var",
        }
    }

    pub fn name(&self) -> &[u8] {
        match self {
            Self::Etc => b"etc",
            Self::EtcKeep => b"etc-keep",
            Self::Paths => b"paths",
            Self::Var(name) => name.bytes(),
        }
    }

    /// Below it, the tree whose entries `--keep` may name, and where that tree is in the booted system.
    pub fn tree(&self) -> (&'static str, Vec<Vec<u8>>) {
        let path = |parts: &[&[u8]]| parts.iter().map(|part| part.to_vec()).collect();
        match self {
            Self::Etc => ("upper", path(&[b"etc"])),
            Self::EtcKeep => ("", path(&[b"etc"])),
            Self::Paths => ("", Vec::new()),
            Self::Var(name) => ("", path(&[b"var", name.bytes()])),
        }
    }
}

/// The parts that a reset began where nothing was to be taken away: an undo takes them away, and what the deployment's first boot
/// would have brought comes.
pub fn began(what: &What, kept: &[Glob], parts: &[Part]) -> Vec<Part> {
    let own = [(Word::Etc, Part::Etc), (Word::Etc, Part::EtcKeep), (Word::All, Part::Paths)];
    let stays = |part: &Part| fate(kept, &part.tree().1) == Fate::Kept;
    let began = |(word, part): &(Word, Part)| what.includes(*word) && !parts.contains(part) && !stays(part);
    own.into_iter().filter(began).map(|(_, part)| part).collect()
}

/// The parts that a reset takes away, of those that are there: the names in the state of the deployment, and in the shared /var.
/// What is kept as a whole stays where it is.
pub fn parts(what: &What, kept: &[Glob], state: &[Name], var: &[Name]) -> Vec<Part> {
    let own = [(Word::Etc, Part::Etc), (Word::Etc, Part::EtcKeep), (Word::All, Part::Paths)];
    let there = |part: &Part| state.iter().any(|name| name.bytes() == part.name());
    let own = own.into_iter().filter(|(word, part)| what.includes(*word) && there(part)).map(|(_, part)| part);
    let is_home = |name: &Name| HOME.iter().any(|home| home.as_bytes() == name.bytes());
    let goes = |name: &&Name| what.includes(if is_home(name) { Word::Home } else { Word::Var });
    let stays = |part: &Part| fate(kept, &part.tree().1) == Fate::Kept;
    own.chain(var.iter().filter(goes).cloned().map(Part::Var)).filter(|part| !stays(part)).collect()
}
