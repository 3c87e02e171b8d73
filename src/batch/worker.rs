//! The worker: a process that runs jobs of a batch. A job can end it.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use pmdscope_traces::batch::segment;

use super::runner::{JobResult, Runner};
use super::wire::{Order, Ready, Reply, Setup};
use crate::cli::CacheArgs;
use crate::confined::{LONGEST, receive, sandbox, send};
use crate::exit::Exit;
use crate::failure::{one_line, status_of};

/// How long finished jobs are collected before the next one sends them all.
const AT_LEAST_EVERY: Duration = Duration::from_millis(200);

/// The only argument of a worker. It is no command for users, so the command line does not know it.
pub const ARGUMENT: &str = "batch-worker";

/// Whether this process was started as a worker.
pub fn is_worker() -> bool {
    std::env::args_os().skip(1).eq([ARGUMENT])
}

/// Runs the segments that arrive on standard input, until there are no more.
pub fn worker() -> Result<Exit> {
    let stop = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGTERM, Arc::clone(&stop))?;
    let (mut from, mut to) = (std::io::stdin().lock(), std::io::stdout().lock());
    let Some(setup) = receive::<Setup>(&mut from, LONGEST)? else { return Ok(Exit::Clean) };
    let Setup { plan, no_cache, memory, seconds } = setup;
    let ready = sandbox::confine(plan.readable(), memory)
        .and_then(|confined| Ok((confined, Runner::new(plan, CacheArgs { no_cache })?)));
    let mut runner = match ready {
        Ok((confined, runner)) => {
            send(&mut to, &Ready::Ok(confined))?;
            runner
        }
        Err(error) => {
            send(&mut to, &Ready::Err(one_line(&error)))?;
            return Ok(Exit::Internal);
        }
    };
    while let Some(order) = receive::<Order>(&mut from, LONGEST)? {
        let mut told = Told { to: &mut to, pending: Vec::new(), last: Instant::now() };
        if let Err(error) = work(&mut runner, &order, &mut told, &stop, seconds) {
            let reply = if status_of(&error) == Exit::Internal { Reply::Fault } else { Reply::Failed };
            send(&mut to, &reply(one_line(&error)))?;
            return Ok(Exit::Internal);
        }
        if stop.load(Ordering::Relaxed) {
            break;
        }
    }
    Ok(Exit::Clean)
}

/// Sends the lines of finished jobs to the batch, several in one message.
struct Told<'a, W> {
    to: &'a mut W,
    pending: Vec<String>,
    last: Instant,
}

impl<W: Write> Told<'_, W> {
    fn line(&mut self, line: &str, at_once: bool) -> Result<()> {
        self.pending.push(line.to_owned());
        if at_once || self.last.elapsed() >= AT_LEAST_EVERY {
            self.all()?;
        }
        Ok(())
    }

    fn all(&mut self) -> Result<()> {
        let lines = std::mem::take(&mut self.pending);
        if !lines.is_empty() {
            send(self.to, &Reply::Lines(lines))?;
        }
        self.last = Instant::now();
        Ok(())
    }
}

/// Runs the missing jobs of a segment, and seals it if all have a record.
fn work(
    runner: &mut Runner,
    order: &Order,
    told: &mut Told<'_, impl Write>,
    stop: &AtomicBool,
    seconds: u64,
) -> Result<()> {
    runner.forget_guest();
    let mut known = order.known.iter().peekable();
    let mut lines = Vec::with_capacity(order.jobs.len());
    let mut is_whole = true;
    for job in &order.jobs {
        if let Some(line) = known.next_if(|line| segment::job_of(line) == Some(*job)) {
            lines.push(line.clone());
            continue;
        }
        if stop.load(Ordering::Relaxed) {
            told.all()?;
            return Ok(send(told.to, &Reply::Stopped)?);
        }
        if order.lacking.contains(job) {
            is_whole = false;
            continue;
        }
        let given_up = order.given_up.iter().find(|(number, _)| number == job);
        let record = match given_up {
            Some((_, why)) => runner.given_up(*job, why)?,
            None => {
                if order.careful {
                    send(told.to, &Reply::Begins(*job))?;
                }
                sandbox::allow_processor_time(seconds)?;
                match runner.run(*job)? {
                    JobResult::Record(record) => *record,
                    JobResult::Lacks(what) => {
                        send(told.to, &Reply::Lacks(*job, what))?;
                        is_whole = false;
                        continue;
                    }
                }
            }
        };
        let line = segment::line(&record).context("a record cannot be written")?;
        told.line(&line, order.careful)?;
        lines.push(line);
    }
    if !is_whole {
        told.all()?;
        return Ok(send(told.to, &Reply::Unsealed)?);
    }
    let sealed = segment::seal(lines.iter().map(String::as_str)).context("a segment cannot be sealed")?;
    Ok(send(told.to, &Reply::Sealed(sealed))?)
}
