//! The joint results of two routines, and which of them running one after the other explains.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::count::Count;
use crate::outcome::{Outcome, RoutineResult};

/// The joint result of a run: the outcomes of both routines, and what they left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Together {
    /// The writer's outcome.
    pub writer: Outcome,
    /// The walker's outcome.
    pub walker: Outcome,
    /// The words that both use and that are not as before the run: addresses as the engine sees them, and their values
    /// in CPU order.
    pub left: BTreeMap<u64, u64>,
    /// The pages whose number of references is not as before the run, by frame number, with the new number.
    pub references: BTreeMap<u64, u64>,
    /// Where the kernel warned.
    pub warnings: BTreeSet<String>,
    /// Which routine ran wholly before the other; `None` if they ran at once.
    pub order: Option<SerialOrder>,
    /// The pair of accesses by which no order explains the run; `None` if the accesses themselves are those of an order.
    pub pair: Option<Pair>,
    /// The number of schedules with this result.
    pub schedules: Count,
    /// The shortest of these schedules.
    pub schedule: String,
}

/// An order of one routine after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SerialOrder {
    /// The writer, then the walker.
    WriterFirst,
    /// The walker, then the writer.
    WalkerFirst,
    /// One of the two accesses nothing that the other uses, so both orders are the same.
    Either,
}

/// Two accesses to one word, one by each routine, in their order. By them one routine goes after the other, and by
/// earlier ones before it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pair {
    /// The instruction of the first access, as `symbol+0x10`, with the name of the routine.
    pub first: String,
    /// That of the second.
    pub second: String,
}

/// The joint result of each order of one after the other, and what each routine leaves alone.
pub(super) struct Serial<'a> {
    all: Vec<&'a Together>,
    writer_alone: &'a BTreeMap<u64, u64>,
    walker_alone: &'a BTreeMap<u64, u64>,
}

/// What of a run is that of no order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unexplained {
    /// The outcomes of the routines.
    Outcomes,
    /// The word at an address.
    Word(u64),
    /// The number of references to a page.
    References(u64),
}

impl<'a> Serial<'a> {
    /// Returns both orders; `None` if one of them was not run to its end.
    pub(super) fn of(
        together: &'a [Together],
        writer_alone: &'a BTreeMap<u64, u64>,
        walker_alone: &'a BTreeMap<u64, u64>,
    ) -> Option<Serial<'a>> {
        let all: Vec<_> = together.iter().filter(|one| one.order.is_some() && is_known(one)).collect();
        let has =
            |order| all.iter().any(|one| one.order == Some(order) || one.order == Some(SerialOrder::Either));
        let both = has(SerialOrder::WriterFirst) && has(SerialOrder::WalkerFirst);
        both.then_some(Serial { all, writer_alone, walker_alone })
    }

    pub(super) fn all(&self) -> &[&'a Together] {
        &self.all
    }

    /// Returns what of a run no order explains; `None` if an order explains all of it.
    ///
    /// A routine may refuse, retry or wait at any time: then the run is explained by what the other does alone.
    pub(super) fn unexplained(&self, run: &Together) -> Option<Unexplained> {
        if !is_known(run) {
            return None;
        }
        let nothing = BTreeMap::new();
        let (writer, walker) = (self.gives_way(&run.writer), self.gives_way(&run.walker));
        // What may be left, by the orders that have these outcomes.
        let mut left: Vec<&BTreeMap<u64, u64>> = Vec::new();
        let mut references: Vec<&BTreeMap<u64, u64>> = Vec::new();
        for order in &self.all {
            let same_writer = is_same(&run.writer, &order.writer);
            let same_walker = is_same(&run.walker, &order.walker);
            let both_alike = |gives_way: bool, of: &Outcome| gives_way && self.gives_way(of);
            if (same_writer || both_alike(writer, &order.writer))
                && (same_walker || both_alike(walker, &order.walker))
            {
                left.push(&order.left);
                references.push(&order.references);
            }
            if walker && same_writer && order.order != Some(SerialOrder::WalkerFirst) {
                left.push(self.writer_alone);
            }
            if writer && same_walker && order.order != Some(SerialOrder::WriterFirst) {
                left.push(self.walker_alone);
            }
        }
        if writer && walker {
            left.push(&nothing);
        }
        if left.is_empty() {
            return Some(Unexplained::Outcomes);
        }
        if !left.contains(&&run.left) {
            return Some(Unexplained::Word(first_difference(&run.left, &left)?));
        }
        // What a routine that gives way leaves of counts that the other does not use is not known.
        if !writer && !walker && !references.is_empty() && !references.contains(&&run.references) {
            return Some(Unexplained::References(first_difference(&run.references, &references)?));
        }
        None
    }

    /// Whether a routine left everything to others: it refused, starts over, waits for what it waits for in an order as
    /// well, or returned 0 or an error.
    fn gives_way(&self, outcome: &Outcome) -> bool {
        match outcome.result {
            RoutineResult::Refused | RoutineResult::Retry | RoutineResult::Fault | RoutineResult::Unsplit => {
                true
            }
            RoutineResult::Wait => {
                outcome.pfn.is_none()
                    || self.all.iter().any(|order| {
                        [&order.writer, &order.walker]
                            .into_iter()
                            .any(|one| one.result == RoutineResult::Wait && one.pfn == outcome.pfn)
                    })
            }
            RoutineResult::Returned => outcome.returned.is_some_and(|returned| is_none_or_error(returned.0)),
            _ => false,
        }
    }
}

/// Whether both routines have an outcome.
fn is_known(run: &Together) -> bool {
    [&run.writer, &run.walker]
        .into_iter()
        .all(|one| !matches!(one.result, RoutineResult::Unknown | RoutineResult::Crash))
}

/// Whether two outcomes are the same, whatever view or check they rest on.
fn is_same(one: &Outcome, other: &Outcome) -> bool {
    let returns = |outcome: &Outcome| outcome.decided_on.filter(|_| outcome.result == RoutineResult::Old);
    let all =
        |outcome: &Outcome| (outcome.result, outcome.pfn, outcome.size, outcome.returned, returns(outcome));
    all(one) == all(other)
}

/// Whether a number is 0, or one of the error numbers of a kernel, in 64 or in 32 bits.
fn is_none_or_error(number: u64) -> bool {
    const MOST_ERRORS: u64 = 4095;
    number == 0
        || number.wrapping_neg() <= MOST_ERRORS
        || number >> 32 == 0 && number.wrapping_neg() & u64::from(u32::MAX) <= MOST_ERRORS
}

/// Returns the first key by which a map differs from the map that is most like it.
fn first_difference(is: &BTreeMap<u64, u64>, may_be: &[&BTreeMap<u64, u64>]) -> Option<u64> {
    let differences = |other: &BTreeMap<u64, u64>| {
        let keys: BTreeSet<u64> = is.keys().chain(other.keys()).copied().collect();
        keys.into_iter().filter(|key| is.get(key) != other.get(key)).collect::<Vec<u64>>()
    };
    let nearest = may_be.iter().map(|other| differences(other)).min_by_key(Vec::len)?;
    nearest.first().copied()
}
