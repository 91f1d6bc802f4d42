//! Single values of the configuration: what is right, and what would be.

use super::Seconds;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use toml::de::DeValue;

/// Why a key was not set.
pub(super) enum Wrong {
    UnknownKey,
    /// What would be right.
    Value(String),
}

fn expected<T>(what: impl Into<String>) -> core::result::Result<T, Wrong> {
    Err(Wrong::Value(what.into()))
}

pub(super) fn text(value: &DeValue<'_>) -> core::result::Result<String, Wrong> {
    value.as_str().map(ToString::to_string).map_or_else(|| expected("a text in quotes"), Ok)
}

pub(super) fn flag(value: &DeValue<'_>) -> core::result::Result<bool, Wrong> {
    value.as_bool().map_or_else(|| expected("true or false"), Ok)
}

pub(super) fn word<T: Copy>(value: &DeValue<'_>, words: &[(&str, T)]) -> core::result::Result<T, Wrong> {
    let found = value.as_str().and_then(|text| words.iter().find(|(word, _)| *word == text));
    let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    found.map_or_else(|| expected(format!("one of \"{}\"", words.join("\", \""))), |(_, value)| Ok(*value))
}

fn integer(value: &DeValue<'_>) -> Option<u64> {
    let integer = value.as_integer()?;
    u64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

pub(super) fn number<T: TryFrom<u64> + Into<u64> + Copy>(value: &DeValue<'_>, least: T, most: T) -> core::result::Result<T, Wrong> {
    let range = least.into()..=most.into();
    let found = integer(value).filter(|n| range.contains(n)).and_then(|n| T::try_from(n).ok());
    found.map_or_else(|| expected(format!("a number from {} to {}", range.start(), range.end())), Ok)
}

pub(super) fn list<T>(
    value: &DeValue<'_>,
    item: &dyn Fn(&DeValue<'_>) -> core::result::Result<T, Wrong>,
) -> core::result::Result<Vec<T>, Wrong> {
    match value.as_array() {
        Some(items) => items.iter().map(|value| item(value.get_ref())).collect(),
        None => expected("a list in brackets"),
    }
}

/// A directory of /etc, with or without "/etc/" before it.
pub(super) fn kept_path(value: &DeValue<'_>) -> core::result::Result<String, Wrong> {
    path_of_etc(value, "a list of directories of /etc")
}

/// A file or directory of /etc, likewise.
pub(super) fn derived_path(value: &DeValue<'_>) -> core::result::Result<String, Wrong> {
    path_of_etc(value, "a list of files and directories of /etc")
}

fn path_of_etc(value: &DeValue<'_>, right: &str) -> core::result::Result<String, Wrong> {
    let path = text(value)?;
    let inner = path.trim_start_matches('/').trim_start_matches("etc/").trim_matches('/').to_string();
    if is_normal(&inner) { Ok(inner) } else { expected(right) }
}

pub(super) fn is_normal(path: &str) -> bool {
    path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

pub(super) fn duration(value: &DeValue<'_>) -> core::result::Result<Seconds, Wrong> {
    let found = match value.as_str() {
        Some("off") => return Ok(None),
        Some(text) => seconds(text),
        None => integer(value),
    };
    match found.filter(|seconds| (1..=MOST_SECONDS).contains(seconds)) {
        Some(seconds) => Ok(Some(seconds)),
        None => expected("a time such as \"90s\", \"10min\", \"2h\" or a number of seconds, or \"off\""),
    }
}

/// A year: longer times are mistakes.
const MOST_SECONDS: u64 = 366 * 86400;

/// "1min 30s": numbers with units, added up; a bare number is seconds.
fn seconds(text: &str) -> Option<u64> {
    let mut sum: u64 = 0;
    let mut rest = text.trim();
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, tail) = rest.split_at_checked(digits)?;
        let tail = tail.trim_start();
        let letters = tail.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, tail) = tail.split_at_checked(letters)?;
        let factor = match unit {
            "" | "s" | "sec" => 1,
            "m" | "min" => 60,
            "h" => 3600,
            "d" => 86400,
            _ => return None,
        };
        sum = sum.checked_add(number.parse::<u64>().ok()?.checked_mul(factor)?)?;
        rest = tail.trim_start();
    }
    Some(sum)
}
