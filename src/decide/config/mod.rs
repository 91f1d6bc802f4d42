//! The configuration: every key with its default. Reading it from text is [`parse`]'s work.

mod fragments;
mod origins;
mod parse;
#[cfg(test)]
mod tests;
mod unsupported;
mod value;

pub use fragments::{DIRECTORIES, fragments};
pub use origins::Origins;
pub use parse::{Merged, Problem, Source, merge, parse};
pub use unsupported::{Unsupported, unsupported};

use super::rootspec::RootSpec;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// A length of time as the configuration writes it, in seconds. `None` is "off".
pub type Seconds = Option<u64>;

/// The effective configuration. It is kept in boot.json and config.json: what verbs go by.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Config {
    pub boot: Boot,
    pub root: Root,
    pub etc: Etc,
    pub var: Var,
    pub integrity: Integrity,
    pub ostree: Ostree,
    /// `[[path]]`, merged by target.
    pub path: Vec<DeclaredPath>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Boot {
    /// Counted boots that a trial gets; 1 to 255.
    pub tries: u8,
    /// Starts without success after which a good deployment is counted, too; 0 = never.
    pub good_tries: u8,
    pub count: Count,
    /// Clean reboots before success that give the try back, per arming.
    pub refunds: u8,
    /// A counted boot not marked good by then reboots.
    pub deadline: Seconds,
    pub on_exhausted: OnExhausted,
    pub when_nothing_boots: WhenNothingBoots,
    pub kernel_mismatch: KernelMismatch,
    pub record: RecordKind,
    /// A raw partition for the native record; empty: the file in the store.
    pub record_device: String,
    pub watchdog: Seconds,
    /// Deployments kept besides booted, incumbent, fallback and pinned when one is marked good; 0 = all.
    pub keep: u8,
}

impl Default for Boot {
    fn default() -> Self {
        Self {
            tries: 3,
            good_tries: 3,
            count: Count::Needed,
            refunds: 1,
            deadline: Some(600),
            on_exhausted: OnExhausted::Retry,
            when_nothing_boots: WhenNothingBoots::Reboot,
            kernel_mismatch: KernelMismatch::Kexec,
            record: RecordKind::Native,
            record_device: String::new(),
            watchdog: None,
            keep: 2,
        }
    }
}

/// Defines an enumerated configuration value: its words, its default (the first), and all of them for messages.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $first:ident = $first_word:literal $(, $variant:ident = $word:literal)* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
        pub enum $name {
            #[default]
            #[serde(rename = $first_word)]
            $first,
            $(#[serde(rename = $word)] $variant,)*
        }

        impl $name {
            /// Every word that the configuration accepts here, the default first.
            pub const WORDS: &[(&str, Self)] = &[($first_word, Self::$first) $(, ($word, Self::$variant))*];

            pub fn from_word(word: &str) -> Option<Self> {
                Self::WORDS.iter().find(|(w, _)| *w == word).map(|(_, v)| *v)
            }

            pub const fn word(self) -> &'static str {
                match self {
                    Self::$first => $first_word,
                    $(Self::$variant => $word,)*
                }
            }
        }
    };
}

words!(
    /// Which boots of the incumbent consume a try.
    Count { Needed = "needed", Always = "always" }
);
words!(OnExhausted { Retry = "retry", Stop = "stop" });
words!(WhenNothingBoots { Reboot = "reboot", Emergency = "emergency", Halt = "halt" });
words!(
    /// What happens to a deployment that has no modules for the running kernel.
    KernelMismatch { Kexec = "kexec", Skip = "skip", Ignore = "ignore" }
);
words!(RecordKind { Native = "native", Gpt = "gpt", Grubenv = "grubenv", Bls = "bls" });
words!(RootMode { Ro = "ro", Transient = "transient" });
words!(EtcMode { Overlay = "overlay", Transient = "transient", Ro = "ro", Bind = "bind" });
words!(VarMode { Bind = "bind", Transient = "transient", Device = "device", None = "none" });
words!(Require { None = "none", Verity = "verity", Signed = "signed" });
words!(
    /// How a path's data follows rollbacks.
    Scope { Shared = "shared", Deployment = "deployment", Transient = "transient" }
);
words!(
    /// How a declared path is mounted; `none` removes a path that an earlier file declared.
    PathMode { Bind = "bind", Ro = "ro", None = "none" }
);
words!(Clean { Duplicate = "duplicate", Stale = "stale" });

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Root {
    pub mode: RootMode,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Etc {
    pub mode: EtcMode,
    /// With mode transient: directories that persist.
    pub keep: Vec<String>,
    /// Drift that is dropped at each boot.
    pub clean: Vec<Clean>,
    /// With mode overlay: what is never carried forward, beside what never is; below /etc, a directory with all that is in it.
    pub derived: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Var {
    pub mode: VarMode,
    /// With mode device: what to mount, as `root=` writes it.
    pub source: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Integrity {
    pub require: Require,
    /// Directory of minisign public keys, in the initramfs.
    pub keys: String,
    pub min_sequence: u64,
}

impl Var {
    /// Whether the source can be looked for.
    pub fn names_device(&self) -> bool {
        RootSpec::parse(&self.source).is_ok()
    }
}

impl Default for Integrity {
    fn default() -> Self {
        Self { require: Require::None, keys: "/usr/lib/bedplate/keys".into(), min_sequence: 0 }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Ostree {
    pub rollback: bool,
}

/// One `[[path]]`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DeclaredPath {
    /// Absolute, normal, not `/`.
    pub target: String,
    pub mode: PathMode,
    /// Below the shared var; empty: `var/` and the target's own path without its slash. Ignored unless scope is shared.
    pub source: String,
    pub scope: Scope,
}
