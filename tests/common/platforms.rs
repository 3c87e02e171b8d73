//! Command lines that together name every architecture, and encodings old and new.

pub const PLATFORMS: [&str; 11] = [
    "--arch arm64 --linux 6.1",
    "--arch arm64 --linux 7.2",
    "--arch x86_64 --linux 7.2",
    "--arch s390x --linux 5.10",
    "--arch s390x --linux 7.2",
    "--arch ppc64 --mmu radix --linux 7.2",
    "--arch ppc64 --mmu hash --linux 6.12",
    "--arch ppc64le --mmu radix --linux 5.10",
    "--arch ppc64le --mmu hash --linux 7.2",
    "--arch riscv64 --linux 7.2",
    "--arch sparc64 --linux 7.2",
];
