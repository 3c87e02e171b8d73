//! How many entries a sweep runs in a second, for the newest guest of each architecture and each writer:
//!
//! ```sh
//! cargo bench -p pmdscope-benches --bench sweep
//! ```

use std::error::Error;
use std::time::Instant;

use pmdscope_arches::{Encoding, EntrySet, Pattern, Version};
use pmdscope_emu::sweep::Sweeper;
use pmdscope_guest::abi::Set;
use pmdscope_guest::routine::writers;
use pmdscope_guest::{Routine, all_bundled};

const WRITERS: [&Routine; 3] = [&writers::INVALIDATE, &writers::SPLIT_UNGUARDED, &writers::SPLIT_GUARDED];

/// Entries that are run at a time, and how often: the median counts.
const ENTRIES: u64 = 1 << 20;
const ROUNDS: u64 = 7;

fn main() -> Result<(), Box<dyn Error>> {
    println!("Million entries a second, the median of {ROUNDS} rounds of {ENTRIES} entries.");
    println!("{:<20}{}", "guest", WRITERS.map(|writer| format!("{:>18}", writer.name)).concat());
    for guest in all_bundled().iter().filter(|guest| guest.to == Version::NEWEST) {
        let encoding = Encoding::at(guest.arch, guest.mmu, guest.to)?;
        let elf = guest.load()?;
        // sparc64 has no swap entries.
        let sets = [EntrySet::Swap, EntrySet::PresentHuge];
        let domain =
            sets.into_iter().find_map(|set| encoding.patterns(set).first().copied()).unwrap_or(Pattern::ANY);
        print!("{:<20}", guest.name);
        for writer in WRITERS {
            let mut sweeper = Sweeper::new(&elf, &encoding, writer)?;
            let mut rates = Vec::new();
            for round in 0..ROUNDS {
                let first = round.wrapping_mul(0x9e37_79b9_7f4a_7c15) & domain.free;
                let set = Set { fixed: domain.value, free: domain.free, first, count: ENTRIES };
                let begun = Instant::now();
                sweeper.run(&[set])?;
                rates.push(ENTRIES as f64 / begun.elapsed().as_secs_f64() / 1e6);
            }
            rates.sort_by(f64::total_cmp);
            print!("{:>18.1}", rates[rates.len() / 2]);
        }
        println!();
    }
    Ok(())
}
