//! The text of instructions: mnemonics and registers are the manual's, without pseudoinstructions.

use super::arithmetic::Arithmetic;
use super::privileged::Operands;
use super::{Atomic, Condition, ControlSource, ControlWrite, Instruction, Load, Operation, Ordering, Size};

/// Names of the registers by the calling convention.
static REGISTERS: [&str; 32] = [
    "zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0", "a1", "a2", "a3", "a4", "a5", "a6",
    "a7", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
];

/// Names of control and status registers that a kernel in S-mode accesses. Others are shown as numbers.
static CONTROL_REGISTERS: [(u16, &str); 29] = [
    (0x001, "fflags"),
    (0x002, "frm"),
    (0x003, "fcsr"),
    (0x100, "sstatus"),
    (0x104, "sie"),
    (0x105, "stvec"),
    (0x106, "scounteren"),
    (0x10a, "senvcfg"),
    (0x140, "sscratch"),
    (0x141, "sepc"),
    (0x142, "scause"),
    (0x143, "stval"),
    (0x144, "sip"),
    (0x14d, "stimecmp"),
    (0x180, "satp"),
    (0x300, "mstatus"),
    (0x301, "misa"),
    (0x302, "medeleg"),
    (0x303, "mideleg"),
    (0x304, "mie"),
    (0x305, "mtvec"),
    (0x340, "mscratch"),
    (0x341, "mepc"),
    (0x342, "mcause"),
    (0x343, "mtval"),
    (0x344, "mip"),
    (0xc00, "cycle"),
    (0xc01, "time"),
    (0xc02, "instret"),
];

impl Instruction {
    /// Returns its mnemonic and its operands, given its address `pc`: targets of jumps are addresses.
    ///
    /// A compressed instruction has the text of the one that it expands to.
    pub(crate) fn text(&self, pc: u64) -> (String, String) {
        let [rd, rs1, rs2] = [self.rd, self.rs1, self.rs2].map(register);
        let immediate = self.immediate;
        let target = || format!("{:#x}", pc.wrapping_add_signed(immediate.into()));
        let upper = || format!("{rd}, {:#x}", immediate.cast_unsigned() >> 12);
        let none = String::new;
        match self.operation {
            Operation::Lui => ("lui".into(), upper()),
            Operation::Auipc => ("auipc".into(), upper()),
            Operation::Jal => ("jal".into(), format!("{rd}, {}", target())),
            Operation::Jalr => ("jalr".into(), format!("{rd}, {immediate}({rs1})")),
            Operation::Branch(condition) => (condition.name().into(), format!("{rs1}, {rs2}, {}", target())),
            Operation::Load(load) => (load.name().into(), format!("{rd}, {immediate}({rs1})")),
            Operation::Store(size) => (format!("s{}", size.letter()), format!("{rs2}, {immediate}({rs1})")),
            Operation::Immediate(arithmetic) => {
                (arithmetic.immediate_name(), format!("{rd}, {rs1}, {immediate}"))
            }
            Operation::Register(arithmetic) => (arithmetic.name().into(), format!("{rd}, {rs1}, {rs2}")),
            Operation::LoadReserved(size, ordering) => {
                (atomic_name("lr", size, ordering), format!("{rd}, ({rs1})"))
            }
            Operation::StoreConditional(size, ordering) => {
                (atomic_name("sc", size, ordering), format!("{rd}, {rs2}, ({rs1})"))
            }
            Operation::Atomic(atomic, size, ordering) => {
                (atomic_name(atomic.name(), size, ordering), format!("{rd}, {rs2}, ({rs1})"))
            }
            Operation::Control(write, source) => {
                let control = control_register(self.control_number());
                match source {
                    ControlSource::Register => (write.name().into(), format!("{rd}, {control}, {rs1}")),
                    ControlSource::Immediate => {
                        (format!("{}i", write.name()), format!("{rd}, {control}, {}", self.rs1))
                    }
                }
            }
            Operation::Fence => {
                ("fence".into(), format!("{}, {}", accesses(immediate >> 4), accesses(immediate)))
            }
            Operation::FenceTso => ("fence.tso".into(), none()),
            Operation::FenceI => ("fence.i".into(), none()),
            Operation::Pause => ("pause".into(), none()),
            Operation::SfenceVma => ("sfence.vma".into(), format!("{rs1}, {rs2}")),
            Operation::Ecall => ("ecall".into(), none()),
            Operation::Ebreak => ("ebreak".into(), none()),
            Operation::Privileged(privileged) => {
                let (name, operands) = privileged.text();
                let operands = match operands {
                    Operands::None => none(),
                    Operands::Registers => format!("{rs1}, {rs2}"),
                    Operands::Load => format!("{rd}, ({rs1})"),
                    Operands::Store => format!("{rs2}, ({rs1})"),
                };
                (name.into(), operands)
            }
        }
    }
}

fn register(number: u8) -> &'static str {
    REGISTERS[usize::from(number & 31)]
}

fn control_register(number: u16) -> String {
    match CONTROL_REGISTERS.iter().find(|(known, _)| *known == number) {
        Some((_, name)) => (*name).into(),
        None => format!("{number:#x}"),
    }
}

fn atomic_name(name: &str, size: Size, ordering: Ordering) -> String {
    format!("{name}.{}{}", size.letter(), ordering.suffix())
}

/// Returns the letters for the accesses that a fence orders: the low four bits of `set`.
fn accesses(set: i32) -> String {
    let letters: String = [(8, 'i'), (4, 'o'), (2, 'r'), (1, 'w')]
        .iter()
        .filter(|(bit, _)| set & bit != 0)
        .map(|(_, of)| of)
        .collect();
    if letters.is_empty() { "0".into() } else { letters }
}

impl Condition {
    fn name(self) -> &'static str {
        match self {
            Condition::Equal => "beq",
            Condition::NotEqual => "bne",
            Condition::Less => "blt",
            Condition::GreaterOrEqual => "bge",
            Condition::LessUnsigned => "bltu",
            Condition::GreaterOrEqualUnsigned => "bgeu",
        }
    }
}

impl Load {
    fn name(self) -> &'static str {
        match self {
            Load::Byte => "lb",
            Load::Half => "lh",
            Load::Word => "lw",
            Load::Double => "ld",
            Load::ByteUnsigned => "lbu",
            Load::HalfUnsigned => "lhu",
            Load::WordUnsigned => "lwu",
        }
    }
}

impl Size {
    fn letter(self) -> char {
        match self {
            Size::Byte => 'b',
            Size::Half => 'h',
            Size::Word => 'w',
            Size::Double => 'd',
        }
    }
}

impl Atomic {
    fn name(self) -> &'static str {
        match self {
            Atomic::Swap => "amoswap",
            Atomic::Add => "amoadd",
            Atomic::Xor => "amoxor",
            Atomic::And => "amoand",
            Atomic::Or => "amoor",
            Atomic::Min => "amomin",
            Atomic::Max => "amomax",
            Atomic::MinUnsigned => "amominu",
            Atomic::MaxUnsigned => "amomaxu",
        }
    }
}

impl Ordering {
    fn suffix(self) -> &'static str {
        match self {
            Ordering::Relaxed => "",
            Ordering::Release => ".rl",
            Ordering::Acquire => ".aq",
            Ordering::AcquireRelease => ".aqrl",
        }
    }
}

impl ControlWrite {
    fn name(self) -> &'static str {
        match self {
            ControlWrite::Replace => "csrrw",
            ControlWrite::SetBits => "csrrs",
            ControlWrite::ClearBits => "csrrc",
        }
    }
}

impl Arithmetic {
    /// The mnemonic of the instruction that has two registers.
    fn name(self) -> &'static str {
        match self {
            Arithmetic::Add => "add",
            Arithmetic::Sub => "sub",
            Arithmetic::Sll => "sll",
            Arithmetic::Slt => "slt",
            Arithmetic::Sltu => "sltu",
            Arithmetic::Xor => "xor",
            Arithmetic::Srl => "srl",
            Arithmetic::Sra => "sra",
            Arithmetic::Or => "or",
            Arithmetic::And => "and",
            Arithmetic::AddW => "addw",
            Arithmetic::SubW => "subw",
            Arithmetic::SllW => "sllw",
            Arithmetic::SrlW => "srlw",
            Arithmetic::SraW => "sraw",
            Arithmetic::Mul => "mul",
            Arithmetic::Mulh => "mulh",
            Arithmetic::Mulhsu => "mulhsu",
            Arithmetic::Mulhu => "mulhu",
            Arithmetic::Div => "div",
            Arithmetic::Divu => "divu",
            Arithmetic::Rem => "rem",
            Arithmetic::Remu => "remu",
            Arithmetic::MulW => "mulw",
            Arithmetic::DivW => "divw",
            Arithmetic::DivuW => "divuw",
            Arithmetic::RemW => "remw",
            Arithmetic::RemuW => "remuw",
        }
    }

    /// The mnemonic of the instruction that has an immediate: an `i` before the last `w` or `u`.
    fn immediate_name(self) -> String {
        let name = self.name();
        match name.strip_suffix(['w', 'u']) {
            Some(stem) => format!("{stem}i{}", &name[stem.len()..]),
            None => format!("{name}i"),
        }
    }
}
