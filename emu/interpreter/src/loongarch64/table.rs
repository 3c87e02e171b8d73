//! The table of instructions: the one place for the encoding, the operands and the meaning of each.
//!
//! Source: LoongArch Reference Manual, Volume 1: Basic Architecture, v1.00; for the atomic accesses that say so, v1.10.
//! Floating point and vectors are not in the table. The file uses no other, so that a test can include it.

/// One instruction of the table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    /// Bits that are fixed: set where `value` counts.
    pub(crate) mask: u32,
    /// What the fixed bits are.
    pub(crate) value: u32,
    /// The mnemonic.
    pub(crate) mnemonic: &'static str,
    /// The operands, in the order in which assembly has them.
    pub(crate) operands: Operands,
    /// What it does.
    pub(crate) operation: Operation,
}

/// The number of `Ecode` of each exception that is raised here.
pub(crate) mod exception {
    /// ALE: an address that is not aligned.
    pub(crate) const NOT_ALIGNED: u8 = 0x9;
    /// BCE: a bound check that failed.
    pub(crate) const BOUND: u8 = 0xa;
    /// SYS: a system call.
    pub(crate) const SYSCALL: u8 = 0xb;
    /// BRK: a breakpoint.
    pub(crate) const BREAK: u8 = 0xc;
    /// INE: an instruction that does not exist.
    pub(crate) const NO_INSTRUCTION: u8 = 0xd;
}

/// The operands of an instruction, in assembly's order.
///
/// Registers are `Rd` in bits 0 to 4, `Rj` in 5 to 9, `Rk` in 10 to 14. A number that is no register begins at bit 10
/// unless noted; `Si` is signed, `Ui` unsigned, and the digits are its bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operands {
    /// No operands.
    None,
    RdRj,
    RjRk,
    RdRjRk,
    /// The order of atomic accesses.
    RdRkRj,
    /// A shift of 1 to 4, less 1 in bits 15 and 16.
    RdRjRkShift,
    /// A number of bytes in bits 15 and 16.
    RdRjRkByte4,
    /// A number of bytes in bits 15 to 17.
    RdRjRkByte8,
    RdRjUi5,
    RdRjUi6,
    RdRjUi8,
    RdRjUi12,
    RdRjSi12,
    /// A number of words, written as bytes.
    RdRjSi14,
    RdRjSi16,
    /// A number in bits 5 to 24.
    RdSi20,
    RjUi8,
    /// The highest and the lowest bit of a field of a word, in bits 16 to 20 and 10 to 14.
    BitsW,
    /// The highest and the lowest bit of a field of a doubleword, in bits 16 to 21 and 10 to 15.
    BitsD,
    /// A number of 15 bits in bits 0 to 14.
    Code,
    /// A number in place of `Rd`, then an address.
    HintRjSi12,
    /// A number in place of `Rd`, then an address.
    HintRjRk,
    /// The number of an operation in place of `Rd`, then an address space and an address.
    Invtlb,
    /// A control and status register; bits 5 to 9 are the instruction's.
    RdCsr,
    /// A control and status register; `Rj` is neither 0 nor 1, which are other instructions.
    RdRjCsr,
    /// An offset in words, written as bytes.
    RdRjOffset16,
    /// A branch's offset in words, written as the target.
    RjRdOffset16,
    /// A branch's offset in words, written as the target: low bits from bit 10, high ones from bit 0.
    RjOffset21,
    /// A branch's offset in words, written as the target: low bits from bit 10, high ones from bit 0.
    Offset26,
}

impl Operands {
    /// Returns the bits that no operand occupies.
    const fn fixed(self) -> u32 {
        match self {
            Operands::None => 0xffff_ffff,
            Operands::RdRj => 0xffff_fc00,
            Operands::RjRk => 0xffff_801f,
            Operands::RdRjRk | Operands::RdRkRj | Operands::Code => 0xffff_8000,
            Operands::HintRjRk | Operands::Invtlb => 0xffff_8000,
            Operands::RdRjRkShift | Operands::RdRjRkByte4 => 0xfffe_0000,
            Operands::RdRjRkByte8 => 0xfffc_0000,
            Operands::RdRjUi5 => 0xffff_8000,
            Operands::RdRjUi6 => 0xffff_0000,
            Operands::RdRjUi8 => 0xfffc_0000,
            Operands::RdRjUi12 | Operands::RdRjSi12 | Operands::HintRjSi12 => 0xffc0_0000,
            Operands::RdRjSi14 => 0xff00_0000,
            Operands::RdRjSi16 | Operands::RdRjOffset16 | Operands::RjRdOffset16 => 0xfc00_0000,
            Operands::RdSi20 => 0xfe00_0000,
            Operands::RjUi8 => 0xfffc_001f,
            Operands::BitsW => 0xffe0_8000,
            Operands::BitsD => 0xffc0_0000,
            Operands::RdCsr => 0xff00_03e0,
            Operands::RdRjCsr => 0xff00_0000,
            Operands::RjOffset21 | Operands::Offset26 => 0xfc00_0000,
        }
    }
}

/// The size of an access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    Byte = 1,
    Half = 2,
    Word = 4,
    Double = 8,
}

/// What an instruction does.
///
/// Where it says "the operand", that is the value of `rk`, or the immediate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Computes `rd` from `rj` and the operand.
    Compute(Compute),
    /// Shifts `rj` left and adds `rk`; a word, sign-extended.
    ShiftAddW,
    /// Shifts `rj` left and adds `rk`; a word, zero-extended.
    ShiftAddWu,
    /// Shifts `rj` left and adds `rk`.
    ShiftAddD,
    /// Takes four bytes of the words `rk` and `rj`, one after the other.
    BytePickW,
    /// Takes eight bytes of `rk` and `rj`, one after the other.
    BytePickD,
    /// Puts the low bits of `rj` into a field of the word in `rd`.
    InsertBitsW,
    /// Puts the low bits of `rj` into a field of `rd`.
    InsertBitsD,
    /// Takes a field of `rj`.
    PickBits { word: bool },
    /// Adds the immediate, shifted left by so much, to the program counter.
    PcAdd(u8),
    /// As that, by 12, and clears the low 12 bits.
    PcPage,
    /// Loads `rd` from `rj` plus the operand.
    Load { size: Size, signed: bool },
    /// Stores `rd` to `rj` plus the operand.
    Store(Size),
    /// Loads `rd` from `rj` if that is within the bound `rk`.
    LoadIf(Bound, Size),
    /// Stores `rd` to `rj` if that is within the bound `rk`.
    StoreIf(Bound, Size),
    /// Loads `rd` and makes a reservation.
    LoadLinked(Size),
    /// Stores `rd` if the reservation still holds, and sets `rd` to whether it did.
    StoreConditional(Size),
    /// Replaces what is at `rj` by what it and `rk` give, and sets `rd` to what was there.
    Modify(Modify, Size),
    /// Replaces what is at `rj` by `rk` if it is `rd`, and sets `rd` to what was there.
    CompareSwap(Size),
    /// Goes to the target if `rj` and `rd` compare so.
    Branch(Condition),
    /// Goes to the target; puts the return address into register `link`.
    Jump { link: u8 },
    /// Goes to `rj` plus the offset; puts the return address into `rd`.
    JumpRegister,
    /// Raises an exception unless `rj` is within the bound `rk`.
    Assert(Bound),
    /// Raises this exception.
    Exception(u8),
    /// Puts a part of the time into `rd`.
    ReadTime(Part),
    /// Puts word `rj` of the CPU's configuration into `rd`.
    CpuConfig,
    /// Puts a control and status register into `rd`.
    ReadCsr,
    /// Exchanges a control and status register with `rd`.
    WriteCsr,
    /// As that, only of the bits that `rj` selects.
    ExchangeCsr,
    /// Nothing that can be seen here.
    Nothing,
    /// What is not done here.
    NotDone,
    /// What is not done here, and goes elsewhere.
    Leave,
}

/// How a value is computed from two, `a` and `b`, or from `a` alone.
///
/// The names are those of the manual's instructions where these say enough. Those that end in `W` take the low words
/// and give a sign-extended one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compute {
    AddW,
    AddD,
    SubW,
    SubD,
    /// 1 if `a` is less, both signed; otherwise 0.
    SetIfLess,
    /// 1 if `a` is less, both unsigned; otherwise 0.
    SetIfBelow,
    /// `b` in bits 12 to 31.
    Lu12i,
    /// `b` in bits 32 to 63, and below these `a`.
    Lu32i,
    /// `b` in bits 52 to 63, and below these `a`.
    Lu52i,
    /// `a` and 65,536 times `b`.
    Addu16i,
    MulW,
    MulhW,
    MulhWu,
    MulD,
    MulhD,
    MulhDu,
    MulwDW,
    MulwDWu,
    DivW,
    ModW,
    DivWu,
    ModWu,
    DivD,
    ModD,
    DivDu,
    ModDu,
    /// 0 if `b` is 0; otherwise `a`.
    MaskIfZero,
    /// `a` if `b` is 0; otherwise 0.
    MaskUnlessZero,
    Nor,
    And,
    Or,
    Xor,
    OrNot,
    AndNot,
    SllW,
    SrlW,
    SraW,
    RotrW,
    SllD,
    SrlD,
    SraD,
    RotrD,
    CloW,
    ClzW,
    CtoW,
    CtzW,
    CloD,
    ClzD,
    CtoD,
    CtzD,
    Revb2H,
    Revb4H,
    Revb2W,
    RevbD,
    Revh2W,
    RevhD,
    Bitrev4B,
    Bitrev8B,
    BitrevW,
    BitrevD,
    ExtWH,
    ExtWB,
    /// The checksum `b` and so many bytes of `a`; polynomial of IEEE 802.3.
    Crc(Size),
    /// The checksum `b` and so many bytes of `a`; polynomial of Castagnoli.
    CrcC(Size),
}

/// How an atomic access computes what it stores, from what was there and from `rk`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Modify {
    Swap,
    Add,
    And,
    Or,
    Xor,
    Max,
    Min,
    MaxUnsigned,
    MinUnsigned,
}

/// How `rj` and `rd` compare for a branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition {
    Equal,
    NotEqual,
    /// Both signed.
    Less,
    /// Both signed.
    GreaterOrEqual,
    /// Both unsigned.
    Below,
    /// Both unsigned.
    AboveOrEqual,
}

/// How `rj` must compare with the bound `rk`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bound {
    Greater,
    LessOrEqual,
}

/// A part of the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Low,
    High,
    Whole,
}

const fn row(value: u32, mnemonic: &'static str, operands: Operands, operation: Operation) -> Row {
    Row { mask: operands.fixed(), value, mnemonic, operands, operation }
}

/// Every instruction that is known.
#[rustfmt::skip] // One a line.
pub(crate) static TABLE: &[Row] = &[
    // Arithmetic.
    row(0x0010_0000, "add.w", Operands::RdRjRk, Operation::Compute(Compute::AddW)),
    row(0x0010_8000, "add.d", Operands::RdRjRk, Operation::Compute(Compute::AddD)),
    row(0x0011_0000, "sub.w", Operands::RdRjRk, Operation::Compute(Compute::SubW)),
    row(0x0011_8000, "sub.d", Operands::RdRjRk, Operation::Compute(Compute::SubD)),
    row(0x0012_0000, "slt", Operands::RdRjRk, Operation::Compute(Compute::SetIfLess)),
    row(0x0012_8000, "sltu", Operands::RdRjRk, Operation::Compute(Compute::SetIfBelow)),
    row(0x0200_0000, "slti", Operands::RdRjSi12, Operation::Compute(Compute::SetIfLess)),
    row(0x0240_0000, "sltui", Operands::RdRjSi12, Operation::Compute(Compute::SetIfBelow)),
    row(0x0280_0000, "addi.w", Operands::RdRjSi12, Operation::Compute(Compute::AddW)),
    row(0x02c0_0000, "addi.d", Operands::RdRjSi12, Operation::Compute(Compute::AddD)),
    row(0x0300_0000, "lu52i.d", Operands::RdRjSi12, Operation::Compute(Compute::Lu52i)),
    row(0x1000_0000, "addu16i.d", Operands::RdRjSi16, Operation::Compute(Compute::Addu16i)),
    row(0x1400_0000, "lu12i.w", Operands::RdSi20, Operation::Compute(Compute::Lu12i)),
    row(0x1600_0000, "lu32i.d", Operands::RdSi20, Operation::Compute(Compute::Lu32i)),
    row(0x1800_0000, "pcaddi", Operands::RdSi20, Operation::PcAdd(2)),
    row(0x1a00_0000, "pcalau12i", Operands::RdSi20, Operation::PcPage),
    row(0x1c00_0000, "pcaddu12i", Operands::RdSi20, Operation::PcAdd(12)),
    row(0x1e00_0000, "pcaddu18i", Operands::RdSi20, Operation::PcAdd(18)),
    row(0x0004_0000, "alsl.w", Operands::RdRjRkShift, Operation::ShiftAddW),
    row(0x0006_0000, "alsl.wu", Operands::RdRjRkShift, Operation::ShiftAddWu),
    row(0x002c_0000, "alsl.d", Operands::RdRjRkShift, Operation::ShiftAddD),
    row(0x001c_0000, "mul.w", Operands::RdRjRk, Operation::Compute(Compute::MulW)),
    row(0x001c_8000, "mulh.w", Operands::RdRjRk, Operation::Compute(Compute::MulhW)),
    row(0x001d_0000, "mulh.wu", Operands::RdRjRk, Operation::Compute(Compute::MulhWu)),
    row(0x001d_8000, "mul.d", Operands::RdRjRk, Operation::Compute(Compute::MulD)),
    row(0x001e_0000, "mulh.d", Operands::RdRjRk, Operation::Compute(Compute::MulhD)),
    row(0x001e_8000, "mulh.du", Operands::RdRjRk, Operation::Compute(Compute::MulhDu)),
    row(0x001f_0000, "mulw.d.w", Operands::RdRjRk, Operation::Compute(Compute::MulwDW)),
    row(0x001f_8000, "mulw.d.wu", Operands::RdRjRk, Operation::Compute(Compute::MulwDWu)),
    row(0x0020_0000, "div.w", Operands::RdRjRk, Operation::Compute(Compute::DivW)),
    row(0x0020_8000, "mod.w", Operands::RdRjRk, Operation::Compute(Compute::ModW)),
    row(0x0021_0000, "div.wu", Operands::RdRjRk, Operation::Compute(Compute::DivWu)),
    row(0x0021_8000, "mod.wu", Operands::RdRjRk, Operation::Compute(Compute::ModWu)),
    row(0x0022_0000, "div.d", Operands::RdRjRk, Operation::Compute(Compute::DivD)),
    row(0x0022_8000, "mod.d", Operands::RdRjRk, Operation::Compute(Compute::ModD)),
    row(0x0023_0000, "div.du", Operands::RdRjRk, Operation::Compute(Compute::DivDu)),
    row(0x0023_8000, "mod.du", Operands::RdRjRk, Operation::Compute(Compute::ModDu)),
    // Logic and shifts.
    row(0x0013_0000, "maskeqz", Operands::RdRjRk, Operation::Compute(Compute::MaskIfZero)),
    row(0x0013_8000, "masknez", Operands::RdRjRk, Operation::Compute(Compute::MaskUnlessZero)),
    row(0x0014_0000, "nor", Operands::RdRjRk, Operation::Compute(Compute::Nor)),
    row(0x0014_8000, "and", Operands::RdRjRk, Operation::Compute(Compute::And)),
    row(0x0015_0000, "or", Operands::RdRjRk, Operation::Compute(Compute::Or)),
    row(0x0015_8000, "xor", Operands::RdRjRk, Operation::Compute(Compute::Xor)),
    row(0x0016_0000, "orn", Operands::RdRjRk, Operation::Compute(Compute::OrNot)),
    row(0x0016_8000, "andn", Operands::RdRjRk, Operation::Compute(Compute::AndNot)),
    row(0x0340_0000, "andi", Operands::RdRjUi12, Operation::Compute(Compute::And)),
    row(0x0380_0000, "ori", Operands::RdRjUi12, Operation::Compute(Compute::Or)),
    row(0x03c0_0000, "xori", Operands::RdRjUi12, Operation::Compute(Compute::Xor)),
    row(0x0017_0000, "sll.w", Operands::RdRjRk, Operation::Compute(Compute::SllW)),
    row(0x0017_8000, "srl.w", Operands::RdRjRk, Operation::Compute(Compute::SrlW)),
    row(0x0018_0000, "sra.w", Operands::RdRjRk, Operation::Compute(Compute::SraW)),
    row(0x001b_0000, "rotr.w", Operands::RdRjRk, Operation::Compute(Compute::RotrW)),
    row(0x0018_8000, "sll.d", Operands::RdRjRk, Operation::Compute(Compute::SllD)),
    row(0x0019_0000, "srl.d", Operands::RdRjRk, Operation::Compute(Compute::SrlD)),
    row(0x0019_8000, "sra.d", Operands::RdRjRk, Operation::Compute(Compute::SraD)),
    row(0x001b_8000, "rotr.d", Operands::RdRjRk, Operation::Compute(Compute::RotrD)),
    row(0x0040_8000, "slli.w", Operands::RdRjUi5, Operation::Compute(Compute::SllW)),
    row(0x0044_8000, "srli.w", Operands::RdRjUi5, Operation::Compute(Compute::SrlW)),
    row(0x0048_8000, "srai.w", Operands::RdRjUi5, Operation::Compute(Compute::SraW)),
    row(0x004c_8000, "rotri.w", Operands::RdRjUi5, Operation::Compute(Compute::RotrW)),
    row(0x0041_0000, "slli.d", Operands::RdRjUi6, Operation::Compute(Compute::SllD)),
    row(0x0045_0000, "srli.d", Operands::RdRjUi6, Operation::Compute(Compute::SrlD)),
    row(0x0049_0000, "srai.d", Operands::RdRjUi6, Operation::Compute(Compute::SraD)),
    row(0x004d_0000, "rotri.d", Operands::RdRjUi6, Operation::Compute(Compute::RotrD)),
    // Bits and bytes.
    row(0x0000_1000, "clo.w", Operands::RdRj, Operation::Compute(Compute::CloW)),
    row(0x0000_1400, "clz.w", Operands::RdRj, Operation::Compute(Compute::ClzW)),
    row(0x0000_1800, "cto.w", Operands::RdRj, Operation::Compute(Compute::CtoW)),
    row(0x0000_1c00, "ctz.w", Operands::RdRj, Operation::Compute(Compute::CtzW)),
    row(0x0000_2000, "clo.d", Operands::RdRj, Operation::Compute(Compute::CloD)),
    row(0x0000_2400, "clz.d", Operands::RdRj, Operation::Compute(Compute::ClzD)),
    row(0x0000_2800, "cto.d", Operands::RdRj, Operation::Compute(Compute::CtoD)),
    row(0x0000_2c00, "ctz.d", Operands::RdRj, Operation::Compute(Compute::CtzD)),
    row(0x0000_3000, "revb.2h", Operands::RdRj, Operation::Compute(Compute::Revb2H)),
    row(0x0000_3400, "revb.4h", Operands::RdRj, Operation::Compute(Compute::Revb4H)),
    row(0x0000_3800, "revb.2w", Operands::RdRj, Operation::Compute(Compute::Revb2W)),
    row(0x0000_3c00, "revb.d", Operands::RdRj, Operation::Compute(Compute::RevbD)),
    row(0x0000_4000, "revh.2w", Operands::RdRj, Operation::Compute(Compute::Revh2W)),
    row(0x0000_4400, "revh.d", Operands::RdRj, Operation::Compute(Compute::RevhD)),
    row(0x0000_4800, "bitrev.4b", Operands::RdRj, Operation::Compute(Compute::Bitrev4B)),
    row(0x0000_4c00, "bitrev.8b", Operands::RdRj, Operation::Compute(Compute::Bitrev8B)),
    row(0x0000_5000, "bitrev.w", Operands::RdRj, Operation::Compute(Compute::BitrevW)),
    row(0x0000_5400, "bitrev.d", Operands::RdRj, Operation::Compute(Compute::BitrevD)),
    row(0x0000_5800, "ext.w.h", Operands::RdRj, Operation::Compute(Compute::ExtWH)),
    row(0x0000_5c00, "ext.w.b", Operands::RdRj, Operation::Compute(Compute::ExtWB)),
    row(0x0008_0000, "bytepick.w", Operands::RdRjRkByte4, Operation::BytePickW),
    row(0x000c_0000, "bytepick.d", Operands::RdRjRkByte8, Operation::BytePickD),
    row(0x0060_0000, "bstrins.w", Operands::BitsW, Operation::InsertBitsW),
    row(0x0060_8000, "bstrpick.w", Operands::BitsW, Operation::PickBits { word: true }),
    row(0x0080_0000, "bstrins.d", Operands::BitsD, Operation::InsertBitsD),
    row(0x00c0_0000, "bstrpick.d", Operands::BitsD, Operation::PickBits { word: false }),
    row(0x0024_0000, "crc.w.b.w", Operands::RdRjRk, Operation::Compute(Compute::Crc(Size::Byte))),
    row(0x0024_8000, "crc.w.h.w", Operands::RdRjRk, Operation::Compute(Compute::Crc(Size::Half))),
    row(0x0025_0000, "crc.w.w.w", Operands::RdRjRk, Operation::Compute(Compute::Crc(Size::Word))),
    row(0x0025_8000, "crc.w.d.w", Operands::RdRjRk, Operation::Compute(Compute::Crc(Size::Double))),
    row(0x0026_0000, "crcc.w.b.w", Operands::RdRjRk, Operation::Compute(Compute::CrcC(Size::Byte))),
    row(0x0026_8000, "crcc.w.h.w", Operands::RdRjRk, Operation::Compute(Compute::CrcC(Size::Half))),
    row(0x0027_0000, "crcc.w.w.w", Operands::RdRjRk, Operation::Compute(Compute::CrcC(Size::Word))),
    row(0x0027_8000, "crcc.w.d.w", Operands::RdRjRk, Operation::Compute(Compute::CrcC(Size::Double))),
    // Loads and stores.
    row(0x2800_0000, "ld.b", Operands::RdRjSi12, Operation::Load { size: Size::Byte, signed: true }),
    row(0x2840_0000, "ld.h", Operands::RdRjSi12, Operation::Load { size: Size::Half, signed: true }),
    row(0x2880_0000, "ld.w", Operands::RdRjSi12, Operation::Load { size: Size::Word, signed: true }),
    row(0x28c0_0000, "ld.d", Operands::RdRjSi12, Operation::Load { size: Size::Double, signed: true }),
    row(0x2a00_0000, "ld.bu", Operands::RdRjSi12, Operation::Load { size: Size::Byte, signed: false }),
    row(0x2a40_0000, "ld.hu", Operands::RdRjSi12, Operation::Load { size: Size::Half, signed: false }),
    row(0x2a80_0000, "ld.wu", Operands::RdRjSi12, Operation::Load { size: Size::Word, signed: false }),
    row(0x2900_0000, "st.b", Operands::RdRjSi12, Operation::Store(Size::Byte)),
    row(0x2940_0000, "st.h", Operands::RdRjSi12, Operation::Store(Size::Half)),
    row(0x2980_0000, "st.w", Operands::RdRjSi12, Operation::Store(Size::Word)),
    row(0x29c0_0000, "st.d", Operands::RdRjSi12, Operation::Store(Size::Double)),
    row(0x3800_0000, "ldx.b", Operands::RdRjRk, Operation::Load { size: Size::Byte, signed: true }),
    row(0x3804_0000, "ldx.h", Operands::RdRjRk, Operation::Load { size: Size::Half, signed: true }),
    row(0x3808_0000, "ldx.w", Operands::RdRjRk, Operation::Load { size: Size::Word, signed: true }),
    row(0x380c_0000, "ldx.d", Operands::RdRjRk, Operation::Load { size: Size::Double, signed: true }),
    row(0x3820_0000, "ldx.bu", Operands::RdRjRk, Operation::Load { size: Size::Byte, signed: false }),
    row(0x3824_0000, "ldx.hu", Operands::RdRjRk, Operation::Load { size: Size::Half, signed: false }),
    row(0x3828_0000, "ldx.wu", Operands::RdRjRk, Operation::Load { size: Size::Word, signed: false }),
    row(0x3810_0000, "stx.b", Operands::RdRjRk, Operation::Store(Size::Byte)),
    row(0x3814_0000, "stx.h", Operands::RdRjRk, Operation::Store(Size::Half)),
    row(0x3818_0000, "stx.w", Operands::RdRjRk, Operation::Store(Size::Word)),
    row(0x381c_0000, "stx.d", Operands::RdRjRk, Operation::Store(Size::Double)),
    row(0x2400_0000, "ldptr.w", Operands::RdRjSi14, Operation::Load { size: Size::Word, signed: true }),
    row(0x2500_0000, "stptr.w", Operands::RdRjSi14, Operation::Store(Size::Word)),
    row(0x2600_0000, "ldptr.d", Operands::RdRjSi14, Operation::Load { size: Size::Double, signed: true }),
    row(0x2700_0000, "stptr.d", Operands::RdRjSi14, Operation::Store(Size::Double)),
    row(0x3878_0000, "ldgt.b", Operands::RdRjRk, Operation::LoadIf(Bound::Greater, Size::Byte)),
    row(0x3878_8000, "ldgt.h", Operands::RdRjRk, Operation::LoadIf(Bound::Greater, Size::Half)),
    row(0x3879_0000, "ldgt.w", Operands::RdRjRk, Operation::LoadIf(Bound::Greater, Size::Word)),
    row(0x3879_8000, "ldgt.d", Operands::RdRjRk, Operation::LoadIf(Bound::Greater, Size::Double)),
    row(0x387c_0000, "stgt.b", Operands::RdRjRk, Operation::StoreIf(Bound::Greater, Size::Byte)),
    row(0x387c_8000, "stgt.h", Operands::RdRjRk, Operation::StoreIf(Bound::Greater, Size::Half)),
    row(0x387d_0000, "stgt.w", Operands::RdRjRk, Operation::StoreIf(Bound::Greater, Size::Word)),
    row(0x387d_8000, "stgt.d", Operands::RdRjRk, Operation::StoreIf(Bound::Greater, Size::Double)),
    row(0x387a_0000, "ldle.b", Operands::RdRjRk, Operation::LoadIf(Bound::LessOrEqual, Size::Byte)),
    row(0x387a_8000, "ldle.h", Operands::RdRjRk, Operation::LoadIf(Bound::LessOrEqual, Size::Half)),
    row(0x387b_0000, "ldle.w", Operands::RdRjRk, Operation::LoadIf(Bound::LessOrEqual, Size::Word)),
    row(0x387b_8000, "ldle.d", Operands::RdRjRk, Operation::LoadIf(Bound::LessOrEqual, Size::Double)),
    row(0x387e_0000, "stle.b", Operands::RdRjRk, Operation::StoreIf(Bound::LessOrEqual, Size::Byte)),
    row(0x387e_8000, "stle.h", Operands::RdRjRk, Operation::StoreIf(Bound::LessOrEqual, Size::Half)),
    row(0x387f_0000, "stle.w", Operands::RdRjRk, Operation::StoreIf(Bound::LessOrEqual, Size::Word)),
    row(0x387f_8000, "stle.d", Operands::RdRjRk, Operation::StoreIf(Bound::LessOrEqual, Size::Double)),
    row(0x2ac0_0000, "preld", Operands::HintRjSi12, Operation::Nothing),
    row(0x382c_0000, "preldx", Operands::HintRjRk, Operation::Nothing),
    row(0x3872_0000, "dbar", Operands::Code, Operation::Nothing),
    row(0x3872_8000, "ibar", Operands::Code, Operation::Nothing),
    // Atomic accesses.
    row(0x2000_0000, "ll.w", Operands::RdRjSi14, Operation::LoadLinked(Size::Word)),
    row(0x2100_0000, "sc.w", Operands::RdRjSi14, Operation::StoreConditional(Size::Word)),
    row(0x2200_0000, "ll.d", Operands::RdRjSi14, Operation::LoadLinked(Size::Double)),
    row(0x2300_0000, "sc.d", Operands::RdRjSi14, Operation::StoreConditional(Size::Double)),
    row(0x3860_0000, "amswap.w", Operands::RdRkRj, Operation::Modify(Modify::Swap, Size::Word)),
    row(0x3860_8000, "amswap.d", Operands::RdRkRj, Operation::Modify(Modify::Swap, Size::Double)),
    row(0x3861_0000, "amadd.w", Operands::RdRkRj, Operation::Modify(Modify::Add, Size::Word)),
    row(0x3861_8000, "amadd.d", Operands::RdRkRj, Operation::Modify(Modify::Add, Size::Double)),
    row(0x3862_0000, "amand.w", Operands::RdRkRj, Operation::Modify(Modify::And, Size::Word)),
    row(0x3862_8000, "amand.d", Operands::RdRkRj, Operation::Modify(Modify::And, Size::Double)),
    row(0x3863_0000, "amor.w", Operands::RdRkRj, Operation::Modify(Modify::Or, Size::Word)),
    row(0x3863_8000, "amor.d", Operands::RdRkRj, Operation::Modify(Modify::Or, Size::Double)),
    row(0x3864_0000, "amxor.w", Operands::RdRkRj, Operation::Modify(Modify::Xor, Size::Word)),
    row(0x3864_8000, "amxor.d", Operands::RdRkRj, Operation::Modify(Modify::Xor, Size::Double)),
    row(0x3865_0000, "ammax.w", Operands::RdRkRj, Operation::Modify(Modify::Max, Size::Word)),
    row(0x3865_8000, "ammax.d", Operands::RdRkRj, Operation::Modify(Modify::Max, Size::Double)),
    row(0x3866_0000, "ammin.w", Operands::RdRkRj, Operation::Modify(Modify::Min, Size::Word)),
    row(0x3866_8000, "ammin.d", Operands::RdRkRj, Operation::Modify(Modify::Min, Size::Double)),
    row(0x3867_0000, "ammax.wu", Operands::RdRkRj, Operation::Modify(Modify::MaxUnsigned, Size::Word)),
    row(0x3867_8000, "ammax.du", Operands::RdRkRj, Operation::Modify(Modify::MaxUnsigned, Size::Double)),
    row(0x3868_0000, "ammin.wu", Operands::RdRkRj, Operation::Modify(Modify::MinUnsigned, Size::Word)),
    row(0x3868_8000, "ammin.du", Operands::RdRkRj, Operation::Modify(Modify::MinUnsigned, Size::Double)),
    row(0x3869_0000, "amswap_db.w", Operands::RdRkRj, Operation::Modify(Modify::Swap, Size::Word)),
    row(0x3869_8000, "amswap_db.d", Operands::RdRkRj, Operation::Modify(Modify::Swap, Size::Double)),
    row(0x386a_0000, "amadd_db.w", Operands::RdRkRj, Operation::Modify(Modify::Add, Size::Word)),
    row(0x386a_8000, "amadd_db.d", Operands::RdRkRj, Operation::Modify(Modify::Add, Size::Double)),
    row(0x386b_0000, "amand_db.w", Operands::RdRkRj, Operation::Modify(Modify::And, Size::Word)),
    row(0x386b_8000, "amand_db.d", Operands::RdRkRj, Operation::Modify(Modify::And, Size::Double)),
    row(0x386c_0000, "amor_db.w", Operands::RdRkRj, Operation::Modify(Modify::Or, Size::Word)),
    row(0x386c_8000, "amor_db.d", Operands::RdRkRj, Operation::Modify(Modify::Or, Size::Double)),
    row(0x386d_0000, "amxor_db.w", Operands::RdRkRj, Operation::Modify(Modify::Xor, Size::Word)),
    row(0x386d_8000, "amxor_db.d", Operands::RdRkRj, Operation::Modify(Modify::Xor, Size::Double)),
    row(0x386e_0000, "ammax_db.w", Operands::RdRkRj, Operation::Modify(Modify::Max, Size::Word)),
    row(0x386e_8000, "ammax_db.d", Operands::RdRkRj, Operation::Modify(Modify::Max, Size::Double)),
    row(0x386f_0000, "ammin_db.w", Operands::RdRkRj, Operation::Modify(Modify::Min, Size::Word)),
    row(0x386f_8000, "ammin_db.d", Operands::RdRkRj, Operation::Modify(Modify::Min, Size::Double)),
    row(0x3870_0000, "ammax_db.wu", Operands::RdRkRj, Operation::Modify(Modify::MaxUnsigned, Size::Word)),
    row(0x3870_8000, "ammax_db.du", Operands::RdRkRj, Operation::Modify(Modify::MaxUnsigned, Size::Double)),
    row(0x3871_0000, "ammin_db.wu", Operands::RdRkRj, Operation::Modify(Modify::MinUnsigned, Size::Word)),
    row(0x3871_8000, "ammin_db.du", Operands::RdRkRj, Operation::Modify(Modify::MinUnsigned, Size::Double)),
    // Atomic accesses of v1.10.
    row(0x3857_8000, "llacq.w", Operands::RdRj, Operation::LoadLinked(Size::Word)),
    row(0x3857_8400, "screl.w", Operands::RdRj, Operation::StoreConditional(Size::Word)),
    row(0x3857_8800, "llacq.d", Operands::RdRj, Operation::LoadLinked(Size::Double)),
    row(0x3857_8c00, "screl.d", Operands::RdRj, Operation::StoreConditional(Size::Double)),
    row(0x385c_0000, "amswap.b", Operands::RdRkRj, Operation::Modify(Modify::Swap, Size::Byte)),
    row(0x385c_8000, "amswap.h", Operands::RdRkRj, Operation::Modify(Modify::Swap, Size::Half)),
    row(0x385d_0000, "amadd.b", Operands::RdRkRj, Operation::Modify(Modify::Add, Size::Byte)),
    row(0x385d_8000, "amadd.h", Operands::RdRkRj, Operation::Modify(Modify::Add, Size::Half)),
    row(0x3858_0000, "amcas.b", Operands::RdRkRj, Operation::CompareSwap(Size::Byte)),
    row(0x3858_8000, "amcas.h", Operands::RdRkRj, Operation::CompareSwap(Size::Half)),
    row(0x3859_0000, "amcas.w", Operands::RdRkRj, Operation::CompareSwap(Size::Word)),
    row(0x3859_8000, "amcas.d", Operands::RdRkRj, Operation::CompareSwap(Size::Double)),
    row(0x385e_0000, "amswap_db.b", Operands::RdRkRj, Operation::Modify(Modify::Swap, Size::Byte)),
    row(0x385e_8000, "amswap_db.h", Operands::RdRkRj, Operation::Modify(Modify::Swap, Size::Half)),
    row(0x385f_0000, "amadd_db.b", Operands::RdRkRj, Operation::Modify(Modify::Add, Size::Byte)),
    row(0x385f_8000, "amadd_db.h", Operands::RdRkRj, Operation::Modify(Modify::Add, Size::Half)),
    row(0x385a_0000, "amcas_db.b", Operands::RdRkRj, Operation::CompareSwap(Size::Byte)),
    row(0x385a_8000, "amcas_db.h", Operands::RdRkRj, Operation::CompareSwap(Size::Half)),
    row(0x385b_0000, "amcas_db.w", Operands::RdRkRj, Operation::CompareSwap(Size::Word)),
    row(0x385b_8000, "amcas_db.d", Operands::RdRkRj, Operation::CompareSwap(Size::Double)),
    // Branches.
    row(0x4000_0000, "beqz", Operands::RjOffset21, Operation::Branch(Condition::Equal)),
    row(0x4400_0000, "bnez", Operands::RjOffset21, Operation::Branch(Condition::NotEqual)),
    row(0x4c00_0000, "jirl", Operands::RdRjOffset16, Operation::JumpRegister),
    row(0x5000_0000, "b", Operands::Offset26, Operation::Jump { link: 0 }),
    row(0x5400_0000, "bl", Operands::Offset26, Operation::Jump { link: 1 }),
    row(0x5800_0000, "beq", Operands::RjRdOffset16, Operation::Branch(Condition::Equal)),
    row(0x5c00_0000, "bne", Operands::RjRdOffset16, Operation::Branch(Condition::NotEqual)),
    row(0x6000_0000, "blt", Operands::RjRdOffset16, Operation::Branch(Condition::Less)),
    row(0x6400_0000, "bge", Operands::RjRdOffset16, Operation::Branch(Condition::GreaterOrEqual)),
    row(0x6800_0000, "bltu", Operands::RjRdOffset16, Operation::Branch(Condition::Below)),
    row(0x6c00_0000, "bgeu", Operands::RjRdOffset16, Operation::Branch(Condition::AboveOrEqual)),
    // Traps and the CPU.
    row(0x0001_0000, "asrtle.d", Operands::RjRk, Operation::Assert(Bound::LessOrEqual)),
    row(0x0001_8000, "asrtgt.d", Operands::RjRk, Operation::Assert(Bound::Greater)),
    row(0x002a_0000, "break", Operands::Code, Operation::Exception(exception::BREAK)),
    row(0x002b_0000, "syscall", Operands::Code, Operation::Exception(exception::SYSCALL)),
    row(0x002a_8000, "dbcl", Operands::Code, Operation::Leave),
    row(0x0000_6000, "rdtimel.w", Operands::RdRj, Operation::ReadTime(Part::Low)),
    row(0x0000_6400, "rdtimeh.w", Operands::RdRj, Operation::ReadTime(Part::High)),
    row(0x0000_6800, "rdtime.d", Operands::RdRj, Operation::ReadTime(Part::Whole)),
    row(0x0000_6c00, "cpucfg", Operands::RdRj, Operation::CpuConfig),
    // Privileged.
    row(0x0400_0000, "csrrd", Operands::RdCsr, Operation::ReadCsr),
    row(0x0400_0020, "csrwr", Operands::RdCsr, Operation::WriteCsr),
    row(0x0400_0000, "csrxchg", Operands::RdRjCsr, Operation::ExchangeCsr),
    row(0x0600_0000, "cacop", Operands::HintRjSi12, Operation::Nothing),
    row(0x0649_8000, "invtlb", Operands::Invtlb, Operation::Nothing),
    row(0x0648_2000, "tlbclr", Operands::None, Operation::Nothing),
    row(0x0648_2400, "tlbflush", Operands::None, Operation::Nothing),
    row(0x0648_2800, "tlbsrch", Operands::None, Operation::NotDone),
    row(0x0648_2c00, "tlbrd", Operands::None, Operation::NotDone),
    row(0x0648_3000, "tlbwr", Operands::None, Operation::NotDone),
    row(0x0648_3400, "tlbfill", Operands::None, Operation::NotDone),
    row(0x0640_0000, "lddir", Operands::RdRjUi8, Operation::NotDone),
    row(0x0644_0000, "ldpte", Operands::RjUi8, Operation::NotDone),
    row(0x0648_0000, "iocsrrd.b", Operands::RdRj, Operation::NotDone),
    row(0x0648_0400, "iocsrrd.h", Operands::RdRj, Operation::NotDone),
    row(0x0648_0800, "iocsrrd.w", Operands::RdRj, Operation::NotDone),
    row(0x0648_0c00, "iocsrrd.d", Operands::RdRj, Operation::NotDone),
    row(0x0648_1000, "iocsrwr.b", Operands::RdRj, Operation::NotDone),
    row(0x0648_1400, "iocsrwr.h", Operands::RdRj, Operation::NotDone),
    row(0x0648_1800, "iocsrwr.w", Operands::RdRj, Operation::NotDone),
    row(0x0648_1c00, "iocsrwr.d", Operands::RdRj, Operation::NotDone),
    row(0x0648_3800, "ertn", Operands::None, Operation::Leave),
    row(0x0648_8000, "idle", Operands::Code, Operation::NotDone),
];
