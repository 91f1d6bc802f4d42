//! Calls that need no understanding.

/// Calls that change no file. (close and mmap of a file that is open for writing do not, either: the program maps none.)
const HARMLESS: &str = "access arch_prctl close clone3 dup execve exit exit_group faccessat2 fadvise64 fgetxattr flistxattr flock fstat fstatfs getdents64 \
    getpid getrandom gettid getuid lgetxattr llistxattr lseek madvise mprotect munmap newfstatat pidfd_open poll prctl pread64 \
    prlimit64 readlink readlinkat rseq rt_sigaction rt_sigprocmask rt_sigreturn sched_getaffinity sched_yield set_robust_list \
    set_tid_address sigaltstack signalfd4 stat statfs statx sysinfo uname getcwd getppid clock_gettime geteuid capget \
    chdir chroot clone fchdir fork futex getegid getgid getpgrp pipe2 setns ppoll vfork wait4 waitid";
/// Calls that change what is mounted where. What a file system does to itself for that (an overlay's work directory) is the
/// kernel's business.
const MOUNTS: &str = "fsconfig fsmount fsopen mount mount_setattr move_mount open_tree umount2 unshare";

/// Whether a call with this name changes no file.
pub fn is_harmless(name: &str) -> bool {
    HARMLESS.split_whitespace().chain(MOUNTS.split(' ')).any(|known| known == name)
}

/// Whether a call, as far as it stands in the log, may be under way while another process does something.
pub fn may_overlap(begun: &str) -> bool {
    let reads = |flags: &str| begun.contains(flags) && !["O_CREAT", "O_TRUNC"].iter().any(|flag| begun.contains(flag));
    match begun.split('(').next().unwrap_or_default() {
        "open" | "openat" | "openat2" => reads("O_RDONLY") || reads("O_PATH"),
        // A question: the standard library asks it of each descriptor that it closes.
        "fcntl" => begun.contains("F_GETFD"),
        name => is_harmless(name),
    }
}
