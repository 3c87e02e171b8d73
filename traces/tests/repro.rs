//! Reproducers as files, and texts that must fit a mail whatever they contain.

use crate::common::{all, report};
use anstream::adapter::strip_str;
use pmdscope_traces::formats::Detail;
use pmdscope_traces::repro::{
    CallBounds, Code, Package, Recipients, Repro, ReproError, bug_report, first_difference, show,
};
use pmdscope_traces::{RunReport, WIDTH, text};
use proptest::prelude::*;

/// Returns a reproducer of the first finding of a report, or else of its first trace.
fn repro(report: &RunReport) -> Repro {
    let schedule = report.findings.first().map(|finding| finding.schedule.as_str());
    let trace = schedule.and_then(|schedule| report.trace_under(schedule)).unwrap_or(&report.traces[0]);
    let code = match &report.kernel {
        None => Code::of_guest(&[0x7f; 1000]),
        Some(_) => Code::Kernel {
            file: report.guest.name.clone(),
            sha256: report.guest.sha256.clone(),
            build_id: report.guest.build_id.clone(),
            banner: "Linux version 5.10".to_owned(),
            package: Some(Package {
                name: "linux-image".to_owned(),
                version: "5.10.218-1".to_owned(),
                architecture: "arm64".to_owned(),
                download: "apt-get download linux-image:arm64=5.10.218-1".to_owned(),
            }),
        },
    };
    let mut report = report.clone();
    let expected = trace.clone();
    report.traces.clear();
    let bounds = CallBounds { accesses: 1000, instructions: 1_000_000 };
    Repro { code, pfn: None, bounds, report, expected }
}

/// Returns the reproducer of a kernel, whose code is not in the file.
fn of_kernel() -> Repro {
    repro(&report(crate::common::KERNEL))
}

#[test]
fn a_file_is_read_as_it_was_written() {
    let repro = of_kernel();
    let text = repro.to_text().unwrap();
    assert_eq!(Repro::of_bytes(text.as_bytes()).unwrap(), repro);
    assert_eq!(Repro::of_bytes(text.as_bytes()).unwrap().to_text().unwrap(), text);
}

#[test]
fn the_code_of_a_guest_is_in_lines_that_mailers_leave_alone() {
    let elf: Vec<u8> = (0..=255).cycle().take(5000).collect();
    let code = Code::of_guest(&elf);
    let Code::Guest { elf: lines } = &code else { panic!("of a guest") };
    assert!(lines.iter().all(|line| line.len() <= 76 && line.is_ascii()));
    assert_eq!(code.elf().unwrap().unwrap(), elf);
    let other = repro(&report(crate::common::SPLIT)).to_text().unwrap();
    let Err(ReproError::Damaged(why)) = Repro::of_bytes(other.as_bytes()) else {
        panic!("it is not its guest")
    };
    assert!(why.contains("not that of its report"), "{why}");
}

#[test]
fn a_trace_is_the_same_as_itself_and_as_no_other() {
    for report in all() {
        for (n, one) in report.traces.iter().enumerate() {
            for (m, other) in report.traces.iter().enumerate() {
                assert_eq!(first_difference(one, other).is_none(), n == m, "{n} {m} of {}", report.command);
            }
        }
    }
}

/// Returns a report whose names are very long.
fn with_long_names(mut report: RunReport, length: usize) -> RunReport {
    let long = |name: &str| format!("{name}{}", "x".repeat(length));
    for trace in &mut report.traces {
        for event in &mut trace.events {
            event.symbol = long(&event.symbol);
            event.instruction = long(&event.instruction);
        }
    }
    report.writer = long(&report.writer);
    report.walker = long(&report.walker);
    report.guest.name = long(&report.guest.name);
    if let Some(kernel) = &mut report.kernel {
        kernel.writer_function = long(&kernel.writer_function);
    }
    report
}

proptest! {
    #[test]
    fn no_bytes_are_read_as_what_they_are_not(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(Repro::of_bytes(&bytes).is_err());
    }

    #[test]
    fn a_file_that_is_changed_anywhere_is_refused(at in any::<prop::sample::Index>(), with in any::<u8>()) {
        let text = of_kernel().to_text().unwrap();
        let mut bytes = text.clone().into_bytes();
        let at = at.index(bytes.len());
        prop_assume!(bytes[at] != with);
        bytes[at] = with;
        let body = text.find('\n').unwrap();
        // Blanks in the first line have no meaning.
        let read = Repro::of_bytes(&bytes);
        prop_assert!(read.is_err() || at <= body && read.unwrap() == of_kernel());
    }

    #[test]
    fn a_file_that_is_cut_off_anywhere_is_refused(at in any::<prop::sample::Index>()) {
        let text = of_kernel().to_text().unwrap();
        prop_assert!(Repro::of_bytes(&text.as_bytes()[..at.index(text.len())]).is_err());
    }

    #[test]
    fn texts_fit_a_mail_however_long_names_are(length in 0_usize..200) {
        for report in all() {
            let report = with_long_names(report, length);
            let repro = repro(&report);
            let texts = [text::run(&report, Detail::Setup), show(&repro), bug_report(&repro, "x.repro", &Recipients::default()).unwrap_or_default()];
            for text in texts {
                // A command is broken only between its options, so that it can be copied.
                for line in strip_str(&text).to_string().lines().filter(|line| !line.contains("--")) {
                    prop_assert!(line.chars().count() <= WIDTH, "{}", line);
                }
            }
        }
    }
}
