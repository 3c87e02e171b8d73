//! `pmdscope bisect`: one commit of a kernel tree, as `git bisect run` asks for it.

use anyhow::{Context, Result, ensure};
use pmdscope_arches::{EntryKind, UnknownName};
use pmdscope_emu::Reduction;
use pmdscope_guest::Role;
use pmdscope_guest::objects::Folder;
use pmdscope_traces::{FindingName, Verdict, one_line};

use crate::cli::{BisectArgs, CacheArgs, Marks};
use crate::exit::Exit;
use crate::start::EntryRequest;
use crate::study::Study;
use crate::subject::{KernelSubject, LastEnvironment, Subject};
use crate::values::bounds;
use crate::{confined, failure, output};

pub fn bisect(args: &BisectArgs) -> Result<Exit> {
    // A mistake of the command line would be one at every commit: git is to stop.
    let kind: EntryKind = args.entry.parse()?;
    let finding = args.finding.as_deref().map(finding_of).transpose()?;
    ensure!(args.kbuild.is_dir(), "{} is no folder", args.kbuild.display());
    let judged = judge(args, kind, finding);
    let (line, has_it) = match &judged {
        Ok(judged) => (judged.line.clone(), judged.has_it),
        // What does not compile, or cannot be run, says nothing of the finding.
        Err(error) => (format!("skip: {}", failure::one_line(error)), None),
    };
    output::write(&format!("{line}\n"), None)?;
    Ok(match has_it {
        None => Exit::Skip,
        Some(has_it) if has_it == args.fixed => Exit::Clean,
        Some(_) => Exit::Findings,
    })
}

fn finding_of(name: &str) -> Result<FindingName, UnknownName> {
    let names = FindingName::ALL.into_iter().map(FindingName::name);
    FindingName::of_name(name).ok_or_else(|| UnknownName::new("finding", name, names))
}

/// What a commit was found to be.
struct Judged {
    line: String,
    /// Whether it has the finding; `None` if that is not known.
    has_it: Option<bool>,
}

fn judge(args: &BisectArgs, kind: EntryKind, finding: Option<FindingName>) -> Result<Judged> {
    let folder = Folder::open(&args.kbuild, None, &args.make)?;
    let made = folder.make(&[])?;
    let place = tempfile::tempdir().context("the temporary folder cannot be used")?;
    let path = place.path().join("vmlinux-objects");
    drop(folder.link(&made, &path)?);
    let subject = Subject::Kernel(KernelSubject::open(&path, None, CacheArgs { no_cache: true })?);
    let bounds = bounds(&args.bounds)?;
    let study = Study {
        subject: &subject,
        entry: EntryRequest::Kind { kind, marks: Marks::default(), pfn: None },
        writer: subject.routine(Role::Writer, &args.writer)?,
        walker: Some(subject.routine(Role::Walker, &args.walker)?),
        with: &[],
        bounds: &bounds,
        reduction: Reduction::Joined,
        schedule: None,
    };
    subject.check([study.writer].into_iter().chain(study.walker))?;
    let report = confined::study(&study, &mut LastEnvironment::default())?;
    let counts = |name: &FindingName| finding.is_none_or(|wanted| wanted == *name);
    let mut found: Vec<FindingName> =
        report.findings.iter().map(|finding| finding.name).filter(counts).collect();
    found.sort_unstable();
    found.dedup();
    let names: Vec<&str> = found.iter().map(|name| name.name()).collect();
    let (what, has_it) = match (report.verdict, found.is_empty()) {
        // If a control failed, what was found does not count.
        (Verdict::Findings, false) => (names.join(", "), Some(true)),
        (Verdict::Pass, true) => ("nothing was found".to_owned(), Some(false)),
        // There are other findings: the run is whole unless it says otherwise.
        (Verdict::Findings, true) if report.incomplete.is_none() => {
            (format!("no {}, but other findings", args.finding.as_deref().unwrap_or("finding")), Some(false))
        }
        _ => (
            format!("not known: {}", report.incomplete.as_deref().unwrap_or("only some orders were run")),
            None,
        ),
    };
    let word = match has_it {
        None => "skip",
        Some(true) if args.fixed => "broken",
        Some(false) if args.fixed => "fixed",
        Some(true) => "bad",
        Some(false) => "good",
    };
    let release = report.guest.release.as_deref().unwrap_or_default();
    let line = format!(
        "{word}: {} {release}: {} against {} on {}: {what}",
        report.arch,
        report.writer,
        report.walker,
        report.marked_entry()
    );
    Ok(Judged { line: one_line(&line), has_it })
}
