//! The kernel command line, by the kernel's own rules, and what it asks of a boot.
//!
//! Rules (lib/cmdline.c, next_arg): words end at white space outside double quotes; a quote around a whole word or around a value
//! is taken off, others stay; the name ends at the first `=`. The last word with a name wins. After `--` everything is init's.

#[cfg(test)]
mod tests;

use super::config::{Config, EtcMode, Require, RootMode, VarMode};
use super::model::{BootId, Id, Request};
use super::reset::argument;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// One word: its name, and its value where it has a `=`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    pub name: String,
    pub value: Option<String>,
}

/// A parsed command line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cmdline {
    words: Vec<Word>,
    init_arguments: Vec<String>,
}

impl Cmdline {
    /// Any text is a command line.
    pub fn parse(text: &str) -> Self {
        let mut raw = raw_words(text).into_iter();
        let words = raw.by_ref().take_while(|word| word != "--").map(|word| to_word(&word)).collect();
        Self { words, init_arguments: raw.map(|word| unquote(&word).into()).collect() }
    }

    pub fn words(&self) -> &[Word] {
        &self.words
    }

    /// What stands after `--`.
    pub fn init_arguments(&self) -> &[String] {
        &self.init_arguments
    }

    /// The value of the last word with this name; a word without `=` has the empty value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.words.iter().rev().find(|word| word.name == name).map(|word| word.value.as_deref().unwrap_or(""))
    }

    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
}

/// The words as they stand, with their quotes.
pub fn raw_words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quoted = false;
    for c in text.trim_end_matches(['\n', '\0']).chars() {
        quoted ^= c == '"';
        if c.is_ascii_whitespace() && !quoted {
            words.push(core::mem::take(&mut word));
        } else {
            word.push(c);
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

fn unquote(text: &str) -> &str {
    match text.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"').unwrap_or(rest),
        None => text,
    }
}

/// Name and value of a word as it stands.
pub fn to_word(raw: &str) -> Word {
    let word = unquote(raw);
    match word.split_once('=') {
        // A quote that opened around the whole word has lost both ends already; one around the value loses them here.
        Some((name, value)) => Word { name: name.into(), value: Some(unquote(value).into()) },
        None => Word { name: word.into(), value: None },
    }
}

/// Names of ours that are understood; others with the prefix are warned about.
const KNOWN: [&str; 9] = ["deployment", "entry", "attempt", "etc", "var", "root", "reset", "log", "rootwait"];

/// The request of a boot: the configuration, with what the command line changes for this boot, and warnings.
///
/// `systemd.volatile=` is mapped as systemd-volatile-root(8) means it: `yes` and `overlay` make root, /etc and /var transient,
/// `state` makes /var transient.
pub fn request(cmdline: &Cmdline, config: Config) -> (Request, Vec<String>) {
    let configured = config.clone();
    let mut reader = Reader { cmdline, warnings: Vec::new(), request: Request { config, ..Request::default() } };
    reader.names();
    reader.reset();
    reader.volatile();
    reader.modes();
    reader.request.altered = reader.request.init.is_some() || reader.request.config != configured;
    reader.disabled();
    reader.unknown();
    (reader.request, reader.warnings)
}

struct Reader<'a> {
    cmdline: &'a Cmdline,
    warnings: Vec<String>,
    request: Request,
}

impl Reader<'_> {
    fn warn(&mut self, warning: String) {
        self.warnings.push(warning);
    }

    fn strict(&self) -> bool {
        self.request.config.integrity.require != Require::None
    }

    fn names(&mut self) {
        let text = |name: &str| self.cmdline.get(name).filter(|value| !value.is_empty()).map(ToString::to_string);
        self.request.deployment = text("bedplate.deployment");
        self.request.init = text("init");
        if let Some(entry) = text("bedplate.entry") {
            self.request.entry = Id::parse(&entry);
            if self.request.entry.is_none() {
                self.warn(format!("bedplate.entry={entry}: not a deployment ID, ignoring it"));
            }
        }
        if let Some(attempt) = text("bedplate.attempt") {
            self.request.attempt = BootId::parse(&attempt);
            if self.request.attempt.is_none() {
                self.warn(format!("bedplate.attempt={attempt}: not a boot id, ignoring it"));
            }
        }
        if self.cmdline.has("bedplate.log") {
            self.warn("bedplate.log= is not supported by this version, ignoring it".into());
        }
    }

    fn reset(&mut self) {
        let (asked, odd) = argument(self.cmdline);
        self.warnings.extend(odd);
        if self.strict() && !asked.is_empty() {
            self.warn("a reset by the kernel command line would loosen integrity.require, ignoring it: nothing is reset".into());
        } else {
            self.request.reset = asked;
        }
    }

    fn volatile(&mut self) {
        let strict = self.strict();
        let config = &mut self.request.config;
        match self.cmdline.get("systemd.volatile") {
            Some("yes" | "1" | "true" | "on" | "" | "overlay") => {
                (config.etc.mode, config.var.mode) = (EtcMode::Transient, VarMode::Transient);
                if strict {
                    self.warn("systemd.volatile= would loosen integrity.require for /, leaving it read-only".into());
                } else {
                    config.root.mode = RootMode::Transient;
                }
            }
            Some("state") => config.var.mode = VarMode::Transient,
            _ => {}
        }
    }

    fn modes(&mut self) {
        if let Some(mode) = self.word("bedplate.etc", EtcMode::WORDS) {
            if mode == EtcMode::Bind && self.strict() {
                self.warn("bedplate.etc=bind would loosen integrity.require, ignoring it".into());
            } else {
                self.request.config.etc.mode = mode;
            }
        }
        if let Some(mode) = self.word("bedplate.root", RootMode::WORDS) {
            if mode == RootMode::Transient && self.strict() {
                self.warn("bedplate.root=transient would loosen integrity.require, ignoring it".into());
            } else {
                self.request.config.root.mode = mode;
            }
        }
        match self.word("bedplate.var", VarMode::WORDS) {
            Some(VarMode::Device) if !self.request.config.var.names_device() => {
                self.warn("bedplate.var=device: the configuration has no var.source, going by the configuration".into());
            }
            Some(mode) => self.request.config.var.mode = mode,
            None => {}
        }
    }

    fn word<T: Copy>(&mut self, name: &str, words: &[(&str, T)]) -> Option<T> {
        let value = self.cmdline.get(name)?;
        let found = words.iter().find(|(word, _)| *word == value).map(|(_, mode)| *mode);
        if found.is_none() {
            let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.warn(format!("{name}={value}: not one of {}, going by the configuration", words.join(", ")));
        }
        found
    }

    fn disabled(&mut self) {
        match self.cmdline.get("bedplate") {
            Some("0" | "no" | "off" | "false") if self.strict() => {
                self.warn("bedplate=0 would loosen integrity.require, ignoring it".into());
            }
            Some("0" | "no" | "off" | "false") => self.request.disabled = true,
            Some("1" | "yes" | "on" | "true" | "") | None => {}
            Some(other) => self.warn(format!("bedplate={other}: neither 0 nor 1, going on as with 1")),
        }
    }

    fn unknown(&mut self) {
        let ours = self.cmdline.words().iter().filter_map(|word| word.name.strip_prefix("bedplate."));
        let unknown: Vec<String> = ours.filter(|name| !KNOWN.contains(name)).map(ToString::to_string).collect();
        for name in unknown {
            self.warn(format!(
                "bedplate.{name} on the kernel command line is unknown (there are: bedplate.{}), ignoring it",
                KNOWN.join(", .")
            ));
        }
    }
}
