//! CPU models: the registers and the calling convention of each architecture's vCPU. Each architecture has a file,
//! and a line in the list below.

mod arm64;
mod model;
mod powerpc;
mod riscv64;
mod s390x;
mod sparc64;
mod x86_64;

use pmdscope_arches::Arch;

pub(crate) use self::model::{Combine, CpuModel, Fill, InPlace, Insertion, Move, Place, ReturnTo};

/// All models.
static MODELS: &[&CpuModel] = &[
    &arm64::MODEL,
    &x86_64::MODEL,
    &s390x::MODEL,
    &powerpc::PPC64,
    &powerpc::PPC64LE,
    &riscv64::MODEL,
    &sparc64::MODEL,
];

impl CpuModel {
    /// Returns the model of `arch`; `None` if the engine has no such CPU.
    pub(crate) fn of(arch: Arch) -> Option<&'static CpuModel> {
        MODELS.iter().find(|model| model.arch == arch).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executed_architectures_have_a_model_and_no_others() {
        for arch in Arch::ALL {
            assert_eq!(CpuModel::of(arch).is_some(), arch.executed(), "{arch}");
        }
    }
}
