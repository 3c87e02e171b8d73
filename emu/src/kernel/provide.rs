//! What a function needs beside its arguments: words that are 0 in memory, and that it follows as pointers.

use crate::EmuError;
use crate::kernel::machine::CPUS;
use crate::kernel::process::KernelProcess;
use crate::kernel::space::{FRAME, Region};

/// Bytes of an object that is provided.
pub(crate) const OBJECT: u64 = FRAME;
/// Number of such objects for each CPU.
pub(crate) const OBJECTS: u64 = 16;
/// Distance from the objects of an environment to those that are provided.
const BEYOND_OBJECTS: u64 = 0x800_0000;
/// A pointer of 0 leads to addresses below this.
const NEAR_NOTHING: u64 = 0x2000;

/// A word that must point to something.
///
/// What it points to is zeroes, of which nothing else is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Provision {
    /// A word at an address.
    At(u64),
    /// A word in the memory of the CPU that calls, at an offset.
    Own(u64),
    /// A word in an earlier provision, by number, at an offset.
    In(usize, u64),
}

impl KernelProcess {
    /// Provides the memory that provisions point to.
    pub(crate) fn map_provisions(&mut self) -> Result<(), EmuError> {
        let start = self.platform.objects + BEYOND_OBJECTS;
        let bytes = u64::from(CPUS) * OBJECTS * OBJECT;
        self.machine.map(Region::new("provided objects", start, bytes, None, None)?)
    }

    /// Returns the address of an object that is provided for a CPU.
    fn provided(&self, cpu: u8, number: usize) -> u64 {
        let number = u64::from(cpu) * OBJECTS + number as u64 % OBJECTS;
        self.platform.objects + BEYOND_OBJECTS + number * OBJECT
    }

    /// Makes words point to something. A word that the other CPU's function needs as well points to the same.
    ///
    /// Returns what each of them points to.
    pub(crate) fn provide(&self, cpu: u8, provisions: &[Provision]) -> Result<Vec<u64>, EmuError> {
        let mut objects = Vec::new();
        for (number, provision) in provisions.iter().enumerate() {
            let word = provision.word(self, cpu, &objects);
            let object = match self.machine.get64(word)? {
                0 => {
                    let object = self.provided(cpu, number);
                    self.machine.put64(word, object)?;
                    object
                }
                there => there,
            };
            objects.push(object);
        }
        Ok(objects)
    }
}

impl Provision {
    /// Returns the address of the word, given what the earlier provisions point to.
    fn word(self, process: &KernelProcess, cpu: u8, objects: &[u64]) -> u64 {
        match self {
            Provision::At(address) => address,
            Provision::Own(offset) => process.outs[usize::from(cpu)] + offset,
            Provision::In(number, offset) => objects.get(number).copied().unwrap_or(0).wrapping_add(offset),
        }
    }

    /// Describes it in words.
    pub(crate) fn describe(self, process: &KernelProcess, cpu: u8) -> String {
        match self {
            Provision::At(address) => match process.machine.kernel.symbol_at(address) {
                Some((name, 0)) => format!("{name} points to zeroes"),
                Some((name, offset)) if process.machine.is_in_image(address) => {
                    format!("{name}+{offset:#x} points to zeroes")
                }
                _ => format!("{} points to zeroes", process.machine.describe(address)),
            },
            Provision::Own(_) => {
                format!("{} points to zeroes", process.machine.describe(self.word(process, cpu, &[])))
            }
            Provision::In(_, offset) => format!("what it points to has at {offset:#x} a pointer to zeroes"),
        }
    }
}

/// Returns the words that may be the pointer of 0 by which an access at `address` went wrong, the most likely one
/// first: the last of those that were read as 0.
pub(crate) fn sources(
    process: &KernelProcess,
    cpu: u8,
    address: u64,
    zeroes: &[u64],
    provisions: &[Provision],
) -> Vec<Provision> {
    if process.machine.isa.kernel_address(address) >= NEAR_NOTHING && address >= NEAR_NOTHING {
        return Vec::new();
    }
    let out = process.outs[usize::from(cpu)];
    let mut found: Vec<Provision> = Vec::new();
    for word in zeroes.iter().rev() {
        let in_provided = (0..provisions.len()).find_map(|number| {
            let object = process.provided(cpu, number);
            (object..object + OBJECT).contains(word).then(|| Provision::In(number, word - object))
        });
        let source = match in_provided {
            Some(source) => source,
            None if (out..out + process.out_bytes()).contains(word) => Provision::Own(word - out),
            None if process.machine.is_private(*word) => continue,
            None => Provision::At(*word),
        };
        if !found.contains(&source) && !provisions.contains(&source) {
            found.push(source);
        }
    }
    found
}
