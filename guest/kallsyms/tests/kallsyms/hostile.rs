//! Images and caches that are cut short, damaged or made up: they give an error or some symbols, but no panic.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::encoder::{LAYOUTS, Spec};
use crate::exercise::exercise;
use pmdscope_kallsyms::{Base, CacheError, Endian, Error, Layout, Symbols, Table};
use proptest::prelude::*;

/// Encodes `spec` into the form that [`exercise`] takes.
fn input(spec: &Spec) -> Vec<u8> {
    let mut data = vec![u8::from(spec.endian == Endian::Big)];
    data.extend(spec.encode().image);
    data
}

#[test]
fn images_cut_anywhere() {
    for spec in Spec::samples(8) {
        let data = input(&spec);
        for end in 0..=data.len() {
            exercise(&data[..end]);
        }
        for start in 1..data.len() {
            let mut data = data[start..].to_vec();
            data[0] = u8::from(spec.endian == Endian::Big);
            exercise(&data);
        }
    }
}

#[test]
fn images_with_one_byte_changed() {
    for spec in Spec::samples(8) {
        let data = input(&spec);
        for at in 0..data.len() {
            for change in [1, 0xff] {
                let mut data = data.clone();
                data[at] ^= change;
                exercise(&data);
            }
        }
    }
}

fn sample_symbols() -> Symbols {
    let spec = Spec::sample(Layout::OffsetsLast, Endian::Little, 40, true);
    let image = spec.encode().image;
    let table = Table::find(&image, spec.endian).expect("there is a table");
    table.symbols(Base::Relative(spec.base)).expect("names are proper")
}

#[test]
fn a_cache_is_read_back_only_if_whole() {
    let symbols = sample_symbols();
    let bytes = symbols.to_bytes();
    assert_eq!(Symbols::from_bytes(&bytes), Ok(symbols));
    for end in 0..bytes.len() {
        let expected = if end < 8 { CacheError::NotACache } else { CacheError::Damaged };
        assert_eq!(Symbols::from_bytes(&bytes[..end]).unwrap_err(), expected);
    }
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1 << bit;
            let error = Symbols::from_bytes(&bytes).unwrap_err();
            match at {
                0..8 => assert_eq!(error, CacheError::NotACache),
                8..12 => assert!(matches!(error, CacheError::OtherVersion(_))),
                _ => assert_eq!(error, CacheError::Damaged),
            }
        }
    }
    assert_eq!(Symbols::from_bytes(&[bytes.as_slice(), &[0]].concat()).unwrap_err(), CacheError::Damaged);
}

/// Far more time than a search needs without optimisation on a slow and busy machine. The time of a search that
/// takes longer grows with the square of the size.
const LONG: Duration = Duration::from_secs(20);

/// Returns the error of a search, which must end within [`LONG`].
fn search(image: &[u8], endian: Endian) -> Error {
    let start = Instant::now();
    let error = Table::find(image, endian).expect_err("there is no table");
    assert!(start.elapsed() < LONG, "{:?}", start.elapsed());
    error
}

#[test]
fn an_image_full_of_near_misses_does_not_take_long() {
    const SIZE: usize = 1 << 20;
    let digits = b"0\x001\x002\x003\x004\x005\x006\x007\x008\x009\x00";
    assert_eq!(search(&digits.repeat(SIZE / 20), Endian::Little), Error::NoTokenTable);
    for byte in [0, 1, 2, 0x80, 0xff] {
        assert_eq!(search(&vec![byte; SIZE], Endian::Little), Error::NoTokenTable);
    }
    for endian in [Endian::Little, Endian::Big] {
        let spec = Spec::sample(Layout::OffsetsLast, endian, 300, false);
        let image = spec.encode().image;
        let positions = *Table::find(&image, spec.endian).unwrap().positions();
        let tokens = &image[positions.token_table..positions.token_index + 512];
        // A token table after bytes that look like names, markers and counts.
        let word = |value: u32| match spec.endian {
            Endian::Little => value.to_le_bytes(),
            Endian::Big => value.to_be_bytes(),
        };
        let markers = |number: u32| (0..number).flat_map(|i| word(512 * i)).collect::<Vec<u8>>();
        let fillers = [
            vec![0; SIZE],
            vec![1; SIZE],
            [1, b'a'].repeat(SIZE / 2),
            word(300).repeat(SIZE / 4),
            markers(3).repeat(SIZE / 12),
            markers(2000).repeat(SIZE / 8000),
            // Names of one token each, the count among them, and their markers.
            [[1, b'a'].repeat(SIZE / 4), word(0x0101_0101).repeat(SIZE / 8), markers((SIZE / 4096) as u32)]
                .concat(),
        ];
        for filler in fillers {
            let hostile = [&filler, tokens, &filler[..1024], tokens].concat();
            let error = search(&hostile, spec.endian);
            assert!(matches!(error, Error::NoNames { .. } | Error::TooMuchWork), "{error}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_bytes(data in prop::collection::vec(any::<u8>(), 0..4096)) {
        exercise(&data);
    }

    #[test]
    fn any_changes(
        layout in prop::sample::select(LAYOUTS.to_vec()),
        big in any::<bool>(),
        per_cpu in any::<bool>(),
        count in 1usize..400,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 1usize..9), 1..12),
    ) {
        let endian = if big { Endian::Big } else { Endian::Little };
        let mut data = input(&Spec::sample(layout, endian, count, per_cpu && layout != Layout::PcRelative));
        for (at, value, len) in changes {
            let at = at.index(data.len());
            let end = data.len().min(at + len);
            data[at..end].fill(value);
        }
        exercise(&data);
    }

    #[test]
    fn any_changes_of_a_cache(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
    ) {
        let mut data = vec![0];
        data.extend(sample_symbols().to_bytes());
        for (at, value) in changes {
            let at = at.index(data.len());
            data[at] = value;
        }
        exercise(&data);
    }
}

#[test]
#[ignore = "writes files: the seeds of the fuzz target"]
fn write_seeds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/find");
    std::fs::create_dir_all(&folder).unwrap();
    let samples = [3, 300].into_iter().flat_map(Spec::samples);
    for (number, spec) in samples.enumerate() {
        std::fs::write(folder.join(format!("table-{number}")), input(&spec)).unwrap();
    }
    std::fs::write(folder.join("cache"), [vec![0], sample_symbols().to_bytes()].concat()).unwrap();
}
