//! Structured entries for systemd's journal, in its native protocol (systemd, docs/JOURNAL_NATIVE_PROTOCOL.md).

use alloc::vec::Vec;
use rustix::net::{AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType, sendto, socket_with};

const SOCKET: &str = "/run/systemd/journal/socket";

/// Sends one entry; where nobody listens, or nobody reads, it is lost. Values are one line each.
pub fn send(fields: &[(&str, &str)]) {
    let mut entry = Vec::new();
    for (name, value) in fields {
        entry.extend(name.bytes().chain(*b"=").chain(value.bytes()).chain(*b"\n"));
    }
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let Ok(socket) = socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None) else { return };
    let Ok(address) = SocketAddrUnix::new(SOCKET) else { return };
    let _ = sendto(socket, &entry, SendFlags::NOSIGNAL, &address);
}
