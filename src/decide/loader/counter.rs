//! Boot counters in file names, as systemd-boot and systemd-bless-boot read them (`NAME+LEFT-DONE.conf` or `.efi`; Boot Loader
//! Specification, "Boot counting"; systemd 257, `boot_entry_parse_tries`).

use alloc::format;
use alloc::string::String;
use core::fmt;

/// Where counters end: more than INT_MAX is no counter to systemd-boot.
pub const MOST: u32 = i32::MAX as u32;

/// The suffixes of entries and of unified kernel images.
const SUFFIXES: [&str; 2] = [".conf", ".efi"];

/// How often an entry may still be tried, and how often it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counter {
    pub left: u32,
    pub done: u32,
}

/// A file name of an entry in its parts. Written out it is the name again, but for zeros that lead a number and a `-0`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryName {
    /// What stays the same while the counter moves.
    pub base: String,
    /// `None`: not counted, which is what "good" looks like.
    pub counter: Option<Counter>,
    /// With its dot.
    pub suffix: &'static str,
}

/// Takes a file name apart, the way systemd-boot does: the counter begins at the last `+` and reaches to the suffix, or is none.
/// `None`: not a name of an entry at all.
pub fn parse(file_name: &str) -> Option<EntryName> {
    let (stem, suffix) = SUFFIXES.iter().find_map(|suffix| Some((file_name.strip_suffix(suffix)?, *suffix)))?;
    let split = stem.rsplit_once('+').and_then(|(base, counter)| Some((base, Some(self::counter(counter)?))));
    let (base, counter) = split.unwrap_or((stem, None));
    (!base.is_empty() && !file_name.contains(['/', '\\'])).then(|| EntryName { base: base.into(), counter, suffix })
}

/// `LEFT` or `LEFT-DONE`; without DONE it was never tried.
fn counter(text: &str) -> Option<Counter> {
    let (left, done) = match text.split_once('-') {
        Some((left, done)) => (left, number(done)?),
        None => (text, 0),
    };
    Some(Counter { left: number(left)?, done })
}

/// Digits only: `str::parse` alone would take a sign, too.
fn number(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| digits && *number <= MOST)
}

impl EntryName {
    /// A new entry with so many tries.
    pub fn counted(base: &str, left: u8, suffix: &'static str) -> Self {
        Self { base: base.into(), counter: Some(Counter { left: left.into(), done: 0 }), suffix }
    }

    /// The same entry as good: what systemd-bless-boot renames it to.
    #[must_use]
    pub fn good(&self) -> Self {
        Self { counter: None, ..self.clone() }
    }

    /// The same entry as bad: no tries left, which sorts it last (`systemd-bless-boot bad`).
    #[must_use]
    pub fn bad(&self) -> Self {
        let done = self.counter.map_or(0, |counter| counter.done);
        Self { counter: Some(Counter { left: 0, done }), ..self.clone() }
    }

    /// The same entry while systemd-boot starts it; `None`: it renames nothing.
    pub fn tried(&self) -> Option<Self> {
        let Counter { left, done } = self.counter?;
        let counter = Counter { left: left.saturating_sub(1), done: done.saturating_add(1).min(MOST) };
        Some(Self { counter: Some(counter), ..self.clone() })
    }
}

/// The file name: `BASE[+LEFT[-DONE]]SUFFIX`.
impl fmt::Display for EntryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counter = match self.counter {
            None => String::new(),
            Some(Counter { left, done: 0 }) => format!("+{left}"),
            Some(Counter { left, done }) => format!("+{left}-{done}"),
        };
        write!(f, "{}{counter}{}", self.base, self.suffix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use proptest::prelude::*;

    fn shown(file_name: &str) -> String {
        let Some(name) = parse(file_name) else { return "no entry".into() };
        let (tried, good, bad) = (name.tried().map_or("-".into(), |tried| tried.to_string()), name.good(), name.bad());
        format!("{} | {tried} | {good} | {bad}", name.base)
    }

    /// The series of names in the Boot Loader Specification, and what systemd-boot does not take for a counter.
    #[test]
    fn names_as_systemd_boot_and_bless_boot_know_them() {
        for (name, expected) in [
            ("foo+3.conf", "foo | foo+2-1.conf | foo.conf | foo+0.conf"),
            ("foo+2-1.conf", "foo | foo+1-2.conf | foo.conf | foo+0-1.conf"),
            ("foo+1-2.conf", "foo | foo+0-3.conf | foo.conf | foo+0-2.conf"),
            ("foo+0-3.conf", "foo | foo+0-4.conf | foo.conf | foo+0-3.conf"),
            ("foo+4-0.efi", "foo | foo+3-1.efi | foo.efi | foo+0.efi"),
            ("foo.conf", "foo | - | foo.conf | foo+0.conf"),
            ("a+b+3.conf", "a+b | a+b+2-1.conf | a+b.conf | a+b+0.conf"),
            ("foo+003-02.conf", "foo | foo+2-3.conf | foo.conf | foo+0-2.conf"),
            ("foo+2147483647-2147483647.conf", "foo | foo+2147483646-2147483647.conf | foo.conf | foo+0-2147483647.conf"),
            ("foo+2147483648.conf", "foo+2147483648 | - | foo+2147483648.conf | foo+2147483648+0.conf"),
            ("foo+3-2147483648.conf", "foo+3-2147483648 | - | foo+3-2147483648.conf | foo+3-2147483648+0.conf"),
            ("foo+3x.conf", "foo+3x | - | foo+3x.conf | foo+3x+0.conf"),
            ("foo+3-.conf", "foo+3- | - | foo+3-.conf | foo+3-+0.conf"),
            ("foo+-3.conf", "foo+-3 | - | foo+-3.conf | foo+-3+0.conf"),
            ("foo+3-1-1.conf", "foo+3-1-1 | - | foo+3-1-1.conf | foo+3-1-1+0.conf"),
            ("foo+.conf", "foo+ | - | foo+.conf | foo++0.conf"),
            ("foo++3.conf", "foo+ | foo++2-1.conf | foo+.conf | foo++0.conf"),
            ("+3.conf", "no entry"),
            (".conf", "no entry"),
            ("foo+3.conf.bak", "no entry"),
            ("foo", "no entry"),
            ("a/b+3.conf", "no entry"),
            ("", "no entry"),
        ] {
            assert_eq!(shown(name), expected, "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_name_is_taken_apart(name in "\\PC*") {
            let _ = parse(&name);
        }

        #[test]
        fn what_is_parsed_is_the_same_when_written(name in "[a-z+.0-9-]{0,12}\\+?[0-9]{0,11}-?[0-9]{0,11}\\.(conf|efi)") {
            if let Some(parts) = parse(&name) {
                prop_assert_eq!(parse(&parts.to_string()), Some(parts.clone()));
                prop_assert_eq!(parse(&parts.bad().to_string()), Some(parts.bad()));
                if let Some(tried) = parts.tried() {
                    prop_assert_eq!(parse(&tried.to_string()), Some(tried));
                }
            }
        }

        #[test]
        fn counters_survive(left in 0..=MOST, done in 0..=MOST) {
            let name = EntryName { base: "bedplate-a".into(), counter: Some(Counter { left, done }), suffix: ".conf" };
            prop_assert_eq!(parse(&name.to_string()), Some(name));
        }
    }
}
