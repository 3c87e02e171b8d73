//! Partitions: the part of a matrix's jobs that this batch runs.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, Result, anyhow, bail, ensure};
use sha2::{Digest, Sha256};

/// A part of the jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Partition {
    /// All of them.
    Whole,
    /// Every `of`-th job, from the `part`-th on, counted from 1.
    Slice { part: u64, of: u64 },
    /// The jobs whose name has a certain hash: a job stays in its part when the matrix grows.
    Hash { part: u64, of: u64 },
}

impl FromStr for Partition {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        if text == "slurm" {
            return of_slurm(|name| std::env::var(name).ok());
        }
        let part = |written: &str| -> Option<(u64, u64)> {
            let (part, of) = written.split_once('/')?;
            Some((part.parse().ok()?, of.parse().ok()?))
        };
        let (kind, written) = text.split_once(':').unwrap_or((text, ""));
        let Some((part, of)) = part(written) else {
            bail!("'{text}' is no part of a matrix: write slice:1/4, hash:1/4 or slurm")
        };
        ensure!(
            (1..=of).contains(&part),
            "'{text}' is no part of a matrix: parts are counted from 1 to their number"
        );
        match kind {
            "slice" => Ok(Partition::Slice { part, of }),
            "hash" => Ok(Partition::Hash { part, of }),
            _ => Err(anyhow!("unknown kind of part '{kind}': known are slice, hash")),
        }
    }
}

/// Returns the slice of this task of a Slurm job array, from the variables that Slurm sets.
fn of_slurm(variable: impl Fn(&str) -> Option<String>) -> Result<Partition> {
    let number = |name: &str| -> Result<u64> {
        let text = variable(name).with_context(|| {
            format!("{name} is not set: --partition slurm is for tasks of a Slurm job array")
        })?;
        text.parse().with_context(|| format!("{name} is '{text}', which is no number"))
    };
    let (task, first, of) =
        (number("SLURM_ARRAY_TASK_ID")?, number("SLURM_ARRAY_TASK_MIN")?, number("SLURM_ARRAY_TASK_COUNT")?);
    let step = match variable("SLURM_ARRAY_TASK_STEP") {
        Some(_) => number("SLURM_ARRAY_TASK_STEP")?.max(1),
        None => 1,
    };
    // An array of one task may be a rerun of one task of a larger array, whose size is then unknown.
    ensure!(
        of > 1,
        "this array has one task only, so it is not known of how many parts: name the part itself, such as --partition \
         slice:{}/4",
        task.max(1)
    );
    let part = task.checked_sub(first).map(|past| past / step + 1);
    let even = task.checked_sub(first).is_some_and(|past| past % step == 0);
    match part {
        Some(part) if even && part <= of => Ok(Partition::Slice { part, of }),
        _ => bail!(
            "task {task} is not one of {of} from {first} on by {step}: name the part itself, such as --partition \
             slice:1/{of}"
        ),
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Partition::Whole => f.write_str("all"),
            Partition::Slice { part, of } => write!(f, "slice:{part}/{of}"),
            Partition::Hash { part, of } => write!(f, "hash:{part}/{of}"),
        }
    }
}

impl Partition {
    /// Returns its name; `None` if it is the whole matrix.
    pub fn name(self) -> Option<String> {
        (self != Partition::Whole).then(|| self.to_string())
    }

    /// Returns its jobs, in order, out of `jobs` jobs; `name` returns the name of a job.
    pub fn jobs<'a>(
        self,
        jobs: u64,
        name: impl Fn(u64) -> String + Send + 'a,
    ) -> Box<dyn Iterator<Item = u64> + Send + 'a> {
        match self {
            Partition::Whole => Box::new(0..jobs),
            Partition::Slice { part, of } => {
                Box::new((part - 1..jobs).step_by(usize::try_from(of).unwrap_or(usize::MAX)))
            }
            Partition::Hash { part, of } => {
                Box::new((0..jobs).filter(move |job| hash(&name(*job)) % of == part - 1))
            }
        }
    }

    /// Returns how many of `jobs` jobs are in the partition; `name` returns the name of a job.
    pub fn count(self, jobs: u64, name: impl Fn(u64) -> String + Send) -> u64 {
        match self {
            Partition::Whole => jobs,
            Partition::Slice { part, of } => jobs.saturating_sub(part - 1).div_ceil(of),
            Partition::Hash { .. } => self.jobs(jobs, name).count() as u64,
        }
    }
}

fn hash(name: &str) -> u64 {
    Sha256::digest(name).first_chunk().copied().map_or(0, u64::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Partition> {
        text.parse()
    }

    #[test]
    fn parts_are_counted_from_one() {
        assert_eq!(parsed("slice:1/4").unwrap(), Partition::Slice { part: 1, of: 4 });
        assert_eq!(parsed("hash:4/4").unwrap().to_string(), "hash:4/4");
        for bad in ["slice:0/4", "slice:5/4", "slice:1", "slice", "half:1/2", "slice:-1/2", "slice:1/0", ""] {
            parsed(bad).unwrap_err();
        }
    }

    #[test]
    fn every_job_is_in_one_part() {
        let name = |job: u64| format!("job {job}");
        for (jobs, of) in [(50, 1), (50, 2), (50, 3), (50, 7), (3, 7), (0, 2)] {
            let all: Vec<u64> = (0..jobs).collect();
            for kind in [|part, of| Partition::Slice { part, of }, |part, of| Partition::Hash { part, of }] {
                let mut together = Vec::new();
                for part in (1..=of).map(|part| kind(part, of)) {
                    let mine: Vec<u64> = part.jobs(jobs, name).collect();
                    assert_eq!(part.count(jobs, name), mine.len() as u64);
                    assert!(mine.is_sorted());
                    together.extend(mine);
                }
                together.sort_unstable();
                assert_eq!(together, all);
            }
        }
    }

    #[test]
    fn a_task_of_slurm_has_its_slice() {
        let of = |id: &str, min: &str, step: Option<&str>, count: &str| {
            of_slurm(|name| match name {
                "SLURM_ARRAY_TASK_ID" => Some(id.to_owned()),
                "SLURM_ARRAY_TASK_MIN" => Some(min.to_owned()),
                "SLURM_ARRAY_TASK_STEP" => step.map(str::to_owned),
                _ => Some(count.to_owned()),
            })
        };
        assert_eq!(of("0", "0", None, "4").unwrap(), Partition::Slice { part: 1, of: 4 });
        assert_eq!(of("7", "1", Some("2"), "4").unwrap(), Partition::Slice { part: 4, of: 4 });
        // Only some tasks of the array were submitted.
        let error = of("9", "1", Some("1"), "2").unwrap_err().to_string();
        assert!(error.contains("name the part itself"), "{error}");
        let error = of("3", "3", Some("1"), "1").unwrap_err().to_string();
        assert!(error.ends_with("such as --partition slice:3/4"), "{error}");
        assert!(of_slurm(|_| None).unwrap_err().to_string().starts_with("SLURM_ARRAY_TASK_ID is not set"));
    }
}
