//! CPU models: the registers and the calling convention of each architecture's vCPU. Each architecture has a file,
//! and a line below.

mod arm64;
mod loongarch64;
mod model;
mod powerpc;
mod riscv64;
mod s390x;
mod sparc64;
mod x86_64;

use pmdscope_arches::Arch;

pub(crate) use self::model::{
    Combine, CpuModel, Fill, InPlace, Insertion, Interrupts, Move, Place, ReturnTo,
};

impl CpuModel {
    /// Returns the model of `arch`.
    pub(crate) fn of(arch: Arch) -> &'static CpuModel {
        match arch {
            Arch::Arm64 => &arm64::MODEL,
            Arch::X86_64 => &x86_64::MODEL,
            Arch::S390x => &s390x::MODEL,
            Arch::Ppc64 => &powerpc::PPC64,
            Arch::Ppc64le => &powerpc::PPC64LE,
            Arch::Riscv64 => &riscv64::MODEL,
            Arch::Sparc64 => &sparc64::MODEL,
            Arch::LoongArch64 => &loongarch64::MODEL,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_model_is_of_its_architecture() {
        for arch in Arch::ALL {
            assert_eq!(CpuModel::of(arch).arch, arch);
        }
    }
}
