//! What a scenario says of the log itself.

use crate::error::Result;
use crate::run::Seen;
use crate::scenario::Boot;

/// How often, before the guest said hello, the record and the disk were written. `commits` are entries that write the record.
pub fn check(boot: &Boot, seen: &Seen, commits: &[usize]) -> Result<()> {
    let hello = seen.marks.first().map_or(0, |mark| mark.entries);
    let before = commits.iter().filter(|entry| **entry < hello).count();
    match (boot.expect.record_writes, boot.expect.disk_writes) {
        (Some(wanted), _) if wanted != before => Err(format!("the record was written {before} times before the hello, expected {wanted}")),
        (_, Some(most)) if most < hello => Err(format!("{hello} writes and flushes before the hello, expected {most} at most")),
        _ => Ok(()),
    }
}
