//! What a probe needs to know of each architecture: the compilers' flags, and the C files that have page-table routines.

use pmdscope_arches::{Arch, Mmu};

/// An architecture, as probes of it are compiled.
pub(super) struct Target {
    /// The flags of clang.
    clang: &'static [&'static str],
    /// The flags of gcc.
    gcc: &'static [&'static str],
    /// The tree's C files with routines of page tables.
    pub(super) files: &'static [&'static str],
    /// Tables whose address is an entry: addresses as kernels have them.
    pub(super) tables: &'static [(&'static str, u64)],
    /// Options that a probe has otherwise than the tree, each with the reason.
    pub(super) otherwise: &'static [Otherwise],
}

/// An option that a probe has otherwise than the tree.
pub(super) struct Otherwise {
    /// Options that are taken away.
    pub(super) without: &'static [&'static str],
    /// The reason, for reports.
    pub(super) because: &'static str,
}

/// `mm/pgtable-generic.c`, which all architectures have.
const GENERIC: &str = "mm/pgtable-generic.c";

impl Target {
    /// Returns what is known of an architecture.
    pub(super) fn of(arch: Arch) -> &'static Target {
        match arch {
            Arch::Arm64 => &ARM64,
            Arch::X86_64 => &X86_64,
            Arch::S390x => &S390X,
            Arch::Ppc64 => &PPC64,
            Arch::Ppc64le => &PPC64LE,
            Arch::Riscv64 => &RISCV64,
            Arch::Sparc64 => &SPARC64,
            Arch::LoongArch64 => &LOONGARCH64,
        }
    }

    /// Returns the flags of clang or of gcc.
    pub(super) fn flags(&self, clang: bool) -> &'static [&'static str] {
        if clang { self.clang } else { self.gcc }
    }
}

/// What every probe has otherwise than the tree.
pub(super) const ALWAYS: Otherwise = Otherwise {
    without: &["DEBUG_VM"],
    because: "its checks need the locks and the struct pages of a running kernel",
};

/// Returns the options that a probe takes away for a kind of MMU.
pub(super) fn otherwise_for(mmu: Option<Mmu>) -> Option<Otherwise> {
    (mmu == Some(Mmu::Hash)).then_some(Otherwise {
        without: &["PPC_RADIX_MMU"],
        because: "as on a machine with a hashed page table",
    })
}

const ARM64: Target = Target {
    clang: &[
        "--target=aarch64-linux-gnu",
        "-mgeneral-regs-only",
        "-mno-outline-atomics",
        "-DARM64_ASM_ARCH=\"armv8.5-a\"",
        "-DKASAN_SHADOW_SCALE_SHIFT=3",
    ],
    gcc: &[
        "-mgeneral-regs-only",
        "-mno-outline-atomics",
        "-DARM64_ASM_ARCH=\"armv8.5-a\"",
        "-DKASAN_SHADOW_SCALE_SHIFT=3",
    ],
    files: &[
        GENERIC,
        "arch/arm64/mm/mmu.c",
        "arch/arm64/mm/contpte.c",
        "arch/arm64/mm/hugetlbpage.c",
        "arch/arm64/mm/fault.c",
    ],
    tables: &[],
    otherwise: &[],
};

const X86_64: Target = Target {
    clang: &["--target=x86_64-linux-gnu", "-mgeneral-regs-only", "-mno-red-zone"],
    gcc: &["-mgeneral-regs-only", "-mno-red-zone"],
    files: &[GENERIC, "arch/x86/mm/pgtable.c"],
    tables: &[],
    otherwise: &[
        Otherwise {
            without: &["PARAVIRT_XXL", "ARCH_HAS_LAZY_MMU_MODE"],
            because: "a kernel replaces Xen's calls when it starts on any other machine",
        },
        Otherwise { without: &["MTRR"], because: "as on a machine whose firmware sets no MTRR" },
    ],
};

const S390X: Target = Target {
    clang: &["--target=s390x-linux-gnu", "-march=z13", "-msoft-float"],
    gcc: &["-march=z13", "-msoft-float"],
    files: &[GENERIC, "arch/s390/mm/pgtable.c", "arch/s390/mm/hugetlbpage.c"],
    tables: &[],
    otherwise: &[],
};

const POWER_FILES: &[&str] = &[
    GENERIC,
    "arch/powerpc/mm/pgtable.c",
    "arch/powerpc/mm/pgtable_64.c",
    "arch/powerpc/mm/book3s64/pgtable.c",
    "arch/powerpc/mm/book3s64/radix_pgtable.c",
    "arch/powerpc/mm/book3s64/hash_pgtable.c",
];

const PPC64: Target = Target {
    clang: &[
        "--target=powerpc64-linux-gnu",
        "-mabi=elfv2",
        "-mcpu=power8",
        "-msoft-float",
        "-mno-altivec",
        "-mno-vsx",
    ],
    gcc: &["-m64", "-mabi=elfv2", "-mcpu=power8", "-msoft-float", "-mno-altivec", "-mno-vsx"],
    files: POWER_FILES,
    tables: &[],
    otherwise: &[],
};

const PPC64LE: Target = Target {
    clang: &[
        "--target=powerpc64le-linux-gnu",
        "-mabi=elfv2",
        "-mcpu=power8",
        "-msoft-float",
        "-mno-altivec",
        "-mno-vsx",
    ],
    gcc: &["-m64", "-mabi=elfv2", "-mcpu=power8", "-msoft-float", "-mno-altivec", "-mno-vsx"],
    files: POWER_FILES,
    tables: &[],
    otherwise: &[],
};

const RISCV64: Target = Target {
    clang: &["--target=riscv64-linux-gnu", "-march=rv64ima", "-mabi=lp64", "-mno-relax"],
    gcc: &["-march=rv64ima_zicsr_zifencei", "-mabi=lp64", "-mno-relax"],
    files: &[GENERIC, "arch/riscv/mm/pgtable.c", "arch/riscv/mm/hugetlbpage.c"],
    tables: &[],
    otherwise: &[],
};

const SPARC64: Target = Target {
    clang: &["--target=sparc64-linux-gnu"],
    // No register windows: the engine's CPU cannot handle their traps. In the medium-middle model, addresses are made of
    // relocations that LLD has.
    gcc: &["-m64", "-mflat", "-mcmodel=medmid", "-mcpu=niagara2", "-mno-vis", "-mno-fpu"],
    files: &[GENERIC, "arch/sparc/mm/tlb.c", "arch/sparc/mm/hugetlbpage.c"],
    tables: &[],
    otherwise: &[],
};

const LOONGARCH64: Target = Target {
    clang: &[
        "--target=loongarch64-linux-gnusf",
        "-march=loongarch64",
        "-mabi=lp64s",
        "-msoft-float",
        "-fno-direct-access-external-data",
    ],
    gcc: &["-mabi=lp64s", "-msoft-float"],
    files: &[GENERIC, "arch/loongarch/mm/pgtable.c", "arch/loongarch/mm/hugetlbpage.c"],
    tables: &[
        ("invalid_pte_table", INVALID_PTE_TABLE),
        ("invalid_pmd_table", INVALID_PTE_TABLE + 0x1_0000),
        ("invalid_pud_table", INVALID_PTE_TABLE + 0x2_0000),
        ("invalid_pg_dir", INVALID_PTE_TABLE + 0x3_0000),
    ],
    otherwise: &[],
};

/// The address of the table that empty entries of LoongArch's PMD tables lead to: as in bundled guests.
const INVALID_PTE_TABLE: u64 = 0x9000_0000_0100_0000;
