//! A failure is one line of text: what failed, on what, why, and what to do.

use std::fmt::Display;

pub type Result<T> = std::result::Result<T, String>;

/// Says what was being done when something failed.
pub trait OrSay<T> {
    fn or_say(self, what: impl Display) -> Result<T>;
}

impl<T, E: Display> OrSay<T> for std::result::Result<T, E> {
    fn or_say(self, what: impl Display) -> Result<T> {
        self.map_err(|why| format!("{what}: {why}"))
    }
}

impl<T> OrSay<T> for Option<T> {
    fn or_say(self, what: impl Display) -> Result<T> {
        self.ok_or_else(|| what.to_string())
    }
}
