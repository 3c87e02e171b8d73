//! The workers of a batch, and how it handles a job that ends its worker.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::Write;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ExitStatus};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel, sync_channel};
use std::sync::{Mutex, Once, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use pmdscope_traces::batch::segment;
use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;

use super::heard::{Heard, Misfit, News};
use super::progress::Progress;
use super::store::{Sealed, Store};
use super::wire::{LONGEST_REPLY, Order, Ready, Reply, Setup, Verdicts};
use super::worker;
use crate::confined::sandbox::Confined;
use crate::confined::{Death, beside, death, last_words, message, receive, start, unconfined};
use crate::failure::Fault;
use crate::output;

/// How often a job may end its worker before it is given up.
const TRIES: u32 = 2;
/// How often a job's worker may be killed before the job is given up.
///
/// No guest can kill its worker: it was the system, short of memory, or a person.
const TRIES_IF_KILLED: u32 = 20;
/// How long a worker that was asked to stop may take to finish its job.
const GRACE: Duration = Duration::from_secs(5);
/// How often a slot checks whether it must stop.
const LOOK: Duration = Duration::from_millis(20);

/// The state that all slots share.
pub struct Crew<'a> {
    pub setup: &'a Setup,
    pub store: &'a Store,
    pub progress: &'a Progress,
    /// Makes the warning about missing confinement appear once.
    pub warned: Once,
    pub lacking: &'a Lacking,
    /// Returns the name of a job, for messages.
    pub name: &'a (dyn Fn(u64) -> String + Sync),
    /// Set when the batch must stop.
    pub stop: &'a AtomicBool,
}

/// Segments to run: their numbers and their jobs.
pub type Segments<'a> = Box<dyn Iterator<Item = (u64, Vec<u64>)> + Send + 'a>;

impl Crew<'_> {
    /// Runs segments on `workers` workers.
    ///
    /// Returns the verdicts of all recorded jobs.
    pub fn run(&self, segments: Segments<'_>, workers: usize) -> Result<Verdicts> {
        let segments = Mutex::new(segments);
        let next = || segments.lock().unwrap_or_else(PoisonError::into_inner).next();
        let failed = AtomicBool::new(false);
        let slot = || -> Result<Verdicts> {
            let mut slot = Slot { crew: self, failed: &failed, worker: None };
            let mut verdicts = Verdicts::default();
            while !slot.is_to_stop()
                && let Some((segment, jobs)) = next()
            {
                match slot.segment(segment, jobs) {
                    Ok(recorded) => verdicts = verdicts.and(recorded),
                    Err(error) => {
                        failed.store(true, Ordering::Relaxed);
                        return Err(error);
                    }
                }
            }
            Ok(verdicts)
        };
        thread::scope(|scope| {
            let begin = |_| thread::Builder::new().spawn_scoped(scope, slot);
            let slots: Vec<_> = (0..workers).map(begin).collect();
            let mut all = Ok(Verdicts::default());
            for slot in slots {
                let one = match slot {
                    Ok(slot) => slot
                        .join()
                        .unwrap_or_else(|_| Err(Fault("a thread of the batch panicked".to_owned()).into())),
                    Err(error) => Err(anyhow!(error).context("cannot start a thread")),
                };
                all = match (all, one) {
                    (Ok(all), Ok(one)) => Ok(all.and(one)),
                    (Err(first), _) | (_, Err(first)) => Err(first),
                };
            }
            all
        })
    }

    /// Leaves a job without a record, to be run again when there is more memory or time.
    fn lacks(&self, order: &mut Order, job: u64, what: &str) {
        if order.lacking.insert(job) {
            self.lacking.jobs.fetch_add(1, Ordering::Relaxed);
            if self.lacking.is_new(what) {
                self.tell(job, what);
            }
        }
    }

    fn tell(&self, job: u64, what: &str) {
        self.progress.say(|| {
            let name = (self.name)(job);
            output::tell(&format!("job {job}, {name}: {what}"));
        });
    }

    /// Warns once if the system lacks a mechanism to confine workers.
    fn warn(&self, confined: Confined) {
        if let Some(lacks) = confined.lacks() {
            self.warned.call_once(|| {
                self.progress.say(|| {
                    output::tell(&unconfined(lacks));
                });
            });
        }
    }
}

/// A thread that runs segments, with one worker at a time.
struct Slot<'a> {
    crew: &'a Crew<'a>,
    /// Set when a slot has failed: then all of them stop.
    failed: &'a AtomicBool,
    worker: Option<Worker>,
}

/// The jobs that cannot run now, but could with more memory or time.
pub struct Lacking {
    /// How many jobs lacked something.
    pub jobs: AtomicU64,
    /// The messages that were printed. Jobs that lack the same thing print one message.
    told: Mutex<BTreeSet<String>>,
}

impl Lacking {
    pub fn new() -> Self {
        Lacking { jobs: AtomicU64::new(0), told: Mutex::default() }
    }

    fn is_new(&self, what: &str) -> bool {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(what.to_owned())
    }
}

/// Why work on a segment ended before it was sealed.
enum CallResult {
    /// The worker's process ended; `at` is the job that it ran, if known.
    Died { status: ExitStatus, at: Option<u64>, last_words: String },
    /// The worker said nothing for too long, and was killed.
    Hung { at: Option<u64> },
    /// The worker sent a reply that does not fit, and was killed.
    Astray { at: Option<u64>, misfit: Misfit },
    /// The batch must stop.
    Stopped,
}

impl Slot<'_> {
    fn is_to_stop(&self) -> bool {
        self.crew.stop.load(Ordering::Relaxed) || self.failed.load(Ordering::Relaxed)
    }

    /// Runs a segment to its end, or until the batch must stop.
    ///
    /// Returns the verdicts of the segment's recorded jobs.
    fn segment(&mut self, number: u64, jobs: Vec<u64>) -> Result<Verdicts> {
        let Crew { store, progress, .. } = self.crew;
        match store.sealed(number, &jobs)? {
            Sealed::Lines(lines) => {
                let verdicts = Verdicts::of(lines.iter().map(String::as_str))?;
                progress.known(verdicts);
                return Ok(verdicts);
            }
            Sealed::Damaged(what) => {
                progress.say(|| output::tell(&format!("{what}; its jobs are run again")))
            }
            Sealed::NotYet => {}
        }
        let known = store.known(number, &jobs)?;
        let mut recorded = Verdicts::of(known.iter().map(String::as_str))?;
        progress.known(recorded);
        let mut order = Order { jobs, known, given_up: Vec::new(), lacking: BTreeSet::new(), careful: false };
        let mut deaths: HashMap<Option<u64>, u32> = HashMap::new();
        let done = |order: &Order| order.known.len() + order.lacking.len();
        loop {
            let before = done(&order);
            match self.work(number, &mut order, &mut recorded)? {
                None => return Ok(recorded),
                Some(CallResult::Stopped) => return Ok(recorded),
                Some(ended) => {
                    self.worker = None;
                    if done(&order) > before {
                        // The worker ran a job, so it did not end before its first one.
                        deaths.remove(&None);
                    }
                    self.learn(&mut order, &mut deaths, ended)?;
                }
            }
        }
    }

    /// Lets a worker run the missing jobs.
    ///
    /// Returns `None` if the segment is sealed, or if all of its jobs were tried.
    fn work(
        &mut self,
        number: u64,
        order: &mut Order,
        recorded: &mut Verdicts,
    ) -> Result<Option<CallResult>> {
        let Crew { store, progress, .. } = self.crew;
        if self.worker.is_none() {
            match Worker::start(self.crew.setup, self.patience())? {
                Ok((worker, confined)) => {
                    self.crew.warn(confined);
                    self.worker = Some(worker);
                }
                Err(ended) => return Ok(Some(ended)),
            }
        }
        let is_to_stop = || self.crew.stop.load(Ordering::Relaxed) || self.failed.load(Ordering::Relaxed);
        let Some(worker) = &mut self.worker else { bail!("there is no worker") };
        worker.tell(order)?;
        let mut heard = Heard::new(order);
        let mut last = Instant::now();
        let mut asked_to_stop = None;
        loop {
            let stopping = is_to_stop();
            if stopping && asked_to_stop.is_none() {
                worker.signal(Signal::TERM);
                asked_to_stop = Some(Instant::now());
            }
            if asked_to_stop.is_some_and(|asked| asked.elapsed() > GRACE) {
                worker.signal(Signal::KILL);
                return Ok(Some(CallResult::Stopped));
            }
            if last.elapsed() > self.crew.setup.limits().patience() {
                worker.signal(Signal::KILL);
                return Ok(Some(CallResult::Hung { at: heard.at() }));
            }
            let reply = match worker.replies.recv_timeout(LOOK) {
                Ok(reply) => reply,
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) if stopping => return Ok(Some(CallResult::Stopped)),
                Err(RecvTimeoutError::Disconnected) => {
                    let (status, last_words) = worker.end()?;
                    return Ok(Some(CallResult::Died { status, at: heard.at(), last_words }));
                }
            };
            last = Instant::now();
            let news = match heard.take(reply, order, asked_to_stop.is_some()) {
                Ok(news) => news,
                Err(misfit) => {
                    worker.signal(Signal::KILL);
                    return Ok(Some(CallResult::Astray { at: heard.at(), misfit }));
                }
            };
            match news {
                News::Begins => {}
                News::Lines(lines, verdicts) => {
                    store.add(number, &lines)?;
                    progress.done(verdicts);
                    *recorded = recorded.and(verdicts);
                    order.known.extend(lines);
                    order.known.sort_by_key(|line| segment::job_of(line));
                }
                News::Sealed(sealed, verdicts) => {
                    store.seal(number, &sealed)?;
                    progress.done(verdicts);
                    *recorded = recorded.and(verdicts);
                    return Ok(None);
                }
                News::Lacks(job, what) => self.crew.lacks(order, job, &what),
                News::Unsealed => return Ok(None),
                News::Stopped => return Ok(Some(CallResult::Stopped)),
                News::Failed(why) => bail!("a worker cannot go on: {why}"),
                News::Fault(why) => return Err(Fault(why).into()),
            }
        }
    }

    fn patience(&self) -> Duration {
        self.crew.setup.limits().patience()
    }

    /// Counts the deaths of workers by job, and gives up a job that ends its worker each time.
    fn learn(
        &self,
        order: &mut Order,
        deaths: &mut HashMap<Option<u64>, u32>,
        ended: CallResult,
    ) -> Result<()> {
        let (at, tries, why, last_words) = match ended {
            CallResult::Stopped => return Ok(()),
            CallResult::Hung { at } => {
                let why =
                    format!("the worker said nothing for {} s, and was ended", self.patience().as_secs());
                (at, TRIES, Death::ForNow(why), String::new())
            }
            CallResult::Astray { at, misfit } => {
                (at, TRIES, Death::ForGood(misfit.to_string()), String::new())
            }
            CallResult::Died { status, at, last_words } => {
                let killed = status.signal() == Some(Signal::KILL.as_raw());
                let tries = if killed { TRIES_IF_KILLED } else { TRIES };
                (at, tries, death(status, &last_words, self.crew.setup.limits())?, last_words)
            }
        };
        // A worker that is not careful does not announce its jobs, so the job is unknown: try again carefully.
        if !std::mem::replace(&mut order.careful, true) {
            return Ok(());
        }
        let count = deaths.entry(at).or_default();
        *count += 1;
        if *count < tries {
            return Ok(());
        }
        match (at, why) {
            (None, Death::ForGood(why) | Death::ForNow(why)) => {
                bail!("workers end before they run a job: {why}{}", in_brackets(&last_words))
            }
            (Some(job), Death::ForNow(why)) => self.crew.lacks(order, job, &why),
            (Some(job), Death::ForGood(why)) => {
                self.crew.tell(job, &format!("{why}{}", in_brackets(&last_words)));
                order.given_up.push((job, why));
            }
        }
        Ok(())
    }
}

fn in_brackets(last_words: &str) -> String {
    if last_words.is_empty() { String::new() } else { format!(" ({last_words})") }
}

/// A process that runs jobs.
struct Worker {
    child: Child,
    /// Encoded messages to the worker.
    orders: Sender<Vec<u8>>,
    replies: Receiver<Reply>,
    /// What the worker writes to standard error.
    words: File,
}

impl Worker {
    /// Starts a worker, and waits until it has confined itself.
    ///
    /// The inner error says how the worker ended before that.
    fn start(setup: &Setup, patience: Duration) -> Result<Result<(Worker, Confined), CallResult>> {
        // Ctrl-C must reach only the batch, which then lets its workers finish their jobs.
        let (mut child, words) = start(worker::ARGUMENT, |command| {
            command.process_group(0);
        })?;
        let (Some(mut to), Some(mut from)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("a worker has no pipes");
        };
        let (orders, messages) = channel::<Vec<u8>>();
        // A worker's reply waits until the slot reads it, so that a worker cannot fill the memory of the batch.
        let (sender, replies) = sync_channel(1);
        // From here on, dropping this kills the process, whatever fails.
        let mut worker = Worker { child, orders, replies, words };
        // A pipe may hold only a part of a message. If the worker stops reading, this thread waits, not the slot.
        beside(move || {
            for message in messages {
                // If the worker has ended already, the missing replies show that.
                if to.write_all(&message).is_err() {
                    break;
                }
            }
        })?;
        let (began, begun) = channel();
        beside(move || {
            if let Ok(Some(ready)) = receive::<Ready>(&mut from, LONGEST_REPLY) {
                let _ = began.send(ready);
            }
            drop(began);
            while let Ok(Some(reply)) = receive(&mut from, LONGEST_REPLY) {
                if sender.send(reply).is_err() {
                    break;
                }
            }
        })?;
        worker.tell(setup)?;
        match begun.recv_timeout(patience) {
            Ok(Ok(confined)) => Ok(Ok((worker, confined))),
            Ok(Err(why)) => bail!("a worker cannot begin: {why}"),
            Err(RecvTimeoutError::Timeout) => Ok(Err(CallResult::Hung { at: None })),
            Err(RecvTimeoutError::Disconnected) => {
                let (status, last_words) = worker.end()?;
                Ok(Err(CallResult::Died { status, at: None, last_words }))
            }
        }
    }

    /// Sends the worker a message, without waiting until it is read.
    fn tell(&self, of: &impl Serialize) -> Result<()> {
        let message = message(of).context("a worker cannot be told what to do")?;
        // If nobody receives the message, the worker has ended, and the missing replies show that.
        let _ = self.orders.send(message);
        Ok(())
    }

    fn signal(&self, signal: Signal) {
        // A process that has ended but was not waited for still has its PID, so this reaches no other process.
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, signal);
        }
    }

    /// Kills the worker; returns its status and the last text that it wrote to standard error.
    fn end(&mut self) -> Result<(ExitStatus, String)> {
        // The worker may have closed its pipe without ending.
        self.signal(Signal::KILL);
        let status = self.child.wait().context("cannot wait for a worker")?;
        Ok((status, last_words(&mut self.words).unwrap_or_default()))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::super::plan::Plan;
    use super::super::store::tests::one_job;
    use super::*;
    use crate::cli::BoundArgs;

    /// A worker that sends these replies about a segment of job 0, whatever its orders.
    fn worker(replies: Vec<Reply>) -> Worker {
        let child = Command::new("sleep").arg("600").stdin(Stdio::null()).spawn().unwrap();
        let (orders, _) = channel();
        let (sender, receiver) = sync_channel(replies.len());
        replies.into_iter().for_each(|reply| sender.send(reply).unwrap());
        // A closed channel would mean that the worker has ended.
        std::mem::forget(sender);
        Worker { child, orders, replies: receiver, words: tempfile::tempfile().unwrap() }
    }

    #[test]
    fn a_worker_that_says_what_does_not_fit_is_ended_and_nothing_of_it_is_kept() {
        let line = |verdict: &str| format!("{{\"job\":0,\"run\":{{\"verdict\":\"{verdict}\"}}}}\n");
        let sealed = |line: &str| Reply::Sealed(segment::seal([line]).unwrap());
        for (replies, recorded) in [
            (vec![Reply::Stopped], 0),
            (vec![Reply::Unsealed], 0),
            (vec![Reply::Begins(0), Reply::Begins(0)], 0),
            (vec![Reply::Lines(vec!["{\"job\":1,\"run\":{}}\n".to_owned()])], 0),
            (vec![sealed("{\"job\":1,\"run\":{}}\n")], 0),
            (vec![Reply::Lines(vec![line("findings")]), sealed(&line("pass"))], 1),
        ] {
            let scratch = tempfile::tempdir().unwrap();
            let store = Store::open(&scratch.path().join("r"), one_job(), false).unwrap();
            let plan = Plan::of_bounds(BoundArgs::default());
            let (setup, progress) =
                (Setup { plan, no_cache: true, memory: 1, seconds: 60 }, Progress::new(1));
            let (lacking, stop, failed) = (Lacking::new(), AtomicBool::new(false), AtomicBool::new(false));
            let crew = Crew {
                setup: &setup,
                store: &store,
                progress: &progress,
                warned: Once::new(),
                lacking: &lacking,
                name: &|_| String::new(),
                stop: &stop,
            };
            let mut slot = Slot { crew: &crew, failed: &failed, worker: Some(worker(replies)) };
            let (known, given_up, lacking) = (Vec::new(), Vec::new(), BTreeSet::new());
            let mut order = Order { jobs: vec![0], known, given_up, lacking, careful: true };
            let mut verdicts = Verdicts::default();
            let ended = slot.work(0, &mut order, &mut verdicts).unwrap();
            assert!(matches!(ended, Some(CallResult::Astray { .. })));
            assert!(matches!(store.sealed(0, &[0]).unwrap(), Sealed::NotYet));
            assert_eq!(verdicts.jobs(), recorded);
            assert_eq!(slot.worker.unwrap().child.wait().unwrap().signal(), Some(Signal::KILL.as_raw()));
        }
    }
}
