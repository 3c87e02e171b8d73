//! Makes images with a kallsyms table, as `scripts/kallsyms.c` of Linux would, for tests.

use pmdscope_kallsyms::{Endian, Layout};

/// A description of an image to make.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The layout of the table.
    pub layout: Layout,
    /// The byte order of its numbers.
    pub endian: Endian,
    /// Per-CPU symbols: offsets and names, in ascending order. `Some` makes the table absolute per-CPU, which a
    /// PC-relative table cannot be.
    pub per_cpu: Option<Vec<(u32, String)>>,
    /// Distances from the base, letters and names, in ascending order; the first distance is 0.
    pub symbols: Vec<(u32, u8, String)>,
    /// The address of the first of `symbols`.
    pub base: u64,
    /// The number in the slot of the base.
    pub slot: u64,
    /// The bytes before and after the table.
    pub around: Vec<u8>,
}

/// An image, and the symbols to be read from it.
pub struct Encoded {
    /// The image.
    pub image: Vec<u8>,
    /// The address of the first slot of `kallsyms_offsets`.
    pub offsets_at: u64,
    /// Address, letter and name of each symbol.
    pub expected: Vec<(u64, u8, String)>,
}

/// All four layouts.
pub const LAYOUTS: [Layout; 4] =
    [Layout::OffsetsFirst, Layout::OffsetsFirstWithSeqs, Layout::OffsetsLast, Layout::PcRelative];

/// The distance in bytes from the first symbol up to the start of the image, for PC-relative tables.
const ABOVE_TEXT: u64 = 0x10_0000;

struct Writer {
    bytes: Vec<u8>,
    endian: Endian,
    align: usize,
    origin: usize,
}

impl Writer {
    fn label(&mut self) -> usize {
        while !(self.bytes.len() - self.origin).is_multiple_of(self.align) {
            self.bytes.push(0);
        }
        self.bytes.len()
    }

    fn u16(&mut self, value: u16) {
        self.bytes.extend(match self.endian {
            Endian::Little => value.to_le_bytes(),
            Endian::Big => value.to_be_bytes(),
        });
    }

    fn u32(&mut self, value: u32) {
        self.bytes.extend(match self.endian {
            Endian::Little => value.to_le_bytes(),
            Endian::Big => value.to_be_bytes(),
        });
    }

    fn u64(&mut self, value: u64) {
        self.bytes.extend(match self.endian {
            Endian::Little => value.to_le_bytes(),
            Endian::Big => value.to_be_bytes(),
        });
    }
}

/// Returns 256 tokens: each printable character under its own code, and parts of `names` under the other codes.
fn tokens(names: &[String]) -> Vec<Vec<u8>> {
    let mut tokens = vec![Vec::new(); 256];
    let mut free = Vec::new();
    for code in 0..=255u8 {
        if code.is_ascii_graphic() {
            tokens[usize::from(code)] = vec![code];
        } else {
            free.push(usize::from(code));
        }
    }
    for name in names.iter().map(String::as_bytes) {
        for part in name.chunks(3).filter(|part| part.len() > 1) {
            if tokens.iter().all(|token| token != part)
                && let Some(code) = free.pop()
            {
                tokens[code] = part.to_vec();
            }
        }
    }
    tokens
}

/// Packs `name` into numbers of tokens. Each is the longest token that fits.
fn pack(name: &str, tokens: &[Vec<u8>]) -> Vec<u8> {
    let mut rest = name.as_bytes();
    let mut packed = Vec::new();
    while !rest.is_empty() {
        let (code, token) = (0..=255u8)
            .zip(tokens)
            .filter(|(_, token)| !token.is_empty() && rest.starts_with(token))
            .max_by_key(|(_, token)| token.len())
            .expect("each printable character is a token");
        packed.push(code);
        rest = &rest[token.len()..];
    }
    packed
}

impl Spec {
    /// Returns the letters and names, in the order of the table.
    fn names(&self) -> Vec<String> {
        let per_cpu = self.per_cpu.iter().flatten().map(|(_, name)| format!("A{name}"));
        per_cpu
            .chain(self.symbols.iter().map(|(_, kind, name)| format!("{}{name}", char::from(*kind))))
            .collect()
    }

    /// Makes the image.
    pub fn encode(&self) -> Encoded {
        let names = self.names();
        let count = names.len();
        let tokens = tokens(&names);
        let mut w = Writer {
            bytes: self.around.clone(),
            endian: self.endian,
            align: if self.layout == Layout::PcRelative { 4 } else { 8 },
            origin: self.around.len(),
        };
        let offsets_at = |at: usize| self.base + ABOVE_TEXT + at as u64;
        let mut offsets = 0;
        let mut write_offsets = |w: &mut Writer| {
            offsets = w.label();
            for (offset, _) in self.per_cpu.iter().flatten() {
                w.u32(*offset);
            }
            for (distance, ..) in &self.symbols {
                let slot = offsets_at(w.bytes.len());
                w.u32(match (self.layout, &self.per_cpu) {
                    (Layout::PcRelative, _) => (self.base + u64::from(*distance)).wrapping_sub(slot) as u32,
                    (_, Some(_)) => (-1 - i64::from(*distance)) as u32,
                    (_, None) => *distance,
                });
            }
            if self.layout != Layout::PcRelative {
                w.label();
                w.u64(self.slot);
            }
        };
        let write_seqs = |w: &mut Writer| {
            let mut order: Vec<usize> = (0..count).collect();
            order.sort_by_key(|&i| (&names[i][1..], i));
            w.label();
            for seq in order {
                w.bytes.extend(&(seq as u32).to_be_bytes()[1..]);
            }
        };
        let last = matches!(self.layout, Layout::OffsetsLast | Layout::PcRelative);
        if !last {
            write_offsets(&mut w);
        }
        w.label();
        w.u32(count as u32);
        let start = w.label();
        let mut markers = Vec::new();
        for (i, name) in names.iter().enumerate() {
            if i % 256 == 0 {
                markers.push((w.bytes.len() - start) as u32);
            }
            let packed = pack(name, &tokens);
            if packed.len() < 0x80 || self.layout == Layout::OffsetsFirst && packed.len() < 0x100 {
                w.bytes.push(packed.len() as u8);
            } else {
                w.bytes.extend([packed.len() as u8 & 0x7f | 0x80, (packed.len() >> 7) as u8]);
            }
            w.bytes.extend(packed);
        }
        w.label();
        markers.iter().for_each(|&marker| w.u32(marker));
        if self.layout == Layout::OffsetsFirstWithSeqs {
            write_seqs(&mut w);
        }
        let table = w.label();
        let mut index = Vec::new();
        for token in &tokens {
            index.push((w.bytes.len() - table) as u16);
            w.bytes.extend(token);
            w.bytes.push(0);
        }
        w.label();
        index.iter().for_each(|&entry| w.u16(entry));
        if last {
            write_offsets(&mut w);
            write_seqs(&mut w);
        }
        w.bytes.extend(&self.around);

        let per_cpu =
            self.per_cpu.iter().flatten().map(|(offset, name)| (u64::from(*offset), b'A', name.clone()));
        let others = self.symbols.iter();
        let others =
            others.map(|(distance, kind, name)| (self.base + u64::from(*distance), *kind, name.clone()));
        Encoded { image: w.bytes, offsets_at: offsets_at(offsets), expected: per_cpu.chain(others).collect() }
    }

    /// Makes a table of `count` symbols, with short names, names of 511 bytes (127 in [`Layout::OffsetsFirst`]),
    /// and symbols that share an address. If `per_cpu`, it also has per-CPU symbols, as on x86_64.
    pub fn sample(layout: Layout, endian: Endian, count: usize, per_cpu: bool) -> Spec {
        let kinds = b"TtWDdBbRrV";
        let long = "_a_name_that_does_not_end".repeat(21);
        let symbols = (0..count as u32).map(|i| {
            let kind = kinds[(i / 3) as usize % kinds.len()];
            // Digits are in each name, so that the ten digits are tokens as in each real table.
            let name =
                if i % 50 == 7 { format!("n{i}{long}") } else { format!("function_{i}_of_{}", i * 7919) };
            let name: String =
                name.chars().take(if layout == Layout::OffsetsFirst { 127 } else { 511 }).collect();
            (i / 2 * 2 * 16, kind, name)
        });
        let base = 0xffff_8000_0800_0000;
        Spec {
            layout,
            endian,
            per_cpu: per_cpu.then(|| (0..20).map(|i| (i * 64, format!("per_cpu_{i}"))).collect()),
            symbols: symbols.collect(),
            base,
            slot: base,
            around: b"\x12\x34\x56\x78 what is around a table, of odd length.".to_vec(),
        }
    }

    /// Makes a [`sample`](Self::sample) of each layout and byte order, with and without per-CPU symbols.
    pub fn samples(count: usize) -> Vec<Spec> {
        let mut samples = Vec::new();
        for layout in LAYOUTS {
            for endian in [Endian::Little, Endian::Big] {
                samples.push(Spec::sample(layout, endian, count, false));
                if layout != Layout::PcRelative {
                    samples.push(Spec::sample(layout, endian, count, true));
                }
            }
        }
        samples
    }
}
