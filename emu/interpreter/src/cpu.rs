//! The state of a CPU.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

/// A load-reserved that no store-conditional has followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reservation {
    /// The address that was loaded from.
    pub address: u64,
    /// The value that was loaded, as the register has it.
    pub value: u64,
}

/// The state of a CPU: its registers, and its reservation.
///
/// All is in cells: who is told of an access in the middle of an instruction can look at the CPU.
#[derive(Debug, Clone, Default)]
pub struct Cpu {
    general: [Cell<u64>; 32],
    pc: Cell<u64>,
    control: RefCell<BTreeMap<u16, u64>>,
    reservation: Cell<Option<Reservation>>,
}

impl Cpu {
    /// Returns a CPU whose registers are all 0.
    pub fn new() -> Self {
        Cpu::default()
    }

    /// Returns the value of general register `number`, modulo 32.
    pub fn register(&self, number: u8) -> u64 {
        self.general[usize::from(number & 31)].get()
    }

    /// Sets general register `number`, modulo 32. Register 0 stays 0.
    pub fn set_register(&self, number: u8, value: u64) {
        if number & 31 != 0 {
            self.general[usize::from(number & 31)].set(value);
        }
    }

    /// Returns the address of the next instruction; during an instruction, its own.
    pub fn pc(&self) -> u64 {
        self.pc.get()
    }

    /// Sets the address of the next instruction.
    pub fn set_pc(&self, pc: u64) {
        self.pc.set(pc);
    }

    /// Returns the value of a control and status register: what was last put into it, or 0.
    ///
    /// They are data. None has an effect.
    pub fn control(&self, number: u16) -> u64 {
        self.control.borrow().get(&number).copied().unwrap_or(0)
    }

    /// Sets a control and status register.
    pub fn set_control(&self, number: u16, value: u64) {
        self.control.borrow_mut().insert(number, value);
    }

    /// Returns the reservation that a load-reserved has made.
    pub fn reservation(&self) -> Option<Reservation> {
        self.reservation.get()
    }

    /// Sets or drops the reservation.
    pub fn reserve(&self, reservation: Option<Reservation>) {
        self.reservation.set(reservation);
    }

    /// Makes this CPU what `other` is.
    pub fn become_as(&self, other: &Cpu) {
        for (own, theirs) in self.general.iter().zip(&other.general) {
            own.set(theirs.get());
        }
        self.pc.set(other.pc.get());
        self.control.borrow_mut().clone_from(&other.control.borrow());
        self.reservation.set(other.reservation.get());
    }
}
