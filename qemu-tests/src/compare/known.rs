//! What bedplate does otherwise than the original on purpose: the README's table ("OSTree systems").

use super::configuration::{Configuration, Feature};
use super::report::{Column, Difference};

/// One of them.
#[derive(Debug)]
pub struct Known {
    /// Configurations in which it shows.
    applies: fn(&Configuration) -> bool,
    /// All columns in which it does.
    columns: &'static [Column],
    /// What every line of it has one of.
    words: &'static [&'static str],
    /// For people.
    pub text: &'static str,
}

const EVERYTHING: &[Column] =
    &[Column::Exit, Column::Mounts, Column::Flags, Column::Propagation, Column::Run, Column::Metadata, Column::Files];

const ALL: [Known; 6] = [
    Known {
        applies: |on| on.has(Feature::EtcTransient) && !on.has(Feature::Readonly),
        columns: &[Column::Mounts, Column::Flags, Column::Propagation, Column::Run, Column::Metadata, Column::Files],
        words: &["/sysroot/etc", "/run/ostree/transient-etc"],
        text: "etc.transient alone: the original ignores it",
    },
    Known {
        applies: |on| on.has(Feature::BothFiles),
        columns: &[Column::Mounts, Column::Flags, Column::Propagation, Column::Run, Column::Metadata, Column::Files],
        words: &[""],
        text: "two files: the original forgets the first",
    },
    Known { applies: |on| on.has(Feature::Yes), columns: EVERYTHING, words: &[""], text: "yes for true: the original ends the boot" },
    Known {
        applies: |on| on.has(Feature::Again),
        columns: EVERYTHING,
        words: &[""],
        text: "a run after one that failed: the original ends the boot",
    },
    Known {
        applies: |on| on.has(Feature::Quoted),
        columns: EVERYTHING,
        words: &[""],
        text: "a quoted argument: the original takes a word of it for ostree=",
    },
    Known {
        applies: |on| on.has(Feature::Flags),
        columns: &[Column::Flags],
        words: &["/sysroot/usr: "],
        text: "flags of the physical root: the original's remounts drop them",
    },
];

/// Those that have to show in a configuration.
pub fn of(configuration: &Configuration) -> impl Iterator<Item = &'static Known> {
    ALL.iter().filter(|known| (known.applies)(configuration))
}

/// Whether there is nothing but what is known, and all of that.
pub fn covers(configuration: &Configuration, differences: &[Difference]) -> bool {
    let explained = |difference: &Difference| {
        of(configuration)
            .any(|known| known.columns.contains(&difference.column) && known.words.iter().any(|word| difference.line.contains(word)))
    };
    let shows = |column: &Column| differences.iter().any(|difference| difference.column == *column);
    differences.iter().all(explained) && of(configuration).all(|known| known.columns.iter().all(shows))
}
