//! Merges the lines of several results, in the order of their jobs.

use std::iter::Peekable;

use super::Batch;
use super::segment::job_of;

/// Errors in the form of a line or in its place among the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// The line does not begin as a record does.
    #[error("a line is no record")]
    NoRecord,
    /// The job is not in the batch, or its number is not above that of the line before.
    #[error("the record of job {0} is not where it belongs")]
    Misplaced(u64),
}

/// Checks that the lines of one batch are in the order of their jobs.
#[derive(Debug, Clone, Copy)]
pub struct JobOrder {
    /// How many jobs the batch has.
    jobs: u64,
    last: Option<u64>,
}

impl JobOrder {
    /// Starts before the first line of a batch of `jobs` jobs.
    pub fn new(jobs: u64) -> Self {
        JobOrder { jobs, last: None }
    }

    /// Returns the job of the next line.
    ///
    /// # Errors
    /// [`LineError`] if the line does not belong there. Later lines are then checked as if it were absent.
    pub fn job(&mut self, line: &str) -> Result<u64, LineError> {
        let job = job_of(line).ok_or(LineError::NoRecord)?;
        if job >= self.jobs || self.last.is_some_and(|last| job <= last) {
            return Err(LineError::Misplaced(job));
        }
        self.last = Some(job);
        Ok(job)
    }
}

/// The lines of several parts of a batch, cut into the segments of the whole batch.
pub struct Segments<'a, I: Iterator<Item = Result<(u64, String), E>>, E> {
    batch: &'a Batch,
    lines: Peekable<Joined<I, E>>,
}

/// The lines of a segment, which may be incomplete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// The number of the segment, from 0 on.
    pub number: u64,
    /// The lines, in the order of their jobs.
    pub lines: Vec<String>,
    /// Whether every job of the segment has a line.
    pub is_whole: bool,
}

/// The lines of several parts of a batch in the order of their jobs, each with its job.
///
/// It holds one line of each part at a time.
struct Joined<I: Iterator<Item = Line<E>>, E> {
    parts: Vec<Peekable<I>>,
}

/// A line with its job.
type Line<E> = Result<(u64, String), E>;

/// Errors of joining parts.
#[derive(Debug, thiserror::Error)]
pub enum JoinError<E> {
    /// The next line of a part cannot be read.
    #[error(transparent)]
    Part(E),
    /// Two parts have a record of one job.
    #[error("the record of job {job} is in two parts")]
    Twice {
        /// The job.
        job: u64,
        /// The two parts, by their positions in the list of parts.
        parts: [usize; 2],
    },
}

impl<I, E> Joined<I, E>
where
    I: Iterator<Item = Line<E>>,
{
    /// Merges the lines of parts. Each part must be in the order of its jobs.
    fn new(parts: impl IntoIterator<Item = I>) -> Self {
        Joined { parts: parts.into_iter().map(Iterator::peekable).collect() }
    }

    /// Returns the part whose next line has the lowest job number; `None` at the end of all parts.
    ///
    /// A part whose next line cannot be read comes before all others.
    fn first(&mut self) -> Result<Option<usize>, JoinError<E>> {
        let mut first: Option<(u64, usize)> = None;
        for (place, part) in self.parts.iter_mut().enumerate() {
            let job = match part.peek() {
                None => continue,
                // The caller takes the error from this part and reports it.
                Some(Err(_)) => return Ok(Some(place)),
                Some(Ok((job, _))) => *job,
            };
            match first {
                Some((known, other)) if known == job => {
                    return Err(JoinError::Twice { job, parts: [other, place] });
                }
                Some((known, _)) if known < job => {}
                _ => first = Some((job, place)),
            }
        }
        Ok(first.map(|(_, place)| place))
    }
}

impl<'a, I, E> Segments<'a, I, E>
where
    I: Iterator<Item = Result<(u64, String), E>>,
{
    /// Cuts the lines of parts into the segments of `batch`, which has all jobs of the matrix.
    pub fn new(batch: &'a Batch, parts: impl IntoIterator<Item = I>) -> Self {
        Segments { batch, lines: Joined::new(parts).peekable() }
    }
}

impl<I, E> Iterator for Segments<'_, I, E>
where
    I: Iterator<Item = Result<(u64, String), E>>,
{
    type Item = Result<Segment, JoinError<E>>;

    fn next(&mut self) -> Option<Self::Item> {
        let (job, line) = match self.lines.next()? {
            Ok(line) => line,
            Err(error) => return Some(Err(error)),
        };
        let size = self.batch.segment.max(1);
        let number = job / size;
        let start = number.saturating_mul(size);
        let end = start.saturating_add(size).min(self.batch.jobs);
        let mut lines = vec![line];
        let is_in_it = |line: &Line<_>| line.as_ref().is_ok_and(|(job, _)| *job < end);
        while let Some(Ok((_, line))) = self.lines.next_if(is_in_it) {
            lines.push(line);
        }
        let is_whole = lines.len() as u64 == end.saturating_sub(start);
        Some(Ok(Segment { number, lines, is_whole }))
    }
}

impl<I, E> Iterator for Joined<I, E>
where
    I: Iterator<Item = Result<(u64, String), E>>,
{
    type Item = Result<(u64, String), JoinError<E>>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.first() {
            Ok(place) => Some(self.parts.get_mut(place?)?.next()?.map_err(JoinError::Part)),
            Err(error) => {
                // No line is read after this error.
                self.parts.clear();
                Some(Err(error))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(jobs: &[u64]) -> Vec<Line<&'static str>> {
        jobs.iter().map(|job| Ok((*job, format!("{{\"job\":{job},}}\n")))).collect()
    }

    fn joined(parts: Vec<Vec<Line<&'static str>>>) -> (Vec<u64>, Option<String>) {
        let (mut jobs, mut error) = (Vec::new(), None);
        for line in Joined::new(parts.into_iter().map(Vec::into_iter)) {
            match line {
                Ok((job, _)) => jobs.push(job),
                Err(why) => error = Some(format!("{why:?}")),
            }
        }
        (jobs, error)
    }

    #[test]
    fn lines_come_in_the_order_of_their_jobs_whichever_part_they_are_in() {
        assert_eq!(joined(vec![part(&[1, 4, 9]), part(&[]), part(&[0, 5])]), (vec![0, 1, 4, 5, 9], None));
        assert_eq!(joined(vec![]), (vec![], None));
    }

    #[test]
    fn a_job_that_two_parts_have_is_told_with_both_and_ends_it() {
        let (jobs, error) = joined(vec![part(&[0, 8]), part(&[3]), part(&[2, 3, 7])]);
        assert_eq!(jobs, [0, 2]);
        assert_eq!(error.unwrap(), "Twice { job: 3, parts: [1, 2] }");
    }

    #[test]
    fn what_cannot_be_read_is_told_before_anything_that_comes_after_it() {
        let mut broken = part(&[1]);
        broken.push(Err("torn"));
        let (jobs, error) = joined(vec![broken, part(&[5, 6])]);
        assert_eq!((jobs, error.unwrap().as_str()), (vec![1, 5, 6], "Part(\"torn\")"));
    }

    #[test]
    fn a_line_out_of_order_is_misplaced() {
        let mut order = JobOrder::new(10);
        let mut job = |line: &str| order.job(line);
        assert_eq!(job("{\"job\":3,"), Ok(3));
        assert_eq!(job("{\"job\":3,"), Err(LineError::Misplaced(3)));
        assert_eq!(job("{\"job\":2,"), Err(LineError::Misplaced(2)));
        assert_eq!(job("{\"job\":10,"), Err(LineError::Misplaced(10)));
        assert_eq!(job("{\"jobs\":4,"), Err(LineError::NoRecord));
        assert_eq!(job("{\"job\":9,"), Ok(9), "what was refused moves nothing");
    }
}
