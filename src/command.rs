//! Command lines that repeat a run or a sweep, as reports print them.

use pmdscope_emu::{Bounds, MachineContext, Reduction, Schedule};
use pmdscope_traces::quoted;

use crate::cli::BoundArgs;
use crate::start::Start;

/// A command line under construction. [`pmdscope_traces::is_command`] must accept every option that it adds.
pub struct CommandLine(Vec<String>);

impl CommandLine {
    /// Begins a `pmdscope run` command; `of` names the platform or the kernel: `--arch A ...` or `--kernel FILE`.
    pub fn run(of: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        CommandLine::new("run", of)
    }

    /// Returns the `pmdscope sweep` command of a writer over a set of entries.
    pub fn sweep(
        of: impl IntoIterator<Item = (&'static str, String)>,
        entries: &str,
        writer: &str,
    ) -> String {
        let mut command = CommandLine::new("sweep", of);
        command.option("--entries", entries);
        command.option("--writer", writer);
        command.0.join(" ")
    }

    fn new(name: &str, of: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        let mut command = CommandLine(vec!["pmdscope".to_owned(), name.to_owned()]);
        for (option, value) in of {
            command.option(option, &value);
        }
        command
    }

    /// Adds the options of the initial entry.
    pub fn on(mut self, start: &Start) -> Self {
        match start.kind {
            None => self.option("--pmd", &format!("{:#018x}", start.value)),
            Some(kind) => {
                self.option("--entry", kind.name());
                if start.asked {
                    self.option("--pfn", &format!("{:#x}", start.pfn));
                }
                self.0.extend(start.marks.names().iter().map(|mark| format!("--{mark}")));
            }
        }
        self
    }

    /// Adds the routines to run.
    pub fn running<'a>(
        mut self,
        writer: &str,
        walker: &str,
        with: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        self.option("--writer", writer);
        self.option("--walker", walker);
        for with in with {
            self.option("--with", with);
        }
        self
    }

    /// Adds the schedule (`None`: all), the reduction, and bounds that differ from the defaults; returns the line.
    pub fn under(mut self, schedule: Option<&Schedule>, reduction: Reduction, bounds: &Bounds) -> String {
        if let Some(schedule) = schedule {
            self.option("--schedule", &schedule.to_string().replace(' ', ""));
        }
        if reduction == Reduction::None {
            self.option("--reduction", "none");
        }
        if bounds.context != MachineContext::ALL {
            self.option("--context", &bounds.context.to_string());
        }
        let usual = BoundArgs::default();
        for (option, value, usual) in [
            ("--max-schedules", bounds.schedules, Bounds::default().schedules),
            ("--max-behaviours", bounds.behaviours, usual.max_behaviours),
            ("--max-accesses", bounds.call.accesses, usual.max_accesses),
            ("--max-instructions", bounds.call.instructions, usual.max_instructions),
            ("--timeout", bounds.time.as_secs(), usual.timeout),
        ] {
            if value != usual {
                self.option(option, &value.to_string());
            }
        }
        self.0.join(" ")
    }

    fn option(&mut self, option: &str, value: &str) {
        self.0.push(option.to_owned());
        self.0.push(quoted(value));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use pmdscope_arches::EntryKind;
    use pmdscope_traces::is_command;

    use super::*;
    use crate::cli::Marks;
    use crate::values::encoding;

    #[test]
    fn what_is_put_together_is_known_as_a_command() {
        let owned = |(option, value): (&'static str, &str)| (option, value.to_owned());
        let encoding = encoding("x86_64", None, Some("6.12")).unwrap();
        let marks = Marks { young: true, dirty: true, soft_dirty: true, uffd_wp: true };
        let kind = EntryKind::MigrationWrite;
        let mut bounds =
            Bounds { schedules: 3, behaviours: 3, time: Duration::from_secs(3), ..Bounds::default() };
        (bounds.call.accesses, bounds.call.instructions) = (3, 3);
        let schedule: Schedule = "K2 W5".parse().unwrap();
        for guest in ["guest.elf", "a guest; touch pwned", "$(touch pwned)", "it's", "-o", "\u{202e}fle.\n"] {
            for start in [
                Start::of_kind(&encoding, kind, marks, Some(0x200)).unwrap(),
                Start::of_value(&encoding, 0x60_0000_0000_0000),
            ] {
                let of = [("--arch", "arm64"), ("--mmu", "radix"), ("--guest", guest)];
                let command = CommandLine::run(of.map(owned))
                    .on(&start)
                    .running("split", "hmm", ["mmu-store"])
                    .under(Some(&schedule), Reduction::None, &bounds);
                assert!(is_command(&command), "{command}");
            }
            let of = [("--arch", "arm64"), ("--linux", "6.12"), ("--guest", guest)];
            let command = CommandLine::sweep(of.map(owned), "migration", "pmdp_invalidate");
            assert!(is_command(&command), "{command}");
        }
    }
}
