//! In which order removed deployments went: of what is kept of them the oldest goes first.

use alloc::vec::Vec;

/// `names` with the oldest first. `text` lists them as they went, a line each; one that is not in it went before all that are,
/// `newest` after all.
pub fn oldest_first<'a>(text: &str, names: &'a [&str], newest: &str) -> Vec<&'a str> {
    let listed: Vec<&str> = text.lines().collect();
    let place = |name: &str| if name == newest { Some(usize::MAX) } else { listed.iter().rposition(|line| *line == name) };
    let mut sorted: Vec<&str> = names.to_vec();
    sorted.sort_by_key(|name| (place(name), *name));
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_the_list_not_by_the_name() {
        for (text, names, newest, expected) in [
            ("", "b a", "a", "b a"),
            ("c\na\nb\n", "a b c", "", "c a b"),
            ("c\na\n", "a b c d", "c", "b d a c"),
            ("a\nb\na\ngone\ntor", "a b", "", "b a"),
            ("\0\0\0", "", "", ""),
        ] {
            let names: Vec<&str> = names.split_whitespace().collect();
            assert_eq!(oldest_first(text, &names, newest).join(" "), expected, "{text:?}");
        }
    }
}
