//! The record as bytes: two copies, each 512 bytes in a block that is written whole.
//!
//! | offset | bytes | what (little-endian) |
//! |---|---|---|
//! | 0 | 8 | magic |
//! | 8 | 2 | format version |
//! | 10 | 3 | slot numbers of default, one-shot, incumbent; 255 = none |
//! | 16 | 8 | revision |
//! | 32 | 16 × 24 | slots |
//! | 416 | 2 | slot number of the last boot + 1, 0 = none; its phase: 1 begun, 2 started, 3 ended |
//! | 424 | 8 | boot id of the last boot |
//! | 432 | 8 × 4 | CRC32C of the panic records that are known; 0 = none |
//! | 508 | 4 | CRC32C of bytes 0 to 507 |
//!
//! A slot: key (8), boot id of the last attempt (8), order, status + 16 × outcome, tries left, tries done, forced, refunds
//! used, started, flags (1 pinned, 2 barred, 4 once good, 8 took a try) + 16 × rule. All other bytes are zero. Magic, version and
//! CRC stay where they are in every later format, so that a newer one is told from a corrupt one.

use super::ending::{LastBoot, Phase};
use super::{Barred, Key, OnceGood, Outcome, PANICS, Pinned, Record, SLOTS, ShortBootId, Slot, Status, TookTry};
use crate::decide::model::Rule;
use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Ordering;
use static_assertions::const_assert;

pub const MAGIC: [u8; 8] = *b"BEDPLREC";
pub const VERSION: u16 = 1;
/// Bytes of a copy that carry meaning.
pub const SIZE: usize = 512;
/// Bytes that are written at once; the rest of the block is zero.
pub const BLOCK: usize = 4096;
/// Where copy A and copy B stand in the file.
pub const OFFSETS: [u64; 2] = [0, 64 * 1024];
/// The file from the first to the last byte.
pub const FILE_SIZE: u64 = 64 * 1024 + BLOCK as u64;

const SLOT_SIZE: usize = 24;
const SLOTS_AT: usize = 32;
const CRC_AT: usize = SIZE - 4;
const NONE: u8 = 255;
const LAST_AT: usize = 416;
const LAST_BOOT_AT: usize = 424;
const PANICS_AT: usize = 432;
const_assert!(SLOTS_AT + SLOTS * SLOT_SIZE <= LAST_AT);
const_assert!(PANICS_AT + PANICS * size_of::<u32>() <= CRC_AT);
const_assert!(SIZE <= BLOCK);
const_assert!(OFFSETS[1] >= BLOCK as u64);
const_assert!(SLOTS < NONE as usize);

const CRC: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISCSI);
/// CRC32C of "123456789" (RFC 3720, appendix B.4 uses the same polynomial).
#[cfg(test)]
pub const CRC_POLYNOMIAL_CHECK: u32 = 0xe306_9283;

/// CRC32C (Castagnoli).
pub fn checksum(bytes: &[u8]) -> u32 {
    CRC.checksum(bytes)
}

/// Which of the two copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    A,
    B,
}

impl Place {
    pub const fn offset(self) -> u64 {
        match self {
            Self::A => OFFSETS[0],
            Self::B => OFFSETS[1],
        }
    }
}

/// What both copies together say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// The copy with the highest revision, and the place of the next commit.
    Valid { record: Record, next: Place },
    /// A copy of a format that this program does not know: nothing may be written.
    Newer { version: u16 },
    /// No copy is valid.
    Lost { why: String },
    /// The machine could not read it just now; what is in it is not known.
    Unread { why: String },
}

impl Reading {
    /// Where nobody keeps a record: one that says nothing.
    pub fn none() -> Self {
        Self::Valid { record: Record::default(), next: Place::A }
    }
}

/// Reads both copies; shorter input than a copy is an invalid copy.
pub fn read(a: &[u8], b: &[u8]) -> Reading {
    match (decode(a), decode(b)) {
        (Err(Invalid::Newer(version)), _) | (_, Err(Invalid::Newer(version))) => Reading::Newer { version },
        (Ok(a), Ok(b)) if a.revision < b.revision => Reading::Valid { record: b, next: Place::A },
        (Ok(record), _) => Reading::Valid { record, next: Place::B },
        (Err(_), Ok(record)) => Reading::Valid { record, next: Place::A },
        (Err(Invalid::Corrupt(a)), Err(Invalid::Corrupt(b))) => Reading::Lost { why: alloc::format!("copy A: {a}, copy B: {b}") },
    }
}

/// The block to be written: the copy and zeros up to [`BLOCK`].
pub fn encode(record: &Record) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let number = |key: Option<Key>| {
        let at = key.and_then(|key| record.slots.iter().position(|slot| slot.key == key));
        at.and_then(|at| u8::try_from(at).ok()).unwrap_or(NONE)
    };
    put(&mut block, 0, &MAGIC);
    put(&mut block, 8, &VERSION.to_le_bytes());
    put(&mut block, 10, &[number(record.default), number(record.one_shot), number(record.incumbent)]);
    put(&mut block, 16, &record.revision.to_le_bytes());
    for (slot, at) in record.slots.iter().take(SLOTS).zip((SLOTS_AT..).step_by(SLOT_SIZE)) {
        put(&mut block, at, &encode_slot(slot));
    }
    if let Some(last) = &record.last {
        put(&mut block, LAST_AT, &[number(Some(last.key)).wrapping_add(1), code(&PHASES, last.phase)]);
        put(&mut block, LAST_BOOT_AT, &last.boot);
    }
    for (digest, at) in record.panics.iter().zip((PANICS_AT..).step_by(size_of::<u32>())) {
        put(&mut block, at, &digest.to_le_bytes());
    }
    let crc = checksum(block.get(..CRC_AT).unwrap_or_default());
    put(&mut block, CRC_AT, &crc.to_le_bytes());
    block
}

fn put(block: &mut [u8], at: usize, bytes: &[u8]) {
    for (to, from) in block.iter_mut().skip(at).zip(bytes) {
        *to = *from;
    }
}

fn encode_slot(slot: &Slot) -> [u8; SLOT_SIZE] {
    let mut bytes = [0; SLOT_SIZE];
    let flag = |set: bool, bit: u8| if set { bit } else { 0 };
    let flags = flag(slot.pinned == Pinned::Yes, 1)
        + flag(slot.barred == Barred::Yes, 2)
        + flag(slot.once_good == OnceGood::Yes, 4)
        + flag(slot.took_try == TookTry::Yes, 8);
    let status = code(&STATUSES, slot.status) + 16 * code(&OUTCOMES, slot.outcome);
    let rule = 16 * slot.rule.map_or(0, |rule| code(&RULES, rule));
    put(&mut bytes, 0, &slot.key.0);
    put(&mut bytes, 8, &slot.attempt);
    put(&mut bytes, 16, &[slot.order, status, slot.left, slot.done, slot.forced, slot.refunds_used, slot.started, flags + rule]);
    bytes
}

/// A value's code is its place in its list, from 1; 0 is left for "none". The lists only ever grow at the end.
const STATUSES: [Status; 6] = [Status::Trial, Status::Good, Status::Superseded, Status::MarkedBad, Status::Broken, Status::Unarmed];
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
const PHASES: [Phase; 4] = [Phase::Begun, Phase::Started, Phase::Ended, Phase::Closed];
const RULES: [Rule; 8] =
    [Rule::Argument, Rule::OneShot, Rule::Default, Rule::Trial, Rule::Incumbent, Rule::OnceGood, Rule::IncumbentCounted, Rule::LastResort];

fn code<T: PartialEq + Copy>(list: &[T], value: T) -> u8 {
    let codes = list.iter().zip(1..);
    codes.filter(|(v, _)| **v == value).map(|(_, code)| code).next().unwrap_or(0)
}

fn value<T: Copy>(list: &[T], code: u8) -> Option<T> {
    usize::from(code).checked_sub(1).and_then(|at| list.get(at).copied())
}

enum Invalid {
    Newer(u16),
    Corrupt(&'static str),
}

fn decode(bytes: &[u8]) -> Result<Record, Invalid> {
    let field = Fields(bytes.get(..SIZE).ok_or(Invalid::Corrupt("too short"))?);
    if field.bytes(0) != Some(MAGIC) {
        return Err(Invalid::Corrupt("no magic number"));
    }
    let crc = field.0.get(..CRC_AT).map(|covered| checksum(covered).to_le_bytes());
    if field.bytes(CRC_AT) != crc {
        return Err(Invalid::Corrupt("wrong checksum"));
    }
    let version = field.bytes(8).map_or(0, u16::from_le_bytes);
    match version.cmp(&VERSION) {
        Ordering::Equal => decode_fields(&field).ok_or(Invalid::Corrupt("impossible content")),
        Ordering::Greater => Err(Invalid::Newer(version)),
        Ordering::Less => Err(Invalid::Corrupt("impossible version")),
    }
}

struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn bytes<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.0.get(at..)?.first_chunk().copied()
    }
}

fn decode_fields(field: &Fields<'_>) -> Option<Record> {
    let mut slots = Vec::new();
    let mut free = false;
    for at in (SLOTS_AT..).step_by(SLOT_SIZE).take(SLOTS) {
        let bytes: [u8; SLOT_SIZE] = field.bytes(at)?;
        if bytes == [0; SLOT_SIZE] {
            free = true;
            continue;
        }
        // A slot behind a free one would move the numbers of those after it.
        slots.push(decode_slot(&Fields(&bytes)).filter(|_| !free)?);
    }
    let [default, one_shot, incumbent] = field.bytes(10)?;
    let key = |number: u8| match number {
        NONE => Some(None),
        at => slots.get(usize::from(at)).map(|slot| Some(slot.key)),
    };
    let last = match field.bytes(LAST_AT)? {
        [0, _] => None,
        [number, phase] => Some(decode_last(number, phase, field, &slots)?),
    };
    Some(Record {
        revision: field.bytes(16).map(u64::from_le_bytes)?,
        default: key(default)?,
        one_shot: key(one_shot)?,
        incumbent: key(incumbent)?,
        last,
        panics: decode_panics(field)?,
        slots,
    })
}

fn decode_last(number: u8, phase: u8, field: &Fields<'_>, slots: &[Slot]) -> Option<LastBoot> {
    let key = slots.get(usize::from(number.checked_sub(1)?))?.key;
    Some(LastBoot { key, boot: field.bytes(LAST_BOOT_AT)?, phase: value(&PHASES, phase)? })
}

fn decode_panics(field: &Fields<'_>) -> Option<[u32; PANICS]> {
    let mut panics = [0; PANICS];
    for (digest, at) in panics.iter_mut().zip((PANICS_AT..).step_by(size_of::<u32>())) {
        *digest = field.bytes(at).map(u32::from_le_bytes)?;
    }
    Some(panics)
}

fn decode_slot(field: &Fields<'_>) -> Option<Slot> {
    let key: [u8; 8] = field.bytes(0)?;
    let attempt: ShortBootId = field.bytes(8)?;
    let [order, status, left, done, forced, refunds_used, started, flags] = field.bytes(16)?;
    let rule = match flags >> 4 {
        0 => None,
        code => Some(value(&RULES, code)?),
    };
    Some(Slot {
        key: Key(key),
        attempt,
        rule,
        outcome: value(&OUTCOMES, status >> 4)?,
        order,
        status: value(&STATUSES, status & 15)?,
        left,
        done,
        forced,
        refunds_used,
        started,
        pinned: if flags & 1 == 0 { Pinned::No } else { Pinned::Yes },
        barred: if flags & 2 == 0 { Barred::No } else { Barred::Yes },
        once_good: if flags & 4 == 0 { OnceGood::No } else { OnceGood::Yes },
        took_try: if flags & 8 == 0 { TookTry::No } else { TookTry::Yes },
    })
}
