//! What is passed for a parameter, by its type and its name.

use pmdscope_arches::ByteOrder;
use pmdscope_guest::kernel::{Parameter, Prototype};

use super::name::{FunctionError, Parsed, position};
use super::setting::{Given, Setting};
use crate::EmuError;
use crate::kernel::process::KernelProcess;
use crate::kernel::routine::recipe::AFTERWARDS;

/// Bytes of an object of which nothing is known.
pub(super) const SOME_BYTES: u64 = 0x200;
/// Bytes of the structure that callers use afterwards, which comes first.
const AFTERWARDS_BYTES: u64 = 0x100;

/// What is passed for a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Argument {
    /// The mapping.
    Vma,
    /// The address space.
    Mm,
    /// The address of the entry; of one in another table for the other of two.
    Entry { other: bool },
    /// The entry, by value; that in another table for the other of two.
    EntryValue { other: bool },
    /// The address of an entry of a level above, counted from the PMD: 0 is the level next to it.
    Upper(usize),
    /// The address of the first entry of the page table that a split uses.
    Pte,
    /// The user address that the entry is for, or the next one's, and a number of huge pages after it.
    Address { other: bool, after: u64 },
    /// Bytes of a huge page.
    HugeBytes,
    /// The base-2 logarithm of a huge page in small ones.
    HugeOrder,
    /// The page protection of the mapping.
    Protection,
    /// The flags of the mapping.
    MappingFlags,
    /// The huge page.
    Page,
    /// The page frame number of the huge page, or its physical address.
    Frame { physical: bool },
    /// A page table that nothing uses.
    PageTable,
    /// The address of a word that has it.
    PageTablePointer,
    /// What gathers pages to free.
    Gather,
    /// A fault at the address.
    Fault,
    /// A walk over the mappings of the page.
    MappedWalk,
    /// A walk over page tables.
    TableWalk,
    /// The address of a word for the address of a lock.
    LockPointer,
    /// The address of an object of zeroes, of this structure or of unknown size.
    Object(Option<String>),
    /// A number.
    Number(u64),
}

/// What can be passed by a word.
pub(super) const WORDS: [(&str, Argument); 23] = [
    ("vma", Argument::Vma),
    ("mm", Argument::Mm),
    ("entry", Argument::Entry { other: false }),
    ("other-entry", Argument::Entry { other: true }),
    ("entry-value", Argument::EntryValue { other: false }),
    ("pud", Argument::Upper(0)),
    ("p4d", Argument::Upper(1)),
    ("pgd", Argument::Upper(2)),
    ("pte", Argument::Pte),
    ("address", Argument::Address { other: false, after: 0 }),
    ("next-address", Argument::Address { other: false, after: 1 }),
    ("other-address", Argument::Address { other: true, after: 0 }),
    ("huge-bytes", Argument::HugeBytes),
    ("huge-order", Argument::HugeOrder),
    ("protection", Argument::Protection),
    ("mapping-flags", Argument::MappingFlags),
    ("page", Argument::Page),
    ("pfn", Argument::Frame { physical: false }),
    ("physical", Argument::Frame { physical: true }),
    ("page-table", Argument::PageTable),
    ("gather", Argument::Gather),
    ("fault", Argument::Fault),
    ("walk", Argument::TableWalk),
];

/// What is passed for a parameter, with what is set of the structure that it points to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Passed {
    pub(super) argument: Argument,
    pub(super) members: Vec<Member>,
}

/// A member that is set of a structure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) name: String,
    /// Offset in the structure, in bytes.
    pub(super) offset: u64,
    /// Its size in bytes.
    pub(super) bytes: usize,
    pub(super) passed: Passed,
}

/// Whether a type is that of an entry or a protection, by value, which is returned as structures are.
pub(super) fn is_value(type_name: &str) -> bool {
    ["pmd_t", "pud_t", "p4d_t", "pgd_t", "pte_t", "pgprot_t", "swp_entry_t", "softleaf_t"]
        .contains(&type_name)
}

/// Where a member of a structure is, and its size, both in bytes; `None` if the kernel does not tell.
pub(super) type MemberOf<'a> = &'a dyn Fn(&str, &str) -> Option<(u64, u64)>;

/// Returns what is passed for the parameters of a function. `member_of` knows structures.
pub(super) fn of_parameters(
    prototype: &Prototype,
    parsed: &Parsed<'_>,
    member_of: MemberOf<'_>,
) -> Result<Vec<Passed>, FunctionError> {
    let function = || parsed.symbol.to_owned();
    let is_entry = |parameter: &&Parameter| parameter.type_name == "pmd_t *" && !is_out(parameter);
    // Of two entries, or two addresses, one is moved or copied to the other.
    let has_other = prototype.parameters.iter().filter(is_entry).count() > 1 || has_two_addresses(prototype);
    let mut arguments = Vec::new();
    for (place, parameter) in prototype.parameters.iter().enumerate() {
        let of_this = |setting: &&Setting<'_>| position(prototype, setting.parameter) == Some(place);
        let settings: Vec<&Setting<'_>> = parsed.settings.iter().filter(of_this).collect();
        let own = settings.iter().find(|setting| setting.members.is_empty());
        let argument = match own {
            Some(setting) => Some(of_given(&setting.given)),
            None => of_parameter(parameter, has_other),
        };
        let unknown =
            || FunctionError::Parameter { function: function(), type_name: parameter.type_name.clone() };
        let argument = argument.ok_or_else(unknown)?;
        let structure = argument.structure().or_else(|| structure_of(&parameter.type_name));
        let members = of_members(&settings, &[], structure.as_deref(), member_of)?;
        arguments.push(Passed { argument, members });
    }
    let leads_to_entry = arguments.iter().any(|passed| {
        matches!(
            passed.argument,
            Argument::Entry { .. }
                | Argument::Upper(_)
                | Argument::Vma
                | Argument::Mm
                | Argument::Fault
                | Argument::MappedWalk
                | Argument::TableWalk
                | Argument::Page
        )
    });
    if leads_to_entry { Ok(arguments) } else { Err(FunctionError::Unrelated(function())) }
}

fn of_given(given: &Given) -> Argument {
    match given {
        Given::Number(number) => Argument::Number(*number),
        Given::Known(argument) => argument.clone(),
        Given::New(structure) => Argument::Object(Some(structure.clone())),
    }
}

/// Returns the structure that a pointer of this type points to.
fn structure_of(type_name: &str) -> Option<String> {
    let plain = type_name.replace("const ", "").replace("volatile ", "");
    let of = plain.strip_suffix('*')?.trim_end();
    let of = of.strip_prefix("struct ").or(of.strip_prefix("union ")).unwrap_or(of);
    (!of.contains('*') && !of.contains('(') && of != "void").then(|| of.to_owned())
}

/// Returns what settings set of the structure that is reached by `members` from a parameter.
fn of_members(
    settings: &[&Setting<'_>],
    members: &[&str],
    structure: Option<&str>,
    member_of: MemberOf<'_>,
) -> Result<Vec<Member>, FunctionError> {
    let below = |setting: &&&Setting<'_>| {
        setting.members.len() > members.len() && setting.members.starts_with(members)
    };
    let mut all: Vec<Member> = Vec::new();
    for setting in settings.iter().filter(below) {
        let name = setting.members[members.len()];
        if all.iter().any(|known| known.name == name) {
            continue;
        }
        let path = |last: usize| [&[setting.parameter], &setting.members[..last]].concat().join(".");
        let here = [members, &[name]].concat();
        let Some(structure) = structure else {
            return Err(FunctionError::NoStructure { path: path(here.len()), above: path(members.len()) });
        };
        let own = settings.iter().find(|setting| setting.members == here);
        let Some(own) = own else {
            // What it points to is set, and itself not.
            let (path, above) = (path(setting.members.len()), path(here.len()));
            return Err(FunctionError::NoStructure { path, above });
        };
        let argument = of_given(&own.given);
        let (offset, bytes) = member_of(structure, name).ok_or_else(|| FunctionError::NoMember {
            path: path(here.len()),
            structure: structure.to_owned(),
            member: name.to_owned(),
        })?;
        let inner = argument.structure();
        let inner = of_members(settings, &here, inner.as_deref(), member_of)?;
        all.push(Member {
            name: name.to_owned(),
            offset,
            bytes: usize::try_from(bytes).unwrap_or(usize::MAX).min(8),
            passed: Passed { argument, members: inner },
        });
    }
    Ok(all)
}

/// Whether a parameter is a place for an entry that the function read.
fn is_out(parameter: &Parameter) -> bool {
    parameter.name.as_deref().is_some_and(|name| name.contains("val") || name.starts_with("orig"))
}

/// Whether a function is given the address that something is moved or copied from, and the one that it goes to.
fn has_two_addresses(prototype: &Prototype) -> bool {
    let begins = |prefixes: [&str; 2]| {
        let mut addresses = prototype.parameters.iter().filter(|parameter| is_user_address(parameter));
        addresses.any(|parameter| {
            let name = parameter.name.as_deref().unwrap_or_default();
            prefixes.iter().any(|prefix| name.starts_with(prefix))
        })
    };
    begins(["old_", "src_"]) && begins(["new_", "dst_"])
}

/// Whether a user address is passed for a parameter.
pub(super) fn is_user_address(parameter: &Parameter) -> bool {
    matches!(of_parameter(parameter, false), Some(Argument::Address { after: 0, .. }))
}

fn of_parameter(parameter: &Parameter, has_other: bool) -> Option<Argument> {
    let name = parameter.name.as_deref().unwrap_or_default();
    let other = has_other && (name.starts_with("dst") || name.starts_with("new"));
    let plain = parameter.type_name.replace("const ", "").replace("volatile ", "");
    let plain = plain.strip_prefix("struct ").or(plain.strip_prefix("union ")).unwrap_or(&plain);
    let Some(of) = plain.strip_suffix('*').map(str::trim_end) else {
        return by_value(plain, name, other);
    };
    Some(match of {
        "vm_area_struct" => Argument::Vma,
        "mm_struct" => Argument::Mm,
        "pmd_t" if !is_out(parameter) => Argument::Entry { other },
        "pud_t" if !is_out(parameter) => Argument::Upper(0),
        "p4d_t" if !is_out(parameter) => Argument::Upper(1),
        "pgd_t" if !is_out(parameter) => Argument::Upper(2),
        "pte_t" if !is_out(parameter) => Argument::Pte,
        // A typedef of a pointer on some architectures has its own name: see below.
        "page" | "folio" => Argument::Page,
        "ptdesc" => Argument::PageTable,
        "pgtable_t" => Argument::PageTablePointer,
        "mmu_gather" => Argument::Gather,
        "vm_fault" => Argument::Fault,
        "page_vma_mapped_walk" => Argument::MappedWalk,
        "mm_walk" => Argument::TableWalk,
        "spinlock_t *" => Argument::LockPointer,
        _ if of.contains('*') || of.contains('(') || of == "void" => Argument::Object(None),
        of => Argument::Object(Some(of.to_owned())),
    })
}

fn by_value(of: &str, name: &str, other: bool) -> Option<Argument> {
    let bare = name.trim_start_matches('_');
    let bare =
        ["dst_", "src_", "new_", "old_"].iter().find_map(|prefix| bare.strip_prefix(prefix)).unwrap_or(bare);
    Some(match of {
        "pmd_t" => Argument::EntryValue { other },
        "pgprot_t" => Argument::Protection,
        "pgtable_t" => Argument::PageTable,
        "vm_flags_t" => Argument::MappingFlags,
        _ if is_value(of) => Argument::Number(0),
        _ => match bare {
            "addr" | "address" | "haddr" | "start" | "start_addr" | "vaddr" | "ea" | "va" | "uaddr"
            | "floor" => Argument::Address { other, after: 0 },
            "end" | "next" | "end_addr" | "ceiling" => Argument::Address { other, after: 1 },
            "len" | "length" | "size" | "sz" => Argument::HugeBytes,
            "order" => Argument::HugeOrder,
            "nr" | "nr_pages" | "npages" | "count" => Argument::Number(1),
            "pfn" => Argument::Frame { physical: false },
            "pa" | "paddr" | "phys" => Argument::Frame { physical: true },
            // What is no number and no enumerator is passed in ways that are not known here.
            _ if is_number(of) => Argument::Number(0),
            _ => return None,
        },
    })
}

fn is_number(of: &str) -> bool {
    const TYPEDEFS: [&str; 21] = [
        "bool",
        "_Bool",
        "gfp_t",
        "vm_fault_t",
        "uffd_flags_t",
        "fault_flag",
        "phys_addr_t",
        "dma_addr_t",
        "size_t",
        "ssize_t",
        "uintptr_t",
        "pgoff_t",
        "u8",
        "u16",
        "u32",
        "u64",
        "__u64",
        "s64",
        "loff_t",
        "sector_t",
        "zap_flags_t",
    ];
    let words = || of.split(' ');
    of.starts_with("enum ")
        || TYPEDEFS.contains(&of)
        || words().all(|word| ["unsigned", "signed", "int", "long", "short", "char"].contains(&word))
}

/// The memory of one CPU in which what arguments point to is laid out.
pub(super) struct Room {
    cpu: u8,
    free: u64,
    end: u64,
    /// Whether the memory has what is needed already.
    is_laid_out: bool,
}

impl Room {
    /// Returns a CPU's memory, of which nothing is used.
    pub(super) fn of(process: &KernelProcess, cpu: u8) -> Result<Room, EmuError> {
        let room = Room { is_laid_out: false, ..Room::again(process, cpu) };
        let bytes = usize::try_from(room.end - room.free).unwrap_or(0);
        process.machine.write(room.free, &vec![0; bytes])?;
        Ok(room)
    }

    /// Returns a CPU's memory, to find out where things are that were laid out in it.
    pub(super) fn again(process: &KernelProcess, cpu: u8) -> Room {
        let out = process.outs[usize::from(cpu)];
        let free = out + AFTERWARDS + AFTERWARDS_BYTES;
        Room { cpu, free, end: out + process.out_bytes(), is_laid_out: true }
    }

    /// Lays out an object of zeroes.
    pub(super) fn object(&mut self, bytes: u64) -> Result<u64, EmuError> {
        let at = self.free.next_multiple_of(64);
        let free = at.saturating_add(bytes.max(8));
        if free > self.end {
            return Err(EmuError::Environment(
                "the arguments of a function take more room than there is".to_owned(),
            ));
        }
        self.free = free;
        Ok(at)
    }
}

impl Passed {
    /// Returns the value that is passed, and writes the memory that it points to.
    pub(super) fn value(&self, process: &KernelProcess, room: &mut Room) -> Result<u64, EmuError> {
        let at = self.argument.value(process, room)?;
        for member in &self.members {
            let value = member.passed.value(process, room)?;
            room.put(process, at.wrapping_add(member.offset), member.bytes, value)?;
        }
        Ok(at)
    }
}

impl Argument {
    /// Returns the structure that it is the address of, if there is one.
    fn structure(&self) -> Option<String> {
        let of = match self {
            Argument::Vma => "vm_area_struct",
            Argument::Mm => "mm_struct",
            Argument::Page => "page",
            Argument::Gather => "mmu_gather",
            Argument::Fault => "vm_fault",
            Argument::MappedWalk => "page_vma_mapped_walk",
            Argument::TableWalk => "mm_walk",
            Argument::Object(of) => return of.clone(),
            _ => return None,
        };
        Some(of.to_owned())
    }

    /// Returns the value that is passed, and writes the memory that it points to.
    pub(super) fn value(&self, process: &KernelProcess, room: &mut Room) -> Result<u64, EmuError> {
        let layout = process.encoding.layout();
        let huge = 1_u64 << layout.pmd_shift;
        let of_other = |other: bool| if other { huge } else { 0 };
        Ok(match self {
            Argument::Vma => process.vma,
            Argument::Mm => process.mm,
            Argument::Entry { other: false } => process.tables.entry,
            // Routines that run at once have one each: fork() and mremap() of one process exclude each other.
            Argument::Entry { other: true } => process.tables.other_entries[usize::from(room.cpu)],
            Argument::EntryValue { other } => {
                let entry = if *other {
                    process.tables.other_entries[usize::from(room.cpu)]
                } else {
                    process.tables.entry
                };
                let raw = process.machine.read(entry, 8)?;
                let order = ByteOrder::of(process.encoding.arch());
                raw.try_into().map(|raw| order.decode(raw)).unwrap_or(0)
            }
            Argument::Upper(above) => {
                let upper = &process.tables.upper;
                upper.iter().rev().nth(*above).or(upper.first()).copied().unwrap_or(0)
            }
            Argument::Pte => process.tables.pte_table.start,
            Argument::Address { other, after } => process.address() + of_other(*other) + after * huge,
            Argument::HugeBytes => huge,
            Argument::HugeOrder => u64::from(layout.pmd_shift - layout.page_shift),
            Argument::Protection => process.protection,
            Argument::MappingFlags => process.mapping_flags(),
            Argument::Page => process.pages.page(process.pfn),
            Argument::Frame { physical: false } => process.pfn,
            Argument::Frame { physical: true } => process.pfn << layout.page_shift,
            Argument::PageTable => process.spare_table(),
            Argument::PageTablePointer => {
                let at = room.object(8)?;
                room.put(process, at, 8, process.spare_table())?;
                at
            }
            Argument::Gather => process.gathers[usize::from(room.cpu)],
            Argument::Fault => {
                let at = room.object(process.fields.size("vm_fault")?)?;
                let put = |member, value| match process.fields.find("vm_fault", member) {
                    Some(offset) => room.put(process, at + offset, 8, value),
                    None => Ok(()),
                };
                put("vma", process.vma)?;
                put("address", process.address())?;
                put("real_address", process.address())?;
                put("pgoff", process.address() >> layout.page_shift)?;
                put("pmd", process.tables.entry)?;
                put("pud", Argument::Upper(0).value(process, &mut Room::again(process, room.cpu))?)?;
                // It is a union with the PTE's.
                let found = process.machine.get64(process.tables.entry)?;
                match process.fields.find("vm_fault", "orig_pmd") {
                    Some(_) => put("orig_pmd", found)?,
                    None => put("orig_pte", found)?,
                }
                at
            }
            Argument::MappedWalk => {
                let at = room.object(process.fields.size("page_vma_mapped_walk")?.max(0x80))?;
                if !room.is_laid_out {
                    process.mapped_walk_at(at)?;
                }
                at
            }
            Argument::TableWalk => {
                let at = room.object(process.fields.size("mm_walk")?)?;
                let (callbacks, private) = (room.object(SOME_BYTES)?, room.object(SOME_BYTES)?);
                for (member, value) in
                    [("ops", callbacks), ("mm", process.mm), ("vma", process.vma), ("private", private)]
                {
                    room.put(process, at + process.fields.offset("mm_walk", member)?, 8, value)?;
                }
                at
            }
            Argument::LockPointer => room.object(8)?,
            Argument::Object(of) => {
                let known = of.as_ref().and_then(|of| process.fields.size(of).ok());
                room.object(known.unwrap_or(SOME_BYTES).clamp(8, 0x1000))?
            }
            Argument::Number(number) => *number,
        })
    }
}

impl Room {
    fn put(&self, process: &KernelProcess, at: u64, bytes: usize, value: u64) -> Result<(), EmuError> {
        if self.is_laid_out { Ok(()) } else { process.machine.put(at, bytes, value) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::routine::by_type::name::parse;

    /// Returns what is passed for parameters, each given as `TYPE NAME`.
    fn passed(name: &str, parameters: &[(&str, &str)]) -> Result<Vec<Argument>, String> {
        Ok(whole(name, parameters)?.into_iter().map(|passed| passed.argument).collect())
    }

    /// The same with what is set of what they point to.
    fn whole(name: &str, parameters: &[(&str, &str)]) -> Result<Vec<Passed>, String> {
        let parameter = |(type_name, name): &(&str, &str)| Parameter {
            name: Some((*name).to_owned()),
            type_name: (*type_name).to_owned(),
        };
        let parameters = parameters.iter().map(parameter).collect();
        let prototype = Prototype { parameters, returns: "void".to_owned(), variadic: false };
        let member_of = |of: &str, member: &str| match (of, member) {
            ("mm_walk", "private") => Some((0x30, 8)),
            ("hmm_vma_walk", "range") => Some((0, 8)),
            ("hmm_range", "end") => Some((0x18, 8)),
            ("hmm_range", "flags") => Some((0x20, 4)),
            _ => None,
        };
        of_parameters(&prototype, &parse(name).unwrap(), &member_of).map_err(|error| error.to_string())
    }

    #[test]
    fn what_a_parameter_points_to_is_set_by_members() {
        let callback = [("pmd_t *", "pmdp"), ("unsigned long", "start"), ("struct mm_walk *", "walk")];
        let name = "f:walk.private=@hmm_vma_walk:walk.private.range=@hmm_range:walk.private.range.flags=3:\
                    walk.private.range.end=next-address:start=0x1000";
        let all = whole(name, &callback).unwrap();
        assert_eq!(all[1], Passed { argument: Argument::Number(0x1000), members: Vec::new() });
        let [private] = &all[2].members[..] else { panic!("{all:?}") };
        let of = |structure: &str| Argument::Object(Some(structure.to_owned()));
        assert_eq!((private.offset, private.bytes, &private.passed.argument), (0x30, 8, &of("hmm_vma_walk")));
        let [range] = &private.passed.members[..] else { panic!("{all:?}") };
        assert_eq!(range.passed.argument, of("hmm_range"));
        let set: Vec<(u64, usize)> = range.passed.members.iter().map(|one| (one.offset, one.bytes)).collect();
        assert_eq!(set, [(0x20, 4), (0x18, 8)]);
    }

    #[test]
    fn a_member_that_nobody_knows_is_named() {
        let callback = [("pmd_t *", "pmd"), ("struct mm_walk *", "walk"), ("void *", "data")];
        let says = |name| whole(name, &callback).unwrap_err();
        assert_eq!(says("f:walk.privat=1"), "walk.privat: this kernel does not say where mm_walk.privat is");
        let above = "nothing says what walk.private points to: give it with walk.private=@STRUCT";
        assert_eq!(says("f:walk.private=1:walk.private.range=2"), format!("walk.private.range: {above}"));
        assert_eq!(says("f:walk.private.range=2"), format!("walk.private.range: {above}"));
        assert_eq!(says("f:data.x=2"), "data.x: nothing says what data points to: give it with data=@STRUCT");
    }

    #[test]
    fn arguments_are_chosen_by_type_and_name() {
        let at = |other, after| Argument::Address { other, after };
        let zap = [
            ("struct mmu_gather *", "tlb"),
            ("struct vm_area_struct *", "vma"),
            ("pmd_t *", "pmd"),
            ("long unsigned int", "addr"),
        ];
        let wanted = vec![Argument::Gather, Argument::Vma, Argument::Entry { other: false }, at(false, 0)];
        assert_eq!(passed("zap_huge_pmd", &zap), Ok(wanted));
        // Of two entries, one is the entry, and the other is where it goes.
        let moved = [
            ("unsigned long", "old_addr"),
            ("unsigned long", "new_addr"),
            ("unsigned long", "end"),
            ("pmd_t *", "old_pmd"),
            ("pmd_t *", "new_pmd"),
        ];
        let (entry, other) = (Argument::Entry { other: false }, Argument::Entry { other: true });
        let wanted = vec![at(false, 0), at(true, 0), at(false, 1), entry.clone(), other];
        assert_eq!(passed("move_huge_pmd", &moved), Ok(wanted));
        // Who walks down to both is given their addresses alone.
        let moved = [
            ("struct vm_area_struct *", "vma"),
            ("unsigned long", "old_addr"),
            ("unsigned long", "new_addr"),
            ("unsigned long", "len"),
        ];
        let wanted = vec![Argument::Vma, at(false, 0), at(true, 0), Argument::HugeBytes];
        assert_eq!(passed("move_page_tables", &moved), Ok(wanted));
        // Where there is only one, it is the entry, whatever it is called.
        let only = [("pmd_t *", "dst_pmd"), ("unsigned long", "dst_addr")];
        assert_eq!(passed("f", &only), Ok(vec![entry.clone(), at(false, 0)]));
        // A place for what was read is no entry.
        let out =
            [("pmd_t *", "pmd"), ("pmd_t *", "pmdvalp"), ("const struct foo *", "foo"), ("void *", "data")];
        let object = |of: Option<&str>| Argument::Object(of.map(str::to_owned));
        let wanted = vec![entry, object(Some("pmd_t")), object(Some("foo")), object(None)];
        assert_eq!(passed("f", &out), Ok(wanted));
    }

    #[test]
    fn a_parameter_has_the_value_that_it_is_given() {
        let change =
            [("pmd_t *", "pmd"), ("unsigned long", "cp_flags"), ("enum kind", "kind"), ("bool", "all")];
        let number = Argument::Number;
        let wanted = vec![Argument::Entry { other: false }, number(2), number(0), number(1)];
        assert_eq!(passed("change_huge_pmd:cp_flags=0x2:all=1", &change), Ok(wanted));
    }

    #[test]
    fn what_cannot_be_passed_is_told() {
        let unrelated = [("char *", "buf"), ("size_t", "size")];
        let says = "vsnprintf() takes neither an entry nor anything that leads to one";
        assert_eq!(passed("vsnprintf", &unrelated), Err(says.to_owned()));
        let by_value = [("pmd_t *", "pmd"), ("struct big", "big")];
        let says = "f() takes a struct big, and nothing says what to pass for it";
        assert_eq!(passed("f", &by_value), Err(says.to_owned()));
    }
}
