//! One path of the deployment next to the local one: in what they differ, and files line by line.

use super::gather::{Look, Subject, find, gather};
use super::listed::{Listed, device, kind, shown};
use super::paint::{Colour, Paint};
use super::scope::is_in;
use super::text;
use bedplate::boot::layer::{Entry, Mark, attributes};
use bedplate::decide::config::EtcMode;
use bedplate::decide::drift::Cause;
use bedplate::decide::plan::ETC_KEEP;
use bedplate::decide::reset::queue::covers;
use bedplate::error::{Errno, Error, OrFail, Result};
use bedplate::sys::copy::{self, Meta, Node};
use bedplate::sys::{AsFd, OwnedFd, fs};
use std::ffi::CString;
use std::fmt::Write as _;

/// Larger files are not compared line by line.
const LARGEST: u64 = 4 << 20;

type Found = (OwnedFd, CString, Meta);

/// Both sides of a path, at least one of which is no directory.
#[derive(Debug)]
pub struct Pair<'a> {
    /// In the booted system.
    path: &'a str,
    local: Option<Found>,
    vendor: Option<Found>,
    /// The change that the path is, or is in.
    change: Option<Listed>,
    /// Where carry-forward has kept the vendor's, if it did.
    kept: Option<String>,
    deployment: String,
}

impl<'a> Pair<'a> {
    /// `None`: it is a directory.
    pub fn find(subject: &Subject<'_>, path: &'a [u8]) -> Result<Option<Self>> {
        let path = std::str::from_utf8(path).map_err(|_| Error::usage("a path that is no UTF-8"))?;
        let inner = path.trim_start_matches('/');
        let vendor = find(&subject.tree, &subject.vendor_etc.source(inner))?;
        let local = if subject.runs() { find(&root()?, inner)? } else { offline(subject, inner, vendor.as_ref())? };
        let is_directory = |found: &Option<Found>| found.as_ref().is_some_and(|(_, _, meta)| meta.node == Node::Directory);
        match (&local, &vendor) {
            (None, None) => Err(Error::refused(format!("neither {} nor this system has \"{path}\"", subject.deployment.id))),
            _ if is_directory(&local) || is_directory(&vendor) => Ok(None),
            _ => {
                let (change, kept) = (change_at(subject, path)?, kept(subject, inner)?);
                Ok(Some(Self { path, local, vendor, change, kept, deployment: subject.deployment.id.to_string() }))
            }
        }
    }

    /// What a person reads.
    pub fn text(&self, paint: Paint) -> Result<String> {
        let mut text = String::new();
        let cause = self.change.as_ref().map_or("no change", |change| change.cause.word());
        let by = self.change.as_ref().filter(|change| change.path != self.path.as_bytes());
        let by = by.map(|change| format!(" by {}", shown(&change.path))).unwrap_or_default();
        let _ = writeln!(text, "{}: {cause}{by}, compared with {}", shown(self.path.as_bytes()), self.deployment);
        if let Some(kept) = self.kept.as_ref().filter(|_| self.is(Cause::Conflict)) {
            let _ = writeln!(text, "the vendor's version of then is kept at {kept}");
        }
        for line in self.differences()? {
            let _ = writeln!(text, "{}", paint.text(Colour::Cyan, &line));
        }
        text.push_str(&self.content(paint)?);
        Ok(text)
    }

    fn is(&self, cause: Cause) -> bool {
        self.change.as_ref().is_some_and(|change| change.cause == cause)
    }

    /// All but content, a line each.
    fn differences(&self) -> Result<Vec<String>> {
        let (Some(local), Some(vendor)) = (&self.local, &self.vendor) else { return Ok(Vec::new()) };
        let of = |found: &Found| -> Result<Vec<(String, String)>> {
            let (dir, name, meta) = found;
            let entry = Entry { dir: dir.as_fd(), name, meta: *meta };
            let mut facts = vec![
                ("type".into(), kind(meta.node).into()),
                ("mode".into(), format!("{:04o}", meta.mode)),
                ("owner".into(), format!("{}:{}", meta.uid, meta.gid)),
            ];
            facts.extend(device(meta.node).map(|device| ("device".into(), device)));
            for (key, value) in attributes(entry.subject()).or_fail("cannot read the attributes of", self.path)? {
                facts.push((format!("attribute {}", shown(key.to_bytes())), format!("\"{}\"", value.escape_ascii())));
            }
            Ok(facts)
        };
        Ok(different(&of(local)?, &of(vendor)?))
    }

    fn content(&self, paint: Paint) -> Result<String> {
        let (local, vendor) = (self.lines(self.local.as_ref())?, self.lines(self.vendor.as_ref())?);
        Ok(match (local, vendor) {
            (text::Content::Text(local), text::Content::Text(vendor)) => text::unified(self.path, &vendor, &local, paint),
            (local, vendor) if local == vendor => String::new(),
            (local, vendor) => format!("content: {} (the vendor's: {})\n", local.described(), vendor.described()),
        })
    }

    /// A link's target is its text.
    fn lines(&self, found: Option<&Found>) -> Result<text::Content> {
        let Some((dir, name, meta)) = found else { return Ok(text::Content::Text(String::new())) };
        match meta.node {
            Node::Symlink => {
                let target = copy::read_link(dir, name).or_fail("cannot read the link", self.path)?;
                Ok(text::Content::Text(format!("-> {}\n", shown(target.to_bytes()))))
            }
            Node::Regular if meta.size > LARGEST => Ok(text::Content::Large(meta.size)),
            Node::Regular => {
                let file = copy::open_file_at(dir, name).or_fail("cannot open", self.path)?;
                Ok(text::Content::of(fs::read_all(file).or_fail("cannot read", self.path)?))
            }
            node => Ok(text::Content::Special(kind(node))),
        }
    }
}

/// `NAME: LOCAL (the vendor's: VENDOR)` where they are not the same.
fn different(local: &[(String, String)], vendor: &[(String, String)]) -> Vec<String> {
    let value = |facts: &[(String, String)], name: &str| facts.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    let missing = vendor.iter().filter(|(name, _)| value(local, name).is_none());
    let names = local.iter().chain(missing).map(|(name, _)| name);
    let line = |name: &String| {
        let (own, other) = (value(local, name), value(vendor, name));
        let or_none = |value: Option<String>| value.unwrap_or_else(|| "none".into());
        (own != other).then(|| format!("{name}: {} (the vendor's: {})", or_none(own), or_none(other)))
    };
    names.filter_map(line).collect()
}

fn root() -> Result<OwnedFd> {
    fs::open_dir("/").or_fail("cannot open", "/")
}

/// What the deployment would show there: nothing else of it than /etc has changes that last.
fn offline(subject: &Subject<'_>, path: &str, vendor: Option<&Found>) -> Result<Option<Found>> {
    if let Some(inner) = path.strip_prefix("etc/").filter(|_| subject.deployment.ostree().is_some()) {
        return find(&subject.tree, &format!("etc/{inner}"));
    }
    let seen = match path.strip_prefix("etc/") {
        Some(inner) => in_layer(layer(subject, inner)?, inner)?,
        None => Seen::Vendor,
    };
    Ok(match seen {
        Seen::Layer(found) => Some(found),
        Seen::Nothing => None,
        Seen::Vendor => {
            vendor.map(|(dir, name, meta)| Ok((copy::open_again(dir)?, name.clone(), *meta))).transpose().or_fail("cannot open", path)?
        }
    })
}

/// What an overlay shows under a path.
enum Seen {
    Layer(Found),
    Nothing,
    Vendor,
}

/// The layer that has the changes to a path of /etc, if they last.
fn layer(subject: &Subject<'_>, path: &str) -> Result<Option<OwnedFd>> {
    match subject.view.config.etc.mode {
        EtcMode::Transient if covers(&subject.kept()?, path.as_bytes()) => subject.state(ETC_KEEP),
        EtcMode::Overlay => subject.state("etc/upper"),
        EtcMode::Transient | EtcMode::Ro | EtcMode::Bind => Ok(None),
    }
}

fn in_layer(upper: Option<OwnedFd>, path: &str) -> Result<Seen> {
    let Some(upper) = upper else { return Ok(Seen::Vendor) };
    let resolve = || {
        let (mut dir, mut below) = (upper, Seen::Vendor);
        let mut names = path.split('/').peekable();
        while let Some(name) = names.next() {
            let name = CString::new(name).map_err(|_| Errno::EINVAL)?;
            let Some(entry) = Entry::find(dir.as_fd(), &name)? else { return Ok(below) };
            let (mark, meta) = (entry.mark()?, entry.meta);
            match (mark, names.peek()) {
                (Mark::Whiteout, _) => return Ok(Seen::Nothing),
                (_, None) => return Ok(Seen::Layer((dir, name, meta))),
                (_, Some(_)) if meta.node != Node::Directory => return Ok(Seen::Nothing),
                (Mark::Opaque, Some(_)) => below = Seen::Nothing,
                _ => {}
            }
            dir = copy::open_dir_at(&dir, &name)?;
        }
        Ok(below)
    };
    let seen: bedplate::sys::SysResult<Seen> = resolve();
    seen.or_fail("cannot look at", path)
}

/// Of the path itself, else of what it is in.
fn change_at(subject: &Subject<'_>, path: &str) -> Result<Option<Listed>> {
    let mut found: Option<Listed> = None;
    let rest = gather(subject, Look::Quick, &mut |listed| {
        let above = listed.hides.is_some() || matches!(listed.cause, Cause::Deleted | Cause::Type);
        let counts = listed.path == path.as_bytes() || above && is_in(path.as_bytes(), &listed.path);
        if counts && found.as_ref().is_none_or(|found| found.path.len() <= listed.path.len()) {
            found = Some(listed);
        }
    })?;
    rest.warnings.iter().for_each(|warning| log::warn!("{warning}"));
    Ok(found)
}

fn kept(subject: &Subject<'_>, path: &str) -> Result<Option<String>> {
    let (Some(inner), Some(vendor)) = (path.strip_prefix("etc/"), subject.state("etc/vendor")?) else { return Ok(None) };
    let at = || format!("{}/bedplate/{}/etc/vendor/{inner}", subject.view.path.trim_end_matches('/'), subject.state_path());
    Ok(find(&vendor, inner)?.map(|_| at()))
}
