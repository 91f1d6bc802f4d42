//! What the kernel command line asks for: `bedplate.reset=WHAT[,WHAT]:TOKEN` and `systemd.factory_reset=1`.
//!
//! A word in a loader entry stays there boot after boot. `bedplate.reset=` is obeyed once for each token. The other has none:
//! it is obeyed in the first boot that has it, and again only after a boot without it. (systemd itself has the loader give it
//! for one boot: systemd.io/FACTORY_RESET; an EFI variable is what it otherwise goes by, and clears.) It means everything:
//! "all state, user data and configuration is reset".

use super::{What, Word};
use crate::decide::cmdline::Cmdline;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// The token of `systemd.factory_reset=1`; no other can be the same.
pub const FACTORY: &str = "systemd.factory_reset=1";

/// A reset that the kernel command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argument {
    pub what: What,
    /// What it is obeyed once for.
    pub token: String,
}

/// What is asked for, and what is odd about it. Both words together are one reset.
pub fn argument(cmdline: &Cmdline) -> (Vec<Argument>, Vec<String>) {
    let mut warnings = Vec::new();
    let mut asked = Vec::new();
    if let Some(value) = cmdline.get("bedplate.reset") {
        match parse(value) {
            Ok(argument) => asked.push(argument),
            Err(why) => warnings.push(format!("bedplate.reset={value}: {why}, ignoring it: nothing is reset")),
        }
    }
    match cmdline.get("systemd.factory_reset") {
        Some("" | "1" | "yes" | "y" | "true" | "t" | "on") => {
            asked.extend(What::new(&[Word::All]).map(|what| Argument { what, token: FACTORY.into() }));
        }
        Some("0" | "no" | "n" | "false" | "f" | "off") | None => {}
        Some(other) => warnings.push(format!("systemd.factory_reset={other}: neither 0 nor 1, ignoring it: nothing is reset")),
    }
    (asked, warnings)
}

fn parse(value: &str) -> Result<Argument, String> {
    let (words, token) = value.split_once(':').ok_or("it is WHAT:TOKEN, and obeyed once for each token")?;
    let word = |word: &str| Word::from_word(word).ok_or_else(|| format!("\"{word}\" is not one of etc, var, home, all"));
    let words = words.split(',').map(word).collect::<Result<Vec<Word>, String>>()?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    if token.is_empty() || token.len() > 64 || !token.bytes().all(plain) {
        return Err("the token is 1 to 64 of A-Z a-z 0-9 . _ -".into());
    }
    let what = What::new(&words).ok_or("it names nothing")?;
    Ok(Argument { what, token: token.to_string() })
}
