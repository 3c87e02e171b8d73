//! Learning, compared with made-up predicates.

use std::cell::Cell;
use std::convert::Infallible;

use pmdscope_arches::Pattern;
use proptest::prelude::*;

use super::{Classification, ClassificationError, LimitError, MOST_ENTRIES, Part, learn};

/// Learns the answers of a function.
fn learned(
    domain: &[Pattern],
    known: &[u64],
    of: impl Fn(u64) -> u32,
) -> Result<Classification, ClassificationError<Infallible>> {
    learn(domain, known, |sets| Ok(sets.iter().flat_map(|set| set.entries()).map(&of).collect()))
}

/// Returns the answers of the parts that contain an entry.
fn answers_of(learned: &Classification, entry: u64) -> Vec<u32> {
    let of = |(answer, parts): (&u32, &Vec<Part>)| {
        parts.iter().filter(|part| part.contains(entry)).map(|_| *answer).collect::<Vec<_>>()
    };
    learned.classes.iter().flat_map(of).collect()
}

fn entries(learned: &Classification, answer: u32) -> u128 {
    learned.classes.get(&answer).into_iter().flatten().map(Part::entries).sum()
}

/// Checks that every entry of a small domain is in exactly one part, which has its answer, and that the numbers of
/// entries and the examples are right.
fn hold_against(domain: &[Pattern], learned: &Classification, of: impl Fn(u64) -> u32) {
    let all = domain.iter().flat_map(|cube| {
        pmdscope_guest::abi::Set {
            fixed: cube.value,
            free: cube.free,
            first: 0,
            count: 1 << cube.free.count_ones(),
        }
        .entries()
    });
    let mut counts = std::collections::BTreeMap::new();
    for entry in all {
        assert_eq!(answers_of(learned, entry), [of(entry)], "{entry:#x}");
        *counts.entry(of(entry)).or_insert(0_u128) += 1;
    }
    for (answer, parts) in &learned.classes {
        assert_eq!(parts.iter().map(Part::entries).sum::<u128>(), counts[answer], "{answer}");
        for part in parts {
            assert!(part.example().is_some_and(|example| part.contains(example)), "{part:x?}");
        }
    }
}

#[test]
fn what_is_the_same_everywhere_is_one_pattern() {
    let learned = learned(&[Pattern::ANY], &[], |_| 7).unwrap();
    assert_eq!(learned.classes[&7], [Part { pattern: Pattern::ANY, except: Vec::new() }]);
    assert_eq!((learned.matters, learned.exceptions), (0, 0));
}

#[test]
fn one_entry_among_all_is_an_exception() {
    for point in [0, u64::MAX, 1 << 17, !(0xff << 20)] {
        let learned = learned(&[Pattern::ANY], &[], |entry| u32::from(entry == point)).unwrap();
        let only = Pattern::new(point, 0);
        assert_eq!(learned.classes[&1], [Part { pattern: only, except: Vec::new() }]);
        assert_eq!(learned.classes[&0], [Part { pattern: Pattern::ANY, except: vec![only] }]);
        assert_eq!(entries(&learned, 0), (1 << 64) - 1);
    }
}

#[test]
fn an_entry_that_nobody_would_try_is_found_if_it_is_known() {
    let point = 0x0123_4567_89ab_cdef;
    let of = |entry: u64| u32::from(entry == point);
    assert_eq!(entries(&learned(&[Pattern::ANY], &[], of).unwrap(), 1), 0, "it is not magic");
    assert_eq!(entries(&learned(&[Pattern::ANY], &[point], of).unwrap(), 1), 1);
}

#[test]
fn an_exception_has_its_own_exceptions() {
    // As on x86_64: entries without flags follow another rule, and the empty entry yet another.
    const FLAGS: u64 = 0xfff0_0000_0000_0fff;
    let of = |entry: u64| match (entry, entry & FLAGS) {
        (0, _) => 0,
        (_, 0) => {
            if entry & 0xff_ffff_f000 == 0xff_ffff_f000 {
                1
            } else {
                2
            }
        }
        _ => 3 + u32::from(entry & 0x1f_0000 != 0),
    };
    let learned = learned(&[Pattern::ANY], &[], of).unwrap();
    let counts: Vec<u128> = (0..5).map(|answer| entries(&learned, answer)).collect();
    let (flags, all) = ((1_u128 << 64) - (1 << 40), 1_u128 << 64);
    assert_eq!(counts[..3], [1, 1 << 12, (1 << 40) - 1 - (1 << 12)]);
    assert_eq!(counts[3], flags / 32);
    assert_eq!(counts.iter().sum::<u128>(), all);
}

#[test]
fn what_depends_on_too_many_bits_is_not_learned() {
    let parity = |entry: u64| entry.count_ones() & 1;
    let asked = Cell::new(0);
    let result = learn(&[Pattern::ANY], &[], |sets| {
        asked.set(asked.get() + sets.iter().map(|set| set.count).sum::<u64>());
        Ok::<_, Infallible>(sets.iter().flat_map(|set| set.entries()).map(parity).collect())
    });
    let Err(ClassificationError::Limit(why)) = result else { panic!("{result:?}") };
    assert_eq!(why, LimitError::TooManyBits { bits: 64 });
    assert!(asked.get() <= MOST_ENTRIES);
    let few = |entry: u64| (entry & 0xffff).count_ones() & 1;
    let result = learned(&[Pattern::ANY], &[], few);
    assert!(matches!(result, Err(ClassificationError::Limit(LimitError::TooManyPatterns))), "{result:?}");
}

/// A made-up predicate: whether some bits of an entry equal those of a value.
#[derive(Debug, Clone)]
struct Condition {
    value: u64,
    bits: u64,
}

impl Condition {
    fn holds(&self, entry: u64) -> bool {
        (entry ^ self.value) & self.bits == 0
    }
}

fn condition(bits: u64) -> impl Strategy<Value = Condition> {
    (any::<u64>(), any::<u64>(), any::<u64>())
        .prop_map(move |(value, some, others)| Condition { value, bits: bits & some & others })
}

/// Returns the number of the first condition that holds; `u32::MAX` if none does.
fn first_of(conditions: &[Condition], entry: u64) -> u32 {
    let first = conditions.iter().position(|condition| condition.holds(entry));
    first.map_or(u32::MAX, |number| u32::try_from(number).unwrap_or(u32::MAX))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Learns a domain as if it were too large to check whole, then checks it whole.
    #[test]
    fn every_entry_of_a_small_domain_is_in_the_part_of_its_answer(
        conditions in prop::collection::vec(condition(0x000f_00f0_0000_ff00), 0..5),
        value: u64,
    ) {
        let free = 0x000f_00f0_0000_ff00;
        let domain = [Pattern::new(value, free & !(1 << 8)), Pattern::new(value ^ 1, free & 0xff00)];
        let of = |entry: u64| first_of(&conditions, entry);
        let learned = learned(&domain, &[], of).unwrap();
        hold_against(&domain, &learned, of);
    }

    /// Learns a domain that is too large to enumerate. The numbers of entries add up to all entries.
    ///
    /// Each entry that is tried afterwards is in the part with its answer.
    #[test]
    fn any_entry_of_a_large_domain_is_in_the_part_of_its_answer(
        conditions in prop::collection::vec(condition(0x00ff_0000_00f0_0ff0), 0..4),
        entries in prop::collection::vec(any::<u64>(), 200),
    ) {
        let domain = [Pattern::ANY];
        let of = |entry: u64| first_of(&conditions, entry);
        // A caller would know the values of conditions.
        let known: Vec<u64> = conditions.iter().map(|condition| condition.value).collect();
        let learned = learned(&domain, &known, of).unwrap();
        let all: u128 = learned.classes.values().flatten().map(Part::entries).sum();
        prop_assert_eq!(all, 1 << 64);
        for entry in entries.into_iter().chain(known) {
            prop_assert_eq!(answers_of(&learned, entry), [of(entry)], "{:#x}", entry);
        }
    }
}
