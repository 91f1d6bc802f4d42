//! What the real program did to a store: its calls, as changes and flushes of a [`Tree`]. A call that could change a file and is
//! not known here is an error, and so is one at a place that is not known.

use super::disk::{Change, Event, Extent, Flush, Ino, Inode, Kind, Name, ROOT, Tree};
use super::harmless::{is_harmless, may_overlap};
use super::places::{Places, Spot};
use super::strace::{Call, Descriptor, calls, number, u32_of, usize_of, whole_lines};
use std::collections::HashMap;
use std::sync::Arc;

/// The disk before, with every inode that was made later, and what was done.
#[derive(Debug, Clone)]
pub struct Trace {
    pub before: Tree,
    pub events: Vec<Event>,
    /// The disk afterwards, with everything that was done.
    pub after: Tree,
}

type Files = HashMap<i32, (Vec<u8>, usize, bool)>;

struct Reader<'a> {
    places: &'a Places,
    /// Nothing but births is done to this one.
    before: Tree,
    after: Tree,
    events: Vec<Event>,
    /// Open files of each process: path, position, and whether each write goes to the end.
    files: Vec<Files>,
    umask: u32,
    record_written: bool,
    mounted: bool,
}

/// Reads a log; `before` is the disk as it was, `umask` that of the program.
pub fn read(log: &str, before: &Tree, places: &Places, umask: u32) -> Result<Trace, String> {
    let (before, after) = (before.clone(), before.clone());
    let mut reader = Reader { places, before, after, events: Vec::new(), files: Vec::new(), umask, record_written: false, mounted: false };
    for call in &calls(&whole_lines(log, may_overlap)?)? {
        reader.inherit(call.process);
        if call.succeeded() {
            reader.call(call)?;
        }
    }
    let Reader { before, after, events, .. } = reader;
    Ok(Trace { before, events, after })
}

impl Reader<'_> {
    /// A process that was not seen before was started by the one that was new before it, and has its files.
    fn inherit(&mut self, process: usize) {
        while self.files.len() <= process {
            self.files.push(self.files.last().cloned().unwrap_or_default());
        }
    }

    fn call(&mut self, call: &Call<'_>) -> Result<(), String> {
        self.touch(call)?;
        self.mount(call);
        match call.name {
            "open" | "openat" | "openat2" | "creat" => self.open(call),
            "write" => self.write(call),
            "pwrite64" => self.data(call, &call.descriptor(0)?, usize_of(call.value(3)?), text(call, 1)?),
            "copy_file_range" => self.copy_range(call),
            "ioctl" => self.ioctl(call),
            "dup2" | "dup3" | "fcntl" => self.duplicate(call),
            "ftruncate" => self.on_open(call, |call, file| Ok(Change::Size(file, usize_of(call.value(1)?)))),
            "mkdirat" => self.make(call, 1, Kind::Directory, u32_of(call.value(2)?)),
            "symlinkat" => self.make(call, 2, Kind::Symlink(text(call, 0)?), 0o777),
            "mknodat" => self.node(call),
            "linkat" => {
                let (from, (dir, name)) = (self.inode(call, 0, 1)?, self.place(call, 2, 3)?);
                from.zip(Some((dir, name))).map_or(Ok(()), |(ino, (dir, name))| self.change(Change::Names(vec![(dir, name, Some(ino))])))
            }
            "unlinkat" => match self.find_place(call, 0, 1)? {
                Some((dir, name)) => self.change(Change::Names(vec![(dir, name, None)])),
                None => Ok(()),
            },
            "renameat" | "renameat2" => self.rename(call),
            "fchmod" => self.on_open(call, |call, file| Ok(Change::Mode(file, u32_of(call.value(1)?)))),
            "fchmodat" | "fchmodat2" => self.on_named(call, |call, ino| Ok(Change::Mode(ino, u32_of(call.value(2)?)))),
            "fchown" => self.on_open(call, |call, file| Ok(Change::Owner(file, (u32_of(call.value(1)?), u32_of(call.value(2)?))))),
            "fchownat" => self.on_named(call, |call, ino| Ok(Change::Owner(ino, (u32_of(call.value(2)?), u32_of(call.value(3)?))))),
            "utimensat" => self.on_named(call, |call, ino| Ok(Change::Times(ino, call.modified(2)?))),
            "fsetxattr" => self.on_open(call, |call, file| Ok(Change::Attribute(file, text(call, 1)?, Some(text(call, 2)?)))),
            "fremovexattr" => self.on_open(call, |call, file| Ok(Change::Attribute(file, text(call, 1)?, None))),
            "fsync" => self.flush(call, Flush::Whole),
            "fdatasync" => self.flush(call, Flush::Data),
            "syncfs" => self.flush(call, |_| Flush::All),
            name if is_harmless(name) => Ok(()),
            _ => Err(call.odd("meaning")),
        }
    }

    /// Notes when the program looks into a deployment's tree for the first time after a write to the record.
    fn touch(&mut self, call: &Call<'_>) -> Result<(), String> {
        if !self.record_written || !call.arguments.first().is_some_and(|argument| argument.contains('<')) {
            return Ok(());
        }
        let Some(Spot::Disk(mut path)) = self.places.find(call.process, &call.descriptor(0)?.path) else { return Ok(()) };
        if let Some(Ok(Some(name))) = (call.arguments.len() > 1).then(|| call.text(1)) {
            path.extend([b"/", &name[..]].concat());
        }
        let path = String::from_utf8_lossy(&path).replace("//", "/");
        let mut parts = path.trim_start_matches('/').split('/');
        let tree = (parts.next(), parts.next(), parts.next().is_some(), parts.next())
            == (Some("bedplate"), Some("deployments"), true, Some("root"));
        if tree {
            self.record_written = false;
            self.events.push(Event::Touch);
        }
        Ok(())
    }

    /// Notes when a boot begins to mount.
    fn mount(&mut self, call: &Call<'_>) {
        // The stage; pstore may have been mounted before, to look at it.
        let stage = call.name == "fsopen" && matches!(call.text(0), Ok(Some(kind)) if kind == b"tmpfs");
        let begins = stage && call.process == 0 && !self.places.closed.is_empty();
        if begins && !std::mem::replace(&mut self.mounted, true) {
            self.events.push(Event::Mount);
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "the last step of those that can fail")]
    fn change(&mut self, change: Change) -> Result<(), String> {
        self.after.apply(&change, Extent::Whole);
        if let Change::Write { file, .. } = &change {
            self.record_written |= self.after.lookup("bedplate/record") == Some(*file);
        }
        self.events.push(Event::Change(change));
        Ok(())
    }

    fn spot(&self, path: &[u8], call: &Call<'_>) -> Result<Option<Vec<u8>>, String> {
        match self.places.find(call.process, path) {
            Some(Spot::Disk(path)) => Ok(Some(path)),
            Some(Spot::Elsewhere) => Ok(None),
            None => Err(format!("{} is at no known place: {}", String::from_utf8_lossy(path), super::strace::shorten(call.line))),
        }
    }

    /// What an open descriptor stands for, if that is a file of the disk with a name.
    fn file(&self, descriptor: &Descriptor, call: &Call<'_>) -> Result<Option<Ino>, String> {
        if descriptor.unnamed || !descriptor.path.starts_with(b"/") {
            return Ok(None);
        }
        let Some(path) = self.spot(&descriptor.path, call)? else { return Ok(None) };
        self.after.find(&path).map(Some).ok_or_else(|| call.odd("file"))
    }

    /// A directory's descriptor and a path below it, as directory and name.
    fn find_place(&self, call: &Call<'_>, dir: usize, name: usize) -> Result<Option<(Ino, Name)>, String> {
        let mut path = call.descriptor(dir)?.path;
        path.extend([b"/", &text(call, name)?[..]].concat());
        let Some(path) = self.spot(&path, call)? else { return Ok(None) };
        let at = path.iter().rposition(|c| *c == b'/').ok_or_else(|| call.odd("path"))?;
        let dir = self.after.find(&path[..at]).ok_or_else(|| call.odd("directory"))?;
        Ok(Some((dir, path[at + 1..].into())))
    }

    fn place(&self, call: &Call<'_>, dir: usize, name: usize) -> Result<(Ino, Name), String> {
        self.find_place(call, dir, name)?.ok_or_else(|| call.odd("place (not on the disk)"))
    }

    /// What stands at a place, if that is on the disk.
    fn inode(&self, call: &Call<'_>, dir: usize, name: usize) -> Result<Option<Ino>, String> {
        let Some(place) = self.find_place(call, dir, name)? else { return Ok(None) };
        self.after.names.get(&place).copied().map(Some).ok_or_else(|| call.odd("file"))
    }

    fn on_open(&mut self, call: &Call<'_>, change: impl FnOnce(&Call<'_>, Ino) -> Result<Change, String>) -> Result<(), String> {
        match self.file(&call.descriptor(0)?, call)? {
            Some(file) => self.change(change(call, file)?),
            None => Ok(()),
        }
    }

    /// On what is named below a directory, or with an empty or no name on the descriptor itself.
    fn on_named(&mut self, call: &Call<'_>, change: impl FnOnce(&Call<'_>, Ino) -> Result<Change, String>) -> Result<(), String> {
        match call.text(1)? {
            None => self.on_open(call, change),
            Some(name) if name.is_empty() => self.on_open(call, change),
            Some(_) => match self.inode(call, 0, 1)? {
                Some(ino) => self.change(change(call, ino)?),
                None => Ok(()),
            },
        }
    }

    fn flush(&mut self, call: &Call<'_>, flush: impl FnOnce(Ino) -> Flush) -> Result<(), String> {
        if let Some(file) = self.file(&call.descriptor(0)?, call)? {
            self.events.push(Event::Flush(flush(file)));
        }
        Ok(())
    }

    fn name_new(&mut self, (dir, name): (Ino, Name), kind: Kind, mode: u32) -> Result<(), String> {
        let inode = Inode { owner: self.before.inodes[ROOT].owner, ..Inode::new(kind, mode) };
        self.before.bear(inode.clone());
        let ino = self.after.bear(inode);
        self.change(Change::Names(vec![(dir, name, Some(ino))]))
    }

    fn make(&mut self, call: &Call<'_>, name: usize, kind: Kind, mode: u32) -> Result<(), String> {
        let mode = if matches!(kind, Kind::Symlink(_)) { mode } else { mode & !self.umask };
        match self.find_place(call, name - 1, name)? {
            Some(place) => self.name_new(place, kind, mode),
            None => Ok(()),
        }
    }

    fn node(&mut self, call: &Call<'_>) -> Result<(), String> {
        if self.find_place(call, 0, 1)?.is_none() {
            return Ok(());
        }
        let mode = call.argument(2)?.strip_prefix("S_IFIFO|").and_then(number).ok_or_else(|| call.odd("kind of file"))?;
        self.make(call, 1, Kind::Fifo, u32_of(mode))
    }

    /// Keeps the position of what is open; a file that was not there is made.
    fn open(&mut self, call: &Call<'_>) -> Result<(), String> {
        let opened = call.opened()?;
        let flags = call.argument(2)?;
        let flags: Vec<&str> = flags.split([',', ' ', '|', '{', '}', '=']).collect();
        let has = |flag: &str| flags.contains(&flag);
        self.files[call.process].insert(opened.number, (opened.path.clone(), 0, has("O_APPEND")));
        let writes = has("O_WRONLY") || has("O_RDWR");
        if !(writes || has("O_CREAT") || has("O_TRUNC")) || opened.unnamed || has("O_TMPFILE") {
            return Ok(());
        }
        if has("O_SYNC") || has("O_DSYNC") || has("O_TRUNC") {
            return Err(call.odd("way to open a file"));
        }
        let Some(path) = self.spot(&opened.path, call)? else { return Ok(()) };
        if self.after.find(&path).is_some() {
            return Ok(());
        }
        let at = path.iter().rposition(|c| *c == b'/').filter(|_| has("O_CREAT")).ok_or_else(|| call.odd("file"))?;
        let dir = self.after.find(&path[..at]).ok_or_else(|| call.odd("directory"))?;
        let mode = match call.name {
            "openat2" => flags.iter().position(|flag| *flag == "mode").and_then(|at| number(flags[at + 1])),
            _ => call.value(3).ok(),
        };
        let mode = u32_of(mode.ok_or_else(|| call.odd("mode"))?) & !self.umask;
        self.name_new((dir, path[at + 1..].into()), empty(), mode)
    }

    fn data(&mut self, call: &Call<'_>, to: &Descriptor, at: usize, bytes: Vec<u8>) -> Result<(), String> {
        let unclear = || format!("cannot tell the file of a write to {}", String::from_utf8_lossy(&to.path));
        if to.unnamed || !to.path.starts_with(b"/") {
            return Ok(());
        }
        match self.places.find(call.process, &to.path).ok_or_else(unclear)? {
            Spot::Elsewhere => Ok(()),
            Spot::Disk(path) => {
                let file = self.after.find(&path).ok_or_else(unclear)?;
                self.change(Change::Write { file, at, bytes: Arc::new(bytes) })
            }
        }
    }

    fn write(&mut self, call: &Call<'_>) -> Result<(), String> {
        let to = call.descriptor(0)?;
        if !matches!(self.places.find(call.process, &to.path), Some(Spot::Disk(_))) {
            return self.data(call, &to, 0, Vec::new());
        }
        let size = self.file(&to, call)?.map(|file| self.size(file));
        let (_, position, append) = self.files[call.process].get_mut(&to.number).ok_or_else(|| call.odd("descriptor"))?;
        let at = if *append { size.unwrap_or_default() } else { *position };
        let mut bytes = text(call, 1)?;
        bytes.truncate(usize_of(call.number()?));
        *position = at + bytes.len();
        self.data(call, &to, at, bytes)
    }

    fn is_elsewhere(&self, to: &Descriptor, call: &Call<'_>) -> bool {
        matches!(self.places.find(call.process, &to.path), Some(Spot::Elsewhere))
    }

    fn size(&self, file: Ino) -> usize {
        if let Kind::File(content) = &self.after.inodes[file].kind { content.bytes().len() } else { 0 }
    }

    /// What a file holds that is copied. Nobody changes it meanwhile, and what came of the copy is compared in the end.
    fn source(&self, path: &[u8], call: &Call<'_>) -> Result<Vec<u8>, String> {
        std::fs::read(self.places.source(path)).map_err(|error| format!("{error}: {}", super::strace::shorten(call.line)))
    }

    fn copy_range(&mut self, call: &Call<'_>) -> Result<(), String> {
        if call.number()? == 0 || self.is_elsewhere(&call.descriptor(2)?, call) {
            return Ok(());
        }
        let source = self.source(&call.descriptor(0)?.path, call)?;
        let (begin, end) = (usize_of(call.value(1)?), usize_of(call.value(1)?) + usize_of(call.number()?));
        self.data(call, &call.descriptor(2)?, usize_of(call.value(3)?), source.get(begin..end).ok_or_else(|| call.odd("range"))?.into())
    }

    fn ioctl(&mut self, call: &Call<'_>) -> Result<(), String> {
        let to = call.descriptor(0)?;
        let request = call.argument(1)?;
        if request.contains("FICLONE") && !request.contains("FICLONERANGE") {
            let from = i32::try_from(call.value(2)?)
                .ok()
                .and_then(|number| self.files[call.process].get(&number))
                .ok_or_else(|| call.odd("source"))?;
            let source = self.source(&from.0, call)?;
            return self.data(call, &to, 0, source);
        }
        // Terminals, and whether a file is written in place.
        let harmless = ["TCGETS", "TIOCGWINSZ", "FS_IOC_GETFLAGS", "FS_IOC_SETFLAGS", "FIONREAD"];
        if harmless.iter().any(|known| request.contains(known)) { Ok(()) } else { Err(call.odd("request")) }
    }

    /// A number more for what is open. (A position that both share is that of the one that writes.)
    fn duplicate(&mut self, call: &Call<'_>) -> Result<(), String> {
        if call.name == "fcntl" && !call.argument(1)?.starts_with("F_DUPFD") {
            return Ok(());
        }
        let files = &mut self.files[call.process];
        if let Some(open) = files.get(&call.descriptor(0)?.number).cloned() {
            files.insert(call.opened()?.number, open);
        }
        Ok(())
    }

    fn rename(&mut self, call: &Call<'_>) -> Result<(), String> {
        let from = self.find_place(call, 0, 1)?;
        let to = self.find_place(call, 2, 3)?;
        match (from, to) {
            (None, None) => Ok(()),
            (Some((from, old)), Some((to, new))) => {
                let ino = self.after.names.get(&(from, old.clone())).copied().ok_or_else(|| call.odd("file"))?;
                self.change(Change::Names(vec![(from, old, None), (to, new, Some(ino))]))
            }
            _ => Err(call.odd("places")),
        }
    }
}

fn empty() -> Kind {
    Kind::File(super::disk::Content::new(Vec::new()))
}

fn text(call: &Call<'_>, at: usize) -> Result<Vec<u8>, String> {
    call.text(at)?.ok_or_else(|| call.odd("text"))
}
