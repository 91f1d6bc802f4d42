//! deployment.toml: what a deployment says of itself.

use super::model::{Id, Instance};
use crate::error::{Error, Result};
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// The manifest of a deployment, as written by `deploy`. Keys that a newer writer added are passed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub id: Id,
    pub instance: Instance,
    /// For people: the tree's IMAGE_VERSION or VERSION_ID, or what was given at deploy; may be empty.
    #[serde(default)]
    pub version: String,
    /// Seconds since 1970 by the clock of the machine that deployed: shown, never compared.
    #[serde(default)]
    pub created: u64,
    pub kind: TreeKind,
    /// Releases in usr/lib/modules.
    #[serde(default)]
    pub kernels: Vec<String>,
    /// `ID@INSTANCE` of the deployment that was running when this one was deployed.
    #[serde(default)]
    pub from: Option<String>,
    /// Of its usr.manifest: `sha256:` and 64 hex digits. It names the content of /usr.
    #[serde(default)]
    pub digest: Option<String>,
}

/// What the deployment consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TreeKind {
    /// A whole root tree in `root/`.
    Tree,
}

/// Reads a manifest; the error says where it is wrong. It is deterministic: the file will not change by itself.
pub fn parse(text: &str) -> Result<Manifest> {
    toml::from_str(text).map_err(|error| describe(text, &error))
}

/// A toml error as one line with its line number.
pub(super) fn describe(text: &str, error: &toml::de::Error) -> Error {
    let at = error.span().map(|span| format!("line {}: ", line_of(text, span.start))).unwrap_or_default();
    Error::deterministic(format!("{at}{}", error.message().replace('\n', ", ")))
}

/// The line, from 1, of a byte offset.
pub(super) fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

/// The manifest as text; [`parse`] gives it back.
pub fn format(manifest: &Manifest) -> String {
    let kernels: Vec<String> = manifest.kernels.iter().map(|kernel| quote(kernel)).collect();
    let optional =
        |name: &str, value: &Option<String>| value.as_ref().map(|value| format!("{name} = {}\n", quote(value))).unwrap_or_default();
    let (from, digest) = (optional("from", &manifest.from), optional("digest", &manifest.digest));
    format!(
        "id = {}\ninstance = {}\nversion = {}\ncreated = {}\nkind = \"tree\"\nkernels = [{}]\n{from}{digest}",
        quote(manifest.id.as_str()),
        quote(manifest.instance.as_str()),
        quote(&manifest.version),
        manifest.created.min(i64::MAX.unsigned_abs()),
        kernels.join(", ")
    )
}

/// A TOML basic string.
pub(super) fn quote(text: &str) -> String {
    let mut quoted = "\"".to_owned();
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_ascii_control() => quoted = format!("{quoted}\\u{:04x}", u32::from(c)),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use proptest::prelude::*;

    fn sample() -> Manifest {
        parse("id = \"v1\"\ninstance = \"0123456789abcdef\"\nkind = \"tree\"\nfuture = { x = 1 }\n").expect("a manifest")
    }

    #[test]
    fn absent_keys_have_their_defaults() {
        let manifest = sample();
        assert_eq!((manifest.id.as_str(), manifest.version.as_str(), manifest.created), ("v1", "", 0));
        assert_eq!((manifest.kernels.len(), manifest.from), (0, None));
    }

    #[test]
    fn errors_say_where() {
        let wrong = |text: &str| parse(text).expect_err(text).to_string();
        assert!(wrong("id = \"v1\"\ninstance = \"x\"\nkind = \"tree\"\n").starts_with("line 2: not an instance"));
        assert!(wrong("id = \"../x\"\n").contains("not a deployment ID"));
        assert!(wrong("id = \"v1\"\ninstance = \"0123456789abcdef\"\nkind = \"image\"\n").starts_with("line 3: unknown variant `image`"));
        assert!(wrong("id = [\n").starts_with("line "));
        assert!(wrong("").contains("missing field"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".*") {
            let _ = parse(&text);
        }

        #[test]
        fn what_was_written_is_read(version in ".*", created in any::<u32>(), kernels in prop::collection::vec("[ -~]{0,9}", 0..3), from in prop::option::of(".*"), digest in prop::option::of("sha256:[0-9a-f]{4}")) {
            let manifest = Manifest { version, created: created.into(), kernels, from, digest, ..sample() };
            prop_assert_eq!(parse(&format(&manifest)).expect("own text"), manifest);
        }
    }
}
