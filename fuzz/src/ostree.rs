//! What OSTree keeps on a disk and in an initramfs.

use bedplate::decide::cmdline::Cmdline;
use bedplate::decide::ostree::commit::{Commit, signatures};
use bedplate::decide::ostree::conf::{Composefs, Trust, conf};
use bedplate::decide::ostree::keyfile::KeyFile;
use bedplate::decide::ostree::signature::{is_signed, keys};
use bedplate::decide::ostree::variant::{Value, dictionary, elements, lookup};

/// prepare-root.conf: the two files, with a NUL between them.
pub fn keyfile(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    let mut files = text.split('\0').map(KeyFile::parse);
    let mut merged = KeyFile::default();
    for (file, text) in files.by_ref().zip(text.split('\0')) {
        match file {
            Ok(file) => merged.overlay(&file),
            Err(why) => return assert!(says_the_line(&why, text), "{why}"),
        }
    }
    let Ok((asked, warnings)) = conf(&merged, &Cmdline::parse("")) else { return };
    assert!(warnings.iter().all(|warning| warning.starts_with("prepare-root.conf: ")));
    let enabled = merged.get("composefs", "enabled");
    assert_eq!(asked.composefs == Composefs::Yes(Trust::Signed), enabled == Some("signed"));
    assert!(enabled.is_some() || asked.composefs == Composefs::No);
    // The argument alone makes it weaker, and that is said.
    let (weaker, warnings) = conf(&merged, &Cmdline::parse("ostree.prepare-root.composefs=0")).unwrap();
    assert_eq!(weaker.composefs, Composefs::No);
    let vouched = matches!(asked.composefs, Composefs::Yes(Trust::Signed | Trust::Verity));
    assert_eq!(warnings.iter().any(|warning| warning.contains("in this boot")), vouched);
}

fn says_the_line(why: &str, text: &str) -> bool {
    let number = why.strip_prefix("line ").and_then(|rest| rest.split(':').next()).and_then(|number| number.parse::<usize>().ok());
    number.is_some_and(|number| (1..=text.lines().count()).contains(&number)) && !why.contains('\n')
}

/// A commit object, and the metadata beside it: the first two bytes say where the one ends.
pub fn commit(data: &[u8]) {
    let Some((length, rest)) = data.split_first_chunk::<2>() else { return };
    let (object, meta) = rest.split_at(rest.len().min(u16::from_le_bytes(*length).into()));
    if let Some(commit) = Commit::parse(object) {
        let holds = |part: &[u8]| part.is_empty() || object.windows(part.len()).any(|window| window == part);
        assert!(commit.parent.is_none_or(|parent| holds(&parent)) && commit.composefs_digest.is_none_or(|digest| holds(&digest)));
    }
    // Nothing is seen twice: parts of an array are as long as the array, at most.
    for bytes in [object, meta] {
        for alignment in [1, 8] {
            let parts = elements(bytes, alignment).unwrap_or_default();
            assert!(parts.iter().map(|part| part.len()).sum::<usize>() <= bytes.len());
        }
    }
    let signed = signatures(meta);
    assert!(signed.is_empty() || lookup(meta, "ostree.sign.ed25519").is_some());
    let key = keys("iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w=").unwrap();
    assert!(!is_signed(object, &signed, &key), "nobody has the key");
    // What is written is found again, whatever it is.
    if let Ok(text) = core::str::from_utf8(meta).map(|text| text.replace('\0', "")) {
        let written = dictionary(&[("a", Value::Pair(1, 2)), ("text", Value::Text(text.clone())), ("z", Value::Boolean(true))]);
        assert_eq!(lookup(&written, "text"), Some((b"s".as_slice(), [text.as_bytes(), &[0]].concat().as_slice())));
        assert_eq!((lookup(&written, "z"), lookup(&written, "y")), (Some((b"b".as_slice(), [1].as_slice())), None));
    }
}

/// The file of public keys.
pub fn public_keys(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    let lines = text.lines().filter(|line| !line.trim().is_empty()).count();
    match keys(text) {
        Ok(keys) => assert!(keys.len() == lines && lines > 0),
        Err(error) => assert!(!error.text.contains('\n') && (lines > 0 || error.text == "it holds no public key"), "{error}"),
    }
}
