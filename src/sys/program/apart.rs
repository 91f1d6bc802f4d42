//! A part of this program that goes on in a process of its own: what it changes about itself (namespaces, root, directory)
//! does not change the rest.

#![allow(unsafe_code)]

use super::interrupt::{Interrupt, Interrupts};
use crate::error::{Errno, Result};
use crate::sys::{SysResult, fs};
use alloc::string::String;
use nix::sys::signal::SigSet;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::{AsFd, OwnedFd};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, getpid, pidfd_open, pidfd_send_signal, set_child_subreaper, set_parent_process_death_signal,
    waitpid,
};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, unshare_unsafe};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What becomes of the processes that it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Processes {
    /// They are like any others.
    Free,
    /// They have numbers of their own (a PID namespace), and end with it; it ends with this process.
    Bound,
}

/// A process that was started.
#[derive(Debug)]
pub struct Apart {
    pid: Pid,
    /// Readable once it has ended.
    ended: OwnedFd,
    /// What it says of its failure.
    said: OwnedFd,
}

/// What there is to know next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    Ended,
    Interrupted(Interrupt),
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// With this exit status; 128 and the signal that ended it.
    Status(i32),
    /// It could not do its work.
    Failed(String),
}

/// Whether processes are left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    None,
    Some,
}

/// From now on, what started processes leave running when they end becomes a child of this process.
pub fn adopt() -> SysResult<()> {
    Ok(set_child_subreaper(Some(getpid()))?)
}

/// Whether a child of this process still runs: where they are adopted, also one of a process that has ended.
pub fn left() -> SysResult<Left> {
    loop {
        match waitpid(None, WaitOptions::NOHANG) {
            Ok(Some(_)) | Err(rustix::io::Errno::INTR) => {}
            Ok(None) => return Ok(Left::Some),
            Err(rustix::io::Errno::CHILD) => return Ok(Left::None),
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// Status of a process whose work has failed or panicked.
const FAILED: i32 = 125;

impl Apart {
    /// Starts it: it does the work, which may as well turn it into another program. Signals that this process holds are not
    /// held there. This process must have one thread (EBUSY).
    pub fn start(processes: Processes, work: impl FnOnce() -> Result<u8>) -> SysResult<Self> {
        if fs::names(fs::open_dir("/proc/self/task/")?)?.len() != 1 {
            return Err(Errno::EBUSY);
        }
        let (said, say) = pipe_with(PipeFlags::CLOEXEC)?;
        let own = fs::open_dir("/proc/self/ns/")?;
        let own = rustix::fs::openat(own, "pid", rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::CLOEXEC, rustix::fs::Mode::empty())?;
        if processes == Processes::Bound {
            // SAFETY: only the namespace of processes to come is unshared: no descriptor changes its meaning.
            unsafe { unshare_unsafe(UnshareFlags::NEWPID)? };
        }
        // SAFETY: there is one thread, so that no lock is held by another one that the child does not have.
        let forked = unsafe { libc::fork() };
        let failed = super::super::last_errno();
        if forked == 0 {
            become_apart(processes, &say, work);
        }
        if processes == Processes::Bound {
            move_into_link_name_space(own.as_fd(), Some(LinkNameSpaceType::ProcessID))?;
        }
        let pid = Pid::from_raw(forked).filter(|_| forked > 0).ok_or(failed)?;
        Ok(Self { pid, ended: pidfd_open(pid, PidfdFlags::empty())?, said })
    }

    /// Waits for its end, or for a signal to this process.
    pub fn next(&self, interrupts: &Interrupts) -> SysResult<Event> {
        loop {
            let mut fds = [PollFd::new(&self.ended, PollFlags::IN), PollFd::from_borrowed_fd(interrupts.file(), PollFlags::IN)];
            match poll(&mut fds, None) {
                Err(rustix::io::Errno::INTR) => continue,
                result => result?,
            };
            if let Some(interrupt) = interrupts.next() {
                return Ok(Event::Interrupted(interrupt));
            }
            if fds.first().is_some_and(|fd| !fd.revents().is_empty()) {
                return Ok(Event::Ended);
            }
        }
    }

    /// Asks it to end. One that has ended already is no error.
    pub fn terminate(&self) {
        let _ = pidfd_send_signal(&self.ended, Signal::TERM);
    }

    /// Ends it, and with it all that it has started, where they are bound.
    pub fn kill(&self) {
        let _ = pidfd_send_signal(&self.ended, Signal::KILL);
    }

    /// Waits for its end.
    pub fn end(self) -> SysResult<End> {
        let status = loop {
            match waitpid(Some(self.pid), WaitOptions::empty()) {
                Err(rustix::io::Errno::INTR) => {}
                result => break result?.map(|(_, status)| status),
            }
        };
        let status = status.ok_or(Errno::EINVAL)?;
        let code = status.exit_status().or_else(|| status.terminating_signal().map(|signal| 128 + signal)).unwrap_or(FAILED);
        // Nobody who can write is left; what it started has no end of this pipe.
        let said = fs::read_all(&self.said)?;
        Ok(if said.is_empty() { End::Status(code) } else { End::Failed(String::from_utf8_lossy(&said).into_owned()) })
    }
}

/// The rest of the child's life.
fn become_apart(processes: Processes, say: &OwnedFd, work: impl FnOnce() -> Result<u8>) -> ! {
    if processes == Processes::Bound {
        let _ = set_parent_process_death_signal(Some(Signal::KILL));
    }
    let _ = SigSet::empty().thread_set_mask();
    let status = match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(status)) => i32::from(status),
        Ok(Err(error)) => {
            let _ = fs::write_all(say, error.text.as_bytes());
            FAILED
        }
        Err(_) => {
            let _ = fs::write_all(say, b"this is a bug of bedplate");
            FAILED
        }
    };
    // SAFETY: ends this process, without what the other one has registered for its own end.
    unsafe { libc::_exit(status) }
}
