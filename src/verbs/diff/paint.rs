//! Colours, on a terminal only.

use bedplate::decide::drift::Cause;
use std::io::IsTerminal;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    Plain,
    Colours,
}

/// As ECMA-48 numbers them: select graphic rendition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    Red = 31,
    Green = 32,
    Yellow = 33,
    Blue = 34,
    Magenta = 35,
    Cyan = 36,
}

impl Paint {
    /// What standard output takes, by <https://no-color.org>.
    pub fn of_output() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if std::io::stdout().is_terminal() && !refused { Self::Colours } else { Self::Plain }
    }

    pub fn text(self, colour: Colour, text: &str) -> String {
        match self {
            Self::Plain => text.into(),
            Self::Colours => format!("\u{1b}[{}m{text}\u{1b}[0m", colour as u8),
        }
    }

    /// The word of a cause, as wide as the longest.
    pub fn cause(self, cause: Cause) -> String {
        let colour = match cause {
            Cause::Added => Colour::Green,
            Cause::Edited | Cause::Metadata => Colour::Yellow,
            Cause::Deleted | Cause::Opaque => Colour::Red,
            Cause::Conflict | Cause::Type => Colour::Magenta,
            Cause::Stale | Cause::Duplicate => Colour::Cyan,
            Cause::Hidden => Colour::Blue,
        };
        self.text(colour, &format!("{:<9}", cause.word()))
    }
}
