//! The host's end of the port: one JSON value a line.

use crate::error::{OrSay, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, ChildStdout};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Instant;

#[derive(Debug)]
pub struct Port {
    to: ChildStdin,
    lines: Receiver<String>,
}

impl Port {
    /// A thread reads: a guest never waits for us.
    pub fn new(to: ChildStdin, from: ChildStdout) -> Self {
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            let complete = BufReader::new(from).lines().map_while(std::result::Result::ok);
            complete.map_while(|line| sender.send(line).ok()).for_each(drop);
        });
        Self { to, lines }
    }

    pub fn send(&mut self, value: &impl Serialize) -> Result<()> {
        let mut line = serde_json::to_vec(value).or_say("cannot encode")?;
        line.push(b'\n');
        self.to.write_all(&line).and_then(|()| self.to.flush()).or_say("the machine has ended")
    }

    pub fn receive<T: DeserializeOwned>(&self, deadline: Instant) -> Result<T> {
        let left = deadline.saturating_duration_since(Instant::now());
        let line = self.lines.recv_timeout(left).map_err(|why| match why {
            RecvTimeoutError::Timeout => "the guest does not answer in time",
            RecvTimeoutError::Disconnected => "the machine ended",
        })?;
        serde_json::from_str(&line).or_say(format!("not what a guest says: {line}"))
    }
}
