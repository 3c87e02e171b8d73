//! The progress bar of a batch.

use std::sync::{Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::wire::Verdicts;

/// A progress bar on standard error, if that is a terminal.
pub struct Progress {
    bar: ProgressBar,
    so_far: Mutex<Verdicts>,
}

impl Progress {
    /// Begins the progress of a batch of `jobs` jobs.
    pub fn new(jobs: u64) -> Self {
        let bar = ProgressBar::with_draw_target(Some(jobs), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template(
            "{wide_bar} {human_pos} of {human_len} jobs, {msg}, {per_sec}, {eta} left",
        );
        if let Ok(style) = style {
            bar.set_style(style);
        }
        let progress = Progress { bar, so_far: Mutex::default() };
        progress.show(Verdicts::default());
        progress
    }

    /// Counts jobs that were done before.
    pub fn known(&self, verdicts: Verdicts) {
        self.bar.inc(verdicts.jobs());
        // Jobs that did not run now say nothing about how long the rest takes.
        self.bar.reset_eta();
        self.show(verdicts);
    }

    /// Counts jobs that are done now.
    pub fn done(&self, verdicts: Verdicts) {
        self.bar.inc(verdicts.jobs());
        self.show(verdicts);
    }

    /// Prints something else without disturbing the bar.
    pub fn say(&self, say: impl FnOnce()) {
        self.bar.suspend(say);
    }

    /// Removes the bar.
    pub fn end(&self) {
        self.bar.finish_and_clear();
    }

    fn show(&self, more: Verdicts) {
        let mut so_far = self.so_far.lock().unwrap_or_else(PoisonError::into_inner);
        *so_far = so_far.and(more);
        self.bar.set_message(format!("{} with findings, {} unknown", so_far.findings, so_far.unknown));
    }
}
