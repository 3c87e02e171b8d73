//! Instructions as assembly has them: in LLVM's syntax, but for branches, which have their targets' addresses.

use super::Instruction;
use super::table::Operands;

/// Names of the general registers.
const REGISTERS: [&str; 32] = [
    "$zero", "$ra", "$tp", "$sp", "$a0", "$a1", "$a2", "$a3", "$a4", "$a5", "$a6", "$a7", "$t0", "$t1",
    "$t2", "$t3", "$t4", "$t5", "$t6", "$t7", "$t8", "$r21", "$fp", "$s0", "$s1", "$s2", "$s3", "$s4", "$s5",
    "$s6", "$s7", "$s8",
];

fn name(register: u8) -> &'static str {
    REGISTERS[usize::from(register & 31)]
}

impl Instruction {
    /// Returns its mnemonic and its operands, given its address.
    pub(crate) fn text(&self, pc: u64) -> (String, String) {
        let (mnemonic, operands) = self.alias().unwrap_or_else(|| (self.row().mnemonic, self.operands(pc)));
        (mnemonic.to_string(), operands)
    }

    /// Returns the shorter name that it has, if any.
    fn alias(&self) -> Option<(&'static str, String)> {
        match (self.row().mnemonic, self.rd, self.rj, self.rk, self.immediate) {
            ("andi", 0, 0, _, 0) => Some(("nop", String::new())),
            ("or", d, j, 0, _) => Some(("move", format!("{}, {}", name(d), name(j)))),
            ("jirl", 0, 1, _, 0) => Some(("ret", String::new())),
            ("jirl", 0, j, _, 0) => Some(("jr", name(j).to_string())),
            _ => None,
        }
    }

    fn operands(&self, pc: u64) -> String {
        let (d, j, k, number) = (name(self.rd), name(self.rj), name(self.rk), self.immediate);
        let target = pc.wrapping_add(i64::from(number) as u64);
        match self.row().operands {
            Operands::None => String::new(),
            Operands::RdRj => format!("{d}, {j}"),
            Operands::RjRk => format!("{j}, {k}"),
            Operands::RdRjRk => format!("{d}, {j}, {k}"),
            Operands::RdRkRj => format!("{d}, {k}, {j}"),
            Operands::RdRjRkShift | Operands::RdRjRkByte4 | Operands::RdRjRkByte8 => {
                format!("{d}, {j}, {k}, {number}")
            }
            Operands::RdRjUi5
            | Operands::RdRjUi6
            | Operands::RdRjUi8
            | Operands::RdRjUi12
            | Operands::RdRjSi12
            | Operands::RdRjSi14
            | Operands::RdRjSi16
            | Operands::RdRjCsr
            | Operands::RdRjOffset16 => format!("{d}, {j}, {number}"),
            Operands::RdSi20 | Operands::RdCsr => format!("{d}, {number}"),
            Operands::RjUi8 => format!("{j}, {number}"),
            Operands::BitsW | Operands::BitsD => format!("{d}, {j}, {number}, {}", self.rk),
            Operands::Code => number.to_string(),
            Operands::HintRjSi12 => format!("{}, {j}, {number}", self.rd),
            Operands::HintRjRk | Operands::Invtlb => format!("{}, {j}, {k}", self.rd),
            Operands::RjRdOffset16 => format!("{j}, {d}, {target:#x}"),
            Operands::RjOffset21 => format!("{j}, {target:#x}"),
            Operands::Offset26 => format!("{target:#x}"),
        }
    }
}
