//! What the names of the entries on the boot partition say of the deployments, and what systemd-boot says of the last start.

use super::counter::{self, Counter, EntryName};
use super::state::{Change, Known, Standing, State};
use crate::decide::model::Id;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// `LoaderFeatures`: the loader counts (systemd, src/fundamental/efivars-fundamental.h).
const COUNTS: u64 = 1 << 4;
/// How the entries of deployments begin.
const PREFIX: &str = "bedplate-";

/// The deployment of an entry.
fn id_of(name: &EntryName) -> Option<Id> {
    Id::parse(name.base.strip_prefix(PREFIX)?)
}

fn standing(counter: Option<Counter>) -> Standing {
    match counter {
        None => Standing::Good,
        Some(Counter { left: 0, .. }) => Standing::Exhausted,
        Some(Counter { left, .. }) => Standing::Counting { left },
    }
}

/// The entries of one deployment, of all file names in the directory.
fn of<'a>(names: &'a [String], id: &Id) -> Vec<(&'a str, EntryName)> {
    let entry =
        |name: &'a String| counter::parse(name).filter(|entry| id_of(entry).as_ref() == Some(id)).map(|entry| (name.as_str(), entry));
    names.iter().filter_map(entry).collect()
}

/// The entry that counts: a counted one beside an uncounted one is the newer of the two (it is what `deploy` writes, and the
/// other was left behind).
fn current<'a>(names: &'a [String], id: &Id) -> Option<(&'a str, EntryName)> {
    of(names, id).into_iter().max_by_key(|(_, entry)| entry.counter.is_some())
}

/// What the names say. What is started first is the loader's business: its menu sorts by the content of the entries.
pub fn state(names: &[String], ids: &[Id]) -> State {
    let known = |id: &Id| current(names, id).map(|(_, entry)| Known { id: id.clone(), standing: standing(entry.counter) });
    State { known: ids.iter().filter_map(known).collect(), ..State::default() }
}

/// A change of names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rename {
    /// It is as it should be.
    Nothing,
    /// What has the new name, a twin that was left behind, gives way to it.
    To { from: String, to: String },
}

/// Which name an entry gets.
pub fn change(names: &[String], id: &Id, change: Change) -> Result<Rename, String> {
    let (from, entry) = current(names, id).ok_or_else(|| format!("there is no entry \"{PREFIX}{id}.conf\""))?;
    let to = match change {
        Change::Good => entry.good(),
        Change::Bad => entry.bad(),
        Change::Arm { tries } => EntryName::counted(&entry.base, tries, entry.suffix),
    };
    let (from, to) = (from.to_string(), to.to_string());
    Ok(if from == to { Rename::Nothing } else { Rename::To { from, to } })
}

/// The name of the entry that was started: the content of `LoaderBootCountPath` (a path, after the loader has counted) or of
/// `LoaderEntrySelected` (the name alone) in efivarfs, four bytes of attributes and a text in UTF-16.
pub fn started(variable: &[u8]) -> Option<EntryName> {
    let units = variable.get(4..)?.chunks_exact(2).filter_map(|pair| Some(u16::from_le_bytes(*pair.first_chunk()?)));
    let path: String = char::decode_utf16(units.take_while(|unit| *unit != 0)).collect::<Result<_, _>>().ok()?;
    counter::parse(path.rsplit(['\\', '/']).next()?)
}

/// What can be told in the initramfs, where nobody has mounted the boot partition: the entry that was started, and its
/// deployment. The newest comes first in the loader's menu, and what has no starts left comes last: of `ids`, the others are
/// those that it did not start any more, or that somebody told it not to.
pub fn state_of_started(entry: &EntryName, ids: &[Id]) -> Option<(Id, State)> {
    let id = id_of(entry)?;
    let started = Known { id: id.clone(), standing: standing(entry.counter) };
    let others = ids.iter().filter(|other| **other != id).map(|other| Known { id: other.clone(), standing: Standing::Exhausted });
    let known = core::iter::once(started).chain(others).collect();
    Some((id, State { known, ..State::default() }))
}

/// Whether the loader that started this boot counts and its counts last, by `LoaderFeatures` and [`started`].
pub fn persists(features: Option<&[u8]>, started: Option<&EntryName>, names: &[String]) -> Result<(), String> {
    let features = features.and_then(|bytes| bytes.get(4..)?.first_chunk()).map(|bytes| u64::from_le_bytes(*bytes));
    match features {
        None => return Err("this boot was not started by a loader that says what it can do (LoaderFeatures)".into()),
        Some(features) if features & COUNTS == 0 => return Err("the loader that started this boot does not count".into()),
        Some(_) => {}
    }
    let Some(Counter { left, done }) = started.and_then(|entry| entry.counter) else { return Ok(()) };
    let base = started.map(|entry| entry.base.as_str());
    // Renamed after it was started, it is good or bad, or was armed anew: only more tries with fewer starts are none of that.
    let uncounted = |entry: &EntryName| {
        let Some(now) = entry.counter else { return false };
        Some(entry.base.as_str()) == base && now.left == left.saturating_add(1) && now.done.saturating_add(1) == done
    };
    match names.iter().filter_map(|name| counter::parse(name)).find(uncounted) {
        Some(entry) => Err(format!("the loader cannot persist its state: it has started \"{entry}\", and could not rename it")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    fn id(name: &str) -> Id {
        Id::parse(name).unwrap()
    }

    fn variable(text: &str) -> Vec<u8> {
        [6, 0, 0, 0].into_iter().chain(text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes)).collect()
    }

    #[test]
    fn names_say_what_is_counted() {
        let found = names(&["bedplate-a.conf", "bedplate-b+2-1.conf", "bedplate-c+0-3.conf", "debian.conf", "bedplate-d+1.conf.new"]);
        let state = state(&found, &[id("a"), id("b"), id("c"), id("d")]);
        assert_eq!(state.to_string(), "a good, b with 2 starts left, c not to be started");
    }

    /// Beside an uncounted twin, `systemd-bless-boot good` would do nothing (systemd#33504).
    #[test]
    fn names_change_as_bless_boot_changes_them() {
        let arm = Change::Arm { tries: 3 };
        for (found, asked, expected) in [
            (&["bedplate-b+2-1.conf"][..], Change::Good, "bedplate-b+2-1.conf -> bedplate-b.conf"),
            (&["bedplate-b+2-1.conf"], Change::Bad, "bedplate-b+2-1.conf -> bedplate-b+0-1.conf"),
            (&["bedplate-b.conf"], Change::Good, "-"),
            (&["bedplate-b.conf"], Change::Bad, "bedplate-b.conf -> bedplate-b+0.conf"),
            (&["bedplate-b+0-1.conf"], Change::Bad, "-"),
            (&["bedplate-b.conf", "bedplate-b+1-2.conf"], Change::Good, "bedplate-b+1-2.conf -> bedplate-b.conf"),
            (&["bedplate-b.conf"], arm, "bedplate-b.conf -> bedplate-b+3.conf"),
            (&["bedplate-b+0-3.conf"], arm, "bedplate-b+0-3.conf -> bedplate-b+3.conf"),
            (&["bedplate-b+3.conf"], arm, "-"),
            (&["bedplate-bb.conf", "b.conf"], arm, "there is no entry \"bedplate-b.conf\""),
        ] {
            let found = names(found);
            let shown = match change(&found, &id("b"), asked) {
                Ok(Rename::Nothing) => "-".into(),
                Ok(Rename::To { from, to }) => format!("{from} -> {to}"),
                Err(why) => why,
            };
            assert_eq!(shown, expected, "{found:?} {asked:?}");
        }
    }

    #[test]
    fn what_was_started_is_known_without_the_boot_partition() {
        let entry = started(&variable("\\loader\\entries\\bedplate-b+0-3.conf")).unwrap();
        let (running, state) = state_of_started(&entry, &[]).unwrap();
        assert_eq!((running, state.to_string()), (id("b"), "b not to be started".into()));
        let entry = started(&variable("bedplate-a.conf")).unwrap();
        let (_, state) = state_of_started(&entry, &[id("a"), id("b")]).unwrap();
        assert_eq!(state.to_string(), "a good, b not to be started");
        assert_eq!(started(&variable("\\EFI\\Linux\\x.bin")), None);
        assert_eq!(started(&[6, 0, 0]), None);
    }

    #[test]
    fn a_loader_that_cannot_persist_is_found_out() {
        let can = [6, 0, 0, 0, 0x1f, 0, 0, 0, 0, 0, 0, 0];
        let cannot = [6, 0, 0, 0, 0x0f, 0, 0, 0, 0, 0, 0, 0];
        let booted = |name| counter::parse(name);
        let stuck = Err("the loader cannot persist its state: it has started \"bedplate-b+3.conf\", and could not rename it".into());
        for (features, started, found, expected) in [
            (Some(&can[..]), booted("bedplate-b+2-1.conf"), "bedplate-b+2-1.conf", Ok(())),
            (Some(&can), booted("bedplate-b+2-1.conf"), "bedplate-b.conf", Ok(())),
            (Some(&can), booted("bedplate-b+2-1.conf"), "bedplate-b+0-1.conf", Ok(())),
            (Some(&can), booted("bedplate-b+2-1.conf"), "other+3.conf", Ok(())),
            (Some(&can), None, "bedplate-b+3.conf", Ok(())),
            (Some(&can), booted("bedplate-b+2-1.conf"), "bedplate-b+3.conf", stuck),
            (Some(&cannot), None, "", Err("the loader that started this boot does not count".into())),
            (None, None, "", Err("this boot was not started by a loader that says what it can do (LoaderFeatures)".into())),
            (Some(&can[..5]), None, "", Err("this boot was not started by a loader that says what it can do (LoaderFeatures)".into())),
        ] {
            assert_eq!(persists(features, started.as_ref(), &names(&[found])), expected, "{started:?} {found}");
        }
    }

    proptest! {
        #[test]
        fn any_variable_is_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = started(&bytes);
            let _ = persists(Some(&bytes), started(&bytes).as_ref(), &[]);
        }
    }
}
