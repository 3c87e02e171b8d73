//! What instructions access, and what ends them.

/// The memory that instructions access. Addresses are those of the program; numbers are in CPU order.
pub trait Memory {
    /// Loads 1, 2, 4 or 8 bytes, and returns them zero-extended.
    ///
    /// # Errors
    /// [`Stop::Unmapped`] if no memory is there.
    fn load(&self, address: u64, bytes: u8) -> Result<u64, Stop>;

    /// Stores 1, 2, 4 or 8 bytes: the low ones of `value`.
    ///
    /// # Errors
    /// [`Stop::Unmapped`] if no memory is there.
    fn store(&self, address: u64, bytes: u8, value: u64) -> Result<(), Stop>;

    /// Returns what [`load`](Self::load) would, without making an access: a store-conditional compares with it.
    ///
    /// # Errors
    /// [`Stop::Unmapped`] if no memory is there.
    fn peek(&self, address: u64, bytes: u8) -> Result<u64, Stop>;
}

/// What ends a program in an instruction, which has no effect but for accesses that it has made. The program counter
/// is still that of the instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// No memory is at an address that the instruction accesses.
    Unmapped {
        /// The address.
        address: u64,
        /// Bytes of the access.
        bytes: u8,
    },
    /// The instruction raises an exception. The number is the architecture's: `Ecode` of LoongArch, `scause` of
    /// RISC-V.
    Exception {
        /// The number of the exception.
        number: u32,
    },
    /// The instruction is known, but nothing here does what it does.
    NotDone,
}
