//! Steps and what they came to, for people: as at a prompt in the guest.

use guest_init::{Reply, Request};

pub fn action(action: &Request) -> String {
    match action {
        Request::Run { argv, .. } => argv.join(" "),
        Request::Read { path } => format!("cat {path}"),
        Request::Write { path, text } => format!("echo '{}' > {path}", text.trim_end()),
        Request::Append { path, text } => format!("echo '{}' >> {path}", text.trim_end()),
        other => format!("{other:?}"),
    }
}

pub fn reply(reply: &Reply) -> String {
    match reply {
        Reply::Done => String::new(),
        Reply::Ran(ran) => [ran.stdout.as_str(), ran.stderr.as_str()].concat(),
        Reply::Text(text) => text.clone().unwrap_or_else(|| "no such file\n".to_string()),
        Reply::Names(names) => names.clone().unwrap_or_default().join("\n"),
        Reply::Mounts(mounts) => mounts.iter().map(|m| [&m.target, " ", &m.fstype, " ", &m.options.join(","), "\n"].concat()).collect(),
        Reply::Failed(why) => format!("{why}\n"),
        Reply::Lines(lines) => lines.join("\n"),
        Reply::Together(_) | Reply::Stat(_) => format!("{reply:?}\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_at_a_prompt() {
        let run = Request::Run { argv: vec!["bedplate".to_string(), "status".to_string()], kill_when: None };
        assert_eq!(action(&run), "bedplate status");
        assert_eq!(action(&Request::Write { path: "/etc/x".to_string(), text: "on v1\n".to_string() }), "echo 'on v1' > /etc/x");
        assert_eq!(
            (action(&Request::Read { path: "/etc/x".to_string() }).as_str(), reply(&Reply::Text(None)).as_str()),
            ("cat /etc/x", "no such file\n")
        );
    }
}
