//! Of an initramfs whose init is the guest's own.

use guest_init::MODULE_LIST;
use std::fs::{File, read_to_string};
use std::path::Path;

/// MODULE_INIT_COMPRESSED_FILE of linux/module.h: the kernel unpacks it.
const COMPRESSED: i32 = 4;

/// Where there is a list. What cannot be loaded shows by what is missing then.
pub fn load() {
    for path in read_to_string(MODULE_LIST).unwrap_or_default().lines() {
        let plain = Path::new(path).extension().is_some_and(|extension| extension == "ko");
        let flags = if plain { 0 } else { COMPRESSED };
        let file = File::open(path).map_err(|why| why.to_string());
        let loaded = file.and_then(|file| rustix::system::finit_module(&file, c"", flags).map_err(|why| why.to_string()));
        super::report_error(path, loaded);
    }
}
