//! Tables that the tests make themselves, in all layouts and both byte orders, read back.

use crate::encoder::{Encoded, LAYOUTS, Spec};
use pmdscope_kallsyms::{Base, Endian, Error, Layout, Symbols, Table};
use proptest::prelude::*;

fn base(table: &Table<'_>, spec: &Spec, encoded: &Encoded) -> Base {
    match table.relative_base() {
        Some(slot) => {
            assert_eq!(slot.value, spec.slot);
            Base::Relative(spec.base)
        }
        None => Base::OffsetsAt(encoded.offsets_at),
    }
}

/// Encodes `spec`, reads the table back, and compares all of it.
fn read_back(spec: &Spec) -> Symbols {
    let encoded = spec.encode();
    let table = Table::find(&encoded.image, spec.endian).expect("there is a table");
    assert_eq!(table.layout(), spec.layout);
    assert_eq!(table.endian(), spec.endian);
    assert_eq!(table.len(), encoded.expected.len());
    assert_eq!(table.is_absolute_percpu(), spec.per_cpu.is_some());
    assert_eq!(table.positions().seqs_of_names.is_none(), spec.layout == Layout::OffsetsFirst);
    let symbols = table.symbols(base(&table, spec, &encoded)).expect("names are proper");
    let found: Vec<_> = symbols.iter().map(|s| (s.address, s.kind, s.name.to_owned())).collect();
    assert_eq!(found, encoded.expected);
    let per_cpu = spec.per_cpu.as_ref().map_or(0, Vec::len);
    assert!(symbols.iter().enumerate().all(|(i, symbol)| symbol.is_per_cpu_offset == (i < per_cpu)));
    symbols
}

#[test]
fn all_layouts_are_read_back() {
    for count in [1, 3, 255, 256, 257, 700] {
        for spec in Spec::samples(count) {
            read_back(&spec);
        }
    }
}

#[test]
fn old_tables_have_lengths_of_one_byte() {
    // A name of 128 bytes with its letter, of which no part is a token: length 0x80, in one byte.
    for endian in [Endian::Little, Endian::Big] {
        let mut spec = Spec::sample(Layout::OffsetsFirst, endian, 300, false);
        // The names before it use up the tokens of parts.
        for (i, symbol) in spec.symbols.iter_mut().enumerate() {
            symbol.2 = format!("{i}{:0>9}x", i * 7);
        }
        spec.symbols[299].2 = "zZyYqQ/".repeat(19).chars().take(127).collect();
        let encoded = spec.encode();
        assert!(
            encoded
                .image
                .windows(4)
                .any(|bytes| bytes == b"\x80VzZ" || bytes == b"\x80dzZ" || bytes[0] == 0x80)
        );
        read_back(&spec);
    }
}

#[test]
fn a_base_that_the_file_does_not_hold_is_the_callers() {
    for layout in [Layout::OffsetsFirst, Layout::OffsetsFirstWithSeqs, Layout::OffsetsLast] {
        let mut spec = Spec::sample(layout, Endian::Little, 300, false);
        spec.slot = 0;
        read_back(&spec);
    }
}

#[test]
fn the_wrong_kind_of_base_is_an_error() {
    for spec in Spec::samples(20) {
        let encoded = spec.encode();
        let table = Table::find(&encoded.image, spec.endian).unwrap();
        let pc_relative = spec.layout == Layout::PcRelative;
        let wrong = if pc_relative { Base::Relative(0) } else { Base::OffsetsAt(0) };
        assert_eq!(table.symbols(wrong).unwrap_err(), Error::WrongBase { pc_relative });
    }
}

#[test]
fn the_other_byte_order_finds_nothing() {
    for spec in Spec::samples(300) {
        let encoded = spec.encode();
        let other = if spec.endian == Endian::Little { Endian::Big } else { Endian::Little };
        assert_eq!(Table::find(&encoded.image, other).unwrap_err(), Error::NoTokenTable);
    }
}

#[test]
fn errors_tell_how_far_the_search_came() {
    let spec = Spec::sample(Layout::OffsetsLast, Endian::Little, 300, false);
    let encoded = spec.encode();
    let positions = *Table::find(&encoded.image, spec.endian).unwrap().positions();
    assert_eq!(Table::find(&[], Endian::Little).unwrap_err(), Error::NoTokenTable);

    let mut image = encoded.image.clone();
    image[positions.num_syms] ^= 1;
    let error = Table::find(&image, spec.endian).unwrap_err();
    assert_eq!(error, Error::NoNames { token_table: positions.token_table });

    let mut image = encoded.image.clone();
    image.truncate(positions.offsets + 4 * 300 - 1);
    let error = Table::find(&image, spec.endian).unwrap_err();
    assert_eq!(error, Error::NoOffsets { names: positions.names, symbols: 300 });

    let mut image = encoded.image.clone();
    image[positions.offsets..positions.offsets + 4 * 300].fill(0);
    let error = Table::find(&image, spec.endian).unwrap_err();
    assert_eq!(error, Error::NoOffsets { names: positions.names, symbols: 300 });
}

#[test]
fn a_name_that_expands_beyond_any_name_is_an_error() {
    let mut spec = Spec::sample(Layout::OffsetsLast, Endian::Little, 3, false);
    spec.symbols[1].2 = "12".repeat(300);
    let encoded = spec.encode();
    let table = Table::find(&encoded.image, spec.endian).unwrap();
    assert_eq!(table.symbols(Base::Relative(0)).unwrap_err(), Error::NameTooLong { index: 1 });
}

#[test]
fn a_table_is_found_behind_false_ones() {
    let digits = b"0\x001\x002\x003\x004\x005\x006\x007\x008\x009\x00";
    for mut spec in Spec::samples(300) {
        // Two false tables: digits alone, and a token table with its index but without names.
        let encoded = spec.encode();
        let positions = *Table::find(&encoded.image, spec.endian).unwrap().positions();
        let tokens = &encoded.image[positions.token_table..positions.token_index + 512];
        spec.around = [digits.as_slice(), &[7; 41], tokens, &[1, 2, 3]].concat();
        read_back(&spec);
    }
}

#[test]
fn symbols_are_looked_up_by_name_and_by_address() {
    let spec = Spec {
        per_cpu: Some(vec![(0, "cpu_number".into()), (8, "twice".into())]),
        symbols: [
            (0x00, b'T', "_text"),
            (0x00, b'T', "_stext"),
            (0x40, b't', "twice"),
            (0x40, b'T', "alias"),
            (0x48, b't', "$x"),
            (0x60, b'W', "weak"),
            (0x80, b'D', "data1234567890"),
            (0x90, b't', "twice"),
        ]
        .map(|(distance, kind, name)| (distance, kind, name.to_owned()))
        .to_vec(),
        ..Spec::sample(Layout::OffsetsLast, Endian::Little, 0, true)
    };
    let symbols = read_back(&spec);
    let addresses = |name| symbols.named(name).map(|s| s.address.wrapping_sub(spec.base)).collect::<Vec<_>>();
    assert_eq!(addresses("twice"), [8u64.wrapping_sub(spec.base), 0x40, 0x90]);
    assert_eq!(addresses("alias"), [0x40]);
    assert_eq!(addresses("ali"), []);
    assert_eq!(addresses("aliasx"), []);
    assert_eq!(addresses(""), []);
    let at = |distance| symbols.at(spec.base + distance).map(|(symbol, above)| (symbol.name, above));
    assert_eq!(at(0), Some(("_text", 0)));
    assert_eq!(at(0x3f), Some(("_text", 0x3f)));
    assert_eq!(at(0x40), Some(("twice", 0)));
    assert_eq!(at(0x4f), Some(("twice", 0xf)));
    assert_eq!(at(0x60), Some(("weak", 0)));
    assert_eq!(at(0x88), Some(("weak", 0x28)));
    assert_eq!(at(0x1000), Some(("twice", 0xf70)));
    assert_eq!(symbols.at(spec.base - 1), None);
    assert_eq!(symbols.at(8), None);
    let size = |name| symbols.size_of(&symbols.named(name).next_back().unwrap());
    assert_eq!(size("_stext"), Some(0x40));
    assert_eq!(size("alias"), Some(0x20));
    assert_eq!(size("weak"), Some(0x30));
    assert_eq!(size("data1234567890"), Some(0x10));
    assert_eq!(size("twice"), None);
}

#[test]
fn a_base_for_which_addresses_wrap_keeps_symbols_in_order() {
    let spec = Spec::sample(Layout::OffsetsLast, Endian::Little, 100, false);
    let encoded = spec.encode();
    let symbols =
        Table::find(&encoded.image, spec.endian).unwrap().symbols(Base::Relative(u64::MAX - 500)).unwrap();
    assert!(symbols.iter().is_sorted_by_key(|symbol| symbol.address));
    let moved = |(address, kind, name): &(u64, u8, String)| {
        (address.wrapping_sub(spec.base).wrapping_add(u64::MAX - 500), *kind, name.clone())
    };
    let mut expected: Vec<_> = encoded.expected.iter().map(moved).collect();
    expected.sort_by_key(|symbol| symbol.0);
    assert_eq!(symbols.iter().map(|s| (s.address, s.kind, s.name.to_owned())).collect::<Vec<_>>(), expected);
    for symbol in symbols.iter() {
        assert!(symbols.named(symbol.name).any(|other| other == symbol));
    }
}

prop_compose! {
    fn specs()(
        layout in prop::sample::select(LAYOUTS.to_vec()),
        endian in prop::sample::select(vec![Endian::Little, Endian::Big]),
        per_cpu in prop::option::of(prop::collection::vec((0u32..4096, "[a-z0-9_]{1,40}"), 0..20)),
        symbols in prop::collection::vec((0u32..4096, "[TtWwDdBbRrVv?]", "[!-~]{1,20}|[a-z_0-9.]{1,127}|[a-f]{300,511}"), 1..600),
        base in 0u64..0xffff_ffff_8000_0000,
        around in prop::collection::vec(any::<u8>(), 0..64),
    ) -> Spec {
        let mut at = 0;
        let mut symbols: Vec<_> = symbols.into_iter().map(|(gap, kind, mut name)| {
            // Half of the gaps are 0, for symbols of the same address.
            at += if gap < 2048 { 0 } else { gap };
            if layout == Layout::OffsetsFirst { name.truncate(127); }
            (at, kind.as_bytes()[0], name)
        }).collect();
        let first = symbols[0].0;
        symbols.iter_mut().for_each(|symbol| symbol.0 -= first);
        // The symbols must not all have the same address: such offsets look like empty memory.
        symbols.push((at + 1 - first, b't', "last".to_owned()));
        let mut per_cpu = per_cpu.filter(|_| layout != Layout::PcRelative);
        if let Some(per_cpu) = &mut per_cpu {
            per_cpu.sort();
        }
        Spec { layout, endian, per_cpu, symbols, base, slot: base, around }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_table_is_read_back(spec in specs()) {
        let symbols = read_back(&spec);
        prop_assert_eq!(Symbols::from_bytes(&symbols.to_bytes()), Ok(symbols));
    }
}
