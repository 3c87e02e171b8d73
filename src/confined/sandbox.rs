//! What keeps a worker from the rest of the system: guests and kernels are other people's files, and Unicorn is no
//! sandbox.

use anyhow::{Context, Result};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

use super::plan::Plan;
use super::wire::Confined;

/// Confines this process, for good: it may read the guests, the kernels and what was unpacked of them, and write to what
/// is open already.
pub fn confine(plan: &Plan, memory: u64) -> Result<Confined> {
    limit(Resource::Core, 0)?;
    limit(Resource::As, memory)?;
    // Nothing is written to files, but for what it says at its end.
    limit(Resource::Fsize, 1 << 16)?;
    sandbox::confine(plan)
}

fn limit(resource: Resource, most: u64) -> Result<()> {
    let hard = getrlimit(resource).maximum;
    let most = hard.map_or(most, |hard| hard.min(most));
    let limit = Rlimit { current: Some(most), maximum: Some(most) };
    setrlimit(resource, limit).with_context(|| format!("a worker cannot limit itself ({resource:?})"))
}

/// Lets this process use the processor for some more seconds; past them it is ended by SIGXCPU.
pub fn allow_processor_time(seconds: u64) -> Result<()> {
    let used = clock_gettime(ClockId::ProcessCPUTime).tv_sec;
    let most = u64::try_from(used).unwrap_or(0).saturating_add(seconds).saturating_add(1);
    let hard = getrlimit(Resource::Cpu).maximum;
    let current = hard.map_or(most, |hard| hard.min(most));
    setrlimit(Resource::Cpu, Rlimit { current: Some(current), maximum: hard })
        .context("a worker cannot limit its processor time")
}

#[cfg(target_os = "linux")]
mod sandbox {
    use std::collections::BTreeMap;

    use anyhow::{Context, Result};
    use landlock::{
        ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus,
        path_beneath_rules,
    };
    use pmdscope_guest::kernel::Cache;
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};

    use super::super::plan::{Plan, Platform};
    use super::super::wire::Confined;

    pub fn confine(plan: &Plan) -> Result<Confined> {
        let landlock = landlock(plan).context("a worker cannot be confined by Landlock")?;
        Ok(Confined { landlock, seccomp: seccomp()? })
    }

    /// Files: the guests, the kernels and the cache may be read. Gives whether the system has Landlock.
    fn landlock(plan: &Plan) -> Result<bool> {
        // The newest that is known here; an older system does what it can of it.
        const KNOWN: ABI = ABI::V5;
        let mut readable: Vec<_> = plan
            .platforms
            .iter()
            .filter_map(|platform| match platform {
                Platform::Guest { file, .. } => file.clone(),
                Platform::Kernel { file, .. } => Some(file.clone()),
            })
            .collect();
        readable.extend(Cache::of_user().ok().map(|cache| cache.folder().to_owned()));
        let status = Ruleset::default()
            .handle_access(AccessFs::from_all(KNOWN))?
            .handle_access(AccessNet::from_all(KNOWN))?
            .create()?
            .add_rules(path_beneath_rules(readable, AccessFs::from_read(KNOWN)))?
            .restrict_self()?;
        Ok(status.ruleset != RulesetStatus::NotEnforced)
    }

    /// System calls: those that a worker makes. Gives whether the system has seccomp. What is not among them does not
    /// exist (`ENOSYS`), so that a C library that tries something newer falls back to what is.
    fn seccomp() -> Result<bool> {
        let Ok(arch) = TargetArch::try_from(std::env::consts::ARCH) else { return Ok(false) };
        let rules: BTreeMap<_, _> = CALLS.iter().map(|call| (*call, Vec::new())).collect();
        let absent = SeccompAction::Errno(libc::ENOSYS as u32);
        let program: BpfProgram = SeccompFilter::new(rules, absent, SeccompAction::Allow, arch)
            .and_then(TryInto::try_into)
            .context("a worker cannot be confined by seccomp")?;
        Ok(seccompiler::apply_filter(&program).is_ok())
    }

    /// What a worker does once it runs: memory, its pipes, files that Landlock lets it read, time, signals of its own, and
    /// its end.
    const CALLS: &[i64] = &[
        libc::SYS_brk,
        libc::SYS_clock_gettime,
        libc::SYS_clock_nanosleep,
        libc::SYS_close,
        libc::SYS_exit,
        libc::SYS_exit_group,
        libc::SYS_fcntl,
        libc::SYS_fstat,
        libc::SYS_futex,
        libc::SYS_getpid,
        libc::SYS_getrandom,
        libc::SYS_gettid,
        libc::SYS_ioctl,
        libc::SYS_lseek,
        libc::SYS_madvise,
        libc::SYS_mmap,
        libc::SYS_mprotect,
        libc::SYS_mremap,
        libc::SYS_munmap,
        libc::SYS_newfstatat,
        libc::SYS_openat,
        libc::SYS_pread64,
        libc::SYS_prlimit64,
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
        libc::SYS_tgkill,
        libc::SYS_write,
        libc::SYS_writev,
    ];
}

#[cfg(not(target_os = "linux"))]
mod sandbox {
    use anyhow::Result;

    use super::super::plan::Plan;
    use super::super::wire::Confined;

    pub fn confine(_: &Plan) -> Result<Confined> {
        Ok(Confined { landlock: false, seccomp: false })
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs::File;
    use std::net::TcpListener;
    use std::path::PathBuf;

    use pmdscope_traces::matrix::Matrix;

    use super::*;
    use crate::batch::plan::Platform;
    use crate::batch::planning;
    use crate::cli::CacheArgs;

    #[test]
    fn a_worker_reads_its_guests_and_nothing_else() {
        let matrix = Matrix::parse("m.toml", "[[include]]\narches = [\"sparc64\"]\n").unwrap();
        let (mut plan, _) = planning::plan(&matrix, "".as_ref(), CacheArgs { no_cache: true }).unwrap();
        let readable = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md"));
        let other = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let Platform::Guest { file, .. } = &mut plan.platforms[0] else { panic!() };
        *file = Some(readable.clone());
        // What confines a thread leaves the others of this process alone.
        let confined = std::thread::spawn(move || {
            let confined = sandbox::confine(&plan).unwrap();
            if confined.landlock {
                File::open(&readable).unwrap();
                File::open(other).unwrap_err();
                File::create(readable.with_extension("new")).unwrap_err();
            }
            if confined.seccomp {
                assert_eq!(TcpListener::bind("127.0.0.1:0").unwrap_err().raw_os_error(), Some(libc::ENOSYS));
            }
            confined
        });
        confined.join().unwrap();
        File::open(other).unwrap();
    }
}
