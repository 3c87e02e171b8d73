//! Fields of bits of an instruction.

/// Returns `count` bits of `word` from bit `from` on, moved to bit `to`.
pub(super) fn bits(word: u32, from: u32, count: u32, to: u32) -> u32 {
    (word >> from & ((1 << count) - 1)) << to
}

/// Sign-extends the low `width` bits of `value`.
pub(super) fn sign_extend(value: u32, width: u32) -> i32 {
    let unused = 32 - width;
    (value << unused).cast_signed() >> unused
}
