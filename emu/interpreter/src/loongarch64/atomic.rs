//! Atomic accesses. All need an address that is a multiple of their size.

use super::Instruction;
use super::execute::{check_aligned, raise};
use super::table::{Modify, Size, exception};
use crate::cpu::{Cpu, Reservation};
use crate::memory::{Memory, Stop};

impl Instruction {
    /// Loads and makes a reservation; returns what `rd` becomes.
    pub(super) fn load_linked(
        &self,
        cpu: &Cpu,
        memory: &dyn Memory,
        address: u64,
        size: Size,
    ) -> Result<u64, Stop> {
        check_aligned(address, size)?;
        let value = size.sign_extend(memory.load(address, size.bytes())?);
        cpu.reserve(Some(Reservation { address, value }));
        Ok(value)
    }

    /// Stores if the reservation still holds, and drops it; returns what `rd` becomes.
    ///
    /// It holds while memory still has the value: a store of the same value in between goes unnoticed, as in QEMU, and
    /// a store beside it never makes one fail. A CPU watches the whole cache line.
    pub(super) fn store_conditional(
        &self,
        cpu: &Cpu,
        memory: &dyn Memory,
        address: u64,
        size: Size,
    ) -> Result<u64, Stop> {
        check_aligned(address, size)?;
        let holds = match cpu.reservation() {
            Some(reservation) if reservation.address == address => {
                size.sign_extend(memory.peek(address, size.bytes())?) == reservation.value
            }
            _ => false,
        };
        if holds {
            memory.store(address, size.bytes(), size.zero_extend(cpu.register(self.rd)))?;
        }
        cpu.reserve(None);
        Ok(holds.into())
    }

    /// Loads, computes and stores; returns what `rd` becomes.
    pub(super) fn modify(
        &self,
        memory: &dyn Memory,
        how: Modify,
        size: Size,
        (address, operand): (u64, u64),
    ) -> Result<u64, Stop> {
        self.check_registers()?;
        check_aligned(address, size)?;
        let before = memory.load(address, size.bytes())?;
        let after = how.apply(before, operand, size);
        memory.store(address, size.bytes(), size.zero_extend(after))?;
        Ok(size.sign_extend(before))
    }

    /// Loads, compares and stores if that is equal; returns what `rd` becomes.
    pub(super) fn compare_swap(
        &self,
        memory: &dyn Memory,
        size: Size,
        (address, new, expected): (u64, u64, u64),
    ) -> Result<u64, Stop> {
        self.check_registers()?;
        check_aligned(address, size)?;
        let before = memory.load(address, size.bytes())?;
        if before == size.zero_extend(expected) {
            memory.store(address, size.bytes(), size.zero_extend(new))?;
        }
        Ok(size.sign_extend(before))
    }

    /// Raises an exception if `rd` is another operand too.
    ///
    /// The manual has that exception if `rd` is `rj`, and leaves the result open if it is `rk`. QEMU 7.2 raises it for
    /// both, and for neither if `rd` is register 0.
    fn check_registers(&self) -> Result<(), Stop> {
        if self.rd != 0 && (self.rd == self.rj || self.rd == self.rk) {
            return Err(raise(exception::NO_INSTRUCTION));
        }
        Ok(())
    }
}

impl Modify {
    /// Returns what is stored. Bits above the size do not count.
    fn apply(self, before: u64, operand: u64, size: Size) -> u64 {
        let unsigned = |value| size.zero_extend(value);
        let signed = |value| size.sign_extend(value) as i64;
        match self {
            Modify::Swap => operand,
            Modify::Add => before.wrapping_add(operand),
            Modify::And => before & operand,
            Modify::Or => before | operand,
            Modify::Xor => before ^ operand,
            Modify::Max => signed(before).max(signed(operand)) as u64,
            Modify::Min => signed(before).min(signed(operand)) as u64,
            Modify::MaxUnsigned => unsigned(before).max(unsigned(operand)),
            Modify::MinUnsigned => unsigned(before).min(unsigned(operand)),
        }
    }
}
