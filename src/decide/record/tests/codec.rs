use super::super::codec::{BLOCK, CRC_POLYNOMIAL_CHECK, FILE_SIZE, MAGIC, OFFSETS, Place, Reading, SIZE, VERSION, checksum, encode, read};
use super::*;
use alloc::vec;
use proptest::prelude::*;

/// A block written by hand from the documented layout.
fn golden() -> Vec<u8> {
    let mut block = vec![0; BLOCK];
    block[..8].copy_from_slice(b"BEDPLREC");
    block[8..10].copy_from_slice(&[1, 0]);
    block[10..13].copy_from_slice(&[1, 255, 0]);
    block[16..24].copy_from_slice(&[7, 0, 0, 0, 0, 0, 0, 0]);
    block[32..56].copy_from_slice(&[1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x12, 3, 0, 0, 0, 2, 0b0101]);
    block[56..80].copy_from_slice(&[2, 2, 2, 2, 2, 2, 2, 2, 9, 9, 9, 9, 9, 9, 9, 9, 2, 0x51, 1, 2, 4, 1, 0, 0b0100_1010]);
    block[416..432].copy_from_slice(&[2, 2, 0, 0, 0, 0, 0, 0, 8, 8, 8, 8, 8, 8, 8, 8]);
    block[432..440].copy_from_slice(&[0, 0, 0, 0, 4, 3, 2, 1]);
    seal(&mut block);
    block
}

fn seal(block: &mut [u8]) {
    let crc = checksum(&block[..508]).to_le_bytes();
    block[508..512].copy_from_slice(&crc);
}

fn golden_record() -> Record {
    let first = Slot { started: 2, pinned: Pinned::Yes, ..good(1) };
    let second = Slot {
        attempt: [9; 8],
        rule: Some(Rule::Trial),
        outcome: Outcome::MountsFailed,
        left: 1,
        done: 2,
        forced: 4,
        refunds_used: 1,
        barred: Barred::Yes,
        took_try: TookTry::Yes,
        ..slot(2, Status::Trial)
    };
    let mut panics = [0; PANICS];
    panics[1] = 0x0102_0304;
    let last = last(2, 8, Phase::Started);
    Record { default: Some(key(2)), incumbent: Some(key(1)), last, panics, ..record(vec![first, second]) }
}

fn valid(record: Record, next: Place) -> Reading {
    Reading::Valid { record, next }
}

#[test]
fn the_documented_layout() {
    assert_eq!(encode(&golden_record()).to_vec(), golden());
    assert_eq!(read(&golden(), &[]), valid(golden_record(), Place::B));
    assert_eq!(checksum(b"123456789"), CRC_POLYNOMIAL_CHECK);
    assert_eq!((OFFSETS, BLOCK, SIZE, FILE_SIZE), ([0, 65536], 4096, 512, 69632));
    assert_eq!((Place::A.offset(), Place::B.offset()), (0, 65536));
    assert_eq!((MAGIC, VERSION), (*b"BEDPLREC", 1));
}

#[test]
fn every_code_comes_back() {
    let statuses = [Status::Trial, Status::Good, Status::Superseded, Status::MarkedBad, Status::Broken, Status::Unarmed];
    let outcomes = OUTCOMES;
    let codes = |rule: Option<Rule>, status, outcome| {
        let written = record(vec![Slot { rule, outcome, ..slot(1, status) }]);
        let block = encode(&written);
        assert_eq!(read(&block, &[]), valid(written, Place::B));
        (block[32 + 17], block[32 + 23])
    };
    for (status, n) in statuses.into_iter().zip(1..) {
        assert_eq!(codes(None, status, Outcome::Open), (0x10 | n, 0), "{status:?}");
    }
    for (outcome, n) in outcomes.into_iter().zip(1_u8..) {
        assert_eq!(codes(None, Status::Trial, outcome), (n << 4 | 1, 0), "{outcome:?}");
    }
    for (rule, n) in Rule::ALL.into_iter().zip(1_u8..) {
        assert_eq!(codes(Some(rule), Status::Trial, Outcome::Open), (0x11, n << 4), "{rule:?}");
    }
}

/// In the order of their codes.
const OUTCOMES: [Outcome; 9] = [
    Outcome::Open,
    Outcome::Success,
    Outcome::CleanReboot,
    Outcome::HealthFailed,
    Outcome::MountsFailed,
    Outcome::Deadline,
    Outcome::Watchdog,
    Outcome::Panic,
    Outcome::Lost,
];

fn why(block: &[u8]) -> alloc::string::String {
    match read(block, block) {
        Reading::Lost { why } => why,
        other => panic!("read as {other:?}"),
    }
}

#[test]
fn what_cannot_be_is_not_read() {
    let changed = |at: usize, value: u8| {
        let mut block = golden();
        block[at] = value;
        seal(&mut block);
        why(&block)
    };
    let impossible = "copy A: impossible content, copy B: impossible content";
    for (at, value) in
        [(10, 2), (11, 16), (12, 254), (49, 0x02), (49, 0x10), (49, 0x17), (49, 0xa1), (55, 0x90), (416, 3), (417, 0), (417, 5)]
    {
        assert_eq!(changed(at, value), impossible, "{at} {value}");
    }
    assert_eq!(changed(8, 0), "copy A: impossible version, copy B: impossible version");
    assert_eq!(changed(0, b'X'), "copy A: no magic number, copy B: no magic number");
    assert_eq!(why(&golden()[..511]), "copy A: too short, copy B: too short");
    let mut gap = golden();
    gap.copy_within(56..80, 80);
    gap[56..80].fill(0);
    seal(&mut gap);
    assert_eq!(why(&gap), impossible);
}

#[test]
fn a_newer_format_is_not_corrupt() {
    let mut newer = golden();
    newer[8] = 2;
    seal(&mut newer);
    for (a, b) in [(&newer, &golden()), (&golden(), &newer), (&newer, &vec![]), (&vec![], &newer)] {
        assert_eq!(read(a, b), Reading::Newer { version: 2 });
    }
    newer[20] = 1;
    assert_eq!(why(&newer), "copy A: wrong checksum, copy B: wrong checksum");
}

#[test]
fn the_higher_revision_counts_and_the_other_is_written() {
    let at = |revision| Record { revision, ..golden_record() };
    let block = |revision| encode(&at(revision)).to_vec();
    let cases = [
        (block(1), block(2), valid(at(2), Place::A)),
        (block(2), block(1), valid(at(2), Place::B)),
        (block(2), block(2), valid(at(2), Place::B)),
        (block(1), vec![0; BLOCK], valid(at(1), Place::B)),
        (vec![0; BLOCK], block(1), valid(at(1), Place::A)),
        (block(u64::MAX), block(256), valid(at(u64::MAX), Place::B)),
    ];
    for (a, b, expected) in cases {
        assert_eq!(read(&a, &b), expected);
    }
}

/// Every length at which the write of a copy may stop, over an older copy and over zeros.
#[test]
fn a_torn_write_leaves_the_old_or_the_new_record() {
    let (old, new) = (Record { revision: 8, ..golden_record() }, Record { revision: 9, ..record(vec![good(3)]) });
    for before in [encode(&Record { revision: 6, ..record(vec![good(4)]) }), [0; BLOCK]] {
        for length in 0..=BLOCK {
            let mut torn = before.to_vec();
            torn[..length].copy_from_slice(&encode(&new)[..length]);
            let reading = read(&encode(&old), &torn);
            let complete = torn[..SIZE] == encode(&new)[..SIZE];
            let expected = if complete { valid(new.clone(), Place::A) } else { valid(old.clone(), Place::B) };
            assert_eq!(reading, expected, "{length}");
        }
    }
}

#[test]
fn every_single_changed_byte_is_noticed() {
    for at in 0..SIZE {
        let mut block = golden();
        block[at] ^= 0x40;
        assert!(matches!(read(&block, &[]), Reading::Lost { .. }), "byte {at}");
    }
}

fn any_slot(n: u8) -> impl Strategy<Value = Slot> {
    let flag = any::<[bool; 4]>();
    (any::<[u8; 8]>(), any::<[u8; 5]>(), 0_usize..6, 0..OUTCOMES.len(), prop::option::of(0_usize..8), flag).prop_map(
        move |(attempt, [left, done, forced, refunds_used, started], status, outcome, rule, [pinned, barred, once, took])| Slot {
            attempt,
            rule: rule.map(|rule| Rule::ALL[rule]),
            outcome: OUTCOMES[outcome],
            left,
            done,
            forced,
            refunds_used,
            started,
            pinned: if pinned { Pinned::Yes } else { Pinned::No },
            barred: if barred { Barred::Yes } else { Barred::No },
            once_good: if once { OnceGood::Yes } else { OnceGood::No },
            took_try: if took { TookTry::Yes } else { TookTry::No },
            ..slot(n, [Status::Trial, Status::Good, Status::Superseded, Status::MarkedBad, Status::Broken, Status::Unarmed][status])
        },
    )
}

pub(super) fn any_record() -> impl Strategy<Value = Record> {
    let slots = (0..=SLOTS).prop_flat_map(|n| (1..=u8::try_from(n).expect("few")).map(any_slot).collect::<Vec<_>>());
    let phases = [Phase::Begun, Phase::Started, Phase::Ended, Phase::Closed];
    (any::<u64>(), slots, any::<[Option<u8>; 4]>(), any::<([u8; 8], u8, [u32; PANICS])>()).prop_map(move |(revision, slots, named, end)| {
        let (boot, phase, panics) = end;
        let count = u8::try_from(slots.len()).expect("few");
        let [default, one_shot, incumbent, last] = named.map(|n| n.filter(|_| count > 0).map(|n| key(n % count + 1)));
        let last = last.map(|key| LastBoot { key, boot, phase: phases[usize::from(phase % 3)] });
        Record { revision, default, one_shot, incumbent, last, panics, slots }
    })
}

proptest! {
    #[test]
    fn what_was_written_is_read(record in any_record()) {
        prop_assert_eq!(read(&encode(&record), &[]), valid(record, Place::B));
    }

    #[test]
    fn any_bytes_are_read(mut bytes in prop::collection::vec(any::<u8>(), SIZE), other in prop::collection::vec(any::<u8>(), 0..SIZE)) {
        let _ = read(&bytes, &other);
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..10].copy_from_slice(&VERSION.to_le_bytes());
        seal(&mut bytes);
        if let Reading::Valid { record, .. } = read(&bytes, &other) {
            prop_assert!(record.slots.len() <= SLOTS);
        }
    }
}
