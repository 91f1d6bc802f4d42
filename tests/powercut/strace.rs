//! strace's log, as calls. The log is made with `-f -y -xx`: every string and every path is in hexadecimal, so that no byte of
//! it can be taken for a part of the line; each descriptor stands there with the path that it means at that moment.

use std::collections::HashMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// One system call that has returned.
#[derive(Debug, Clone)]
pub struct Call<'a> {
    /// Number of the process, in the order in which they appear.
    pub process: usize,
    pub name: &'a str,
    pub arguments: Vec<&'a str>,
    /// What stands behind the equals sign.
    returned: &'a str,
    pub line: &'a str,
}

/// A descriptor in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    pub number: i32,
    pub path: Vec<u8>,
    /// It has no name any more, or never had one.
    pub unnamed: bool,
}

/// Confines what is started to one core: there it works alone, without others whose calls could be in any order.
const ALONE: &str = "taskset --cpu-list $(sed -n 's/^Cpus_allowed_list:[^0-9]*\\([0-9]*\\).*/\\1/p' /proc/self/status)";

/// Runs a program under strace; the log is the second part of the result. `umask` is the octal number that the program has.
pub fn record(command: &Command, umask: &str, log: &Path) -> (Output, String) {
    let mut traced = Command::new("sh");
    let strace = "strace -f -y -xx -s 1048576 -e signal=none -e 'trace=!read,mmap,brk' -o \"$@\"";
    traced.args(["-c", &format!("umask \"$0\" && exec {ALONE} {strace}"), umask]);
    traced.arg(log).arg(command.get_program()).args(command.get_args());
    let output = traced.stdin(std::process::Stdio::null()).output().unwrap();
    assert_ne!(output.status.code(), Some(127), "strace is missing: scripts/setup installs it");
    let text = fs::read_to_string(log).unwrap_or_else(|error| panic!("no log of strace: {error}: {output:?}"));
    fs::remove_file(log).unwrap();
    (output, text)
}

/// The lines of a log, each with a whole call. A call that another process has interrupted is where it returned; only one that
/// changes nothing (`may_overlap`) may be: of others the order would not be known.
pub fn whole_lines(log: &str, may_overlap: impl Fn(&str) -> bool) -> Result<String, String> {
    let (mut lines, mut begun) = (String::new(), HashMap::new());
    for line in log.lines() {
        let (id, rest) = line.split_once(' ').ok_or_else(|| format!("no process id: {line}"))?;
        let rest = rest.trim_start();
        if let Some(call) = rest.strip_suffix("<unfinished ...>") {
            if !may_overlap(call) {
                return Err(format!("two processes at once, whose calls could be in any order: {}", shorten(line)));
            }
            begun.insert(id, call.trim_end());
        } else if let Some((_, end)) = rest.strip_prefix("<... ").and_then(|rest| rest.split_once(" resumed>")) {
            let call = begun.remove(id).ok_or_else(|| format!("the end of no call: {}", shorten(line)))?;
            let _ = writeln!(lines, "{id} {call}{end}");
        } else {
            let _ = writeln!(lines, "{id} {rest}");
        }
    }
    Ok(lines)
}

/// The calls of such lines. Anything else is an error: it could hide a write.
pub fn calls(lines: &str) -> Result<Vec<Call<'_>>, String> {
    let (mut calls, mut processes) = (Vec::new(), Vec::new());
    for line in lines.lines() {
        let (id, rest) = line.split_once(' ').ok_or_else(|| format!("no process id: {line}"))?;
        if rest.starts_with("+++ exited") {
            continue;
        }
        let process = processes.iter().position(|known| *known == id).unwrap_or_else(|| {
            processes.push(id);
            processes.len() - 1
        });
        calls.push(parse(process, rest).ok_or_else(|| format!("cannot understand: {}", shorten(line)))?);
    }
    Ok(calls)
}

/// The beginning of a line that may hold a megabyte.
pub fn shorten(line: &str) -> String {
    line.chars().take(300).collect()
}

fn parse(process: usize, line: &str) -> Option<Call<'_>> {
    let (name, rest) = line.split_once('(')?;
    let (mut depth, mut begin, mut text) = (0_u32, 0, false);
    let mut arguments = Vec::new();
    for (at, c) in rest.bytes().enumerate() {
        match c {
            b'"' => text = !text,
            _ if text => {}
            b')' if depth == 0 => {
                arguments.push(rest[begin..at].trim());
                let returned = rest[at + 1..].trim_start().strip_prefix('=')?.trim_start();
                return Some(Call { process, name, arguments, returned, line });
            }
            b'(' | b'[' | b'{' | b'<' => depth += 1,
            // `->` would be no bracket; strace writes none.
            b')' | b']' | b'}' | b'>' => depth = depth.checked_sub(1)?,
            b',' if depth == 0 => {
                arguments.push(rest[begin..at].trim());
                begin = at + 1;
            }
            _ => {}
        }
    }
    None
}

impl Call<'_> {
    /// Whether it did what it was asked for. (An exit does not return, and asks for nothing here.)
    pub fn succeeded(&self) -> bool {
        !self.returned.starts_with('-') && !self.returned.starts_with('?')
    }

    /// The returned number.
    pub fn number(&self) -> Result<u64, String> {
        let digits = self.returned.split(['<', ' ']).next().unwrap_or_default();
        number(digits).ok_or_else(|| self.odd("returned"))
    }

    /// The returned descriptor.
    pub fn opened(&self) -> Result<Descriptor, String> {
        descriptor(self.returned).ok_or_else(|| self.odd("returned"))
    }

    pub fn argument(&self, at: usize) -> Result<&str, String> {
        self.arguments.get(at).copied().ok_or_else(|| self.odd("arguments"))
    }

    pub fn descriptor(&self, at: usize) -> Result<Descriptor, String> {
        descriptor(self.argument(at)?).ok_or_else(|| self.odd("descriptor"))
    }

    /// A string, as bytes; `None` for NULL.
    pub fn text(&self, at: usize) -> Result<Option<Vec<u8>>, String> {
        match self.argument(at)? {
            "NULL" => Ok(None),
            // A text that strace has cut off ends with dots behind the quote.
            text => text.strip_prefix('"').and_then(|text| hex(text.strip_suffix('"')?)).map(Some).ok_or_else(|| self.odd("text")),
        }
    }

    /// A number argument; an octal one begins with a zero.
    pub fn value(&self, at: usize) -> Result<u64, String> {
        number(self.argument(at)?.trim_matches(['[', ']'])).ok_or_else(|| self.odd("number"))
    }

    /// The second of two times: `[{tv_sec=1, tv_nsec=2} /* … */, {tv_sec=3, tv_nsec=4} /* … */]`.
    pub fn modified(&self, at: usize) -> Result<(i64, i64), String> {
        let times = self.argument(at)?;
        let field =
            |name: &str| times.rsplit(name).next().and_then(|rest| rest.split([',', '}']).next()).and_then(|digits| digits.parse().ok());
        field("tv_sec=").zip(field("tv_nsec=")).filter(|_| times.matches("tv_sec=").count() == 2).ok_or_else(|| self.odd("times"))
    }

    pub fn odd(&self, what: &str) -> String {
        format!("cannot understand the {what} of: {}", shorten(self.line))
    }
}

pub fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None if text.len() > 1 && text.starts_with('0') => u64::from_str_radix(text, 8).ok(),
        None => text.parse().ok(),
    }
}

pub fn usize_of(value: u64) -> usize {
    usize::try_from(value).unwrap()
}

pub fn u32_of(value: u64) -> u32 {
    u32::try_from(value).unwrap()
}

/// `3<PATH>`, `8<PATH>(deleted)`; `AT_FDCWD<PATH>` has the number -100.
fn descriptor(text: &str) -> Option<Descriptor> {
    let (digits, rest) = text.split_once('<')?;
    let (path, tail) = rest.split_once('>')?;
    let number = if digits == "AT_FDCWD" { -100 } else { digits.parse().ok()? };
    Some(Descriptor { number, path: hex(path)?, unnamed: tail == "(deleted)" })
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4);
    for byte in text.as_bytes().chunks(4) {
        let [b'\\', b'x', high, low] = byte else { return None };
        let digit = |c: u8| char::from(c).to_digit(16);
        bytes.push(u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()?);
    }
    Some(bytes)
}

/// The parser knows what it reads, and says so when it does not.
pub fn check() {
    let line = r#"7 pwrite64(3<\x2f\x61>, "\x41\x42", 2, 65536) = 2"#;
    let read = calls(line).unwrap();
    assert_eq!((read[0].name, read[0].arguments.len(), read[0].number()), ("pwrite64", 4, Ok(2)));
    assert_eq!(read[0].descriptor(0).unwrap(), Descriptor { number: 3, path: b"/a".into(), unnamed: false });
    assert_eq!((read[0].text(1), read[0].value(3)), (Ok(Some(b"AB".into())), Ok(65536)));
    let failed = calls(r#"7 openat2(3<\x2f>, "\x61", {flags=O_RDWR|O_CREAT, mode=0600}, 24) = -1 EEXIST (File exists)"#).unwrap();
    assert!(!failed[0].succeeded() && failed[0].arguments[2].contains("mode=0600"));
    let unnamed = calls(r"7 ioctl(8<\x2f\x23\x31>(deleted), BTRFS_IOC_CLONE or FICLONE, 7) = 0").unwrap();
    assert!(unnamed[0].descriptor(0).unwrap().unnamed);
    for unclear in ["7 write(3", "8 write(3<\\x2f>, \"\\x41\", 1 <unfinished ...>", "8 <... write resumed>) = 1", "7 --- SIGTERM ---"] {
        assert!(whole_lines(unclear, |call| call.starts_with("poll(")).and_then(|lines| calls(&lines).map(drop)).is_err(), "{unclear}");
    }
    let two =
        whole_lines("7 poll([{fd=3}], 1, -1 <unfinished ...>\n8   fsync(3<\\x2f>) = 0\n7 <... poll resumed>) = 1 ([{fd=3}])\n", |call| {
            call.starts_with("poll(")
        })
        .unwrap();
    let two = calls(&two).unwrap();
    assert_eq!([0, 1].map(|at| (two[at].process, two[at].name)), [(0, "fsync"), (1, "poll")]);
    assert!(calls("7 write(3<\\x2f>, \"\\x41\"..., 2) = 2").unwrap()[0].text(1).is_err());
}
