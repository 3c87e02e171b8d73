//! Instructions that are known and not executed (Volume II).

/// An instruction that is known and not executed: its index in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Privileged(u8);

/// The operands of an instruction that is not executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operands {
    /// None: the whole word is fixed.
    None,
    /// Registers `rs1` and `rs2`.
    Registers,
    /// Register `rd`, and `rs1` with an address.
    Load,
    /// Register `rs2`, and `rs1` with an address.
    Store,
}

struct Row {
    /// The word, with 0 for its operands.
    word: u32,
    name: &'static str,
    operands: Operands,
}

const fn row(word: u32, name: &'static str, operands: Operands) -> Row {
    Row { word, name, operands }
}

static TABLE: [Row; 24] = [
    row(0x1020_0073, "sret", Operands::None),
    row(0x3020_0073, "mret", Operands::None),
    row(0x7020_0073, "mnret", Operands::None),
    row(0x1050_0073, "wfi", Operands::None),
    row(0x1800_0073, "sfence.w.inval", Operands::None),
    row(0x1810_0073, "sfence.inval.ir", Operands::None),
    row(0x1600_0073, "sinval.vma", Operands::Registers),
    row(0x2200_0073, "hfence.vvma", Operands::Registers),
    row(0x6200_0073, "hfence.gvma", Operands::Registers),
    row(0x2600_0073, "hinval.vvma", Operands::Registers),
    row(0x6600_0073, "hinval.gvma", Operands::Registers),
    row(0x6000_4073, "hlv.b", Operands::Load),
    row(0x6010_4073, "hlv.bu", Operands::Load),
    row(0x6400_4073, "hlv.h", Operands::Load),
    row(0x6410_4073, "hlv.hu", Operands::Load),
    row(0x6430_4073, "hlvx.hu", Operands::Load),
    row(0x6800_4073, "hlv.w", Operands::Load),
    row(0x6810_4073, "hlv.wu", Operands::Load),
    row(0x6830_4073, "hlvx.wu", Operands::Load),
    row(0x6c00_4073, "hlv.d", Operands::Load),
    row(0x6200_4073, "hsv.b", Operands::Store),
    row(0x6600_4073, "hsv.h", Operands::Store),
    row(0x6a00_4073, "hsv.w", Operands::Store),
    row(0x6e00_4073, "hsv.d", Operands::Store),
];

impl Row {
    /// The bits that its operands are not in.
    fn mask(&self) -> u32 {
        const RD: u32 = 0x1f << 7;
        const RS1: u32 = 0x1f << 15;
        const RS2: u32 = 0x1f << 20;
        match self.operands {
            Operands::None => !0,
            Operands::Registers | Operands::Store => !(RS1 | RS2),
            Operands::Load => !(RD | RS1),
        }
    }
}

impl Privileged {
    /// Returns the instruction whose word is `word`; `None` if it is not known.
    pub(super) fn decode(word: u32) -> Option<Self> {
        let index = TABLE.iter().position(|row| word & row.mask() == row.word)?;
        u8::try_from(index).ok().map(Privileged)
    }

    /// Returns its mnemonic, and the kind of its operands.
    pub(super) fn text(self) -> (&'static str, Operands) {
        let row = &TABLE[usize::from(self.0)];
        (row.name, row.operands)
    }
}
