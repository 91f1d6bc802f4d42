//! When a deployment's /etc is carried forward: at its first boot, and again as long as it has not proved itself.

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

#[cfg(test)]
mod tests {
    use super::*;

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
