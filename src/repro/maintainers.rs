//! Asks a kernel tree who maintains a writer's source.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use pmdscope_arches::Arch;
use pmdscope_emu::kernel_routines;
use pmdscope_guest::{Role, routine};
use pmdscope_traces::repro::Recipients;
use pmdscope_traces::{RunReport, one_line};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::confined::last_words;

/// The script, from the root of a tree.
const SCRIPT: &str = "scripts/get_maintainer.pl";
/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How much of its output is read.
const MOST_BYTES: u64 = 64 << 10;

/// Who maintains the source of a report's writer, as a tree says.
///
/// # Errors
/// If the tree has no such script or sources, or the script fails, takes too long, or names nobody.
pub fn recipients(tree: &Path, report: &RunReport) -> Result<Recipients> {
    let folder = tree.display();
    ensure!(tree.is_dir(), "{folder} is no folder: --tree names a Linux source tree");
    ensure!(tree.join(SCRIPT).is_file(), "{folder} has no {SCRIPT}: --tree names a Linux source tree");
    let mut files = sources(report)?;
    let wanted = files.join(" or ");
    files.retain(|file| tree.join(file).exists());
    ensure!(!files.is_empty(), "{folder} has no {wanted}, where the writer's source is");
    let mut command = Command::new("perl");
    command.arg(SCRIPT).args(["--roles", "--norolestats", "--nogit", "--nogit-fallback", "-f"]).args(files);
    let output =
        output_of(command.current_dir(tree), PATIENCE).with_context(|| format!("{folder}/{SCRIPT}"))?;
    let recipients = Recipients::of_output(&String::from_utf8_lossy(&output));
    ensure!(recipients.count() > 0, "{folder}/{SCRIPT} named no address");
    Ok(recipients)
}

/// The files and folders of a kernel tree that hold the source of a writer.
fn sources(report: &RunReport) -> Result<Vec<String>> {
    let of_guest = routine::named(Role::Writer, &report.writer).ok();
    let of_kernel = || kernel_routines(Role::Writer).find(|routine| routine.name == report.writer);
    let mut files = Vec::new();
    // A guest file's own writer may be of any source: then the architecture's maintainers are known, and no more.
    if let Some(writer) = of_guest.filter(|_| report.kernel.is_none()).or_else(of_kernel) {
        let generic = writer.symbols.iter().any(|symbol| symbol.starts_with("pmdp_"));
        files.push(if generic { "mm/pgtable-generic.c" } else { "mm/huge_memory.c" }.to_owned());
    }
    files.push(format!("arch/{}/mm", folder_of(report.arch.parse()?)));
    Ok(files)
}

/// The folder of an architecture in `arch/` of a kernel tree.
const fn folder_of(arch: Arch) -> &'static str {
    match arch {
        Arch::Arm64 => "arm64",
        Arch::X86_64 => "x86",
        Arch::S390x => "s390",
        Arch::Ppc64 | Arch::Ppc64le => "powerpc",
        Arch::Riscv64 => "riscv",
        Arch::Sparc64 => "sparc",
        Arch::LoongArch64 => "loongarch",
    }
}

/// What a command writes to standard output, within a time and a number of bytes.
///
/// Its processes are a group of their own, which ends with it.
fn output_of(command: &mut Command, patience: Duration) -> Result<Vec<u8>> {
    let program = command.get_program().to_string_lossy().into_owned();
    let mut words = tempfile::tempfile().context("cannot make a temporary file")?;
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(words.try_clone()?).process_group(0);
    let mut child = command.spawn().with_context(|| format!("cannot start {program}"))?;
    let stdout = child.stdout.take().context("it has no standard output")?;
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = stdout.take(MOST_BYTES + 1).read_to_end(&mut bytes);
        // Nobody listens any more if it took too long.
        let _ = send.send(read.map(|_| bytes));
    });
    let deadline = Instant::now() + patience;
    let output = receive.recv_timeout(patience);
    let too_much = matches!(&output, Ok(Ok(bytes)) if bytes.len() as u64 > MOST_BYTES);
    let status = if output.is_err() || too_much { None } else { status_until(&mut child, deadline)? };
    // What it started may still run.
    end(&child);
    child.wait()?;
    ensure!(!too_much, "it wrote more than {MOST_BYTES} bytes");
    let (Ok(output), Some(status)) = (output, status) else {
        bail!("it took more than {} s", patience.as_secs_f32());
    };
    if !status.success() {
        bail!("it failed ({status}): {}", one_line(&last_words(&mut words)?));
    }
    Ok(output?)
}

/// The status of a process if it ends in time.
fn status_until(child: &mut Child, deadline: Instant) -> Result<Option<ExitStatus>> {
    loop {
        match child.try_wait()? {
            None if Instant::now() < deadline => thread::sleep(Duration::from_millis(5)),
            status => return Ok(status),
        }
    }
}

/// Ends a process and all that it started.
fn end(child: &Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(group, Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, patience: Duration) -> Result<Vec<u8>> {
        output_of(Command::new("sh").args(["-c", script]), patience)
    }

    #[test]
    fn what_takes_too_long_or_writes_too_much_is_ended() {
        let begun = Instant::now();
        for (script, says) in [
            ("sleep 100", "it took more than 0.3 s"),
            ("sleep 100 & sleep 100", "it took more than 0.3 s"),
            ("exec >&-; sleep 100", "it took more than 0.3 s"),
            ("exec yes", "it wrote more than 65536 bytes"),
            ("echo why >&2; exit 3", "why"),
        ] {
            let error = shell(script, Duration::from_millis(300)).expect_err(script);
            assert!(error.to_string().contains(says), "{script}: {error}");
        }
        assert!(begun.elapsed() < Duration::from_secs(60));
        assert_eq!(shell("echo a@b", PATIENCE).expect("it ends"), b"a@b\n");
    }
}
