//! The lines of several results, in the order of their jobs.

use std::iter::Peekable;

use super::Batch;
use super::segment::job_of;

/// Why a line does not belong where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// It does not begin as a record does.
    #[error("a line is no record")]
    NoRecord,
    /// Its job is not in the batch, or does not come after that of the line before it.
    #[error("the record of job {0} is not where it belongs")]
    Misplaced(u64),
}

/// The order in which the lines of one batch come.
#[derive(Debug, Clone, Copy)]
pub struct JobOrder {
    /// How many jobs the batch has.
    jobs: u64,
    last: Option<u64>,
}

impl JobOrder {
    /// The order of a batch of `jobs` jobs, before its first line.
    pub fn new(jobs: u64) -> Self {
        JobOrder { jobs, last: None }
    }

    /// The job of the next line.
    ///
    /// # Errors
    /// If the line does not belong there. It is then ignored.
    pub fn job(&mut self, line: &str) -> Result<u64, LineError> {
        let job = job_of(line).ok_or(LineError::NoRecord)?;
        if job >= self.jobs || self.last.is_some_and(|last| job <= last) {
            return Err(LineError::Misplaced(job));
        }
        self.last = Some(job);
        Ok(job)
    }
}

/// The lines of several parts of a batch, cut into the segments that the whole batch has.
pub struct Segments<'a, I: Iterator<Item = Result<(u64, String), E>>, E> {
    batch: &'a Batch,
    lines: Peekable<Joined<I, E>>,
}

/// The lines of a segment, whole or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Its number.
    pub number: u64,
    /// Its lines, in the order of their jobs.
    pub lines: Vec<String>,
    /// Whether all of its jobs have one.
    pub is_whole: bool,
}

/// The lines of several parts of a batch in the order of their jobs, each with its job. Of each part one line is held.
struct Joined<I: Iterator<Item = Line<E>>, E> {
    parts: Vec<Peekable<I>>,
}

/// A line with its job.
type Line<E> = Result<(u64, String), E>;

/// Why parts cannot be joined.
#[derive(Debug, thiserror::Error)]
pub enum JoinError<E> {
    /// A part cannot be read on.
    #[error(transparent)]
    Part(E),
    /// Two parts have a record of one job.
    #[error("the record of job {job} is in two parts")]
    Twice {
        /// The job.
        job: u64,
        /// The two, by their places.
        parts: [usize; 2],
    },
}

impl<I, E> Joined<I, E>
where
    I: Iterator<Item = Line<E>>,
{
    /// The lines of parts, each of which has them in the order of their jobs.
    fn new(parts: impl IntoIterator<Item = I>) -> Self {
        Joined { parts: parts.into_iter().map(Iterator::peekable).collect() }
    }

    /// The part whose next line comes first, or that cannot be read on; `None` at the end of all.
    fn first(&mut self) -> Result<Option<usize>, JoinError<E>> {
        let mut first: Option<(u64, usize)> = None;
        for (place, part) in self.parts.iter_mut().enumerate() {
            let job = match part.peek() {
                None => continue,
                // It is taken to be told.
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
    /// The segments of a batch of all jobs, from the lines of its parts.
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
                // Nothing that comes after it is asked for.
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
