//! The types of a kernel that a machine asks for, written as BTF (Linux Documentation/bpf/btf.rst).

use std::collections::BTreeMap;

use pmdscope_guest::Kernel;

/// Structures and what is looked up in them. If something is missing here a kernel cannot be set up, and a test says so.
const STRUCTURES: [(&str, &[&str]); 13] = [
    ("mm_struct", &["pgd", "mmap_lock.count", "context.asce_limit", "mm_id", "cpu_bitmap", "flexible_array"]),
    ("task_struct", &["mm", "thread_info.cpu", "thread_info.addr_limit", "thread_info.preempt.need_resched"]),
    ("vm_area_struct", &["vm_mm", "vm_start", "vm_end", "vm_page_prot", "vm_flags", "anon_vma", "vm_pgoff"]),
    ("anon_vma", &["root"]),
    (
        "page",
        &[
            "flags",
            "_refcount",
            "_mapcount",
            "mapping",
            "index",
            "__folio_index",
            "compound_head",
            "compound_info",
            "compound_order",
            "compound_nr",
            "compound_dtor",
            "compound_mapcount",
            "deferred_list",
            "ptl",
        ],
    ),
    (
        "folio",
        &[
            "_large_mapcount",
            "_entire_mapcount",
            "_nr_pages_mapped",
            "_mm_id_mapcount",
            "_mm_id",
            "_mm_ids",
            "_flags_1",
            "_folio_nr_pages",
            "_nr_pages",
            "_deferred_list",
        ],
    ),
    ("ptdesc", &["ptl"]),
    ("pglist_data", &["per_cpu_nodestats"]),
    ("per_cpu_nodestat", &["stat_threshold"]),
    ("page_vma_mapped_walk", &["vma", "address", "pmd"]),
    ("folio_walk", &["page", "level", "ptl"]),
    ("pcpu_hot", &["current_task", "preempt_count", "cpu_number"]),
    ("lowcore", &["machine_flags"]),
];

const ENUMERATORS: [&str; 8] = [
    "PG_head",
    "PG_uptodate",
    "PG_swapbacked",
    "PG_locked",
    "PG_anon_exclusive",
    "PG_large_rmappable",
    "TRANSHUGE_PAGE_DTOR",
    "FW_LEVEL_PMD",
];

/// What a kernel says of its types.
#[derive(Debug, Clone)]
pub struct Described {
    structures: Vec<Structure>,
    enumerators: Vec<(&'static str, u32)>,
}

#[derive(Debug, Clone)]
struct Structure {
    name: &'static str,
    size: u32,
    /// Members with the distance of each, in bytes. A name with dots is that of a member of a member.
    members: Vec<(&'static str, u32)>,
}

impl Described {
    /// What a kernel says.
    pub fn of(kernel: &Kernel) -> Described {
        let small = |number: u64| u32::try_from(number).expect("no structure is so large");
        let structure = |(name, members): &(&'static str, &'static [&'static str])| {
            let offset = |member: &&'static str| Some((*member, small(kernel.offset(name, member)?)));
            let members = members.iter().filter_map(offset).collect();
            Some(Structure { name, size: small(kernel.size(name)?), members })
        };
        let enumerator = |name: &&'static str| Some((*name, small(kernel.enumerator(name)?.unsigned_abs())));
        Described {
            structures: STRUCTURES.iter().filter_map(structure).collect(),
            enumerators: ENUMERATORS.iter().filter_map(enumerator).collect(),
        }
    }

    /// The same with changes, of six bytes each: of what, by its number, and to which value. Of the highest bit of the
    /// first it is left out.
    pub fn changed(&self, changes: &[u8]) -> Described {
        const LEFT_OUT: u16 = 1 << 15;
        let mut numbers = self.numbers();
        let (changes, _) = changes.as_chunks::<6>();
        for [low, high, value @ ..] in changes {
            let which = u16::from_le_bytes([*low, *high]);
            let place = usize::from(which & !LEFT_OUT) % numbers.len();
            numbers[place] = (which & LEFT_OUT == 0).then_some(u32::from_le_bytes(*value));
        }
        self.with(&numbers)
    }

    /// All numbers in order: of each structure its size and its members, then enumerators.
    fn numbers(&self) -> Vec<Option<u32>> {
        let of_structure = |structure: &Structure| {
            let members = structure.members.iter().map(|(_, offset)| *offset);
            std::iter::once(structure.size).chain(members).collect::<Vec<_>>()
        };
        let enumerators = self.enumerators.iter().map(|(_, value)| *value);
        self.structures.iter().flat_map(of_structure).chain(enumerators).map(Some).collect()
    }

    /// The same with other numbers.
    fn with(&self, numbers: &[Option<u32>]) -> Described {
        let mut numbers = numbers.iter().copied();
        let mut next = || numbers.next().flatten();
        let mut structures = Vec::new();
        for Structure { name, members, .. } in &self.structures {
            let size = next();
            let members = members.iter().filter_map(|(member, _)| Some((*member, next()?))).collect();
            structures.extend(size.map(|size| Structure { name, size, members }));
        }
        let enumerators = self.enumerators.iter().filter_map(|(name, _)| Some((*name, next()?))).collect();
        Described { structures, enumerators }
    }

    /// It as BTF, little-endian.
    pub fn btf(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        let word = writer.number();
        for Structure { name, size, members } in &self.structures {
            let members = writer.members(members, word);
            writer.structure(name, *size, &members);
        }
        writer.enumeration(&self.enumerators);
        writer.finish()
    }
}

/// BTF that is being written.
#[derive(Default)]
struct Writer {
    types: Vec<u32>,
    /// How many types there are.
    count: u32,
    strings: Vec<u8>,
    known: BTreeMap<String, u32>,
}

impl Writer {
    const NUMBER: u32 = 1;
    const STRUCTURE: u32 = 4;
    const ENUMERATION: u32 = 6;

    fn name(&mut self, name: &str) -> u32 {
        if self.strings.is_empty() {
            self.strings.push(0);
        }
        if let Some(place) = self.known.get(name) {
            return *place;
        }
        let place = u32::try_from(self.strings.len()).expect("there are few names");
        self.strings.extend(name.bytes().chain([0]));
        self.known.insert(name.to_owned(), place);
        place
    }

    fn add(&mut self, name: &str, kind: u32, entries: usize, size: u32) -> u32 {
        let name = self.name(name);
        let entries = u32::try_from(entries).expect("there are few entries");
        self.types.extend([name, kind << 24 | entries, size]);
        self.count += 1;
        self.count
    }

    /// The type that all members have.
    fn number(&mut self) -> u32 {
        let number = self.add("unsigned long", Self::NUMBER, 0, 8);
        self.types.push(64);
        number
    }

    /// Members of these names, with a type for those that have members themselves.
    fn members(&mut self, named: &[(&str, u32)], word: u32) -> Vec<(String, u32, u32)> {
        let mut members = Vec::new();
        for (number, (path, offset)) in named.iter().enumerate() {
            let Some((outer, _)) = path.split_once('.') else {
                members.push(((*path).to_owned(), word, *offset));
                continue;
            };
            let within = |path: &'_ str| path.strip_prefix(outer)?.strip_prefix('.').map(str::len);
            if named[..number].iter().any(|(earlier, _)| within(earlier).is_some()) {
                continue;
            }
            // All that are in one member, each as far from its beginning as from that of the whole.
            let inner: Vec<(&str, u32)> = named
                .iter()
                .filter_map(|(path, offset)| Some((&path[path.len() - within(path)?..], *offset)))
                .collect();
            let size = inner.iter().map(|(_, offset)| offset.saturating_add(8)).max().unwrap_or(8);
            let inner = self.members(&inner, word);
            members.push((outer.to_owned(), self.structure(&format!("{outer} of {path}"), size, &inner), 0));
        }
        members
    }

    fn structure(&mut self, name: &str, size: u32, members: &[(String, u32, u32)]) -> u32 {
        let number = self.add(name, Self::STRUCTURE, members.len(), size);
        for (name, of, offset) in members {
            let name = self.name(name);
            // In bits.
            self.types.extend([name, *of, offset.wrapping_mul(8)]);
        }
        number
    }

    fn enumeration(&mut self, enumerators: &[(&str, u32)]) {
        self.add("", Self::ENUMERATION, enumerators.len(), 4);
        for (name, value) in enumerators {
            let name = self.name(name);
            self.types.extend([name, *value]);
        }
    }

    fn finish(self) -> Vec<u8> {
        const HEADER: u32 = 24;
        let types: Vec<u8> = self.types.iter().flat_map(|word| word.to_le_bytes()).collect();
        let length = |of: &[u8]| u32::try_from(of.len()).expect("it is small");
        let header = [HEADER, 0, length(&types), length(&types), length(&self.strings)];
        let mut btf = vec![0x9f, 0xeb, 1, 0];
        btf.extend(header.iter().flat_map(|word| word.to_le_bytes()));
        btf.extend(types.into_iter().chain(self.strings));
        btf
    }
}
