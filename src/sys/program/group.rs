//! A program in a process group of its own, watched by one poll: its output as it comes, its end, and the time.

#![allow(unsafe_code)]

use crate::error::Errno;
use crate::sys::SysResult;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{IntoRawFd, OwnedFd};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use std::os::fd::FromRawFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};

/// Reads that are made once the program has ended: more than a pipe holds (64 KiB, pipe(7)). Somebody whom it left behind may go on
/// writing.
const READS_AFTER_END: u32 = 32;

/// A program that was started.
#[derive(Debug)]
pub struct Group {
    child: Child,
    pid: Pid,
    /// Readable once the program has ended (pidfd_open(2), Linux 5.3).
    ended: OwnedFd,
    /// `None` once nobody can write to it any more.
    output: Option<OwnedFd>,
    reads_left: u32,
}

/// What there is to know next.
#[derive(Debug)]
pub enum Event {
    /// So many bytes of output are in the buffer.
    Output(usize),
    Ended(ExitStatus),
    TimeIsUp,
}

impl Group {
    /// Starts it, without input, and with both of its outputs in one pipe.
    pub fn start(mut command: Command) -> SysResult<Self> {
        let (output, out) = pipe_with(PipeFlags::CLOEXEC)?;
        let err = rustix::io::fcntl_dupfd_cloexec(&out, 0)?;
        command.stdin(Stdio::null()).stdout(to_stdio(out)).stderr(to_stdio(err)).process_group(0);
        let mut child = command.spawn().map_err(|error| to_errno(&error))?;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or(Errno::EINVAL);
        let watched = pid.and_then(|pid| Ok((pid, pidfd_open(pid, PidfdFlags::empty())?)));
        let (pid, ended) = watched.inspect_err(|_| drop(child.kill()))?;
        Ok(Self { child, pid, ended, output: Some(output), reads_left: READS_AFTER_END })
    }

    /// Waits at most so many milliseconds. Output that was written before the end comes before it; whoever else keeps the pipe open is
    /// not waited for.
    pub fn next(&mut self, buffer: &mut [u8], milliseconds: u64) -> SysResult<Event> {
        loop {
            let Ready { ended, output } = self.wait(milliseconds)?;
            if ended && self.reads_left == 0 {
                return self.end();
            }
            self.reads_left -= u32::from(ended);
            match self.output.as_ref().filter(|_| output) {
                Some(output) => match rustix::io::read(output, &mut *buffer) {
                    Ok(0) => self.output = None,
                    Err(rustix::io::Errno::INTR) => {}
                    result => return Ok(Event::Output(result?)),
                },
                None if ended => return self.end(),
                None => return Ok(Event::TimeIsUp),
            }
        }
    }

    fn end(&mut self) -> SysResult<Event> {
        self.child.wait().map(Event::Ended).map_err(|error| to_errno(&error))
    }

    /// A wait that was interrupted looks like one whose time is up.
    fn wait(&self, milliseconds: u64) -> SysResult<Ready> {
        let timeout = Timespec {
            tv_sec: i64::try_from(milliseconds / 1000).unwrap_or(i64::MAX),
            tv_nsec: i64::try_from(milliseconds % 1000 * 1_000_000).unwrap_or_default(),
        };
        let watch = |fd| PollFd::new(fd, PollFlags::IN);
        let mut fds: alloc::vec::Vec<_> = core::iter::once(&self.ended).chain(&self.output).map(watch).collect();
        match poll(&mut fds, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let mut ready = fds.iter().map(|fd| !fd.revents().is_empty());
        let mut next = || ready.next().unwrap_or_default();
        Ok(Ready { ended: next(), output: next() })
    }

    /// Kills all of the group that is still in it.
    pub fn kill(&self) -> SysResult<()> {
        Ok(kill_process_group(self.pid, Signal::KILL)?)
    }
}

struct Ready {
    ended: bool,
    output: bool,
}

fn to_stdio(file: OwnedFd) -> Stdio {
    // SAFETY: the descriptor is open, and nobody but the new owner has it any more.
    Stdio::from(unsafe { std::os::fd::OwnedFd::from_raw_fd(file.into_raw_fd()) })
}

fn to_errno(error: &std::io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno)
}
