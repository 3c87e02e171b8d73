//! The table of exceptions: the instructions whose faults a kernel handles, as those that copy to and from processes.

use pmdscope_arches::ByteOrder;

use super::Kernel;

impl Kernel {
    /// Whether this kernel handles a fault of the instruction at an address; `None` if it has no table of exceptions.
    ///
    /// An entry of the table begins with the distance from itself to the instruction, in four bytes. What follows
    /// depends on architecture and version, so every four bytes are tried: a distance that is none may be taken for
    /// one.
    pub fn handles_fault_at(&self, pc: u64) -> Option<bool> {
        let start = self.symbol("__start___ex_table")?;
        let length = self.symbol("__stop___ex_table")?.checked_sub(start)?;
        let table = self.file().flat.read(start, usize::try_from(length).ok()?)?;
        let order = ByteOrder::of(self.arch());
        let (words, _) = table.as_chunks::<4>();
        let mut instructions = (start..).step_by(4).zip(words).map(|(at, word)| {
            let distance = match order {
                ByteOrder::Little => i32::from_le_bytes(*word),
                ByteOrder::Big => i32::from_be_bytes(*word),
            };
            at.wrapping_add_signed(distance.into())
        });
        Some(instructions.any(|instruction| instruction == pc))
    }
}
