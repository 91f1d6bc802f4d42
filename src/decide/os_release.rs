//! os-release(5): the version that a tree gives itself. Values may be quoted as in a shell; nothing is expanded.

use alloc::string::String;

/// The version to show: `IMAGE_VERSION`, else `VERSION_ID`, else empty. The last assignment of a key counts.
pub fn version(text: &str) -> String {
    value(text, "IMAGE_VERSION").or_else(|| value(text, "VERSION_ID")).unwrap_or_default()
}

/// The name to show: `PRETTY_NAME`, else `NAME`, else empty.
pub fn name(text: &str) -> String {
    value(text, "PRETTY_NAME").or_else(|| value(text, "NAME")).unwrap_or_default()
}

fn value(text: &str, key: &str) -> Option<String> {
    let lines = text.lines().rev().filter_map(|line| line.trim().split_once('='));
    lines.filter(|(name, _)| *name == key).map(|(_, value)| unquote(value)).next()
}

fn unquote(value: &str) -> String {
    let value = value.trim();
    let inner = |quote| value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    if let Some(literal) = inner('\'') {
        return literal.into();
    }
    let mut text = String::new();
    let mut characters = inner('"').unwrap_or(value).chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => text.extend(characters.next()),
            character => text.push(character),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_text_is_read(text in "(VERSION_ID=|IMAGE_VERSION|[ -~]|\\PC|\n|\"|')*") {
            let _ = version(&text);
        }

        #[test]
        fn a_quoted_version_is_read(value in "[^\"\\\\\n\r]{0,9}") {
            prop_assert_eq!(version(&alloc::format!("ID=x\nVERSION_ID=\"{value}\"\n")), value);
        }
    }

    #[test]
    fn versions() {
        for (text, expected) in [
            ("", ""),
            ("ID=debian\nVERSION_ID=\"13\"\n", "13"),
            ("IMAGE_VERSION=47\nVERSION_ID=13\n", "47"),
            ("VERSION_ID='a b'", "a b"),
            ("VERSION_ID=\"a \\\"b\\\" \\\\\"", "a \"b\" \\"),
            ("VERSION_ID=1\nVERSION_ID=2\n", "2"),
            ("# VERSION_ID=1\nNO_VERSION_ID=2\n", ""),
            ("VERSION_ID=", ""),
            ("VERSION_ID=\"", "\""),
            ("VERSION_ID=\\", ""),
        ] {
            assert_eq!(version(text), expected, "{text}");
        }
        assert_eq!(name("NAME=Debian\nPRETTY_NAME=\"Debian 13\"\n"), "Debian 13");
        assert_eq!((name("NAME=Debian\n").as_str(), name("").as_str()), ("Debian", ""));
    }
}
