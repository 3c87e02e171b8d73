//! Properties that every encoding must have. The tests of the guests also compare each encoding with compiled code
//! of the kernel's definitions.

use proptest::prelude::*;

use crate::*;

/// Returns every version that the tables cover.
fn versions() -> impl Iterator<Item = Version> {
    let series = [(5, 10..=19), (6, 0..=19), (7, 0..=2)];
    series.into_iter().flat_map(|(major, minors)| minors.map(move |minor| Version::new(major, minor)))
}

/// Returns an encoding with the usual sizes of pages and physical addresses, and with all others at its version.
pub(crate) fn in_all_sizes(usual: Encoding) -> Vec<Encoding> {
    assert!(usual.has_usual_pages() && usual.has_usual_physical_bits(), "{usual}");
    let others = arch::other_layouts(usual.arch(), usual.mmu()).iter();
    let others = others.filter_map(|eras| in_force(eras, usual.version()).ok());
    let with_sizes = |era: &'static Era<Layout>| {
        let Layout { page_shift, physical_bits, .. } = era.value;
        let pages = usual.with_page_shift(page_shift).unwrap();
        let other = pages.with_physical_bits(physical_bits).unwrap();
        assert!(std::ptr::eq(other.layout_era(), era), "{other}");
        other
    };
    std::iter::once(usual).chain(others.map(with_sizes)).collect()
}

/// Returns every encoding, at the oldest version where it is in force.
fn encodings() -> Vec<Encoding> {
    let mut found: Vec<Encoding> = Vec::new();
    let mut seen = Vec::new();
    for arch in Arch::ALL {
        let mmus: Vec<_> = arch.mmus().iter().copied().map(Some).collect();
        for mmu in if mmus.is_empty() { vec![None] } else { mmus } {
            for encoding in versions().filter_map(|version| Encoding::at(arch, mmu, version).ok()) {
                let known = (arch, mmu, encoding.layout_era().from, encoding.types_era().from);
                if !seen.contains(&known) {
                    seen.push(known);
                    found.extend(in_all_sizes(encoding));
                }
            }
        }
    }
    found
}

/// Returns the encodings with the usual sizes, without those of ppc64le, which has the tables of ppc64.
fn distinct() -> impl Iterator<Item = Encoding> {
    let distinct = |encoding: &Encoding| {
        encoding.arch() != Arch::Ppc64le && encoding.has_usual_pages() && encoding.has_usual_physical_bits()
    };
    encodings().into_iter().filter(distinct)
}

/// Returns all layouts, including those of other sizes.
fn every_layout() -> impl Iterator<Item = (Arch, Option<Mmu>, &'static Era<Layout>)> {
    let others = Arch::ALL.into_iter().flat_map(Arch::platforms).flat_map(|(arch, mmu)| {
        arch::other_layouts(arch, mmu).iter().copied().flatten().map(move |era| (arch, mmu, era))
    });
    all_layouts().chain(others)
}

fn spec(encoding: &Encoding, kind: EntryKind) -> EntrySpec {
    let pfn = encoding.default_pfn();
    EntrySpec { kind, pfn, young: false, dirty: false, soft_dirty: false, uffd_wp: false }
}

fn any_spec() -> impl Strategy<Value = EntrySpec> {
    let kind = prop::sample::select(EntryKind::ALL.to_vec());
    // PFNs of any size, most of them where a huge page begins.
    let pfn =
        (any::<u64>(), 0..64u32, 0..14u32).prop_map(|(bits, width, align)| bits >> width >> align << align);
    (kind, pfn, any::<[bool; 4]>()).prop_map(|(kind, pfn, [young, dirty, soft_dirty, uffd_wp])| EntrySpec {
        kind,
        pfn,
        young,
        dirty,
        soft_dirty,
        uffd_wp,
    })
}

/// Returns the bits of an entry that no named field covers.
fn unnamed(encoding: &Encoding, entry: u64) -> u64 {
    encoding.fields_of(entry).fold(entry, |left, field| left & !field.bits.mask())
}

fn refusal(encoding: &Encoding, spec: EntrySpec) -> String {
    encoding.build(&spec).unwrap_err().to_string()
}

fn at(arch: Arch, mmu: Option<Mmu>, version: &str) -> Encoding {
    Encoding::at(arch, mmu, version.parse().unwrap()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn what_is_built_is_taken_apart_again(spec in any_spec()) {
        for encoding in encodings() {
            let Ok(entry) = encoding.build(&spec) else { continue };
            let layout = encoding.layout();
            // If the kernel takes a swap entry for another form, its bits have other names.
            if spec.kind.is_swap() == (encoding.form(entry) == Form::Swap) {
                prop_assert_eq!(unnamed(&encoding, entry), 0, "{} {:?} {:#x}", encoding, spec, entry);
                let EntrySpec { young, dirty, soft_dirty, uffd_wp, .. } = spec;
                let marks = EntryMarks { young, dirty, soft_dirty, uffd_wp };
                prop_assert_eq!(encoding.marks_of(entry), marks, "{} {:?} {:#x}", encoding, spec, entry);
            }
            let read = |predicate: fn(u64) -> bool| predicate(entry);
            match spec.kind {
                EntryKind::None => prop_assert_eq!(entry, layout.none),
                EntryKind::Table => {
                    prop_assert_eq!(encoding.form(entry), Form::Table);
                    let table = spec.pfn << layout.page_shift;
                    prop_assert_eq!(encoding.table_of(entry), Some(table), "{} {:#x}", encoding, entry);
                }
                kind if kind.is_swap() => {
                    let swap = layout.swap.unwrap();
                    let marks = |bit: Option<u8>| bit.map_or(0, |bit| 1u64 << bit);
                    // The marks do not overlap type and offset, whatever the predicates answer.
                    let marks = marks(swap.soft_dirty) | marks(swap.uffd_wp);
                    prop_assert_eq!(marks & (swap.kind.mask() | swap.offset.mask() | swap.fixed), 0);
                    if let Some(parts) = encoding.swap_parts(entry) {
                        prop_assert_eq!(parts.soft_dirty, spec.soft_dirty);
                        prop_assert_eq!(parts.uffd_wp, spec.uffd_wp);
                        match parts.migration {
                            Some(said) => {
                                let MigrationParts { kind, pfn, young, dirty } = said;
                                prop_assert_eq!((kind, pfn, young, dirty), (spec.kind, spec.pfn, spec.young, spec.dirty));
                                prop_assert_eq!(encoding.pfn_of(entry), Some(spec.pfn));
                            }
                            None => prop_assert_eq!((kind, parts.offset), (EntryKind::Swap, spec.pfn)),
                        }
                    } else {
                        prop_assert!(encoding.contract(entry, kind).iter().any(|breach| breach.predicate == "swap"));
                    }
                }
                kind => {
                    prop_assert_eq!(encoding.pfn_of(entry), Some(spec.pfn), "{} {:?}", encoding, spec);
                    let writable = matches!(kind, EntryKind::PresentHuge | EntryKind::Devmap);
                    // Up to 6.1, POWER takes an entry without any permission for a writable one.
                    prop_assert!(read(layout.predicates.write) == writable || kind == EntryKind::Protnone);
                    prop_assert_eq!(read(layout.predicates.protnone), kind == EntryKind::Protnone);
                    prop_assert_eq!(read(layout.predicates.devmap), kind == EntryKind::Devmap);
                    let mut marks = vec![entry];
                    for other in [
                        EntrySpec { young: !spec.young, ..spec },
                        EntrySpec { dirty: !spec.dirty, ..spec },
                        EntrySpec { soft_dirty: !spec.soft_dirty, ..spec },
                    ] {
                        marks.extend(encoding.build(&other));
                    }
                    marks.sort_unstable();
                    prop_assert!(marks.is_sorted_by(|a, b| a < b), "a mark without effect: {} {:?}", encoding, spec);
                }
            }
        }
    }

    #[test]
    fn an_invalidated_mapping_stays_present(spec in any_spec()) {
        for encoding in encodings() {
            let Ok(entry) = encoding.build(&spec) else { continue };
            if !matches!(encoding.form(entry), Form::Leaf | Form::InvalidLeaf) || spec.kind.is_swap() {
                continue;
            }
            let invalidated = (encoding.layout().invalidated)(entry);
            prop_assert_eq!(encoding.form(invalidated), Form::InvalidLeaf, "{} {:?}", encoding, spec);
            prop_assert_eq!(encoding.pfn_of(invalidated), Some(spec.pfn), "{} {:?}", encoding, spec);
            prop_assert_eq!(unnamed(&encoding, invalidated), 0, "{} {:#x}", encoding, invalidated);
            // LoongArch has one bit for accessed and for valid.
            if encoding.arch() != Arch::LoongArch64 {
                prop_assert_eq!(encoding.marks_of(invalidated), encoding.marks_of(entry), "{} {:#x}", encoding, entry);
            }
        }
    }

    #[test]
    fn forms_agree_with_predicates(entry in any::<u64>()) {
        for encoding in encodings() {
            let predicates = &encoding.layout().predicates;
            let form = encoding.form(entry);
            prop_assert_eq!(form == Form::None, (predicates.none)(entry));
            prop_assert_eq!(form == Form::Swap, encoding.is_swap(entry));
            prop_assert!(!((predicates.none)(entry) && (predicates.present)(entry)), "{} {:#x}", encoding, entry);
            prop_assert!(!encoding.is_migration(entry) || encoding.swap_parts(entry).unwrap().migration.is_some());
        }
    }
}

#[test]
fn within_a_form_no_two_fields_overlap() {
    for (arch, mmu, era) in every_layout() {
        for form in [Form::None, Form::Table, Form::Leaf, Form::InvalidLeaf, Form::Swap] {
            let mut taken = 0;
            for field in era.value.fields.iter().copied().flatten().filter(|field| field.is_in(form)) {
                assert_eq!(taken & field.bits.mask(), 0, "{arch} {mmu:?} {} {form} {}", era.from, field.name);
                taken |= field.bits.mask();
            }
        }
    }
}

#[test]
fn markers_of_swap_entries_are_named_fields() {
    for (arch, _, era) in every_layout() {
        let Some(swap) = era.value.swap else { continue };
        for (marker, name) in [(swap.soft_dirty, "SWP_SOFT_DIRTY"), (swap.uffd_wp, "SWP_UFFD_WP")] {
            let mut fields = era.value.fields.iter().copied().flatten();
            let named = fields.find(|field| field.name == name).map(|field| field.bits.low);
            assert_eq!(named, marker, "{arch} {} {name}", era.from);
        }
    }
}

#[test]
fn names_and_aliases_of_architectures_are_understood() {
    let mut names = Vec::new();
    for arch in Arch::ALL {
        names.push(arch.name());
        assert_eq!(arch.name().parse(), Ok(arch));
        assert_eq!(Arch::of_name(arch.name()), Some(arch));
        assert!(!arch.aliases().is_empty(), "{arch}: `list arches` prints them");
        for alias in arch.aliases() {
            names.push(alias);
            assert_eq!(alias.to_uppercase().parse(), Ok(arch), "{alias}");
        }
    }
    assert_eq!([Arch::of_name("arm6"), Arch::of_name("arm64x"), Arch::of_name("aarch64")], [None; 3]);
    names.sort_unstable();
    assert!(names.is_sorted_by(|one, next| one != next), "a name of two architectures: {names:?}");
    assert_eq!(
        "arm46".parse::<Arch>().unwrap_err().to_string(),
        "unknown architecture 'arm46': did you mean 'arm64'?"
    );
}

/// Checks that each architecture's file gives everything that the other modules use.
#[test]
fn descriptions_of_architectures_are_complete() {
    for (arch, mmu) in Arch::ALL.into_iter().flat_map(Arch::platforms) {
        let eras = layouts(arch, mmu);
        assert!(!eras.is_empty(), "{} has no layout", platform_name(arch, mmu));
        assert_eq!(eras.last().map(|era| era.to), Some(Version::NEWEST), "{}", platform_name(arch, mmu));
        let swap_formats = eras.iter().filter(|era| era.value.swap.is_some());
        for version in swap_formats.flat_map(|era| [era.from, era.to]) {
            let numbering = in_force(swap_types(arch), version);
            assert!(
                numbering.is_ok(),
                "{arch} has a swap format in {version} and no numbering of swap types"
            );
        }
        for version in versions() {
            let absent = arch.absence(version).is_some();
            assert!(!(absent && in_force(eras, version).is_ok()), "{arch} {version}: absent, with a layout");
        }
    }
    for (index, arch) in Arch::ALL.into_iter().enumerate() {
        let machine = |arch: Arch| (arch.elf_machine(), ByteOrder::of(arch) == ByteOrder::Big);
        let same = Arch::ALL[..index].iter().find(|other| machine(**other) == machine(arch));
        assert_eq!(same, None, "the same ELF machine as {arch}");
    }
}

#[test]
fn an_mmu_that_an_architecture_lacks_is_refused() {
    let refusal = |arch, mmu| Encoding::at(arch, mmu, Version::NEWEST).unwrap_err().to_string();
    assert_eq!(
        refusal(Arch::Arm64, Some(Mmu::Hash)),
        "arm64 has no hash MMU: only ppc64 and ppc64le tell MMU kinds apart"
    );
    assert_eq!(refusal(Arch::Ppc64, None), "ppc64 has several MMU kinds: name one of radix, hash");
}

#[test]
fn eras_ascend_and_none_is_none() {
    for (arch, mmu, era) in all_layouts() {
        assert!(era.from <= era.to, "{arch} {}", era.from);
        let later = layouts(arch, mmu).iter().find(|other| other.from > era.from);
        assert!(later.is_none_or(|later| era.to < later.from), "{arch} {}", era.from);
        assert!((era.value.predicates.none)(era.value.none), "{arch} {}", era.from);
        assert!(!era.source.is_empty());
    }
}

#[test]
fn eras_of_other_sizes_are_among_those_of_the_usual_ones() {
    for (arch, mmu) in Arch::ALL.into_iter().flat_map(Arch::platforms) {
        let sizes = |era: &Era<Layout>| (era.value.page_shift, era.value.physical_bits);
        let usual = layouts(arch, mmu);
        let mut taken = vec![sizes(&usual[0])];
        assert!(usual.iter().all(|era| sizes(era).0 == taken[0].0), "{arch} {mmu:?}");
        for eras in arch::other_layouts(arch, mmu) {
            let versions =
                |eras: &[Era<Layout>]| eras.iter().map(|era| (era.from, era.to)).collect::<Vec<_>>();
            assert!(versions(usual).ends_with(&versions(eras)), "{arch} {mmu:?}");
            let same = sizes(&eras[0]);
            assert!(eras.iter().all(|era| sizes(era) == same), "{arch} {mmu:?} {same:?}");
            assert!(eras.iter().all(|era| (era.value.predicates.none)(era.value.none)), "{arch} {mmu:?}");
            assert!(!taken.contains(&same), "{arch} {mmu:?}: two lists for {same:?}");
            taken.push(same);
        }
    }
}

#[test]
fn the_versions_read_have_encodings() {
    for arch in Arch::ALL {
        for version in ["5.10", "6.1", "6.12", "7.2"] {
            let mmu = arch.mmus().first().copied();
            let absent = version == "5.10" && matches!(arch, Arch::Riscv64 | Arch::LoongArch64);
            let found = Encoding::at(arch, mmu, version.parse().unwrap());
            assert_eq!(found.is_err(), absent, "{arch} {version}");
        }
    }
}

#[test]
fn default_pfns_suit_every_kind() {
    for encoding in encodings() {
        let pfn = encoding.default_pfn();
        assert!((0x800..0x100000).contains(&pfn), "{encoding} {pfn:#x}");
        for kind in EntryKind::ALL {
            if let Err(error) = encoding.build(&spec(&encoding, kind)) {
                assert!(!error.to_string().contains("PFN"), "{error}");
            }
        }
    }
}

#[test]
fn what_cannot_be_expressed_is_refused_in_one_clear_line() {
    let arm64 = at(Arch::Arm64, None, "5.10");
    let migration = spec(&arm64, EntryKind::MigrationRead);
    let radix = at(Arch::Ppc64, Some(Mmu::Radix), "7.2");
    let s390x = at(Arch::S390x, None, "6.12");
    let sparc64 = at(Arch::Sparc64, None, "6.12");
    let refusals = [
        refusal(&arm64, EntrySpec { pfn: 0x81201, ..migration }),
        refusal(&arm64, EntrySpec { pfn: 1 << 36, ..migration }),
        refusal(&arm64, EntrySpec { young: true, ..migration }),
        refusal(&arm64, EntrySpec { uffd_wp: true, ..migration }),
        refusal(&arm64, EntrySpec { kind: EntryKind::MigrationReadExclusive, ..migration }),
        refusal(&arm64, EntrySpec { kind: EntryKind::Swap, pfn: 1 << 50, ..migration }),
        refusal(&arm64, EntrySpec { kind: EntryKind::Table, dirty: true, ..migration }),
        refusal(&radix, EntrySpec { kind: EntryKind::Devmap, ..migration }),
        refusal(&s390x, migration),
        refusal(&sparc64, EntrySpec { kind: EntryKind::Swap, ..migration }),
        Encoding::at(Arch::Riscv64, None, "5.10".parse().unwrap()).unwrap_err().to_string(),
        Encoding::at(Arch::Arm64, None, "6.9".parse().unwrap()).unwrap_err().to_string(),
    ];
    assert_eq!(refusals.join("\n"), REFUSALS.trim());
}

const REFUSALS: &str = "
arm64 5.10 cannot express migration-read: PFN 0x81201 is not where a huge page begins: not a multiple of 0x200
arm64 5.10 cannot express migration-read: PFN 0x1000000000 is too large: the largest is 0xffffffe00
arm64 5.10 cannot express migration-read: migration entries keep no young and dirty: it came after Linux 5.10, and Linux 6.1 has it
arm64 5.10 cannot express migration-read: no bit for userfaultfd write protection of a swap entry: it came after Linux 6.8, and Linux 6.10 has it
arm64 5.10 cannot express migration-read-exclusive: no such migration type: it came after Linux 5.10, and Linux 6.1 has it
arm64 5.10 cannot express swap: offset 0x4000000000000 is too large: the largest is 0x3ffffffffffff
arm64 5.10 cannot express table: it maps no page that could be dirty
ppc64 radix 7.2 cannot express devmap: no bit for device memory (DEVMAP): Linux 6.16 is the last known to have it
s390x 6.12 cannot express migration-read: huge pages cannot be migrated: it came in Linux 6.17
sparc64 6.12 cannot express swap: huge pages cannot be migrated: no version from 5.10 to 7.2 has it
riscv64 had no transparent huge pages in Linux 5.10: use 6.1 or newer
the entry layout of arm64 in Linux 6.9 is not known for sure: use 6.8 or older, or 6.10 or newer
";

/// Lists the breaches of the contract over every kind of entry and every mark. A mark is named only where it
/// changes the breaches.
fn breaches() -> String {
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    for encoding in distinct() {
        let whose =
            encoding.mmu().map_or(encoding.arch().to_string(), |mmu| format!("{} {mmu}", encoding.arch()));
        let to = encoding.layout_era().to.min(encoding.types_era().to);
        for kind in EntryKind::ALL {
            let plain = spec(&encoding, kind);
            let marked = [
                ("", plain),
                (" young", EntrySpec { young: true, ..plain }),
                (" dirty", EntrySpec { dirty: true, ..plain }),
                (" soft-dirty", EntrySpec { soft_dirty: true, ..plain }),
                (" uffd-wp", EntrySpec { uffd_wp: true, ..plain }),
            ];
            let mut without_mark = Vec::new();
            for (mark, spec) in marked {
                let Ok(entry) = encoding.build(&spec) else { continue };
                let breaches = encoding.contract(entry, kind);
                if breaches == without_mark {
                    continue;
                }
                let said = breaches.iter().map(|breach| format!(" {}={}", breach.predicate, breach.got));
                let text = format!("{whose} {kind}{mark}:{}", said.collect::<String>());
                let versions = format!("{}..{to}", encoding.version());
                match found.iter_mut().find(|(known, _)| *known == text) {
                    Some((_, known)) => known.push(versions),
                    None => found.push((text, vec![versions])),
                }
                if mark.is_empty() {
                    without_mark = breaches;
                }
            }
        }
    }
    let lines: Vec<_> =
        found.iter().map(|(text, versions)| format!("{text} ({})", versions.join(", "))).collect();
    lines.join("\n")
}

#[test]
fn breaches_of_the_contract() {
    assert_eq!(breaches(), BREACHES.trim());
}

// Each is a fact about the kernel's definitions:
// - POWER marks swap entries with the bit that pmd_leaf() tests (`_PAGE_PTE`), and LoongArch with `_PAGE_HUGE`.
//   Neither definition tests for presence, so generic code has to do it first.
// - RISC-V keeps soft-dirty of a swap entry in the bit that is EXEC in a leaf. pmd_present() accepts any of READ,
//   WRITE and EXEC as presence, so that an invalidated leaf stays present.
const BREACHES: &str = "
ppc64 radix migration-read: leaf=true (5.10..5.10, 6.1..6.1, 6.6..6.6, 6.12..6.14, 6.15..6.16, 6.17..7.0, 7.1..7.2)
ppc64 radix migration-write: leaf=true (5.10..5.10, 6.1..6.1, 6.6..6.6, 6.12..6.14, 6.15..6.16, 6.17..7.0, 7.1..7.2)
ppc64 radix swap: leaf=true (5.10..5.10, 6.1..6.1, 6.6..6.6, 6.12..6.14, 6.15..6.16, 6.17..7.0, 7.1..7.2)
ppc64 radix migration-read-exclusive: leaf=true (6.1..6.1, 6.6..6.6, 6.12..6.14, 6.15..6.16, 6.17..7.0, 7.1..7.2)
ppc64 hash migration-read: leaf=true (5.10..5.10, 6.1..6.1, 6.6..6.6, 6.12..6.14, 6.15..6.16, 6.17..7.0, 7.1..7.2)
ppc64 hash migration-write: leaf=true (5.10..5.10, 6.1..6.1, 6.6..6.6, 6.12..6.14, 6.15..6.16, 6.17..7.0, 7.1..7.2)
ppc64 hash swap: leaf=true (5.10..5.10, 6.1..6.1, 6.6..6.6, 6.12..6.14, 6.15..6.16, 6.17..7.0, 7.1..7.2)
ppc64 hash migration-read-exclusive: leaf=true (6.1..6.1, 6.6..6.6, 6.12..6.14, 6.15..6.16, 6.17..7.0, 7.1..7.2)
riscv64 migration-read soft-dirty: present=true leaf=true trans_huge=true swap=false migration=false (6.19..7.2)
riscv64 migration-write soft-dirty: present=true leaf=true trans_huge=true swap=false migration=false (6.19..7.2)
riscv64 migration-read-exclusive soft-dirty: present=true leaf=true trans_huge=true swap=false migration=false (6.19..7.2)
riscv64 swap soft-dirty: present=true leaf=true trans_huge=true swap=false (6.19..7.2)
loongarch64 migration-read: leaf=true (6.1..6.1, 6.6..6.6, 6.12..6.14, 6.15..6.16, 6.17..7.2)
loongarch64 migration-write: leaf=true (6.1..6.1, 6.6..6.6, 6.12..6.14, 6.15..6.16, 6.17..7.2)
loongarch64 migration-read-exclusive: leaf=true (6.1..6.1, 6.6..6.6, 6.12..6.14, 6.15..6.16, 6.17..7.2)
loongarch64 swap: leaf=true (6.1..6.1, 6.6..6.6, 6.12..6.14, 6.15..6.16, 6.17..7.2)
";

/// Values to compare with the kernel's headers by eye: a migration entry of a writable page, a clean and old
/// writable mapping, a mapping for NUMA balancing, and a table, all at the default PFN.
#[test]
fn entries_by_value() {
    let mut lines = Vec::new();
    for encoding in distinct() {
        let value = |kind| match encoding.build(&spec(&encoding, kind)) {
            Ok(entry) => format!("{entry:016x}"),
            Err(_) => format!("{:16}", "-"),
        };
        let kinds =
            [EntryKind::MigrationWrite, EntryKind::PresentHuge, EntryKind::Protnone, EntryKind::Table];
        let name = encoding.to_string();
        lines.push(format!("{name:16} {}", kinds.map(value).join(" ")).trim_end().to_owned());
    }
    assert_eq!(lines.join("\n"), ENTRIES.trim());
}

const ENTRIES: &str = "
arm64 5.10       0000000008120074 0068000081200bc1 0460000081200b80 0000000081200003
arm64 6.1        00000000081200d0 0068000081200bc1 0460000081200b80 0800000081200003
arm64 6.2        00000000081200d0 0068000081200bc1 0460000081200b80 0800000081200003
arm64 6.10       0000000081200680 0068000081200bc1 0060000081200b80 0800000081200003
arm64 6.12       0000000081200680 0068000081200bc1 0060000081200b80 0800000081200003
arm64 6.13       0000000081200680 0068000081200bc1 0060000081200b80 0800000081200403
arm64 6.15       00000000812006c0 0068000081200bc1 0060000081200b80 0800000081200403
arm64 6.17       00000000812006c0 0068000081200bc1 0060000081200b80 0800000081200403
x86_64 5.10      efffffffefdbfe00 8000000081200087 000fffff7ec00180 0000000081200067
x86_64 6.1       cfffffffefdbfe00 8000000081200087 000fffff7ec00180 0000000081200067
x86_64 6.2       d7ffffffefdbfe00 8000000081200087 000fffff7ec00180 0000000081200067
x86_64 6.6       d7ffffffefdbfe00 8000000081200087 000fffff7ec00180 0000000081200067
x86_64 6.12      d7ffffffefdbfe00 8000000081200087 000fffff7ec00180 0000000081200067
x86_64 6.15      dfffffffefdbfe00 8000000081200087 000fffff7ec00180 0000000081200067
x86_64 6.17      dfffffffefdbfe00 8000000081200087 000fffff7ec00180 0000000081200067
s390x 5.10       -                0000000081200723 0000000081200620 0000000081200000
s390x 6.13       -                000000008120c721 0000000081200621 0000000081200001
s390x 6.17       00000000812006f0 000000008120c721 0000000081200621 0000000081200001
ppc64 radix 5.10 400000081200001d c000000812000006 c000000812000008 8000000812000005
ppc64 radix 6.1  400000081200001a c000000812000006 c000000812000008 8000000812000005
ppc64 radix 6.6  400000081200001a c000000812000006 c000000812000008 8000000812000005
ppc64 radix 6.12 400000081200001a c000000812000006 c000000812000000 8000000812000005
ppc64 radix 6.15 400000081200001b c000000812000006 c000000812000000 8000000812000005
ppc64 radix 6.17 400000081200001b c000000812000006 c000000812000000 8000000812000005
ppc64 radix 7.1  400000081200001b c000000812000006 c000000812000000 8000000812000005
ppc64 hash 5.10  400000081200001d c000000812002006 c000000812002008 8000000812000000
ppc64 hash 6.1   400000081200001a c000000812002006 c000000812002008 8000000812000000
ppc64 hash 6.6   400000081200001a c000000812002006 c000000812002008 8000000812000000
ppc64 hash 6.12  400000081200001a c000000812002006 c000000812002000 8000000812000000
ppc64 hash 6.15  400000081200001b c000000812002006 c000000812002000 8000000812000000
ppc64 hash 6.17  400000081200001b c000000812002006 c000000812002000 8000000812000000
ppc64 hash 7.1   400000081200001b c000000812002006 c000000812002000 8000000812000000
riscv64 6.1      0000000040900780 0000000020480017 0000000020480022 0000000020480001
riscv64 6.2      0000000040900780 0000000020480017 0000000020480022 0000000020480001
riscv64 6.6      0000000081200f00 0000000020480017 0000000020480022 0000000020480001
riscv64 6.12     0000000081200d00 0000000020480017 0000000020480022 0000000020480001
riscv64 6.15     0000000081200d80 0000000020480017 0000000020480022 0000000020480001
riscv64 6.17     0000000081200d80 0000000020480017 0000000020480022 0000000020480001
riscv64 6.19     0000000081200d80 0000000020480017 0000000020480022 0000000020480001
sparc64 5.10     -                0d00000102800613 -                0000000102800000
loongarch64 6.1  00000008001e0040 00000000020001dc 200000000200045c 9000000002000000
loongarch64 6.6  00000008001e0040 00000000020001dc 200000000200045c 9000000002000000
loongarch64 6.12 00000008001a0040 00000000020001dc 200000000200045c 9000000002000000
loongarch64 6.15 00000008001b0040 00000000020001dc 200000000200045c 9000000002000000
loongarch64 6.17 00000008001b0040 00000000020001dc 200000000200045c 9000000002000000
";

#[test]
fn pages_of_another_size_are_another_encoding() {
    let usual = at(Arch::Ppc64le, Some(Mmu::Radix), "6.12");
    let small = usual.with_page_shift(12).unwrap();
    assert_eq!(usual.to_string(), "ppc64le radix 6.12");
    assert_eq!(small.to_string(), "ppc64le radix 6.12 with 4K pages");
    assert_eq!(small.with_page_shift(16).unwrap().to_string(), usual.to_string());
    assert!(usual.with_page_shift(14).is_none());
    assert!(at(Arch::Ppc64le, Some(Mmu::Hash), "6.12").with_page_shift(12).is_none(), "no huge pages there");
    let big_endian = at(Arch::Ppc64, Some(Mmu::Radix), "6.12").with_page_shift(12).unwrap();
    assert_eq!(big_endian.to_string(), "ppc64 radix 6.12 with 4K pages");
    assert!(std::ptr::eq(big_endian.layout_era(), small.layout_era()), "both have the tables of radix");
    // radix-4k.h of 6.12.107: a page table has 2^9 entries, and RPN begins at bit 12.
    assert_eq!((small.layout().table)(0x4000_3000), 0x8000_0000_4000_3009);
    let huge = spec(&small, EntryKind::PresentHugeRo);
    assert_eq!(small.build(&huge).unwrap(), 0xc000_0000_8120_0004);
    assert_eq!(
        small.build(&EntrySpec { kind: EntryKind::MigrationRead, ..huge }).unwrap(),
        0x4000_0000_8120_0018
    );
    // Migration types found in a kernel survive a change of the page size.
    let types = MigrationTypes { read: 28, read_exclusive: Some(29), write: 30, young_dirty: true };
    let small = usual.with_migration_types(types).with_page_shift(12).unwrap();
    assert_eq!(small.migration_types(), types);
}

#[test]
fn arm64_has_pages_and_physical_addresses_of_several_sizes() {
    let sizes = |version| {
        let names =
            in_all_sizes(at(Arch::Arm64, None, version)).into_iter().map(|encoding| encoding.to_string());
        names.collect::<Vec<_>>()
    };
    assert_eq!(
        sizes("6.8"),
        [
            "arm64 6.8",
            "arm64 6.8 with 16K pages",
            "arm64 6.8 with 64K pages",
            "arm64 6.8 with 64K pages and 52-bit physical addresses",
        ]
    );
    assert_eq!(
        sizes("6.10"),
        [
            "arm64 6.10",
            "arm64 6.10 with 16K pages",
            "arm64 6.10 with 64K pages",
            "arm64 6.10 with 52-bit physical addresses",
            "arm64 6.10 with 16K pages and 52-bit physical addresses",
            "arm64 6.10 with 64K pages and 52-bit physical addresses",
        ]
    );
    // Each size can be changed back, and keeps the other one.
    let usual = at(Arch::Arm64, None, "6.12");
    let wide = usual.with_page_shift(16).unwrap().with_physical_bits(52).unwrap();
    assert!(!wide.has_usual_pages() && !wide.has_usual_physical_bits());
    assert_eq!(wide.with_page_shift(12).unwrap().to_string(), "arm64 6.12 with 52-bit physical addresses");
    assert_eq!(wide.with_physical_bits(48).unwrap().to_string(), "arm64 6.12 with 64K pages");
    let back = wide.with_page_shift(12).and_then(|wide| wide.with_physical_bits(48)).unwrap();
    assert!(std::ptr::eq(back.layout_era(), usual.layout_era()));
    // LPA2 came after 6.8, and no kernel has pages of 8K or addresses of 50 bits.
    assert!(at(Arch::Arm64, None, "6.8").with_physical_bits(52).is_none());
    assert!(at(Arch::Arm64, None, "6.8").with_page_shift(14).unwrap().with_physical_bits(52).is_none());
    assert!(usual.with_page_shift(13).is_none());
    assert!(usual.with_physical_bits(50).is_none());
    assert!(at(Arch::X86_64, None, "6.12").with_physical_bits(52).is_none());
}

#[test]
fn arm64_huge_pages_have_the_size_of_their_pages() {
    let usual = at(Arch::Arm64, None, "6.12");
    for (page_shift, huge_page) in [(12, 2 << 20), (14, 32 << 20), (16, 512 << 20)] {
        let encoding = usual.with_page_shift(page_shift).unwrap();
        let pages = huge_page >> page_shift;
        let second = EntrySpec { pfn: pages, ..spec(&encoding, EntryKind::PresentHuge) };
        let entry = encoding.build(&second).unwrap();
        assert_eq!(entry, huge_page | 0x0068_0000_0000_0bc1, "{encoding}");
        assert_eq!(encoding.huge_page_of(entry), Some(pages));
        assert_eq!(encoding.huge_page_of(entry | huge_page >> 1), Some(pages), "the kernel drops lower bits");
        assert!(encoding.build(&EntrySpec { pfn: pages / 2, ..second }).is_err());
        // The offset of a migration entry counts pages.
        let migration = encoding.build(&EntrySpec { kind: EntryKind::MigrationRead, ..second }).unwrap();
        assert_eq!(migration >> 12, pages, "{encoding}");
        assert_eq!(encoding.huge_page_of(migration), Some(pages));
        assert_eq!(encoding.huge_page_of(migration + (1 << 12)), None, "no huge page begins there");
    }
}

#[test]
fn arm64_addresses_beyond_48_bits_come_back() {
    let usual = at(Arch::Arm64, None, "6.12");
    let address = 0xd_8000_0000_0000 | 512 << 20;
    for (page_shift, low, high) in [
        // Bits 50 and 51 in place of SH.
        (12, 0x1_8000_2000_0000, 0x300),
        (14, 0x1_8000_2000_0000, 0x300),
        // Bits 48 to 51 in bits 12 to 15; bit 48 also in its own place.
        (16, 0x1_8000_2000_0000, 0xd000),
    ] {
        let encoding = usual.with_page_shift(page_shift).unwrap().with_physical_bits(52).unwrap();
        let pfn = address >> page_shift;
        let built = |kind| encoding.build(&EntrySpec { pfn, ..spec(&encoding, kind) }).unwrap();
        let (huge, table) = (built(EntryKind::PresentHuge), built(EntryKind::Table));
        let shared = if page_shift == 16 { 0x300 } else { 0 };
        assert_eq!(huge, 0x0068_0000_0000_08c1 | low | high | shared, "{encoding}");
        assert_eq!(table, 0x0800_0000_0000_0003 | low | high, "{encoding}");
        assert_eq!(encoding.pfn_of(huge), Some(pfn));
        assert_eq!(encoding.fit(huge), Fit::Mapping);
        assert_eq!(encoding.fit(table), Fit::Table);
        let names: Vec<_> = encoding.fields_of(huge).map(|field| field.name).collect();
        assert!(names.contains(&"ADDRESS_HIGH"), "{names:?}");
        assert_eq!(names.contains(&"SH"), page_shift == 16, "{names:?}");
        // Young and dirty of a migration entry are above the longer PFN.
        let migration =
            EntrySpec { pfn, young: true, dirty: true, ..spec(&encoding, EntryKind::MigrationRead) };
        let entry = encoding.build(&migration).unwrap();
        assert_eq!(entry >> 12, 3 << (52 - page_shift) | pfn, "{encoding}");
        assert_eq!(encoding.huge_page_of(entry), Some(pfn));
        // Without the longer addresses it is no page frame.
        let narrow = encoding.with_physical_bits(48).unwrap();
        assert_eq!(
            narrow.fit(huge),
            Fit::Unfit(if page_shift == 16 {
                Misfit::UnnamedBits { form: Form::Leaf, bits: high, of_base_page: false }
            } else {
                Misfit::BeyondMemory
            })
        );
        assert!(narrow.build(&migration).is_err());
    }
}

/// Compares entries of arm64 with pages and physical addresses of each size with values that a C program computed by
/// the kernel's own macros, from headers of 5.10.218, 6.1.192, 6.12.117 and 7.2.13: a clean and old writable mapping, a
/// mapping for NUMA balancing, and a table, at the default PFN and at the largest one of a huge page, and the PFN in
/// an arbitrary value.
#[test]
fn arm64_entries_of_every_size() {
    let mut lines = Vec::new();
    for version in ["5.10", "6.1", "6.12", "7.2"] {
        for encoding in in_all_sizes(at(Arch::Arm64, None, version)) {
            let Layout { page_shift, pmd_shift, physical_bits, .. } = *encoding.layout();
            let largest = ((1 << physical_bits) - (1 << pmd_shift)) >> page_shift;
            let noise = (encoding.layout().predicates.pfn)(0x2cea_ee21_bf46_bc00);
            for pfn in [encoding.default_pfn(), largest] {
                let value = |kind| {
                    let entry = encoding.build(&EntrySpec { pfn, ..spec(&encoding, kind) }).unwrap();
                    assert_eq!(
                        encoding.pfn_of(entry),
                        (kind != EntryKind::Table).then_some(pfn),
                        "{encoding} {kind}"
                    );
                    format!("{entry:016x}")
                };
                let kinds = [EntryKind::PresentHuge, EntryKind::Protnone, EntryKind::Table].map(value);
                let pages = format!("{}K", 1 << page_shift >> 10);
                lines.push(format!(
                    "{version:4} {pages:>3} {physical_bits} {pfn:>10x} {} {noise:x}",
                    kinds.join(" ")
                ));
            }
        }
    }
    assert_eq!(lines.join("\n"), ARM64_ENTRIES.trim());
}

const ARM64_ENTRIES: &str = "
5.10  4K 48      81200 0068000081200bc1 0460000081200b80 0000000081200003 ee21bf400
5.10  4K 48  ffffffe00 0068ffffffe00bc1 0460ffffffe00b80 0000ffffffe00003 ee21bf400
5.10 16K 48      81800 0068000206000bc1 0460000206000b80 0000000206000003 3b886f800
5.10 16K 48  3fffff800 0068fffffe000bc1 0460fffffe000b80 0000fffffe000003 3b886f800
5.10 64K 48      82000 0068000820000bc1 0460000820000b80 0000000820000003 ee21a000
5.10 64K 48   ffffe000 0068ffffe0000bc1 0460ffffe0000b80 0000ffffe0000003 ee21a000
5.10 64K 52      82000 0068000820000bc1 0460000820000b80 0000000820000003 bee21a000
5.10 64K 52  fffffe000 0068ffffe000fbc1 0460ffffe000fb80 0000ffffe000f003 bee21a000
6.1   4K 48      81200 0068000081200bc1 0460000081200b80 0800000081200003 ee21bf400
6.1   4K 48  ffffffe00 0068ffffffe00bc1 0460ffffffe00b80 0800ffffffe00003 ee21bf400
6.1  16K 48      81800 0068000206000bc1 0460000206000b80 0800000206000003 3b886f800
6.1  16K 48  3fffff800 0068fffffe000bc1 0460fffffe000b80 0800fffffe000003 3b886f800
6.1  64K 48      82000 0068000820000bc1 0460000820000b80 0800000820000003 ee21a000
6.1  64K 48   ffffe000 0068ffffe0000bc1 0460ffffe0000b80 0800ffffe0000003 ee21a000
6.1  64K 52      82000 0068000820000bc1 0460000820000b80 0800000820000003 bee21a000
6.1  64K 52  fffffe000 0068ffffe000fbc1 0460ffffe000fb80 0800ffffe000f003 bee21a000
6.12  4K 48      81200 0068000081200bc1 0060000081200b80 0800000081200003 2ee21bf400
6.12  4K 48  ffffffe00 0068ffffffe00bc1 0060ffffffe00b80 0800ffffffe00003 2ee21bf400
6.12 16K 48      81800 0068000206000bc1 0060000206000b80 0800000206000003 bb886f800
6.12 16K 48  3fffff800 0068fffffe000bc1 0060fffffe000b80 0800fffffe000003 bb886f800
6.12 64K 48      82000 0068000820000bc1 0060000820000b80 0800000820000003 2ee21a000
6.12 64K 48   ffffe000 0068ffffe0000bc1 0060ffffe0000b80 0800ffffe0000003 2ee21a000
6.12  4K 52      81200 00680000812008c1 0060000081200880 0800000081200003 2ee21bf400
6.12  4K 52 fffffffe00 006bffffffe00bc1 0063ffffffe00b80 0803ffffffe00303 2ee21bf400
6.12 16K 52      81800 00680002060008c1 0060000206000880 0800000206000003 bb886f800
6.12 16K 52 3ffffff800 006bfffffe000bc1 0063fffffe000b80 0803fffffe000303 bb886f800
6.12 64K 52      82000 0068000820000bc1 0060000820000b80 0800000820000003 bee21a000
6.12 64K 52  fffffe000 006bffffe000fbc1 0063ffffe000fb80 0803ffffe000f003 bee21a000
7.2   4K 48      81200 0068000081200bc1 0060000081200b80 0800000081200403 2ee21bf400
7.2   4K 48  ffffffe00 0068ffffffe00bc1 0060ffffffe00b80 0800ffffffe00403 2ee21bf400
7.2  16K 48      81800 0068000206000bc1 0060000206000b80 0800000206000403 bb886f800
7.2  16K 48  3fffff800 0068fffffe000bc1 0060fffffe000b80 0800fffffe000403 bb886f800
7.2  64K 48      82000 0068000820000bc1 0060000820000b80 0800000820000403 2ee21a000
7.2  64K 48   ffffe000 0068ffffe0000bc1 0060ffffe0000b80 0800ffffe0000403 2ee21a000
7.2   4K 52      81200 00680000812008c1 0060000081200880 0800000081200403 2ee21bf400
7.2   4K 52 fffffffe00 006bffffffe00bc1 0063ffffffe00b80 0803ffffffe00703 2ee21bf400
7.2  16K 52      81800 00680002060008c1 0060000206000880 0800000206000403 bb886f800
7.2  16K 52 3ffffff800 006bfffffe000bc1 0063fffffe000b80 0803fffffe000703 bb886f800
7.2  64K 52      82000 0068000820000bc1 0060000820000b80 0800000820000403 bee21a000
7.2  64K 52  fffffe000 006bffffe000fbc1 0063ffffe000fb80 0803ffffe000f403 bee21a000
";

/// Returns the readings of a value in an encoding, each as `use: OPTION, no OPTION`.
fn readings(arch: Arch, version: &str, entry: u64) -> Vec<String> {
    let encoding = at(arch, arch.mmus().first().copied(), version);
    let readings = encoding.readings(entry);
    let named = readings.iter().map(|reading| {
        let needs = reading
            .needs
            .iter()
            .map(|(option, on)| format!("{}{}", if *on { "" } else { "no " }, option.name()));
        format!("{}: {}", reading.purpose.name(), needs.collect::<Vec<_>>().join(", "))
    });
    named.collect()
}

/// Values from Debian's kernels and from reports. Debian had DEVICE_PRIVATE off up to 6.12.
#[test]
fn a_swap_type_is_read_in_every_configuration() {
    for (arch, version, entry, expected) in [
        (
            Arch::Arm64,
            "5.10",
            0x0812_0078,
            &["device-private-write: DEVICE_PRIVATE", "migration-read: no DEVICE_PRIVATE"][..],
        ),
        (
            Arch::Arm64,
            "5.10",
            0x8_3af0_0074,
            &[
                "migration-write: DEVICE_PRIVATE",
                "hwpoison: MEMORY_FAILURE, no DEVICE_PRIVATE",
                "swap-file: no MEMORY_FAILURE, no DEVICE_PRIVATE",
            ],
        ),
        (
            Arch::Arm64,
            "6.1",
            0x8120_00f0,
            &["device-exclusive-read: DEVICE_PRIVATE", "migration-write: no DEVICE_PRIVATE"],
        ),
        (
            Arch::X86_64,
            "5.10",
            0xffff_ffff_efdb_fe00,
            &["device-private-read: DEVICE_PRIVATE", "migration-write: no DEVICE_PRIVATE"],
        ),
        (
            Arch::X86_64,
            "6.1",
            0xefff_ffff_efdb_fe00,
            &[
                "device-exclusive-read: PTE_MARKER, DEVICE_PRIVATE",
                "migration-write: PTE_MARKER, no DEVICE_PRIVATE",
                "device-exclusive-write: no PTE_MARKER, DEVICE_PRIVATE",
                "migration-read-exclusive: no PTE_MARKER, no DEVICE_PRIVATE",
            ],
        ),
        (
            Arch::X86_64,
            "6.12",
            0xf7ff_ffff_efdb_fe00,
            &["device-exclusive-read: DEVICE_PRIVATE", "migration-write: no DEVICE_PRIVATE"],
        ),
        (
            Arch::X86_64,
            "7.2",
            0xefff_ff80_042b_fe00,
            &["device-private-read: DEVICE_PRIVATE", "migration-read-exclusive: no DEVICE_PRIVATE"],
        ),
        // The type of PTE markers does not depend on options.
        (Arch::Arm64, "7.2", 31 << 6 | 0x8120_0000, &["pte-marker: "]),
        (Arch::X86_64, "7.2", 0x0fff_ffff_efdb_fe00, &["swap-file: "]),
        (Arch::Riscv64, "6.1", 0x4090_0780, &["migration-write: "]),
        // A mapping and an empty entry have no reading.
        (Arch::X86_64, "7.2", 0x8000_0000_8120_00e7, &[]),
        (Arch::Arm64, "7.2", 0, &[]),
    ] {
        assert_eq!(readings(arch, version, entry), expected, "{arch} {version} {entry:#x}");
    }
}

/// Each configuration has one use, and the first reading is the use that the rest of the crate assumes.
#[test]
fn readings_cover_every_configuration_once() {
    for encoding in encodings() {
        let Some(swap) = encoding.layout().swap else { continue };
        let types = &encoding.types_era().value;
        let options = [ConfigOption::DevicePrivate, ConfigOption::PteMarker, ConfigOption::MemoryFailure];
        for kind in 0..=swap.largest_kind() {
            let readings = types.readings(kind);
            assert_eq!(
                readings[0].purpose.migration().is_some(),
                types.migration().contains(kind),
                "{encoding} type {kind}"
            );
            for config in 0..8_u8 {
                let on = |option: ConfigOption| {
                    config & (1 << options.iter().position(|one| *one == option).unwrap()) != 0
                };
                let fits =
                    |reading: &&Reading| reading.needs.iter().all(|(option, needed)| on(*option) == *needed);
                let purposes: Vec<_> = readings.iter().filter(fits).map(|reading| reading.purpose).collect();
                assert!(!purposes.is_empty(), "{encoding} type {kind} {config:b}");
                assert!(
                    purposes.iter().all(|one| *one == purposes[0]),
                    "{encoding} type {kind} {config:b}: {purposes:?}"
                );
            }
        }
    }
}

/// A kernel whose empty entry is not the layout's has one empty entry, which is not present; the layout's is then the
/// entry that the kernel's would be otherwise.
#[test]
fn a_kernel_has_its_own_empty_entry() {
    let usual = at(Arch::LoongArch64, None, "7.2");
    let (own, of_layout) = (0x9000_0000_01b2_4000, usual.layout().none);
    assert_eq!((usual.form(own), usual.none()), (Form::Table, of_layout));
    let encoding = usual.with_none(own);
    assert_eq!(encoding.build(&spec(&encoding, EntryKind::None)).unwrap(), own);
    assert_eq!(encoding.none(), own);
    for (entry, form, fit) in
        [(own, Form::None, Fit::Empty), (of_layout, Form::Table, Fit::Table), (0, Form::Table, Fit::Table)]
    {
        assert_eq!((encoding.form(entry), encoding.fit(entry)), (form, fit), "{entry:#x}");
        assert_eq!(encoding.is_none(entry), form == Form::None, "{entry:#x}");
        assert_eq!(encoding.is_present(entry), form != Form::None, "{entry:#x}");
        assert_eq!(encoding.predicate("present", entry), Some(form != Form::None), "{entry:#x}");
        assert!(!encoding.is_swap(entry), "{entry:#x}");
    }
    assert_eq!(encoding.table_of(own), None);
    assert_eq!(encoding.table_of(of_layout), Some(0x0100_0000));
    // No table can be where the empty entry points to, and one can be where the layout's does.
    let table = |encoding: &Encoding, address: u64| {
        encoding.build(&EntrySpec { pfn: address >> 14, ..spec(encoding, EntryKind::Table) })
    };
    assert!(table(&encoding, 0x01b2_4000).is_err() && table(&usual, 0x01b2_4000).is_ok());
    assert!(table(&encoding, 0x0100_0000).is_ok() && table(&usual, 0x0100_0000).is_err());
    assert!(encoding.contract(own, EntryKind::None).is_empty());
}
