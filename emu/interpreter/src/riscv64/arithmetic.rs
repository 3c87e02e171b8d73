//! Arithmetic of two numbers.

/// An operation on two numbers. Those with a `W` use the low 32 bits, and sign-extend the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Sub,
    Sll,
    Slt,
    Sltu,
    Xor,
    Srl,
    Sra,
    Or,
    And,
    AddW,
    SubW,
    SllW,
    SrlW,
    SraW,
    Mul,
    Mulh,
    Mulhsu,
    Mulhu,
    Div,
    Divu,
    Rem,
    Remu,
    MulW,
    DivW,
    DivuW,
    RemW,
    RemuW,
}

impl Arithmetic {
    /// Returns the result for the operands `left` and `right`.
    ///
    /// No division traps. A division by zero has a quotient with all bits set, and the dividend as remainder. A
    /// division that overflows has the dividend as quotient, and the remainder 0 (Volume I, "M" Extension for Integer
    /// Multiplication and Division).
    pub(super) fn result(self, left: u64, right: u64) -> u64 {
        let (left_signed, right_signed) = (left.cast_signed(), right.cast_signed());
        let (left_w, right_w) = (left as u32, right as u32);
        let (left_w_signed, right_w_signed) = (left_w.cast_signed(), right_w.cast_signed());
        // The shifts below use its low bits only: 6 of them for 64-bit numbers, 5 for words.
        let shift = right_w;
        match self {
            Arithmetic::Add => left.wrapping_add(right),
            Arithmetic::Sub => left.wrapping_sub(right),
            Arithmetic::Sll => left.wrapping_shl(shift),
            Arithmetic::Slt => (left_signed < right_signed).into(),
            Arithmetic::Sltu => (left < right).into(),
            Arithmetic::Xor => left ^ right,
            Arithmetic::Srl => left.wrapping_shr(shift),
            Arithmetic::Sra => left_signed.wrapping_shr(shift).cast_unsigned(),
            Arithmetic::Or => left | right,
            Arithmetic::And => left & right,
            Arithmetic::AddW => sign_extend_word(left_w.wrapping_add(right_w)),
            Arithmetic::SubW => sign_extend_word(left_w.wrapping_sub(right_w)),
            Arithmetic::SllW => sign_extend_word(left_w.wrapping_shl(shift)),
            Arithmetic::SrlW => sign_extend_word(left_w.wrapping_shr(shift)),
            Arithmetic::SraW => sign_extend_word(left_w_signed.wrapping_shr(shift).cast_unsigned()),
            Arithmetic::Mul => left.wrapping_mul(right),
            Arithmetic::Mulh => ((i128::from(left_signed) * i128::from(right_signed)) >> 64) as u64,
            Arithmetic::Mulhsu => ((i128::from(left_signed) * i128::from(right)) >> 64) as u64,
            Arithmetic::Mulhu => ((u128::from(left) * u128::from(right)) >> 64) as u64,
            Arithmetic::Div if right == 0 => u64::MAX,
            Arithmetic::Div => left_signed.wrapping_div(right_signed).cast_unsigned(),
            Arithmetic::Divu => left.checked_div(right).unwrap_or(u64::MAX),
            Arithmetic::Rem if right == 0 => left,
            Arithmetic::Rem => left_signed.wrapping_rem(right_signed).cast_unsigned(),
            Arithmetic::Remu => left.checked_rem(right).unwrap_or(left),
            Arithmetic::MulW => sign_extend_word(left_w.wrapping_mul(right_w)),
            Arithmetic::DivW if right_w == 0 => u64::MAX,
            Arithmetic::DivW => sign_extend_word(left_w_signed.wrapping_div(right_w_signed).cast_unsigned()),
            Arithmetic::DivuW => sign_extend_word(left_w.checked_div(right_w).unwrap_or(u32::MAX)),
            Arithmetic::RemW if right_w == 0 => sign_extend_word(left_w),
            Arithmetic::RemW => sign_extend_word(left_w_signed.wrapping_rem(right_w_signed).cast_unsigned()),
            Arithmetic::RemuW => sign_extend_word(left_w.checked_rem(right_w).unwrap_or(left_w)),
        }
    }
}

/// Returns `word` as a register holds it: sign-extended to 64 bits.
pub(super) fn sign_extend_word(word: u32) -> u64 {
    i64::from(word.cast_signed()).cast_unsigned()
}

#[cfg(test)]
mod tests {
    use super::Arithmetic::{self, *};

    const MINUS_ONE: u64 = u64::MAX;
    const LEAST: u64 = 1 << 63;
    const LEAST_W: u64 = 0xffff_ffff_8000_0000;

    fn assert_results(rows: &[(Arithmetic, u64, u64, u64)]) {
        for (arithmetic, left, right, result) in rows {
            let actual = arithmetic.result(*left, *right);
            assert_eq!(actual, *result, "{arithmetic:?} {left:#x} {right:#x}: {actual:#x}");
        }
    }

    #[test]
    fn sums_wrap() {
        assert_results(&[
            (Add, MINUS_ONE, 2, 1),
            (Sub, 0, 1, MINUS_ONE),
            (AddW, 0x7fff_ffff, 1, LEAST_W),
            (AddW, 0xffff_ffff, 1, 0),
            (SubW, 0, 1, MINUS_ONE),
            (SubW, 0x1_8000_0000, 0, LEAST_W),
        ]);
    }

    #[test]
    fn comparisons_have_a_sign_or_none() {
        assert_results(&[
            (Slt, MINUS_ONE, 0, 1),
            (Slt, 0, MINUS_ONE, 0),
            (Slt, 1, 1, 0),
            (Sltu, MINUS_ONE, 0, 0),
            (Sltu, 0, MINUS_ONE, 1),
            (Sltu, 1, 1, 0),
        ]);
    }

    #[test]
    fn shifts_take_the_low_bits_of_a_register() {
        assert_results(&[
            (Sll, 1, 63, LEAST),
            (Sll, 1, 64, 1),
            (Sll, 1, MINUS_ONE, LEAST),
            (Sll, 1, 1 << 32, 1),
            (Srl, LEAST, 63 + 128, 1),
            (Sra, LEAST, 63, MINUS_ONE),
            (Sra, LEAST >> 1, 62, 1),
            (SllW, 1, 31, LEAST_W),
            (SllW, 1, 32, 1),
            (SrlW, LEAST_W, 0, LEAST_W),
            (SrlW, LEAST_W, 31, 1),
            (SrlW, 0xffff_ffff_0000_0000, 4, 0),
            (SraW, 0x8000_0000, 31, MINUS_ONE),
            (SraW, 0x8000_0000, 32, LEAST_W),
            (SraW, 0xffff_ffff_4000_0000, 30, 1),
        ]);
    }

    #[test]
    fn products_have_a_high_half() {
        assert_results(&[
            (Mul, MINUS_ONE, MINUS_ONE, 1),
            (Mul, 1 << 32, 1 << 32, 0),
            (Mulh, MINUS_ONE, MINUS_ONE, 0),
            (Mulh, LEAST, LEAST, 1 << 62),
            (Mulh, LEAST, 1, MINUS_ONE),
            (Mulhu, MINUS_ONE, MINUS_ONE, MINUS_ONE - 1),
            (Mulhu, 1 << 32, 1 << 32, 1),
            (Mulhsu, MINUS_ONE, MINUS_ONE, MINUS_ONE),
            (Mulhsu, LEAST, MINUS_ONE, LEAST),
            (Mulhsu, 1, MINUS_ONE, 0),
            (Mulhsu, 2, MINUS_ONE, 1),
            (MulW, 0x1_0001_0000, 0x8000, LEAST_W),
            (MulW, 0x1_0000, 0x1_0000, 0),
        ]);
    }

    #[test]
    fn division_by_zero_has_a_result() {
        assert_results(&[
            (Div, 7, 0, MINUS_ONE),
            (Divu, 7, 0, MINUS_ONE),
            (Rem, LEAST, 0, LEAST),
            (Remu, 7, 0, 7),
            // The high half of a divisor of words is ignored.
            (DivW, 7, 1 << 32, MINUS_ONE),
            (DivuW, 7, 1 << 32, MINUS_ONE),
            (RemW, 0x8000_0000, 1 << 32, LEAST_W),
            (RemuW, 0x8000_0000, 1 << 32, LEAST_W),
        ]);
    }

    #[test]
    fn division_that_overflows_has_a_result() {
        assert_results(&[
            (Div, LEAST, MINUS_ONE, LEAST),
            (Rem, LEAST, MINUS_ONE, 0),
            (DivW, 0x8000_0000, 0xffff_ffff, LEAST_W),
            (RemW, 0x8000_0000, 0xffff_ffff, 0),
            (Divu, LEAST, MINUS_ONE, 0),
            (Remu, LEAST, MINUS_ONE, LEAST),
        ]);
    }

    #[test]
    fn quotients_are_rounded_towards_zero() {
        let minus = |number: u64| number.wrapping_neg();
        assert_results(&[
            (Div, minus(7), 2, minus(3)),
            (Rem, minus(7), 2, minus(1)),
            (Div, 7, minus(2), minus(3)),
            (Rem, 7, minus(2), 1),
            (DivW, minus(7) & 0xffff_ffff, 2, minus(3)),
            (RemW, minus(7) & 0xffff_ffff, 2, minus(1)),
            (DivuW, minus(1), 1, minus(1)),
            (RemuW, minus(1), 0x8000_0000, 0x7fff_ffff),
        ]);
    }
}
