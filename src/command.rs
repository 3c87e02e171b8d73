//! The command line that runs something again, as a report gives it.

use pmdscope_emu::{Bounds, Reduction, Schedule};
use pmdscope_traces::quoted;

use crate::cli::BoundArgs;
use crate::plan::Start;

/// A `pmdscope run` that is being put together.
pub struct RunCommand(Vec<String>);

impl RunCommand {
    /// One of a platform or a kernel, which `of` names: `--arch A ...` or `--kernel FILE`.
    pub fn of<'a>(of: impl IntoIterator<Item = (&'a str, Option<&'a str>)>) -> Self {
        let mut command = RunCommand(vec!["pmdscope".to_owned(), "run".to_owned()]);
        for (option, value) in of {
            if let Some(value) = value {
                command.option(option, value);
            }
        }
        command
    }

    /// That begins with an entry.
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

    /// Of these routines.
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

    /// Under one schedule or all, in this way and within these bounds.
    pub fn under(mut self, schedule: Option<&Schedule>, reduction: Reduction, bounds: &Bounds) -> String {
        if let Some(schedule) = schedule {
            self.option("--schedule", &schedule.to_string().replace(' ', ""));
        }
        if reduction == Reduction::None {
            self.option("--reduction", "none");
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
