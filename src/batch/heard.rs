//! Checks a worker's replies about its segment: replies that do not fit are refused.
//!
//! The machine code that a worker runs may have taken it over. It can then make up the results of its jobs, but
//! nothing else: it cannot record a job that it was not given or that is recorded already, report a stop that
//! nobody asked for, or send a message without end.

use std::collections::BTreeSet;

use pmdscope_traces::batch::segment;

use super::wire::{LONGEST_REPLY, Order, Ready, Reply, Verdicts};
use crate::confined::receive;

/// The longest reason, in bytes.
const LONGEST_REASON: usize = 1 << 16;

/// The state of the replies about a segment.
pub struct Heard {
    /// The jobs whose result is still missing.
    open: BTreeSet<u64>,
    /// The job that the worker runs, if it announced one.
    at: Option<u64>,
}

/// A reply that fits.
#[derive(Debug, PartialEq, Eq)]
pub enum News {
    /// A job begins.
    Begins,
    /// Lines of jobs that are done, and their verdicts.
    Lines(Vec<String>, Verdicts),
    /// A job lacked memory or time.
    Lacks(u64, String),
    /// The whole segment, and the verdicts of the jobs that are new in it.
    Sealed(Vec<u8>, Verdicts),
    /// Every job was tried, and those that lacked something have no record.
    Unsealed,
    /// It was asked to stop, and has sent the lines of all jobs that are done.
    Stopped,
    /// It cannot go on, for a reason that is not the job's.
    Failed(String),
    /// It cannot go on, because of a fault of this program.
    Fault(String),
}

/// Why a worker's reply does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("its process said {0}: machine code that it ran has changed what it does")]
pub struct Misfit(&'static str);

impl Heard {
    /// Begins with all jobs of the order open, except those that are recorded or lacking.
    pub fn new(order: &Order) -> Self {
        let known = order.known.iter().filter_map(|line| segment::job_of(line));
        let told: BTreeSet<u64> = known.chain(order.lacking.iter().copied()).collect();
        Heard { open: order.jobs.iter().copied().filter(|job| !told.contains(job)).collect(), at: None }
    }

    /// Returns the job that the worker runs, if it announced one.
    pub fn at(&self) -> Option<u64> {
        self.at
    }

    /// Checks the next reply. `order` has the jobs that are recorded or lacking by now.
    ///
    /// # Errors
    /// [`Misfit`] if the reply does not fit the order, or the replies before it.
    pub fn take(&mut self, reply: Reply, order: &Order, asked_to_stop: bool) -> Result<News, Misfit> {
        Ok(match reply {
            Reply::Begins(job) => {
                // A job begins while no other runs, and before its result.
                if !self.open.contains(&job) || self.at.is_some() {
                    return Err(Misfit("that a job begins which it is not to run then"));
                }
                self.at = Some(job);
                News::Begins
            }
            Reply::Lines(lines) => {
                let mut verdicts = Verdicts::default();
                for line in &lines {
                    verdicts = verdicts.and(self.line(line)?);
                }
                if lines.is_empty() {
                    return Err(Misfit("nothing"));
                }
                News::Lines(lines, verdicts)
            }
            Reply::Lacks(job, what) => {
                self.close(job)?;
                News::Lacks(job, reason(what)?)
            }
            Reply::Sealed(sealed) => {
                let verdicts = self.sealed(&sealed, order)?;
                News::Sealed(sealed, verdicts)
            }
            Reply::Unsealed if self.open.is_empty() && !order.lacking.is_empty() => News::Unsealed,
            Reply::Unsealed => return Err(Misfit("that all of its jobs were tried, which they were not")),
            Reply::Stopped if asked_to_stop => News::Stopped,
            Reply::Stopped => return Err(Misfit("that it was asked to stop, which it was not")),
            Reply::Failed(why) => News::Failed(reason(why)?),
            Reply::Fault(why) => News::Fault(reason(why)?),
        })
    }

    /// Closes a job whose result has arrived.
    fn close(&mut self, job: u64) -> Result<(), Misfit> {
        if !self.open.remove(&job) || self.at.is_some_and(|at| at != job) {
            return Err(Misfit("something of a job that it was not to run then"));
        }
        self.at = None;
        Ok(())
    }

    /// Takes the line of a job, and returns its verdict.
    fn line(&mut self, line: &str) -> Result<Verdicts, Misfit> {
        // A journal is split into lines when it is read, so each record must be exactly one line.
        if line.find('\n').is_none_or(|end| end + 1 < line.len()) {
            return Err(Misfit("what is no line"));
        }
        self.close(segment::job_of(line).ok_or(NO_RECORD)?)?;
        Verdicts::of([line]).map_err(|_| NO_RECORD)
    }

    /// Takes the whole segment. The lines of recorded jobs must equal their records.
    fn sealed(&mut self, sealed: &[u8], order: &Order) -> Result<Verdicts, Misfit> {
        const OTHER: Misfit = Misfit("something else of a job than before");
        let lines = segment::open(sealed, &order.jobs).map_err(|_| Misfit("a segment of other jobs"))?;
        if !order.lacking.is_empty() {
            return Err(OTHER);
        }
        let mut known = order.known.iter().peekable();
        let mut verdicts = Verdicts::default();
        for (line, job) in lines.iter().zip(&order.jobs) {
            match known.next_if(|line| segment::job_of(line) == Some(*job)) {
                Some(known) if known == line => {}
                Some(_) => return Err(OTHER),
                None => verdicts = verdicts.and(self.line(line)?),
            }
        }
        Ok(verdicts)
    }
}

/// Returns the lines and the sealed segment that are accepted from a worker's bytes.
///
/// Reads its first message, then all replies up to one that does not fit. For the fuzz target, which has no worker.
pub fn from_worker(mut bytes: &[u8], jobs: &[u64], known: Vec<String>) -> (Vec<String>, Option<Vec<u8>>) {
    let (given_up, lacking) = (Vec::new(), BTreeSet::new());
    let mut order = Order { jobs: jobs.to_vec(), known, given_up, lacking, careful: true };
    let mut heard = Heard::new(&order);
    let mut told = Vec::new();
    if !matches!(receive::<Ready>(&mut bytes, LONGEST_REPLY), Ok(Some(Ok(_)))) {
        return (told, None);
    }
    while let Ok(Some(reply)) = receive(&mut bytes, LONGEST_REPLY) {
        match heard.take(reply, &order, false) {
            Ok(News::Begins) => {}
            Ok(News::Lines(lines, _)) => {
                order.known.extend(lines.iter().cloned());
                order.known.sort_by_key(|line| segment::job_of(line));
                told.extend(lines);
            }
            Ok(News::Lacks(job, _)) => drop(order.lacking.insert(job)),
            Ok(News::Sealed(sealed, _)) => return (told, Some(sealed)),
            Ok(News::Unsealed | News::Stopped | News::Failed(_) | News::Fault(_)) | Err(_) => break,
        }
    }
    (told, None)
}

const NO_RECORD: Misfit = Misfit("a line that is no record");

fn reason(what: String) -> Result<String, Misfit> {
    if what.len() > LONGEST_REASON { Err(Misfit("more than a reason has")) } else { Ok(what) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(job: u64, verdict: &str) -> String {
        format!("{{\"job\":{job},\"run\":{{\"verdict\":\"{verdict}\"}}}}\n")
    }

    /// Jobs 3 to 6, of which 4 is recorded.
    fn order() -> Order {
        let known = vec![line(4, "pass")];
        Order {
            jobs: vec![3, 4, 5, 6],
            known,
            given_up: Vec::new(),
            lacking: BTreeSet::new(),
            careful: false,
        }
    }

    fn seal(lines: &[String]) -> Reply {
        Reply::Sealed(segment::seal(lines.iter().map(String::as_str)).unwrap())
    }

    fn whole() -> Vec<String> {
        [3, 4, 5, 6].map(|job| line(job, "pass")).to_vec()
    }

    /// Returns the news in these replies; an error if one does not fit.
    fn heard(order: &Order, replies: impl IntoIterator<Item = Reply>) -> Result<Vec<News>, Misfit> {
        let mut heard = Heard::new(order);
        replies.into_iter().map(|reply| heard.take(reply, order, false)).collect()
    }

    #[test]
    fn what_a_worker_says_in_order_is_believed() {
        let order = order();
        let lines = |job| Reply::Lines(vec![line(job, "findings")]);
        heard(&order, [Reply::Begins(3), lines(3), lines(5), seal(&whole())])
            .expect_err("3 was something else");
        let told = heard(&order, [Reply::Begins(3), lines(3), Reply::Begins(5), lines(5)]).unwrap();
        let one = Verdicts { findings: 1, ..Verdicts::default() };
        assert_eq!(told[1], News::Lines(vec![line(3, "findings")], one));
        let sealed = heard(&order, [seal(&whole())]).unwrap();
        assert!(matches!(
            sealed[..],
            [News::Sealed(_, Verdicts { pass: 3, bounded: 0, findings: 0, unknown: 0 })]
        ));
    }

    #[test]
    fn lines_that_were_told_are_sealed_as_they_were() {
        let mut order = order();
        let mut heard = Heard::new(&order);
        heard.take(Reply::Lines(vec![line(3, "findings")]), &order, false).unwrap();
        order.known.insert(0, line(3, "findings"));
        assert!(heard.take(seal(&whole()), &order, false).is_err());
        let same = [vec![line(3, "findings")], whole().split_off(1)].concat();
        let News::Sealed(_, verdicts) = heard.take(seal(&same), &order, false).unwrap() else { panic!() };
        assert_eq!(verdicts, Verdicts { pass: 2, ..Verdicts::default() }, "3 was counted before");
    }

    #[test]
    fn what_does_not_fit_is_not_believed() {
        let order = order();
        let lines = |lines: &[String]| Reply::Lines(lines.to_vec());
        for (what, replies) in [
            ("a job of another segment begins", vec![Reply::Begins(7)]),
            ("a job that is recorded begins", vec![Reply::Begins(4)]),
            ("a job begins again and again", vec![Reply::Begins(3), Reply::Begins(3)]),
            ("a job of another segment", vec![lines(&[line(7, "pass")])]),
            ("a job that is recorded", vec![lines(&[line(4, "pass")])]),
            ("a job twice", vec![lines(&[line(3, "pass"), line(3, "pass")])]),
            ("a job twice, in two messages", vec![lines(&[line(3, "pass")]), lines(&[line(3, "pass")])]),
            ("another job than began", vec![Reply::Begins(3), lines(&[line(5, "pass")])]),
            ("no line", vec![lines(&[String::new()])]),
            ("two lines in one", vec![lines(&[line(3, "pass") + &line(5, "pass")])]),
            ("a line without an end", vec![lines(&[line(3, "pass").trim_end().to_owned()])]),
            ("no record", vec![lines(&["{\"job\":3,\n".to_owned()])]),
            ("no verdict", vec![lines(&[line(3, "passed")])]),
            ("no lines", vec![lines(&[])]),
            ("a job that lacks twice", vec![Reply::Lacks(3, String::new()), Reply::Lacks(3, String::new())]),
            ("a recorded job that lacks", vec![Reply::Lacks(4, String::new())]),
            ("a reason without end", vec![Reply::Lacks(3, "x".repeat(LONGEST_REASON + 1))]),
            ("all was tried", vec![Reply::Unsealed]),
            ("a stop that nobody asked for", vec![Reply::Stopped]),
            ("what is not sealed", vec![Reply::Sealed(b"sealed".to_vec())]),
            ("a job is missing", vec![seal(&whole()[..3])]),
            ("a recorded job has another outcome", {
                vec![seal(&[line(3, "pass"), line(4, "findings"), line(5, "pass"), line(6, "pass")])]
            }),
        ] {
            let heard = heard(&order, replies);
            assert!(heard.is_err(), "{what}: {heard:?}");
        }
    }

    #[test]
    fn a_segment_of_which_jobs_lack_something_is_not_sealed() {
        let mut order = order();
        order.lacking = [5].into();
        assert!(heard(&order, [seal(&whole())]).is_err());
        assert!(heard(&order, [Reply::Unsealed]).is_err(), "3 and 6 were not tried");
        let rest = Reply::Lines(vec![line(3, "pass"), line(6, "pass")]);
        assert_eq!(heard(&order, [rest, Reply::Unsealed]).unwrap().last(), Some(&News::Unsealed));
    }

    #[test]
    fn a_stop_that_was_asked_for_is_one() {
        let order = order();
        assert_eq!(Heard::new(&order).take(Reply::Stopped, &order, true), Ok(News::Stopped));
    }
}
