//! What instructions compute from values alone.

use super::table::{Compute, Size};

/// Returns what `a` and `b` give.
pub(super) fn compute(compute: Compute, a: u64, b: u64) -> u64 {
    let (signed_a, signed_b) = (a as i64, b as i64);
    let (word_a, word_b) = (a as u32, b as u32);
    let (signed_word_a, signed_word_b) = (a as i32, b as i32);
    // How far shifts go: further than the value has bits they begin anew.
    let (shift_w, shift_d) = (word_b & 31, word_b & 63);
    match compute {
        Compute::AddW => word(word_a.wrapping_add(word_b)),
        Compute::AddD => a.wrapping_add(b),
        Compute::SubW => word(word_a.wrapping_sub(word_b)),
        Compute::SubD => a.wrapping_sub(b),
        Compute::SetIfLess => u64::from(signed_a < signed_b),
        Compute::SetIfBelow => u64::from(a < b),
        Compute::Lu12i => word(word_b << 12),
        Compute::Lu32i => b << 32 | u64::from(word_a),
        Compute::Lu52i => b << 52 | a & ((1 << 52) - 1),
        Compute::Addu16i => a.wrapping_add(b << 16),
        Compute::MulW => word(word_a.wrapping_mul(word_b)),
        Compute::MulhW => ((i64::from(signed_word_a) * i64::from(signed_word_b)) >> 32) as u64,
        Compute::MulhWu => word(((u64::from(word_a) * u64::from(word_b)) >> 32) as u32),
        Compute::MulD => a.wrapping_mul(b),
        Compute::MulhD => ((i128::from(signed_a) * i128::from(signed_b)) >> 64) as u64,
        Compute::MulhDu => ((u128::from(a) * u128::from(b)) >> 64) as u64,
        Compute::MulwDW => (i64::from(signed_word_a) * i64::from(signed_word_b)) as u64,
        Compute::MulwDWu => u64::from(word_a) * u64::from(word_b),
        // What a division by 0 gives is left to the CPU, and so is what one of a word gives if a register does not
        // hold a word, sign-extended. Here are what QEMU 7.2 gives: the quotient by 1, and that of the low words.
        Compute::DivW => word(signed_word_a.wrapping_div(signed_word_b.divisor()) as u32),
        Compute::ModW => word(signed_word_a.wrapping_rem(signed_word_b.divisor()) as u32),
        Compute::DivWu => word(word_a / word_b.divisor()),
        Compute::ModWu => word(word_a % word_b.divisor()),
        Compute::DivD => signed_a.wrapping_div(signed_b.divisor()) as u64,
        Compute::ModD => signed_a.wrapping_rem(signed_b.divisor()) as u64,
        Compute::DivDu => a / b.divisor(),
        Compute::ModDu => a % b.divisor(),
        Compute::MaskIfZero => a * u64::from(b != 0),
        Compute::MaskUnlessZero => a * u64::from(b == 0),
        Compute::Nor => !(a | b),
        Compute::And => a & b,
        Compute::Or => a | b,
        Compute::Xor => a ^ b,
        Compute::OrNot => a | !b,
        Compute::AndNot => a & !b,
        Compute::SllW => word(word_a << shift_w),
        Compute::SrlW => word(word_a >> shift_w),
        Compute::SraW => word((signed_word_a >> shift_w) as u32),
        Compute::RotrW => word(word_a.rotate_right(shift_w)),
        Compute::SllD => a << shift_d,
        Compute::SrlD => a >> shift_d,
        Compute::SraD => (signed_a >> shift_d) as u64,
        Compute::RotrD => a.rotate_right(shift_d),
        Compute::CloW => word_a.leading_ones().into(),
        Compute::ClzW => word_a.leading_zeros().into(),
        Compute::CtoW => word_a.trailing_ones().into(),
        Compute::CtzW => word_a.trailing_zeros().into(),
        Compute::CloD => a.leading_ones().into(),
        Compute::ClzD => a.leading_zeros().into(),
        Compute::CtoD => a.trailing_ones().into(),
        Compute::CtzD => a.trailing_zeros().into(),
        Compute::Revb2H => word(reverse_halves_bytes(a) as u32),
        Compute::Revb4H => reverse_halves_bytes(a),
        Compute::Revb2W => a.swap_bytes().rotate_left(32),
        Compute::RevbD => a.swap_bytes(),
        Compute::Revh2W => reverse_halves_bytes(a.swap_bytes()).rotate_left(32),
        Compute::RevhD => reverse_halves_bytes(a.swap_bytes()),
        Compute::Bitrev4B => word(word_a.reverse_bits().swap_bytes()),
        Compute::Bitrev8B => a.reverse_bits().swap_bytes(),
        Compute::BitrevW => word(word_a.reverse_bits()),
        Compute::BitrevD => a.reverse_bits(),
        Compute::ExtWH => Size::Half.sign_extend(a),
        Compute::ExtWB => Size::Byte.sign_extend(a),
        Compute::Crc(size) => checksum(word_b, a, size, 0xedb8_8320),
        Compute::CrcC(size) => checksum(word_b, a, size, 0x82f6_3b78),
    }
}

/// Returns four of the bytes of `high` and `low`, one word after the other: the highest of `low` so many from below.
pub(super) fn byte_pick_w(high: u64, low: u64, bytes: u32) -> u64 {
    let both = high << 32 | low & 0xffff_ffff;
    word((both >> (32 - 8 * bytes)) as u32)
}

/// Returns eight of the bytes of `high` and `low`, one after the other: the highest of `low` so many from below.
pub(super) fn byte_pick_d(high: u64, low: u64, bytes: u32) -> u64 {
    let both = u128::from(high) << 64 | u128::from(low);
    (both >> (64 - 8 * bytes)) as u64
}

/// Returns `into` with bits `lowest` to `highest` of `from`'s low ones.
pub(super) fn insert_bits(into: u64, from: u64, highest: u32, lowest: u32) -> u64 {
    let field = ones(highest - lowest) << lowest;
    into & !field | from << lowest & field
}

/// Returns bits `lowest` to `highest`.
pub(super) fn pick_bits(from: u64, highest: u32, lowest: u32) -> u64 {
    from >> lowest & ones(highest - lowest)
}

/// Returns a word, sign-extended.
pub(super) fn word(value: u32) -> u64 {
    i64::from(value as i32) as u64
}

impl Size {
    /// Returns how many bytes.
    pub(super) fn bytes(self) -> u8 {
        self as u8
    }

    /// Returns the low bytes, sign-extended.
    pub(super) fn sign_extend(self, value: u64) -> u64 {
        let above = 64 - 8 * u32::from(self.bytes());
        ((value << above) as i64 >> above) as u64
    }

    /// Returns the low bytes.
    pub(super) fn zero_extend(self, value: u64) -> u64 {
        let above = 64 - 8 * u32::from(self.bytes());
        value << above >> above
    }
}

/// A number that something is divided by.
trait Divisor {
    /// Returns it, or 1 if it is 0.
    fn divisor(self) -> Self;
}

macro_rules! divisors {
    ($($number:ty)*) => {
        $(impl Divisor for $number {
            fn divisor(self) -> Self {
                if self == 0 { 1 } else { self }
            }
        })*
    };
}

divisors!(u32 i32 u64 i64);

/// Returns a number whose bits 0 to `highest` are set.
fn ones(highest: u32) -> u64 {
    u64::MAX >> (63 - highest)
}

fn reverse_halves_bytes(value: u64) -> u64 {
    const LOW: u64 = 0x00ff_00ff_00ff_00ff;
    (value & LOW) << 8 | value >> 8 & LOW
}

/// Returns the checksum after so many low bytes of `message`; the low bit of each is the first.
fn checksum(before: u32, message: u64, size: Size, polynomial: u32) -> u64 {
    let mut rest = u64::from(before) ^ size.zero_extend(message);
    for _ in 0..8 * size.bytes() {
        let low = rest & 1;
        rest = (rest >> 1) ^ (u64::from(polynomial) * low);
    }
    word(rest as u32)
}
