use super::format::make::{SECTOR, discard, durable, flush, head, log, mark, write};
use super::{Choice, Cut, Entry, Extent, Kind, Log, Piece, Replay, cuts};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::io::Cursor;

fn read(entries: &[Vec<u8>]) -> Log<Cursor<Vec<u8>>> {
    Log::read(Cursor::new(log(entries))).unwrap()
}

fn bytes(byte: u8, sectors: usize) -> Vec<u8> {
    vec![byte; sectors * SECTOR]
}

#[test]
fn each_kind_of_entry() {
    let mut log = read(&[write(8, &bytes(7, 2)), flush(), mark(), discard(4, 3), durable(1, &bytes(9, 1))]);
    let entries = log.entries.clone();
    let seen: Vec<_> = entries.iter().map(|e| (e.sector, e.sectors, e.is_flush(), e.is_durable(), e.changes())).collect();
    let expected = [
        (8, 2, false, false, true),
        (0, 0, true, false, false),
        (0, 0, false, false, false),
        (4, 3, false, false, true),
        (1, 1, false, true, true),
    ];
    assert_eq!(seen, expected);
    let data: Vec<_> = entries.iter().map(|entry| log.data(entry).unwrap()).collect();
    assert_eq!(data, [bytes(7, 2), vec![], vec![], bytes(0, 3), bytes(9, 1)]);
}

#[test]
fn what_is_no_log_is_refused() {
    let with = |at: usize, byte: u8| {
        let mut bytes = log(&[write(8, &bytes(1, 1))]);
        bytes[at] = byte;
        Log::read(Cursor::new(bytes)).map(|log| log.entries.len())
    };
    assert_eq!(with(2048, 0), Ok(1));
    for (at, byte, why) in [(0, 0, "magic"), (8, 2, "version"), (24, 3, "sector"), (SECTOR + 16, 48, "flag"), (SECTOR + 13, 1, "length")] {
        assert!(with(at, byte).is_err(), "{why}");
    }
    assert!(Log::read(Cursor::new(Vec::new())).is_err());
    assert_eq!(Log::read(Cursor::new(vec![0; 2048])).map(|log| log.entries.len()), Ok(0), "nothing was written yet");
}

fn choice(extent: Extent) -> Choice<'static> {
    Choice { extent, interest: &[], atom: 1, fine: &[], seed: 1 }
}

fn of(entries: &[Vec<u8>], choice: Choice<'_>) -> Vec<Cut> {
    cuts(&read(entries).entries, choice)
}

/// Entries that are there in part or in whole.
fn there(cut: &Cut) -> Vec<(usize, u64)> {
    cut.pieces.iter().map(|piece| (piece.entry, piece.sectors)).collect()
}

#[test]
fn what_a_cut_may_leave_of_a_window() {
    let entries = [write(0, &bytes(1, 1)), flush(), write(1, &bytes(2, 2)), write(3, &bytes(3, 1)), durable(4, &bytes(4, 1))];
    let all = of(&entries, choice(Extent::All));
    let with = |kind: Kind| all.iter().filter(move |cut| cut.kind == kind).map(|cut| (cut.upto, cut.durable, there(cut)));
    let prefixes = [
        (0, 0, vec![]),
        (1, 0, vec![(0, 1)]),
        (2, 2, vec![]),
        (3, 2, vec![(2, 2)]),
        (4, 2, vec![(2, 2), (3, 1)]),
        (5, 2, vec![(2, 2), (3, 1), (4, 1)]),
    ];
    assert_eq!(with(Kind::Prefix).collect::<Vec<_>>(), prefixes);
    assert_eq!(with(Kind::Torn).collect::<Vec<_>>(), [(2, 2, vec![(2, 1)])], "one of two sectors");
    let without = [(1, 0, vec![]), (3, 2, vec![]), (4, 2, vec![]), (5, 2, vec![(4, 1)])];
    assert_eq!(with(Kind::Without).collect::<Vec<_>>(), without, "what was written through stays");
    let choices: BTreeSet<_> = with(Kind::Choice).filter(|(upto, ..)| *upto == 5).map(|(.., there)| there).collect();
    assert!(choices.len() > 2, "{choices:?}");
    assert!(choices.iter().all(|there| there.contains(&(4, 1))), "{choices:?}");
    assert!(choices.iter().any(|there| !there.is_sorted()), "no other order: {choices:?}");
}

#[test]
fn a_write_is_torn_where_a_disk_tears_it() {
    let entries = [write(0, &bytes(1, 8)), flush(), write(8, &bytes(2, 12))];
    let torn =
        |choice: Choice<'_>| -> Vec<_> { of(&entries, choice).iter().filter(|cut| cut.kind == Kind::Torn).flat_map(there).collect() };
    assert_eq!(torn(Choice { atom: 8, ..choice(Extent::All) }), [(2, 8)]);
    let fine = torn(Choice { atom: 8, fine: &[0], ..choice(Extent::All) });
    assert!(matches!(fine[..], [(0, 1..=7), (2, 8)]), "{fine:?}");
}

#[test]
fn a_sample_has_what_is_of_interest() {
    let entries: Vec<_> = (0..100).map(|n| if n % 5 == 4 { flush() } else { write(n, &bytes(1, 1)) }).collect();
    let all = of(&entries, choice(Extent::All));
    let some = of(&entries, Choice { interest: &[50], ..choice(Extent::Sample(20)) });
    assert!(some.len() < all.len() / 3, "{} of {}", some.len(), all.len());
    assert!(some.iter().all(|cut| all.contains(cut)));
    let near = |cuts: &[Cut]| cuts.iter().filter(|cut| (49..=51).contains(&cut.upto)).count();
    assert_eq!(near(&some), near(&all));
}

/// The disk that a cut leaves, the slow way.
fn by_hand(disk: &[u8], log: &mut Log<Cursor<Vec<u8>>>, cut: &Cut) -> Vec<u8> {
    let mut disk = disk.to_vec();
    let whole = |(entry, found): (usize, &Entry)| Piece { entry, sectors: found.sectors };
    let entries = log.entries.clone();
    let durable = entries.iter().enumerate().take(cut.durable).filter(|(_, entry)| entry.changes()).map(whole);
    for piece in durable.chain(cut.pieces.iter().copied()) {
        let entry = &entries[piece.entry];
        let (at, len) = (usize::try_from(entry.sector).unwrap() * SECTOR, usize::try_from(piece.sectors).unwrap() * SECTOR);
        disk[at..at + len].copy_from_slice(&log.data(entry).unwrap()[..len]);
    }
    disk
}

fn any_entry() -> impl Strategy<Value = Vec<u8>> {
    let data = (1..4_usize, any::<u8>()).prop_map(|(sectors, byte)| bytes(byte, sectors));
    prop_oneof![
        6 => (0..8_u64, data.clone()).prop_map(|(sector, data)| write(sector, &data)),
        1 => (0..8_u64, data).prop_map(|(sector, data)| durable(sector, &data)),
        2 => Just(flush()),
        1 => Just(mark()),
        1 => (0..8_u64, 1..4_u64).prop_map(|(sector, sectors)| discard(sector, sectors)),
    ]
}

proptest! {
    /// Whatever is there: an answer, and every entry that is told of can be read.
    #[test]
    fn any_bytes(rest in proptest::collection::vec(any::<u8>(), 0..4096), heads in proptest::collection::vec((0..9_u64, 0..4_u64, 0..32_u64), 0..6)) {
        let entries: Vec<_> = heads.iter().map(|(sector, sectors, flags)| head(*sector, *sectors, *flags)).chain([rest]).collect();
        if let Ok(mut log) = Log::read(Cursor::new(log(&entries))) {
            for entry in log.entries.clone() {
                let data = log.data(&entry);
                prop_assert!(data.is_ok_and(|data| !entry.changes() || data.len() as u64 == entry.sectors * SECTOR as u64));
            }
        }
    }

    /// Going from cut to cut, with writes taken back, is the same as making each disk anew; and equal disks are told.
    #[test]
    fn a_replay_comes_to_what_each_cut_leaves(entries in proptest::collection::vec(any_entry(), 0..24), seed in any::<u64>()) {
        let before: Vec<u8> = (0..12).flat_map(|n| bytes(100 + n, 1)).collect();
        let mut log = read(&entries);
        let mut disk = before.clone();
        let mut seen = std::collections::HashMap::new();
        let all = cuts(&log.entries, Choice { seed, ..choice(Extent::All) });
        let mut replay = Replay::new(read(&entries), Cursor::new(&mut disk[..]));
        for cut in &all {
            let fingerprint = replay.bring_to(cut).unwrap();
            let expected = by_hand(&before, &mut log, cut);
            prop_assert_eq!(replay.disk(), &expected[..]);
            prop_assert_eq!(seen.entry(fingerprint).or_insert_with(|| expected.clone()), &expected);
        }
        let disks: BTreeSet<_> = seen.values().collect();
        prop_assert_eq!(disks.len(), seen.len());
    }
}
