//! Calls of a probe's helpers, on one entry after another.

use pmdscope_guest::probe::{CALLS, Helper};

use crate::EmuError;
use crate::end::{CallBounds, CallExit};
use crate::machine::Machine;
use crate::memory;

/// Words of a call: `struct probe_call` of `guest/probe/helpers.h`.
const WORDS: u64 = 5;
const CALL_BYTES: u64 = 8 * WORDS;
/// The most calls at once.
const MOST_AT_ONCE: usize = ((memory::SURVEY_OUT - memory::SURVEY_IN) / CALL_BYTES) as usize;
/// The most calls of one helper that may stop. The rest is not run then.
const MOST_STOPS: usize = 8;

/// What a helper made of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HelperAnswer {
    /// It returned.
    Returned {
        /// The entry that it makes, its answer as 0 or 1, or a number.
        value: u64,
        /// Of helpers that are given an address: the entry that is left there. Of swap entries: the offset.
        after: u64,
    },
    /// It stopped: the reason.
    Stopped(String),
    /// It was not run, since it had stopped for other entries too often.
    NotRun,
}

impl Machine {
    /// Calls a helper of a probe for each of `calls`: an entry, and a second number.
    ///
    /// Returns the answers in that order.
    ///
    /// # Errors
    /// [`EmuError::Guest`] if the guest is no probe with this helper.
    pub fn call_helper(
        &mut self,
        helper: &Helper,
        calls: &[(u64, u64)],
    ) -> Result<Vec<HelperAnswer>, EmuError> {
        let guest = self.guest();
        let (each, function) = (guest.function(CALLS)?, guest.function(&helper.symbol())?);
        let mut answers = Vec::with_capacity(calls.len());
        let mut stops = 0;
        while answers.len() < calls.len() {
            if stops == MOST_STOPS {
                answers.resize(calls.len(), HelperAnswer::NotRun);
                break;
            }
            let left = &calls[answers.len()..];
            let now = &left[..left.len().min(MOST_AT_ONCE)];
            let (returned, end) = self.call_in_order(each, function, now)?;
            let all = returned.len() == now.len();
            answers.extend(returned);
            if !all {
                answers.push(HelperAnswer::Stopped(self.reason(end)));
                stops += 1;
            }
        }
        Ok(answers)
    }

    /// Calls the helper until a call does not return. Returns the answers of those that did, and how the last ended.
    fn call_in_order(
        &mut self,
        each: u64,
        function: u64,
        calls: &[(u64, u64)],
    ) -> Result<(Vec<HelperAnswer>, CallExit), EmuError> {
        let order = self.order();
        let words = calls.iter().flat_map(|(entry, other)| [*entry, *other, 0, 0, 0]);
        let bytes: Vec<u8> = words.flat_map(|word| order.encode(word)).collect();
        let vcpu = self.first_vcpu_cleared()?;
        vcpu.write(memory::SURVEY_IN, &bytes)?;
        let arguments = [function, memory::SURVEY_IN, calls.len() as u64, memory::SLOT];
        let usual = CallBounds::default();
        // A helper takes some dozens of instructions. One that loops takes any number.
        let instructions = 10_000_u64.saturating_mul(1 + calls.len() as u64);
        let end = vcpu.call(each, &arguments, CallBounds { instructions, ..usual })?;
        if let CallExit::Engine(error) = end {
            return Err(EmuError::engine("run the probe", error));
        }
        let bytes = vcpu.read(memory::SURVEY_IN, bytes.len())?;
        let words: Vec<u64> = bytes.as_chunks().0.iter().map(|word| order.decode(*word)).collect();
        let returned = words
            .chunks_exact(WORDS as usize)
            .take_while(|call| call[4] == 1)
            .map(|call| HelperAnswer::Returned { value: call[2], after: call[3] })
            .collect();
        Ok((returned, end))
    }

    /// Says why a helper stopped: by name if it used what the probe does not have.
    fn reason(&self, end: CallExit) -> String {
        let place = |pc: u64| match self.guest().symbol_at(pc) {
            Some((name, distance)) => format!("{name}+{distance:#x}"),
            None => format!("{pc:#x}"),
        };
        let absent = |address: u64| self.guest().note().and_then(|note| note.absent_at(address));
        match end {
            CallExit::Fault { pc, address } => {
                let name = absent(pc).or_else(|| address.and_then(absent));
                match (name, address) {
                    (Some(name), _) => format!("uses {name}, which is not in the probe"),
                    (None, Some(address)) => {
                        format!("accesses {address:#x}, where nothing is, at {}", place(pc))
                    }
                    (None, None) => format!("accesses an address where nothing is, at {}", place(pc)),
                }
            }
            CallExit::Exception { pc, .. } => {
                format!("stops by a trap, as BUG() and WARN() do, at {}", place(pc))
            }
            end => end.to_string(),
        }
    }
}
