//! Entries with the answers of a guest's compiled predicates, and a check of these against the model.

use pmdscope_arches::Encoding;
use pmdscope_guest::abi::{Answers, PREDICATES};
use pmdscope_traces::{Entry, Hex, Predicates, Swap, Value};

/// Makes the entry of a report from a guest's answers.
pub fn of_guest(encoding: &Encoding, value: u64, answers: &Answers) -> Entry {
    let predicates = answered(answers);
    let has_swap = predicates.swap && encoding.layout().swap.is_some();
    let swap = has_swap.then_some(Swap { kind: answers.swp_type, offset: Hex(answers.swp_offset) });
    let pfn = if predicates.present && predicates.leaf {
        Some(answers.pfn)
    } else if predicates.migration {
        encoding.pfn_of(value)
    } else {
        None
    };
    Entry::new(encoding, value, predicates, pfn, swap)
}

/// Converts a guest's answers to predicates.
fn answered(answers: &Answers) -> Predicates {
    let says = |name: &str| {
        let bit = PREDICATES.iter().position(|predicate| predicate.strip_prefix("pmd_") == Some(name));
        bit.is_some_and(|bit| answers.predicates & (1 << bit) != 0)
    };
    Predicates {
        none: says("none"),
        present: says("present"),
        leaf: says("leaf"),
        trans_huge: says("trans_huge"),
        bad: says("bad"),
        protnone: says("protnone"),
        swap: says("swap"),
        migration: says("migration"),
    }
}

/// Describes how the guest and the model differ about an entry, if they do.
///
/// A guest that differs is not one of this encoding.
pub fn disagreement(encoding: &Encoding, value: u64, answers: &Answers) -> Option<String> {
    let model = Entry::of_model(encoding, value);
    let (guest, modelled) = (answered(answers), model.predicates);
    if guest != modelled {
        return Some(format!(
            "of {} the guest says {}, the model {}",
            Value(value),
            guest.holding(),
            modelled.holding()
        ));
    }
    let guest = Swap { kind: answers.swp_type, offset: Hex(answers.swp_offset) };
    let modelled = model.swap.filter(|modelled| *modelled != guest)?;
    Some(format!(
        "in {} the guest finds type {} offset {:#x}, the model type {} offset {:#x}",
        Value(value),
        guest.kind,
        guest.offset.0,
        modelled.kind,
        modelled.offset.0
    ))
}
