//! How a block device is named: `root=` and `var.source`.

use crate::error::{Error, Result};
use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;

/// One device, by path or by what its partition or file system says of itself. UUIDs are compared without regard to case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootSpec {
    /// Below /dev, with that prefix taken off.
    Node(String),
    PartUuid(String),
    PartLabel(String),
    Uuid(String),
    Label(String),
}

impl RootSpec {
    pub fn parse(text: &str) -> Result<Self> {
        let (kind, value) =
            if text.trim_start_matches('"').starts_with('/') { ("/", text) } else { text.split_once('=').unwrap_or_default() };
        let value = value.trim_matches('"');
        let named = |make: fn(String) -> Self| if value.is_empty() { None } else { Some(make(value.to_string())) };
        let spec = match kind {
            "PARTUUID" => named(Self::PartUuid),
            "PARTLABEL" => named(Self::PartLabel),
            "UUID" => named(Self::Uuid),
            "LABEL" => named(Self::Label),
            "/" => value.strip_prefix("/dev/").filter(|name| is_node(name)).map(|name| Self::Node(name.into())),
            _ => None,
        };
        spec.ok_or_else(|| {
            Error::usage(format!("\"{text}\" names no device: it has to be /dev/NAME, PARTUUID=, PARTLABEL=, UUID= or LABEL="))
        })
    }
}

impl fmt::Display for RootSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(name) => write!(f, "/dev/{name}"),
            Self::PartUuid(value) => write!(f, "PARTUUID={value}"),
            Self::PartLabel(value) => write!(f, "PARTLABEL={value}"),
            Self::Uuid(value) => write!(f, "UUID={value}"),
            Self::Label(value) => write!(f, "LABEL={value}"),
        }
    }
}

fn is_node(name: &str) -> bool {
    name.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    #[test]
    fn names() {
        let parse = |text: &str| RootSpec::parse(text).ok();
        assert_eq!(parse("/dev/vda2"), Some(RootSpec::Node("vda2".into())));
        assert_eq!(parse("/dev/mapper/x"), Some(RootSpec::Node("mapper/x".into())));
        assert_eq!(parse("/dev/disk/by-partlabel/a=b"), Some(RootSpec::Node("disk/by-partlabel/a=b".into())));
        assert_eq!(parse("UUID=ab-1"), Some(RootSpec::Uuid("ab-1".into())));
        assert_eq!(parse("LABEL=\"my disk\""), Some(RootSpec::Label("my disk".into())));
        assert_eq!(parse("PARTUUID=x"), Some(RootSpec::PartUuid("x".into())));
        assert_eq!(parse("PARTLABEL=a=b"), Some(RootSpec::PartLabel("a=b".into())));
        for wrong in ["", "vda", "/dev/", "/dev/../x", "UUID=", "8:1", "ID=x", "/etc/passwd", "=/dev/x"] {
            assert!(parse(wrong).is_none(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".*") {
            let _ = RootSpec::parse(&text);
        }

        #[test]
        fn what_is_shown_is_read(kind in prop::sample::select(vec!["/dev/", "PARTUUID=", "PARTLABEL=", "UUID=", "LABEL="]), name in "[A-Za-z0-9_][A-Za-z0-9 ._-]{0,9}") {
            let text = format!("{kind}{name}");
            prop_assert_eq!(RootSpec::parse(&text).map(|spec| spec.to_string()).ok(), Some(text));
        }
    }
}
