//! Isolates a process that runs foreign machine code from the rest of the system.
//!
//! Guests and kernels are other people's files, and Unicorn is no sandbox.

use std::path::PathBuf;

use anyhow::{Context, Result};
use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// The mechanisms that confine a process, beside its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confined {
    pub landlock: bool,
    pub seccomp: bool,
}

impl Confined {
    /// Names the mechanisms that the system lacks.
    pub fn lacks(self) -> Option<&'static str> {
        match (self.landlock, self.seccomp) {
            (true, true) => None,
            (false, true) => Some("Landlock"),
            (true, false) => Some("seccomp"),
            (false, false) => Some("Landlock and seccomp"),
        }
    }
}

/// Confines this process for good; returns the mechanisms that do it.
///
/// It may then read only the files and folders in `readable`, write only to what is open already, and take only
/// `memory` bytes of address space. It is killed when the process that started it ends.
pub fn confine(readable: Vec<PathBuf>, memory: u64) -> Result<Confined> {
    limit(Resource::Core, 0)?;
    limit(Resource::As, memory)?;
    // The process writes to no file except the one behind its standard error.
    limit(Resource::Fsize, 1 << 16)?;
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .context("a confined process cannot end with its parent")?;
    system::confine(readable)
}

fn limit(resource: Resource, most: u64) -> Result<()> {
    let hard = getrlimit(resource).maximum;
    let most = hard.map_or(most, |hard| hard.min(most));
    let limit = Rlimit { current: Some(most), maximum: Some(most) };
    setrlimit(resource, limit)
        .with_context(|| format!("a confined process cannot limit itself ({resource:?})"))
}

/// Lets this process use the processor for some more seconds. After that SIGXCPU ends it.
pub fn allow_processor_time(seconds: u64) -> Result<()> {
    let used = clock_gettime(ClockId::ProcessCPUTime).tv_sec;
    let most = u64::try_from(used).unwrap_or(0).saturating_add(seconds).saturating_add(1);
    let hard = getrlimit(Resource::Cpu).maximum;
    let current = hard.map_or(most, |hard| hard.min(most));
    setrlimit(Resource::Cpu, Rlimit { current: Some(current), maximum: hard })
        .context("a confined process cannot limit its processor time")
}

#[cfg(target_os = "linux")]
mod system {
    use std::collections::BTreeMap;
    use std::path::PathBuf;

    use anyhow::{Context, Result};
    use landlock::{
        ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus, Scope,
        path_beneath_rules,
    };
    use seccompiler::SeccompCmpArgLen::{Dword, Qword};
    use seccompiler::SeccompCmpOp::Eq;
    use seccompiler::{
        BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
    };

    use super::Confined;

    pub fn confine(readable: Vec<PathBuf>) -> Result<Confined> {
        let landlock = landlock(readable).context("a process cannot be confined by Landlock")?;
        Ok(Confined { landlock, seccomp: seccomp()? })
    }

    /// Lets this process only read these files; forbids TCP ports, abstract sockets, and signals to processes
    /// outside.
    ///
    /// Returns whether the system has Landlock.
    fn landlock(readable: Vec<PathBuf>) -> Result<bool> {
        // The newest ABI that is known here. An older kernel enforces the part that it knows.
        const KNOWN: ABI = ABI::V6;
        let status = Ruleset::default()
            .handle_access(AccessFs::from_all(KNOWN))?
            .handle_access(AccessNet::from_all(KNOWN))?
            .scope(Scope::from_all(KNOWN))?
            .create()?
            .add_rules(path_beneath_rules(readable, AccessFs::from_read(KNOWN)))?
            .restrict_self()?;
        Ok(status.ruleset != RulesetStatus::NotEnforced)
    }

    /// Restricts system calls to those that a confined process makes; returns whether the system has seccomp.
    ///
    /// Other calls fail with `ENOSYS`, so that a C library that tries a newer call falls back to an older one.
    fn seccomp() -> Result<bool> {
        let Ok(arch) = TargetArch::try_from(std::env::consts::ARCH) else { return Ok(false) };
        let mut rules: BTreeMap<_, _> = CALLS.iter().map(|call| (*call, Vec::new())).collect();
        let own = u64::from(std::process::id());
        for (call, argument, length, allowed) in [
            // The process may signal only its own threads, and read and set only its own limits.
            (libc::SYS_tgkill, 0, Dword, vec![own]),
            (libc::SYS_prlimit64, 0, Dword, vec![0]),
            (libc::SYS_fcntl, 1, Dword, vec![libc::F_GETFD as u64, libc::F_GETFL as u64]),
            // This is how isatty() asks whether a descriptor is a terminal.
            (libc::SYS_ioctl, 1, Qword, vec![libc::TCGETS]),
        ] {
            rules.insert(call, only(argument, length, &allowed)?);
        }
        let absent = SeccompAction::Errno(libc::ENOSYS as u32);
        let program: BpfProgram = SeccompFilter::new(rules, absent, SeccompAction::Allow, arch)
            .and_then(TryInto::try_into)
            .context("a process cannot be confined by seccomp")?;
        Ok(seccompiler::apply_filter(&program).is_ok())
    }

    /// Returns rules that allow only these values of a call's argument.
    fn only(argument: u8, length: SeccompCmpArgLen, allowed: &[u64]) -> Result<Vec<SeccompRule>> {
        let rule = |value: &u64| {
            let is = SeccompCondition::new(argument, length.clone(), Eq, *value)?;
            SeccompRule::new(vec![is])
        };
        allowed.iter().map(rule).collect::<Result<_, _>>().context("a process cannot be confined by seccomp")
    }

    /// The system calls that a confined process needs once it runs.
    ///
    /// They are for memory, its pipes, files that Landlock lets it read, time, signals of its own, and its end.
    const CALLS: &[i64] = &[
        libc::SYS_brk,
        libc::SYS_clock_gettime,
        libc::SYS_clock_nanosleep,
        libc::SYS_close,
        libc::SYS_exit,
        libc::SYS_exit_group,
        libc::SYS_fstat,
        libc::SYS_futex,
        libc::SYS_getpid,
        libc::SYS_getrandom,
        libc::SYS_gettid,
        libc::SYS_lseek,
        libc::SYS_madvise,
        libc::SYS_mmap,
        libc::SYS_mprotect,
        libc::SYS_mremap,
        libc::SYS_munmap,
        libc::SYS_newfstatat,
        libc::SYS_openat,
        libc::SYS_pread64,
        libc::SYS_read,
        libc::SYS_readlinkat,
        libc::SYS_readv,
        libc::SYS_restart_syscall,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_sched_yield,
        libc::SYS_sigaltstack,
        libc::SYS_statx,
        libc::SYS_write,
        libc::SYS_writev,
    ];
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::path::PathBuf;

    use anyhow::Result;

    use super::Confined;

    pub fn confine(_: Vec<PathBuf>) -> Result<Confined> {
        Ok(Confined { landlock: false, seccomp: false })
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs::File;
    use std::io;
    use std::net::TcpListener;
    use std::path::PathBuf;

    use rustix::process::{Pid, test_kill_process};

    use super::*;

    #[test]
    fn a_confined_process_reads_its_files_and_nothing_else() {
        let readable = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md"));
        let other = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        // Landlock and seccomp confine this thread only: the other threads of the test process stay free.
        let confined = std::thread::spawn(move || {
            let confined = system::confine(vec![readable.clone()]).unwrap();
            if confined.landlock {
                File::open(&readable).unwrap();
                File::open(other).unwrap_err();
                File::create(readable.with_extension("new")).unwrap_err();
            }
            if confined.seccomp {
                let absent =
                    |result: io::Result<()>| result.unwrap_err().raw_os_error() == Some(libc::ENOSYS);
                assert!(absent(TcpListener::bind("127.0.0.1:0").map(drop)));
                assert!(absent(test_kill_process(Pid::INIT).map_err(Into::into)));
                let call = |number, arguments: [libc::c_long; 3]| {
                    let [one, two, three] = arguments;
                    // SAFETY: all arguments are numbers, and where the call takes an address, it is null.
                    let returned = unsafe { libc::syscall(number, one, two, three) };
                    if returned < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
                };
                let (own, parent) = (std::process::id().into(), std::os::unix::process::parent_id().into());
                call(libc::SYS_tgkill, [own, own, 0]).unwrap();
                assert!(absent(call(libc::SYS_tgkill, [parent, parent, 0])));
                assert!(absent(call(libc::SYS_prlimit64, [parent, libc::RLIMIT_CORE.into(), 0])));
                call(libc::SYS_fcntl, [0, libc::F_GETFD.into(), 0]).unwrap();
                assert!(absent(call(libc::SYS_fcntl, [0, libc::F_SETOWN.into(), own])));
                assert!(absent(call(libc::SYS_ioctl, [0, libc::TIOCSTI.cast_signed(), 0])));
            }
            confined
        });
        confined.join().unwrap();
        File::open(other).unwrap();
    }
}
