//! What `--help` of each command ends with.

pub const COMPARE_EXAMPLES: &str = "\
Examples:
  pmdscope compare
      every architecture at 6.1 and 7.2, the split before and after the fix
  pmdscope compare --arch arm64,ppc64le --linux 6.12 --walker all
      two architectures, one version, every walker
  pmdscope compare --linux 7.2 --entry migration-write --soft-dirty
      an entry with a mark
  pmdscope compare /boot/vmlinuz-5.10.0-30-amd64 /boot/vmlinuz-6.12.107+deb13-amd64
      two kernels: does the split have the fix?
  pmdscope compare --kernel before=a/vmlinux --kernel after=b/vmlinux
      two builds by the names before and after; a file name that has an equals sign is ./a=b
  pmdscope compare --entry migration-read,migration-write --format json -o compare.json
      two entries, for programs
  pmdscope compare --format html -o compare.html
      one page to read, print and send
  pmdscope compare --arch s390x,riscv64 --format ktap
      test results for CI; a finding that --expect does not list fails

A kernel that cannot be run is a row that says why; the others are compared.

Exit status: 0 nothing found, 1 findings, 2 bad usage or input, 3 a bound was hit, a control
failed or a kernel cannot be run, 4 internal fault.";

pub const RUN_EXAMPLES: &str = "\
A writer is a routine that changes the entry, a walker one that reads it without the lock.
CPU0 runs the writer, CPU1 the walker, at every interleaving of their accesses. A schedule
is one such order: W3 K2 is three accesses of the writer, then two of the walker.

Examples:
  pmdscope run --arch arm64 --entry migration-read
      the split without the fix against GUP-fast, at the newest version
  pmdscope run --arch ppc64le --mmu radix --linux 6.12 --entry migration-write --dirty \\
               --writer pmdp_invalidate --walker hmm -v
      a writer and a walker by name, with their instructions
  pmdscope run --arch x86_64 --entry present-huge --writer pmdp_invalidate --with mmu-store
      a third CPU that stores through the entry: are its accessed and dirty bits lost?
  pmdscope run linux-image-5.10.0-30-arm64_5.10.218-1_arm64.deb --entry migration-read
      a distribution's own split and GUP-fast, from its package
  pmdscope run --arch arm64 --entry migration-read --format vcd -o split.vcd
      the bits of the entry over time, for a waveform viewer
  pmdscope run --arch arm64 --entry migration-read --schedule W3K1W1
      the one schedule that a finding names
  pmdscope run --arch x86_64 --pmd 0xcfffffffefdbfe00 --walker fault-read --format jsonl
      an entry given by its value; one line of JSON for each event

Exit status: 0 nothing found, 1 findings, 2 bad usage or input, 3 a bound was hit or a
control failed, 4 internal fault.";

pub const BATCH_EXAMPLES: &str = "\
Examples:
  pmdscope batch examples/encodings.toml --dry-run
      lists the jobs of the matrix
  pmdscope batch examples/encodings.toml -o results
      runs them; Ctrl-C stops it
  pmdscope batch examples/encodings.toml -o results --resume
      runs the jobs that are missing
  pmdscope batch examples/encodings.toml -o part-1 --partition slice:1/2
  pmdscope batch examples/encodings.toml -o part-2 --partition slice:2/2
      half of the jobs on each of two machines

Exit status: 0 nothing found, 1 findings, 2 bad usage or input, 3 a bound was hit or a control failed,
4 internal fault, 5 stopped before all jobs were recorded.";

pub const MERGE_EXAMPLES: &str = "\
The parts must be of the same matrix, run by the same version of pmdscope on the same kernels. The
result is byte-identical to a batch that ran all jobs.

Examples:
  pmdscope merge part-1 part-2 -o merged

Exit status: 0 no job is missing, 2 bad usage or input, 4 internal fault, 5 some are missing.";

pub const REPORT_EXAMPLES: &str = "\
Examples:
  pmdscope report results
      the summary: jobs, findings, and what is unknown
  pmdscope report results --verdict findings --arch arm64 --linux 7.2 --format html -o findings.html
      a page of some of its records
  pmdscope report results --arch riscv64 --format ktap
      test results for CI; a finding that --expect does not list fails
  pmdscope report results --format sqlite -o results.sqlite
      one row for each job, for sqlite3, DuckDB or pandas

Exit status: 0 nothing found, 1 findings, 2 bad usage or input, 3 a bound was hit, a control failed,
or jobs are missing, 4 internal fault.";

pub const DIFF_EXAMPLES: &str = "\
Jobs are matched by what they run, not by their numbers; a release of a kernel is matched with another
release of the same architecture and flavour.

Examples:
  pmdscope diff results merged
  pmdscope diff results merged --format json -o diff.json

Exit status: 0 nothing changed, 1 something changed, 2 bad usage or input, 3 jobs are missing, 4 internal
fault.";

pub const PATCH_EXAMPLES: &str = "\
Runs every writer against every walker that both kernels have, on every kind of entry, before and
after the change. Prints the verdict in one sentence, what differs with the worst consequence
first, and a paragraph for the changelog.

Examples:
  pmdscope patch before/vmlinux after/vmlinux
      two builds of one architecture
  pmdscope patch before-arm64/vmlinux after-arm64/vmlinux before-x86/vmlinux after-x86/vmlinux
      a pair of builds for each of two architectures
  pmdscope patch before/vmlinux after/vmlinux --entry migration-read --writer split -o result.txt
      some of it, in less time

Exit status: 0 nothing newly found, 1 something newly found after the change, 2 bad usage or
input, 3 nothing newly found, but something is unknown, 4 internal fault.";

pub const SWEEP_EXAMPLES: &str = "\
Sets of entries:
  swap          every swap type with every offset, with and without soft-dirty and uffd-wp
  migration     the migration types among them
  present-huge  a user's mapping of any page, writable or not, with and without accessed,
                dirty and soft-dirty
  any           every 64-bit value

The writer runs alone, and the entry after it is compared with the entry before. pmdscope measures
which bits matter, and runs every combination of them.

Examples:
  pmdscope sweep --arch arm64 --linux 6.1 --entries swap --writer pmdp_invalidate
      which of all swap entries does the invalidation make present?
  pmdscope sweep --arch x86_64 --entries migration --writer pmdp_invalidate --format json

Exit status: 0 nothing found, 1 findings, 2 bad usage or input, 3 a bound was hit or a
control failed, 4 internal fault.";

pub const REPRO_EXAMPLES: &str = "\
A reproducer holds the guest's code, or the name and hash of the kernel; the entry, the routines and
the schedule; and every access and value that the rerun must show.

Examples:
  pmdscope repro save --arch arm64 --linux 6.1 --entry migration-read -o split.repro
  pmdscope repro show split.repro
  pmdscope repro run split.repro
  pmdscope repro report split.repro -o mail.txt
  pmdscope repro report split.repro --kunit -o pmdscope_kunit.c

Exit status of repro run: 0 reproduced, or happens in another build too, 1 not reproduced, or no
longer happens there, 2 bad usage or input, 3 a bound was hit or a control failed, 4 internal fault.";

pub const KERNEL_EXAMPLES: &str = "\
A kernel is a .deb or .rpm package, or a vmlinuz, bzImage, Image or vmlinux of any
distribution. Unpacked kernels are kept in the user's cache directory.

Examples:
  pmdscope kernel info linux-image-6.12.107+deb13-arm64_6.12.107-1_arm64.deb
  pmdscope kernel list-functions /boot/vmlinuz-6.12.107+deb13-amd64";

pub const DECODE_EXAMPLES: &str = "\
Examples:
  pmdscope decode --arch arm64 --linux 6.12 0x0000000081200e00
  pmdscope decode --arch s390x 0x8120006b0 0x8120006b2
  pmdscope decode --arch ppc64le --mmu hash c000000812000185 --format json";

pub const EXPLAIN_EXAMPLES: &str = "\
Values with labels are found in any line: pgd=, p4d:, PUD, bad pmd ADDRESS(VALUE), and R1: to
R3:, S: and P: of s390. A number without a label is taken for a PMD. It is hexadecimal, unless
it ends with UL without 0x, or has 17 digits or more.

Examples:
  pmdscope explain 0x08000000081200c0
      what is it, and where?
  pmdscope explain --arch x86_64 --linux 6.12 pmd:0xf7ffffffefdbfe00UL
  pmdscope explain PGD 3a0b067 P4D 3a0b067 PUD 3a0c067 PMD 80000000056000e3
      a line of an oops; quote what has brackets
  pmdscope explain 0x08000000081200c0 --format json

Exit status: 0 values were found, 2 bad usage or input, 4 internal fault.";

pub const LIST_EXAMPLES: &str = "\
Examples:
  pmdscope list arches
  pmdscope list walkers";

pub const SCHEMA_EXAMPLES: &str = "\
Examples:
  pmdscope schema run
  pmdscope schema pmdscope.compare/1";

pub const MAN_EXAMPLES: &str = "\
Examples:
  pmdscope man
      the page of pmdscope(1): pipe it to man -l -
  pmdscope man repro save
  pmdscope man --all -o man1
      every page, in a folder";

pub const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  pmdscope completions bash
  pmdscope completions zsh
  pmdscope completions fish

To have them in every new shell:
  bash  mkdir -p ~/.local/share/bash-completion/completions
        pmdscope completions bash > ~/.local/share/bash-completion/completions/pmdscope
  zsh   mkdir -p ~/.zfunc
        pmdscope completions zsh > ~/.zfunc/_pmdscope
        with these lines in ~/.zshrc:  fpath+=~/.zfunc
                                       autoload -U compinit && compinit
  fish  mkdir -p ~/.config/fish/completions
        pmdscope completions fish > ~/.config/fish/completions/pmdscope.fish";

pub const VERSION_EXAMPLES: &str = "\
Examples:
  pmdscope version
      the same as pmdscope --version";

pub const SAVE_EXAMPLES: &str = "\
Examples:
  pmdscope repro save --arch arm64 --linux 6.1 --entry migration-read -o split.repro
  pmdscope repro save --arch arm64 --linux 6.1 --entry migration-read \\
                      --finding walker-past-present -o split.repro";

pub const REPRO_RUN_EXAMPLES: &str = "\
Examples:
  pmdscope repro run split.repro
  pmdscope repro run kernel.repro --kernel build/vmlinux
      does the finding happen in this build too, under any schedule?

Exit status: 0 everything was the same, or it happens in another build too, 1 it was not, or it no
longer happens, 2 bad usage or input, 3 a bound was hit or a control failed, 4 internal fault.";

pub const SHOW_EXAMPLES: &str = "\
Examples:
  pmdscope repro show split.repro";

pub const REPRO_REPORT_EXAMPLES: &str = "\
Examples:
  pmdscope repro report split.repro -o mail.txt
  pmdscope repro report split.repro --tree ~/linux -o mail.txt
      to the maintainers that the tree names
  pmdscope repro report split.repro --kunit -o pmdscope_kunit.c";

pub const KERNEL_INFO_EXAMPLES: &str = "\
Examples:
  pmdscope kernel info /boot/vmlinuz-6.12.107+deb13-amd64";

pub const LIST_FUNCTIONS_EXAMPLES: &str = "\
Examples:
  pmdscope kernel list-functions /boot/vmlinuz-6.12.107+deb13-amd64";

pub const SURVEY_EXAMPLES: &str = "\
Examples:
  pmdscope survey --kernel /boot/vmlinuz-6.12.107+deb13-amd64 --dry-run
  pmdscope survey --kernel build/vmlinux -o survey
  pmdscope survey --kernel build/vmlinux -o survey --resume
  pmdscope survey --kernel build/vmlinux --entry migration-write \\
      --writer split_huge_pmd_locked";

pub const PROBE_EXAMPLES: &str = "\
Each helper of the tree's headers becomes a function of an ELF file, which --guest of run, sweep
and repro takes, and contract --probe.

Examples:
  pmdscope probe --tree ~/linux --arch arm64
      a source tree after 'make ARCH=arm64 defconfig prepare': writes arm64-7.2.elf
  pmdscope probe --tree /usr/src/linux-headers-6.12.117+deb13-arm64 --arch arm64 -o probes
      the headers of a distribution
  pmdscope probe --tree build/riscv --arch riscv64
      a build folder, as 'make O=build/riscv' makes one

Exit status: 0 all built, 2 bad usage or a tree that cannot be compiled, 4 internal fault.";

pub const OBJECTS_EXAMPLES: &str = "\
A few objects of a build folder, linked by the folder's own linker script, are a kernel for every
command that takes one. make compiles what changed. A function that is in no object ends a run that
calls it: the result is unknown, and names it.

Examples:
  pmdscope objects --kbuild build-arm64
      writes build-arm64/vmlinux-objects
  pmdscope objects --kbuild build-arm64 -o before
      a kernel to compare with: pmdscope patch before build-arm64/vmlinux-objects
  pmdscope objects --kbuild build-arm64 --with wake_up_process
      with the object that defines a function
  pmdscope objects --kbuild build-arm64 -- LLVM=-19
      with arguments for make

Exit status: 0 linked, 2 bad usage, or a folder or an object that cannot be used, 4 internal fault.";

pub const BISECT_EXAMPLES: &str = "\
Examples:
  pmdscope bisect --kbuild ../build --entry migration-read
      the checked out commit alone
  git bisect start BAD GOOD
  git bisect run pmdscope bisect --kbuild ../build --entry migration-read
      the commit that brought a finding; ../build is configured, with this tree as its source
  git bisect start --term-old=broken --term-new=fixed FIXED BROKEN
  git bisect run pmdscope bisect --kbuild ../build --entry migration-read --fixed
      the commit that fixed it

Exit status: 0 good (or broken), 1 bad (or fixed), 125 a commit that does not compile or cannot be
run, or whose result is unknown, 2 bad usage.";

pub const CONTRACT_EXAMPLES: &str = "\
Examples:
  pmdscope contract --probe arm64-7.2.elf riscv64-7.2.elf
      two architectures
  pmdscope contract --arch arm64,riscv64 --linux 6.1
      what bundled guests have of the helpers

Exit status: 0 all rules kept, 1 a rule is broken, 2 bad usage or input, 3 something is not known,
4 internal fault.";
