//! What a vCPU of each architecture needs beside its instruction set: how to open it, its registers and calling
//! convention. One file an architecture.

mod arm64;
mod model;
mod powerpc;
mod riscv64;
mod s390x;
mod sparc64;
mod x86_64;

use pmdscope_arches::Arch;

pub(crate) use self::model::{CpuModel, ReturnTo};

impl CpuModel {
    /// That of `arch`; `None` where the engine has none.
    pub(crate) fn of(arch: Arch) -> Option<&'static CpuModel> {
        match arch {
            Arch::Arm64 => Some(&arm64::MODEL),
            Arch::X86_64 => Some(&x86_64::MODEL),
            Arch::S390x => Some(&s390x::MODEL),
            Arch::Ppc64 => Some(&powerpc::PPC64),
            Arch::Ppc64le => Some(&powerpc::PPC64LE),
            Arch::Riscv64 => Some(&riscv64::MODEL),
            Arch::Sparc64 => Some(&sparc64::MODEL),
            Arch::LoongArch64 => None,
        }
    }
}
