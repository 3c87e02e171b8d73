//! The description of an instruction set.

use capstone::{Capstone, CsResult};
use pmdscope_arches::Arch;
use pmdscope_engine::InstructionSet;
use pmdscope_engine::unicorn_engine::{Arch as EngineArch, Mode};

/// How an instruction takes part in an access to memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Atomicity {
    /// Loads or stores, once.
    Plain,
    /// Loads and stores as one (exchange, compare-and-swap, fetch-and-op, IDTE).
    Atomic,
    /// Opens a load-reserved, store-conditional pair.
    LoadReserved,
    /// Closes such a pair.
    StoreConditional,
}

/// The kind of an instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Class {
    /// How it accesses memory.
    pub atomicity: Atomicity,
    /// Whether it invalidates translations.
    pub flushes: bool,
    /// Whether it calls a function, whose address may be its operand.
    pub calls: bool,
}

impl Class {
    pub(crate) const PLAIN: Class = Class { atomicity: Atomicity::Plain, flushes: false, calls: false };
    pub(crate) const ATOMIC: Class = Class { atomicity: Atomicity::Atomic, ..Class::PLAIN };
    pub(crate) const LOAD_RESERVED: Class = Class { atomicity: Atomicity::LoadReserved, ..Class::PLAIN };
    pub(crate) const STORE_CONDITIONAL: Class =
        Class { atomicity: Atomicity::StoreConditional, ..Class::PLAIN };
    pub(crate) const FLUSH: Class = Class { flushes: true, ..Class::PLAIN };
    pub(crate) const ATOMIC_FLUSH: Class = Class { atomicity: Atomicity::Atomic, ..Class::FLUSH };
    pub(crate) const CALL: Class = Class { calls: true, ..Class::PLAIN };
}

/// The bits of an address that the engine keeps.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Addresses {
    /// All bits.
    Whole,
    /// The low 52 bits.
    Low52,
    /// 60 bits. For a kernel's addresses, which have bit 63 set, bits 60 to 62 are folded into bits 56 to 58, and
    /// bit 59 is set, so that address 0 differs from the beginning of the kernel.
    Folded,
}

/// Where the text of instructions comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum TextSource {
    /// Capstone, which the function opens.
    Capstone(fn() -> CsResult<Capstone>),
    /// The interpreter's decoder: Capstone 5 has no such architecture.
    Interpreter(InstructionSet),
}

/// An instruction set: the facts about one architecture that the watch needs.
pub struct Isa {
    /// The architecture.
    pub arch: Arch,
    /// Unicorn's architecture, and the mode in which to open it; `None` if Unicorn has none.
    pub unicorn: Option<(EngineArch, Mode)>,
    /// The instruction set of the interpreter; `None` if it has none.
    pub interpreter: Option<InstructionSet>,
    /// The engine's number of the register in which the engine itself keeps the program counter. The engine's
    /// other register for it fails in some modes.
    pub program_counter: i32,
    /// The bits of an address that the engine keeps when it accesses memory. The program counter keeps all bits.
    pub(crate) addresses: Addresses,
    pub(crate) text: TextSource,
    /// The class of an instruction, by mnemonic and operands.
    pub(crate) classify: fn(&str, &str) -> Class,
    /// Returns mnemonic and operands of an instruction that Capstone cannot decode.
    pub(crate) supplement: fn(&[u8]) -> Option<(&'static str, String)>,
    /// Returns how many bytes of an instruction Capstone leaves out, by its mnemonic and the bytes after those that it
    /// has decoded.
    pub(crate) left_out: fn(&str, &[u8]) -> u64,
    /// Addresses in the image, the linear map and the struct pages of its kernels.
    #[cfg(test)]
    pub(crate) kernel_addresses: &'static [u64],
}

impl Isa {
    /// Returns the physical address that the engine accesses for an address, without translation.
    pub const fn physical(&self, address: u64) -> u64 {
        const LOW_52: u64 = (1 << 52) - 1;
        const LOW_56: u64 = (1 << 56) - 1;
        match self.addresses {
            Addresses::Whole => address,
            Addresses::Low52 => address & LOW_52,
            Addresses::Folded if address >> 60 == 0 => address,
            Addresses::Folded => address & LOW_56 | (address >> 60 & 7) << 56 | 1 << 59,
        }
    }

    /// Returns the kernel's address for a physical address: the inverse of [`physical`](Self::physical).
    pub const fn kernel_address(&self, physical: u64) -> u64 {
        match self.addresses {
            Addresses::Low52 if physical >> 51 & 1 == 1 => physical | 0xfff << 52,
            Addresses::Folded if physical >> 59 & 1 == 1 => {
                physical & ((1 << 56) - 1) | (physical >> 56 & 7 | 8) << 60
            }
            _ => physical,
        }
    }
}
