//! Matrices of jobs.

use pmdscope_traces::matrix::{Entry, EntrySelection, Matrix, Name, Numbers, Place, Sequence};

use super::plain::assert_one_line;

/// From one number to the next where a matrix does not say: as of offsets, and as of page frames of huge pages.
const STEPS: [u64; 2] = [1, 512];

/// Reads bytes as a matrix.
pub fn matrix(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    match Matrix::parse("m.toml", text) {
        Ok(matrix) => {
            places(&matrix)
                .iter()
                .for_each(|place| assert_one_line(&matrix.error(place, "here").to_string()));
            numbers(&matrix).into_iter().for_each(count_out);
            true
        }
        Err(error) => {
            assert_one_line(&error.to_string());
            false
        }
    }
}

fn entries(matrix: &Matrix) -> impl Iterator<Item = &Entry> {
    matrix.includes.iter().flat_map(|include| include.entries.iter().flatten())
}

fn numbers(matrix: &Matrix) -> Vec<&Numbers> {
    entries(matrix).flat_map(|entry| of_what(&entry.what)).collect()
}

fn of_what(what: &EntrySelection) -> Vec<&Numbers> {
    match what {
        EntrySelection::Kind { pfns, .. } => pfns.iter().collect(),
        EntrySelection::Swap { types, offsets, .. } => vec![types, offsets],
        EntrySelection::Values(values) => vec![values],
        EntrySelection::Sweep { .. } => Vec::new(),
    }
}

fn count_out(numbers: &Numbers) {
    for step in STEPS {
        match numbers.sequence(step) {
            Ok(sequence) => look_at(&sequence),
            Err(error) => assert_one_line(&error.to_string()),
        }
    }
}

fn look_at(sequence: &Sequence) {
    let count = sequence.count();
    assert_eq!(sequence.at(count), None);
    for unit in STEPS {
        let extremes = sequence.extremes(unit);
        assert!(extremes.uneven.is_none_or(|number| number % unit != 0));
        for place in [0, count / 2, count - 1] {
            let number = sequence.at(place).expect("there is a number at each place");
            assert!(number <= extremes.largest, "{number:#x} in {sequence:?}");
            assert!(number.is_multiple_of(unit) || extremes.uneven.is_some(), "{number:#x} in {sequence:?}");
        }
    }
}

/// Each place that an error can be told at.
fn places(matrix: &Matrix) -> Vec<&Place> {
    let mut places = Vec::new();
    for include in &matrix.includes {
        let lists = [
            &include.arches,
            &include.mmus,
            &include.linux,
            &include.guests,
            &include.kernels,
            &include.writers,
            &include.walkers,
        ];
        places.push(&include.place);
        places.extend(of_names(lists));
    }
    for exclude in &matrix.excludes {
        let lists = [
            &exclude.arches,
            &exclude.mmus,
            &exclude.linux,
            &exclude.files,
            &exclude.entries,
            &exclude.writers,
            &exclude.walkers,
        ];
        places.push(&exclude.place);
        places.extend(of_names(lists));
    }
    places.extend(entries(matrix).flat_map(of_entry));
    places
}

fn of_names<const N: usize>(lists: [&Option<Vec<Name>>; N]) -> impl Iterator<Item = &Place> {
    lists.into_iter().flatten().flatten().map(|name| &name.place)
}

fn of_entry(entry: &Entry) -> Vec<&Place> {
    let (name, marks) = match &entry.what {
        EntrySelection::Kind { kind, marks, .. } => (Some(kind), marks),
        EntrySelection::Swap { marks, .. } => (None, marks),
        EntrySelection::Values(_) => (None, &None),
        EntrySelection::Sweep { set } => (Some(set), &None),
    };
    let names = name.into_iter().chain(marks.iter().flatten().flatten());
    std::iter::once(&entry.place).chain(names.map(|name| &name.place)).collect()
}
