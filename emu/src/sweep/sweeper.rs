//! A machine that runs a writer on very many entries in a loop within the guest.
//!
//! Unlike [`Machine`](crate::Machine), it does not observe each access, which takes most of the time. Flushes of
//! translations do nothing here: they have no effect on an entry.

use std::rc::Rc;

use pmdscope_arches::{ByteOrder, Encoding};
use pmdscope_guest::abi::{self, Set, Sweep, Swept};
use pmdscope_guest::{Guest, Installs, Routine};
use pmdscope_watch::Atomicity;

use crate::EmuError;
use crate::cpu::InPlace;
use crate::decoder::Decoder;
use crate::end::{CallBounds, CallExit};
use crate::engine_kind::EngineKind;
use crate::image::Image;
use crate::machine;
use crate::memory::{ENGINE_PAGE, ENTRY, ENTRY_INDEX, PMD_TABLE, PMD_TABLE_BYTES, Shared};
use crate::vcpu::{CallLayout, Vcpu};

// The engine looks up a page by the lowest eight bits of its number first. Data used for each entry lies in pages
// that differ in these bits, from each other and from the first pages, where guests have their code.
const DATA: u64 = 0x52_0000;
const DATA_BYTES: u64 = 0x8_0000;
const ENV: u64 = DATA;
const JOB: u64 = DATA + 0x100;
const REPLACED: u64 = DATA + 0x200;
const STACK_TOP: u64 = DATA + 0x2_0000;
const SETS: u64 = DATA + 0x4_0000;
const MOST_SETS: usize = ((DATA_BYTES - 0x4_0000) / Set::SIZE as u64) as usize;
const OUT: u64 = 0x60_0000;
const OUT_BYTES: u64 = 0x10_0000;
/// Maximum number of entries of a call, each of which has an answer in `OUT`.
const MOST_AT_ONCE: u64 = OUT_BYTES / Swept::SIZE as u64;
/// Where functions return to. It is alone in its page, since code is fetched from there.
const RETURN_PAD: u64 = 0x5a_0010;
const RETURN_PAGE: u64 = RETURN_PAD & !(ENGINE_PAGE - 1);

/// An answer that no guest gives; it marks entries without an answer.
const NO_ANSWER: u8 = 0xff;

/// Maximum number of blocks of code for an entry. Bundled guests take about ten; a writer in an endless loop takes
/// any number.
const MOST_BLOCKS: u64 = 1000;

/// A machine that runs one writer of a guest on many entries.
pub struct Sweeper {
    vcpu: Vcpu,
    out: Rc<Shared>,
    order: ByteOrder,
    function: u64,
}

/// Errors of a sweep.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The machine cannot be built or used.
    #[error(transparent)]
    Machine(#[from] EmuError),
    /// The writer did not return.
    #[error("on entry {entry:#018x} the writer did not return: {end}")]
    DidNotReturn {
        /// The entry.
        entry: u64,
        /// How the call ended.
        end: CallExit,
    },
}

impl Sweeper {
    /// Creates a machine with a guest in memory, to run one of its writers on entries of an encoding, by the usual engine
    /// of its architecture.
    ///
    /// # Errors
    /// As of [`on`](Self::on).
    pub fn new(guest: &Guest, encoding: &Encoding, writer: &Routine) -> Result<Self, EmuError> {
        Sweeper::on(EngineKind::usual(guest.arch()), guest, encoding, writer)
    }

    /// Creates such a machine, run by an engine.
    ///
    /// # Errors
    /// [`EmuError::NoCpu`] if the engine has no such CPU, [`EmuError::Guest`] if the guest lacks the writer or the function
    /// that sweeps.
    pub fn on(
        engine: EngineKind,
        guest: &Guest,
        encoding: &Encoding,
        writer: &Routine,
    ) -> Result<Self, EmuError> {
        let arch = guest.arch();
        let decoder = Decoder::of(arch, Some(engine))?;
        let order = ByteOrder::of(arch);
        let function = guest.function(abi::SWEEP)?;
        let installs = writer.installs != Installs::Nothing;
        let sweep = Sweep {
            writer: guest.function(writer.symbol())?,
            entry: ENTRY,
            address: ENTRY_INDEX << encoding.layout().pmd_shift,
            replaced: installs.then_some(REPLACED),
        };

        let place = CallLayout { return_pad: RETURN_PAD, stack_top: STACK_TOP };
        let mut vcpu = Vcpu::unwatched(place, &decoder, may_run)?;
        let image = Image::of(guest)?;
        let out = Rc::new(Shared::new(OUT_BYTES)?);
        vcpu.map(image.address, &image.memory)?;
        vcpu.map(RETURN_PAGE, &Rc::new(Shared::new(ENGINE_PAGE)?))?;
        let table = Rc::new(Shared::new(PMD_TABLE_BYTES)?);
        vcpu.map(PMD_TABLE, &table)?;
        let data = Rc::new(Shared::new(DATA_BYTES)?);
        vcpu.map(DATA, &data)?;
        vcpu.map(OUT, &out)?;
        vcpu.provide_return_pad()?;
        vcpu.count_blocks()?;
        if installs {
            // This hook costs most of the speed. Without it, a split would show only the page table that it
            // installs.
            vcpu.on_store(ENTRY..ENTRY + 8, move |_, _| {
                data.write(REPLACED - DATA, &table.read(ENTRY - PMD_TABLE))
            })?;
        }
        for (pc, in_place, length) in leave_out_flushes(guest, &decoder, &vcpu, &image)? {
            // Only the hook above asks for what is stored.
            if installs {
                let decoder = Rc::clone(&decoder);
                vcpu.on_code(pc, pc, move |cpu, pc| cpu.do_in_place(&decoder, in_place, pc, pc + length))?;
            }
        }
        vcpu.write(ENV, &machine::env(encoding).encode(order))?;
        vcpu.write(JOB, &sweep.encode(order))?;
        Ok(Sweeper { vcpu, out, order, function })
    }

    /// Runs the writer on each entry of each set, and returns the answers in that order.
    ///
    /// # Errors
    /// [`SweepError::DidNotReturn`] if the writer does not return on an entry, [`SweepError::Machine`] if the guest
    /// gives an unknown answer or the engine fails.
    pub fn run(&mut self, sets: &[Set]) -> Result<Vec<Swept>, SweepError> {
        let mut answers = Vec::new();
        let mut at_once: Vec<Set> = Vec::new();
        let mut entries = 0;
        for mut set in sets.iter().copied() {
            while set.count > 0 {
                if at_once.len() == MOST_SETS || entries == MOST_AT_ONCE {
                    self.run_at_once(&at_once, entries, &mut answers)?;
                    at_once.clear();
                    entries = 0;
                }
                let taken = set.count.min(MOST_AT_ONCE - entries);
                at_once.push(Set { count: taken, ..set });
                entries += taken;
                set = Set { first: set.free_bits_of(taken), count: set.count - taken, ..set };
            }
        }
        self.run_at_once(&at_once, entries, &mut answers)?;
        Ok(answers)
    }

    fn run_at_once(
        &mut self,
        sets: &[Set],
        entries: u64,
        answers: &mut Vec<Swept>,
    ) -> Result<(), SweepError> {
        let bytes: Vec<u8> = sets.iter().flat_map(|set| set.encode(self.order)).collect();
        self.vcpu.write(SETS, &bytes)?;
        self.out.fill(0..entries * Swept::SIZE as u64, NO_ANSWER);
        let arguments = [JOB, SETS, sets.len() as u64, OUT, ENV];
        let bounds = CallBounds { instructions: MOST_BLOCKS * (entries + 1), ..CallBounds::default() };
        let end = self.vcpu.call(self.function, &arguments, bounds)?;
        let bytes = self.out.read_at(0, entries * Swept::SIZE as u64);
        let (all, _) = bytes.as_chunks();
        if end != CallExit::Returned {
            let answered = all.iter().position(|answer| *answer == [NO_ANSWER; Swept::SIZE]);
            let entry = sets.iter().flat_map(|set| set.entries()).nth(answered.unwrap_or(all.len()));
            return Err(match (end, entry) {
                (CallExit::Engine(error), _) => EmuError::engine("run the guest", error).into(),
                (end, Some(entry)) => SweepError::DidNotReturn { entry, end },
                (end, None) => EmuError::DidNotReturn { function: abi::SWEEP.to_owned(), end }.into(),
            });
        }
        for answer in all {
            answers.push(Swept::decode(self.order, *answer).map_err(EmuError::from)?);
        }
        Ok(())
    }
}

/// Whether code may run at an address: only pages that can contain code are executable.
fn may_run(address: u64) -> bool {
    address < abi::LIMIT || address & !(ENGINE_PAGE - 1) == RETURN_PAGE
}

/// Replaces flushes of translations by no-operations, in the code in memory. Those that also change an entry are
/// kept.
///
/// Returns the instructions whose stores the engine does not show, with their addresses and lengths.
fn leave_out_flushes(
    guest: &Guest,
    decoder: &Decoder,
    vcpu: &Vcpu,
    image: &Image,
) -> Result<Vec<(u64, InPlace, u64)>, EmuError> {
    let mut unseen = Vec::new();
    for function in guest.functions() {
        let mut pc = function.address;
        while pc < function.address.saturating_add(function.size) {
            let instruction = vcpu.instruction(pc)?;
            let flushes = instruction.class.flushes && instruction.class.atomicity == Atomicity::Plain;
            match decoder.in_place(&instruction) {
                Some(InPlace::Insert(_)) => {
                    return Err(EmuError::Environment(format!(
                        "the engine executes '{}' at {pc:#x} wrongly, and a sweep corrects no instruction: run the writer on \
                         the entries one by one",
                        instruction.text
                    )));
                }
                Some(in_place) => unseen.push((pc, in_place, instruction.length)),
                None => {}
            }
            if flushes || decoder.skips(&instruction) {
                let bytes = (0..instruction.length).zip(decoder.model.no_operation.iter().copied().cycle());
                let nothing: Vec<u8> = bytes.map(|(_, byte)| byte).collect();
                image.memory.write(pc - image.address, &nothing);
            }
            pc += instruction.length;
        }
    }
    Ok(unseen)
}
