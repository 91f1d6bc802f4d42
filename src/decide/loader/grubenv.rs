//! GRUB's environment block: 1024 bytes of `name=value` lines, filled up with `#`. It has no sum and no second copy (GRUB 2.06,
//! grub-core/lib/envblk.c).
//!
//! GRUB itself writes over the blocks of the file. From here it is replaced as a whole, by a new file with its name: GRUB
//! looks for the name at every boot, so that it sees the old content or the new one, never 0 bytes or a part, which is what
//! grub-editenv leaves after a power cut. On FAT, too: the rename changes one directory entry inside one sector.

use super::state::{Change, Known, Standing, State};
use crate::decide::model::Id;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Starts left, as Fedora's and greenboot's GRUB scripts count them: down to 0, then -1.
pub const COUNTER: &str = "boot_counter";
/// `1`: nothing is counted.
pub const SUCCESS: &str = "boot_success";
/// The ID that the counter is about.
pub const TRIAL: &str = "bedplate_trial";
/// The ID to start when nothing is counted, or the counter has run out.
pub const GOOD: &str = "bedplate_good";

/// Bytes of a block.
pub const SIZE: usize = 1024;

const SIGNATURE: &str = "# GRUB Environment Block\n";

/// Why a block cannot be used or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defect {
    /// Not 1024 bytes.
    Size(usize),
    /// It does not begin like one.
    Signature,
    /// It is no UTF-8.
    Text,
    /// The variables have no room in it.
    Full,
}

impl core::fmt::Display for Defect {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Size(size) => write!(f, "it has {size} bytes, not {SIZE}"),
            Self::Signature => f.write_str("it does not begin with \"# GRUB Environment Block\""),
            Self::Text => f.write_str("it is not text"),
            Self::Full => write!(f, "the variables do not fit into its {SIZE} bytes"),
        }
    }
}

/// The variables of a block, in its order, with the comments that lead it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    comments: String,
    variables: Vec<(String, String)>,
}

/// Reads a block. A line that is neither a comment nor a variable is dropped, as GRUB drops it.
pub fn parse(bytes: &[u8]) -> Result<Block, Defect> {
    if bytes.len() != SIZE {
        return Err(Defect::Size(bytes.len()));
    }
    let text = core::str::from_utf8(bytes).map_err(|_| Defect::Text)?;
    if !text.starts_with(SIGNATURE) {
        return Err(Defect::Signature);
    }
    let lines = lines(text);
    // The padding is no line: it has no end.
    let comments = lines.iter().filter(|line| line.starts_with('#') && line.ends_with('\n')).map(String::as_str).collect();
    let variable = |line: &String| {
        line.strip_suffix('\n')
            .filter(|line| !line.starts_with('#'))
            .and_then(|line| line.split_once('='))
            .filter(|(name, _)| !name.is_empty())
            .map(|(name, value)| (name.into(), unescape(value)))
    };
    Ok(Block { comments, variables: lines.iter().filter_map(variable).collect() })
}

/// Lines with their ends; an escaped end belongs to its line.
fn lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let (mut line, mut escaped) = (String::new(), false);
    for c in text.chars() {
        line.push(c);
        let comment = line.starts_with('#');
        if c == '\n' && (comment || !escaped) {
            lines.push(core::mem::take(&mut line));
        }
        escaped = c == '\\' && !escaped && !comment;
    }
    lines.push(line);
    lines
}

fn unescape(value: &str) -> String {
    let mut chars = value.chars();
    let mut text = String::new();
    while let Some(c) = chars.next() {
        text.push(if c == '\\' { chars.next().unwrap_or('\\') } else { c });
    }
    text
}

fn escape(value: &str) -> String {
    let mut text = String::new();
    for c in value.chars() {
        if matches!(c, '\\' | '\n') {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

impl Block {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Sets a variable where it stands, else at the end; `None` takes it away.
    pub fn set(&mut self, name: &str, value: Option<&str>) {
        let known = self.variables.iter_mut().find(|(known, _)| known == name);
        match (known, value) {
            (Some((_, old)), Some(value)) => *old = value.into(),
            (None, Some(value)) => self.variables.push((name.into(), value.into())),
            (_, None) => self.variables.retain(|(known, _)| known != name),
        }
    }

    /// What it says of the deployments.
    pub fn state(&self, ids: &[Id]) -> State {
        let of = |name| self.get(name).and_then(|id| ids.iter().find(|known| known.as_str() == id)).cloned();
        let good = of(GOOD).map(|id| Known { id, standing: Standing::Good });
        let trial = match (of(TRIAL), self.standing()) {
            (None, _) => None,
            (Some(_), Err(why)) => return State::defective(why),
            (Some(id), Ok(standing)) => Some(Known { id, standing }),
        };
        let good = good.filter(|good| trial.as_ref().is_none_or(|trial| trial.id != good.id));
        let first = trial.as_ref().is_some_and(|trial| trial.standing != Standing::Exhausted);
        let known = if first { [trial, good] } else { [good, trial] };
        State { known: known.into_iter().flatten().collect(), ..State::default() }
    }

    fn standing(&self) -> Result<Standing, String> {
        if self.get(SUCCESS) == Some("1") {
            return Ok(Standing::Good);
        }
        let counter = self.get(COUNTER).ok_or_else(|| format!("{COUNTER} is missing"))?;
        match counter.parse::<i64>() {
            Ok(left @ 1..) => Ok(Standing::Counting { left: u32::try_from(left).unwrap_or(u32::MAX) }),
            Ok(_) => Ok(Standing::Exhausted),
            Err(_) => Err(format!("{COUNTER}={counter} is no number")),
        }
    }

    /// Makes a change. Another deployment's trial goes on.
    pub fn change(&mut self, id: &Id, change: Change) -> Result<(), String> {
        let counts = self.get(TRIAL) == Some(id.as_str());
        let (counter, success, trial) = match change {
            Change::Arm { tries } => (Some(tries.to_string()), "0", Some(id.as_str())),
            Change::Good => {
                self.set(GOOD, Some(id.as_str()));
                if !counts && self.get(TRIAL).is_some() {
                    return Ok(());
                }
                (None, "1", None)
            }
            Change::Bad if self.get(GOOD) == Some(id.as_str()) => {
                let counting = matches!(self.standing(), Ok(Standing::Counting { .. }));
                let other = self.get(TRIAL).filter(|trial| counting && *trial != id.as_str()).map(ToString::to_string);
                let other = other.ok_or("nothing else would be left for the loader to start")?;
                self.set(GOOD, Some(&other));
                return Ok(());
            }
            Change::Bad if !counts => return Ok(()),
            // Not taken away: without a counter GRUB starts its first entry, which is the newest.
            Change::Bad => (Some("0".into()), "0", Some(id.as_str())),
        };
        for (name, value) in [(COUNTER, counter.as_deref()), (SUCCESS, Some(success)), (TRIAL, trial)] {
            self.set(name, value);
        }
        Ok(())
    }

    /// The block, always [`SIZE`] bytes.
    pub fn format(&self) -> Result<Vec<u8>, Defect> {
        let variables = self.variables.iter().map(|(name, value)| format!("{name}={}\n", escape(value)));
        let mut bytes = self.comments.clone().into_bytes();
        bytes.extend(variables.flat_map(String::into_bytes));
        if bytes.len() > SIZE {
            return Err(Defect::Full);
        }
        bytes.resize(SIZE, b'#');
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn block(text: &str) -> Vec<u8> {
        let mut bytes = format!("{SIGNATURE}{text}").into_bytes();
        bytes.resize(SIZE, b'#');
        bytes
    }

    #[test]
    fn what_is_not_touched_stays() {
        let before = block("# WARNING: a comment\nsaved_entry=a\\\\b\nx=1\\\n2\ny=\n");
        let parsed = parse(&before).unwrap();
        assert_eq!(
            (parsed.get("saved_entry"), parsed.get("x"), parsed.get("y"), parsed.get("z")),
            (Some("a\\b"), Some("1\n2"), Some(""), None)
        );
        assert_eq!(parsed.format().unwrap(), before);
    }

    #[test]
    fn variables_are_set_and_taken_away() {
        let mut parsed = parse(&block("boot_success=1\nx=1\n")).unwrap();
        parsed.set("boot_counter", Some("3"));
        parsed.set("boot_success", Some("0"));
        parsed.set("x", None);
        parsed.set("y", None);
        assert_eq!(parsed.format().unwrap(), block("boot_success=0\nboot_counter=3\n"));
    }

    #[test]
    fn what_is_no_block() {
        let mut other = block("");
        other[0] = b'x';
        let mut binary = block("");
        binary[900] = 0xff;
        for (bytes, defect) in [
            (Vec::new(), Defect::Size(0)),
            (block("")[..512].to_vec(), Defect::Size(512)),
            (other, Defect::Signature),
            (binary, Defect::Text),
        ] {
            assert_eq!(parse(&bytes), Err(defect), "{defect}");
        }
        let mut full = parse(&block("")).unwrap();
        full.set("x", Some(&"y".repeat(SIZE)));
        assert_eq!(full.format(), Err(Defect::Full));
    }

    #[test]
    fn the_life_of_a_trial() {
        let id = |name| Id::parse(name).unwrap();
        let ids = [id("a"), id("b")];
        let mut block = parse(&block("")).unwrap();
        let mut seen = Vec::new();
        for (name, change) in [
            ("a", Change::Good),
            ("b", Change::Arm { tries: 3 }),
            ("a", Change::Good),
            ("b", Change::Bad),
            ("a", Change::Bad),
            ("b", Change::Good),
        ] {
            let refused = block.change(&id(name), change).err();
            seen.push(refused.unwrap_or_else(|| block.state(&ids).to_string()));
            let once = block.clone();
            let _ = block.change(&id(name), change);
            assert_eq!(block, once, "{name} {change:?} again");
        }
        let trial = "b with 3 starts left, a good";
        let refused = "nothing else would be left for the loader to start";
        assert_eq!(seen, ["a good", trial, trial, "a good, b not to be started", refused, "b good"]);
        // A rollback from b to a: a is tried again, and is what there is to go to.
        block.change(&id("a"), Change::Arm { tries: 2 }).unwrap();
        block.change(&id("b"), Change::Bad).unwrap();
        assert_eq!((block.state(&ids).to_string().as_str(), block.get(GOOD)), ("a with 2 starts left", Some("a")));
    }

    #[test]
    fn what_counters_say() {
        for (text, expected) in [
            ("boot_counter=2\nboot_success=0\n", "b with 2 starts left"),
            ("boot_counter=1\n", "b with 1 start left"),
            ("boot_counter=0\nboot_success=0\n", "b not to be started"),
            ("boot_counter=-1\nboot_success=0\n", "b not to be started"),
            ("boot_counter=99999999999\nboot_success=0\n", "b with 4294967295 starts left"),
            ("boot_counter=0\nboot_success=1\n", "b good"),
            ("boot_success=0\n", "its state cannot be gone by: boot_counter is missing"),
            ("boot_counter=x\nboot_success=0\n", "its state cannot be gone by: boot_counter=x is no number"),
        ] {
            let state = parse(&block(&format!("bedplate_trial=b\n{text}"))).unwrap().state(&[Id::parse("b").unwrap()]);
            assert_eq!(state.to_string(), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(mut bytes in prop::collection::vec(any::<u8>(), SIZE), text in "[a\\\\=#\n]{0,999}") {
            let _ = parse(&bytes);
            bytes.splice(.., block(&text));
            bytes.truncate(SIZE);
            if let Ok(parsed) = parse(&bytes) {
                let written = parsed.format().unwrap();
                prop_assert_eq!(parse(&written), Ok(parsed));
            }
        }

        #[test]
        fn values_survive(variables in prop::collection::vec(("[a-z_]{1,8}", "[ -~\n]{0,20}"), 0..20)) {
            let mut parsed = parse(&block("")).unwrap();
            for (name, value) in &variables {
                parsed.set(name, Some(value));
            }
            prop_assert_eq!(parse(&parsed.format().unwrap()), Ok(parsed));
        }
    }
}
