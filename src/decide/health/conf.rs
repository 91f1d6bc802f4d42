//! greenboot.conf, as far as it says which checks are disabled. It is a file of shell assignments; the other keys belong to
//! greenboot's own programs and scripts, or mean what bedplate's configuration says (GREENBOOT_MAX_BOOT_ATTEMPTS: `boot.tries`).

use alloc::string::String;
use alloc::vec::Vec;

const KEY: &str = "DISABLED_HEALTHCHECKS=";
const NO_LIST: &str = "DISABLED_HEALTHCHECKS is no list in parentheses, as (\"a.sh\" \"b.sh\")";

/// The names in `DISABLED_HEALTHCHECKS=("a.sh" "b.sh")`, which may go over several lines; the last assignment counts. An error is
/// for the person: what cannot be understood disables nothing.
pub fn disabled(text: &str) -> Result<Vec<String>, &'static str> {
    let from_lines = core::iter::once(text).chain(text.match_indices('\n').filter_map(|(at, _)| text.get(at + 1..)));
    let mut values = from_lines.filter_map(|from| from.trim_start_matches([' ', '\t']).strip_prefix(KEY));
    values.next_back().map_or(Ok(Vec::new()), list)
}

/// The list that the text begins with. Nothing at all is an empty one.
fn list(text: &str) -> Result<Vec<String>, &'static str> {
    if text.lines().next().is_none_or(|line| line.trim().is_empty()) {
        return Ok(Vec::new());
    }
    let (inside, _) = text.strip_prefix('(').and_then(|inside| inside.split_once(')')).ok_or(NO_LIST)?;
    let lines = inside.lines().map(|line| line.split('#').next().unwrap_or_default());
    lines.flat_map(str::split_whitespace).map(word).collect()
}

/// Quotes, if any, go all around it.
fn word(word: &str) -> Result<String, &'static str> {
    let unquoted = ['"', '\''].iter().find_map(|quote| word.strip_prefix(*quote)?.strip_suffix(*quote)).unwrap_or(word);
    if unquoted.contains(['"', '\'', '$', '\\', '(']) { Err(NO_LIST) } else { Ok(unquoted.into()) }
}
