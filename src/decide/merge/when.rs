//! When a deployment's /etc is carried forward: at its first boot, and again as long as it has not proved itself.

use alloc::format;
use alloc::string::String;

/// What is known of a deployment's own /etc, and of its boots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "five findings that have nothing to do with each other")]
pub struct Past {
    /// It has a layer of its own, whoever made it.
    pub has_layer: bool,
    /// The layer was carried forward; one of an older bedplate was not, and is never replaced.
    pub is_carried: bool,
    /// It was marked good at least once.
    pub is_proven: bool,
    /// The booted system of another deployment has noted in the layer that it ran.
    pub is_overtaken: bool,
    /// The last boot before this one that the record knows of was another deployment's.
    pub follows_another: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    Nothing,
    /// It has no layer yet.
    First,
    /// Another deployment has run since, and what was changed in that counts.
    Again,
}

pub const fn need(past: Past) -> Need {
    if !past.has_layer && !past.is_carried {
        return Need::First;
    }
    let another_ran = past.is_overtaken || past.follows_another;
    if past.is_carried && another_ran && !past.is_proven { Need::Again } else { Need::Nothing }
}

/// How many replaced layers stay for people to look at.
const ASIDES: u32 = 9;

/// The name for a layer that is replaced: beside those that were set aside before it. Once there are too many, the last of them
/// gives way: what a person has made stands before what a trial leaves each time that it fails.
pub fn aside(is_taken: impl Fn(&str) -> bool) -> String {
    let name = |number| if number == 1 { "etc.aside".into() } else { format!("etc.aside.{number}") };
    (1..ASIDES).map(name).find(|name| !is_taken(name)).unwrap_or_else(|| name(ASIDES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_set_aside_stays_up_to_a_bound() {
        let beside = |taken: &[&str]| aside(|name| taken.contains(&name));
        assert_eq!(beside(&[]), "etc.aside");
        assert_eq!(beside(&["etc.aside", "etc.aside.3"]), "etc.aside.2");
        assert_eq!(aside(|_| true), "etc.aside.9");
    }

    #[test]
    fn at_the_first_boot_and_until_it_is_good() {
        for ([has_layer, is_carried, is_proven, is_overtaken, follows_another], expected) in [
            ([false, false, false, false, false], Need::First),
            ([false, false, false, false, true], Need::First),
            ([false, false, true, false, true], Need::First),
            ([true, false, false, false, true], Need::Nothing),
            ([true, false, false, true, true], Need::Nothing),
            ([true, true, false, false, false], Need::Nothing),
            ([true, true, false, true, false], Need::Again),
            ([true, true, false, false, true], Need::Again),
            ([true, true, true, true, true], Need::Nothing),
            // Whoever emptied it, meant it.
            ([false, true, false, false, false], Need::Nothing),
        ] {
            let past = Past { has_layer, is_carried, is_proven, is_overtaken, follows_another };
            assert_eq!(need(past), expected, "{past:?}");
        }
    }
}
