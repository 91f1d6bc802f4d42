//! Finds and opens the port to the host.

use guest_init::PORT;
use serde::Serialize;
use std::fs::{File, OpenOptions, read_dir, read_to_string};
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The device is found some milliseconds after the kernel's start; a guest without it is not ours.
const PATIENCE: Duration = Duration::from_secs(20);

pub fn open() -> Result<File, String> {
    let path = find()?;
    OpenOptions::new().read(true).write(true).open(&path).map_err(|e| format!("cannot open {}: {e}", path.display()))
}

fn find() -> Result<PathBuf, String> {
    let began = Instant::now();
    loop {
        if let Some(path) = look() {
            return Ok(path);
        }
        if began.elapsed() > PATIENCE {
            return Err(format!("no virtio port is named {PORT}"));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn look() -> Option<PathBuf> {
    let ports = read_dir("/sys/class/virtio-ports").ok()?;
    let ours = ports.flatten().find(|port| read_to_string(port.path().join("name")).is_ok_and(|name| name.trim() == PORT))?;
    let device = PathBuf::from("/dev").join(ours.file_name());
    device.exists().then_some(device)
}

/// One line.
pub fn send(port: &mut File, value: &impl Serialize) -> Result<(), String> {
    let mut line = serde_json::to_vec(value).map_err(|e| e.to_string())?;
    line.push(b'\n');
    port.write_all(&line).map_err(|e| format!("cannot write to the port: {e}"))
}
