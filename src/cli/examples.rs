//! What `--help` of each command ends with.

pub const COMPARE_EXAMPLES: &str = "\
Examples:
  pmdscope compare
      the default set: every architecture at 6.1 and the newest version, with the
      split as it was before the fix and as it is since
  pmdscope compare --arch arm64 --arch ppc64le --linux 6.12 --walker hmm
      two architectures, one version, one walker
  pmdscope compare --linux 7.2 --entry migration-write --soft-dirty
      the same for an entry with a mark
  pmdscope compare --kernel /boot/vmlinuz-5.10.0-30-amd64 \\
                   --kernel /boot/vmlinuz-6.12.107+deb13-amd64
      real kernels side by side: does the split have the fix?
  pmdscope compare --entry migration-read --entry migration-write --format json -o compare.json
      everything about two entries, for a program to read
  pmdscope compare --format html -o compare.html
      one page to look at, to print and to hand on
  pmdscope compare --arch s390x --arch riscv64 --format ktap
      the same as test results; a finding fails, unless --expect lists it

Exit status: 0 nothing found, 1 findings, 2 bad usage or input, 3 a bound was hit or a
control failed, 4 internal fault.";

pub const RUN_EXAMPLES: &str = "\
CPU0 runs the writer, CPU1 the walker. A schedule W3 K2 is three accesses
of the writer to the entry, then two of the walker.

Examples:
  pmdscope run --arch arm64 --entry migration-read
      what GUP-fast sees of a migration entry while the newest kernel's split, unguarded, runs
  pmdscope run --arch ppc64le --mmu radix --linux 6.12 --entry migration-write --dirty \\
               --writer pmdp_invalidate --walker hmm
  pmdscope run --arch x86_64 --entry present-huge --writer pmdp_invalidate --with mmu-store
      a third CPU that stores through the entry: are its accessed and dirty bits lost?
  pmdscope run --kernel linux-image-5.10.0-30-arm64_5.10.218-1_arm64.deb --entry migration-read
      what a distribution's own split and GUP-fast do, from the package as it is
  pmdscope run --arch arm64 --entry migration-read --format vcd -o split.vcd
      the bits of the entry and what each CPU does, over time, for a waveform viewer
  pmdscope run --arch arm64 --entry migration-read --schedule W3K1W1
      one schedule, as a finding names it
  pmdscope run --arch x86_64 --pmd 0xcfffffffefdbfe00 --walker fault-read --format jsonl
      an entry given by its value, every event on a line of its own

Exit status: 0 nothing found, 1 findings, 2 bad usage or input, 3 a bound was hit or a
control failed, 4 internal fault.";

pub const BATCH_EXAMPLES: &str = "\
Examples:
  pmdscope batch examples/encodings.toml --dry-run
      which jobs the matrix has
  pmdscope batch examples/encodings.toml -o results
      runs them; Ctrl-C stops it
  pmdscope batch examples/encodings.toml -o results --resume
      goes on with what is missing
  pmdscope batch examples/encodings.toml -o part-1 --partition slice:1/2
  pmdscope batch examples/encodings.toml -o part-2 --partition slice:2/2
      half of the jobs on each of two machines

Exit status: 0 nothing found, 1 findings, 2 bad usage or input, 3 a bound was hit or a control failed,
4 internal fault, 5 stopped before all jobs were recorded.";

pub const MERGE_EXAMPLES: &str = "\
The parts must be of the same matrix, run by the same version of pmdscope on the same kernels. What
comes of it has the same bytes as if all had been run at once.

Examples:
  pmdscope merge part-1 part-2 -o merged

Exit status: 0 all jobs are there, 2 bad usage or input, 4 internal fault, 5 some are missing.";

pub const REPORT_EXAMPLES: &str = "\
Examples:
  pmdscope report results
      the summary: what was run, what was found, what is not known
  pmdscope report results --verdict findings --arch arm64 --linux 7.2 --format html -o findings.html
      a page of some of it
  pmdscope report results --arch riscv64 --format ktap
      the same as test results; a finding fails, unless --expect lists it
  pmdscope report results --format sqlite -o results.sqlite
      one row for each job, for sqlite3, DuckDB or pandas

Exit status: 0 nothing found, 1 findings, 2 bad usage or input, 3 a bound was hit, a control failed,
or jobs are missing, 4 internal fault.";

pub const DIFF_EXAMPLES: &str = "\
Jobs are matched by what they are, not by their numbers; a release of a kernel with the other release
of the same architecture and flavour.

Examples:
  pmdscope diff results merged
  pmdscope diff results merged --format json -o diff.json

Exit status: 0 nothing changed, 1 something did, 2 bad usage or input, 3 jobs are missing, 4 internal
fault.";

pub const SWEEP_EXAMPLES: &str = "\
Sets of entries:
  swap          every swap type with every offset, soft-dirty and uffd-wp or not
  migration     the same of the swap types that mean migration
  present-huge  the bits of a user's mapping, writable or not, of any page,
                accessed, dirty and soft-dirty or not
  any           every 64-bit value

The writer runs alone, and what it left in the end is compared with what it found. Which bits
matter is measured, and every combination of these is run.

Examples:
  pmdscope sweep --arch arm64 --linux 6.1 --entries swap --writer pmdp_invalidate
      for which of all swap entries does the invalidation make pmd_present() true?
  pmdscope sweep --arch x86_64 --entries migration --writer pmdp_invalidate --format json

Exit status: 0 nothing found, 1 findings, 2 bad usage or input, 3 a bound was hit or a
control failed, 4 internal fault.";

pub const REPRO_EXAMPLES: &str = "\
A reproducer holds the guest's code, or which kernel it was; the entry, the routines and the
schedule; and every access and value that must come of them.

Examples:
  pmdscope repro save --arch arm64 --linux 6.1 --entry migration-read -o split.repro
  pmdscope repro show split.repro
  pmdscope repro run split.repro
  pmdscope repro report split.repro -o mail.txt
  pmdscope repro report split.repro --kunit -o pmdscope_kunit.c

Exit status of repro run: 0 everything was the same, 1 it was not, 2 bad usage or input,
3 a bound was hit or a control failed, 4 internal fault.";

pub const KERNEL_EXAMPLES: &str = "\
A kernel is a .deb or .rpm package, or a vmlinuz, bzImage, Image or vmlinux of any
distribution. What was unpacked is kept in the user's cache directory.

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
      for ~/.local/share/bash-completion/completions/pmdscope
  pmdscope completions zsh";
