//! What QEMU itself has to say, over its machine protocol (QMP): one JSON value a line.

use crate::error::{OrSay, Result};
use std::io::{BufRead, BufReader, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// QEMU has ended when they are read: what it said is on its way.
const PATIENCE: Duration = Duration::from_secs(10);

/// Tells the machines of one harness apart.
static NUMBER: AtomicUsize = AtomicUsize::new(0);

#[derive(Debug)]
pub struct Events {
    /// Of the socket; it has no file.
    name: String,
    lines: Receiver<String>,
}

impl Events {
    /// A thread waits for QEMU to connect, and reads: QEMU never waits for us.
    pub fn listen() -> Result<Self> {
        let name = format!("bedplate-{}-{}", process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let address = SocketAddr::from_abstract_name(&name).or_say("cannot name a socket")?;
        let listener = UnixListener::bind_addr(&address).or_say("cannot listen for QEMU")?;
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            let Ok((mut stream, _)) = listener.accept() else { return };
            // Only then does it tell of events. One that has ended already is known by its silence.
            let _ = stream.write_all(b"{\"execute\": \"qmp_capabilities\"}\n");
            let complete = BufReader::new(stream).lines().map_while(std::result::Result::ok);
            complete.map_while(|line| sender.send(line).ok()).for_each(drop);
        });
        Ok(Self { name, lines })
    }

    /// For QEMU.
    pub fn arguments(&self) -> [String; 4] {
        let socket = format!("socket,id=events,path={},abstract=on", self.name);
        ["-chardev".to_string(), socket, "-mon".to_string(), "chardev=events,mode=control".to_string()]
    }

    /// How often the watchdog has run out, of a machine that has ended.
    pub fn watchdog_resets(&self) -> usize {
        let next = || self.lines.recv_timeout(PATIENCE).ok();
        std::iter::from_fn(next).filter(|line| is_watchdog(line)).count()
    }
}

fn is_watchdog(line: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(line).is_ok_and(|value| value.get("event").is_some_and(|event| event == "WATCHDOG"))
}

#[cfg(test)]
mod tests {
    use super::is_watchdog;

    /// As QEMU 7.2 writes them.
    #[test]
    fn one_event_is_the_watchdogs() {
        let of = |event: &str| {
            format!(r#"{{"timestamp": {{"seconds": 1, "microseconds": 2}}, "event": "{event}", "data": {{"action": "reset"}}}}"#)
        };
        assert!(is_watchdog(&of("WATCHDOG")));
        assert!(!is_watchdog(&of("SHUTDOWN")) && !is_watchdog(r#"{"return": {}}"#) && !is_watchdog("WATCHDOG"));
    }
}
