//! How kernel trees and GNU tools name each architecture.

use pmdscope_arches::Arch;

/// The names of an architecture in a kernel tree.
#[derive(Debug)]
pub(crate) struct KernelArch {
    /// The kernel's folder of it in `arch/`.
    pub(crate) folder: &'static str,
    /// What makes its usual configuration.
    pub(crate) defconfig: &'static str,
    /// The options of a tree for it: those that are set, and those that are not.
    set: &'static [&'static str],
    unset: &'static [&'static str],
    /// The prefix of the GNU tools.
    pub(crate) gnu: &'static str,
}

impl KernelArch {
    /// Returns the names of an architecture.
    pub(crate) fn of(arch: Arch) -> &'static KernelArch {
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

    /// Returns the architecture that a tree with these options is for.
    pub(crate) fn with_options(is_set: impl Fn(&str) -> bool) -> Option<Arch> {
        Arch::ALL.into_iter().find(|arch| KernelArch::of(*arch).fits(&is_set))
    }

    /// Whether a tree with these options is for the architecture.
    pub(crate) fn fits(&self, is_set: impl Fn(&str) -> bool) -> bool {
        self.set.iter().all(|option| is_set(option)) && !self.unset.iter().any(|option| is_set(option))
    }
}

const ARM64: KernelArch = KernelArch {
    folder: "arm64",
    defconfig: "defconfig",
    set: &["64BIT", "ARM64"],
    unset: &["CPU_BIG_ENDIAN"],
    gnu: "aarch64-linux-gnu-",
};

const X86_64: KernelArch = KernelArch {
    folder: "x86",
    defconfig: "x86_64_defconfig",
    set: &["64BIT", "X86_64"],
    unset: &[],
    gnu: "x86_64-linux-gnu-",
};

const S390X: KernelArch = KernelArch {
    folder: "s390",
    defconfig: "defconfig",
    set: &["64BIT", "S390"],
    unset: &[],
    gnu: "s390x-linux-gnu-",
};

const PPC64: KernelArch = KernelArch {
    folder: "powerpc",
    defconfig: "ppc64_defconfig",
    set: &["PPC64", "PPC_BOOK3S_64", "CPU_BIG_ENDIAN"],
    unset: &[],
    gnu: "powerpc64-linux-gnu-",
};

const PPC64LE: KernelArch = KernelArch {
    folder: "powerpc",
    defconfig: "ppc64le_defconfig",
    set: &["PPC64", "PPC_BOOK3S_64", "CPU_LITTLE_ENDIAN"],
    unset: &[],
    gnu: "powerpc64le-linux-gnu-",
};

const RISCV64: KernelArch = KernelArch {
    folder: "riscv",
    defconfig: "defconfig",
    set: &["64BIT", "RISCV"],
    unset: &[],
    gnu: "riscv64-linux-gnu-",
};

const SPARC64: KernelArch = KernelArch {
    folder: "sparc",
    defconfig: "sparc64_defconfig",
    set: &["64BIT", "SPARC64"],
    unset: &[],
    gnu: "sparc64-linux-gnu-",
};

const LOONGARCH64: KernelArch = KernelArch {
    folder: "loongarch",
    defconfig: "defconfig",
    set: &["64BIT", "LOONGARCH"],
    unset: &[],
    gnu: "loongarch64-linux-gnu-",
};
