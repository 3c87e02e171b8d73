//! No result depends on what ran before: neither on a call that ended abnormally, nor on the order of jobs.

use fastrand::Rng;
use pmdscope_arches::{Arch, Encoding, EntryKind};
use pmdscope_emu::{Bounds, CallBounds, CallExit, Calls, Exploration, Machine, Reduction};
use pmdscope_guest::routine::{walkers, writers};
use pmdscope_guest::{Bundled, Guest, Routine, under_test};

use crate::support::{
    SEED, encoding, in_use, job, kinds, machine, newest, newest_guests, on_every_guest, walkers,
};
use Part::{Leaves, Raises, RaisesAnother, StoresHalf, Strays, Tells};

/// The parts of planted code, by what they do. Each part is a walker of the guest that it is planted into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Stores to the entry what registers, flags and the memory below its stack contain, none of which callers
    /// define.
    Tells,
    /// Leaves values in all of these, then raises an exception.
    Leaves,
    /// Raises another exception.
    Raises,
    /// Loads from unmapped memory.
    Strays,
    RaisesAnother,
    /// Stores conditionally without a reservation, which another call may have left behind.
    StoresHalf,
}

/// The planted code of an architecture.
struct Planted {
    arch: Arch,
    code: &'static [(Part, &'static str)],
}

const PLANTED: [Planted; 8] = [
    Planted {
        arch: Arch::X86_64,
        code: &[
            // pushfq; pop %rax; mov %cr3,%r8; add %r8,%rax; mov %ds,%r8d; add %r8,%rax;
            // add -64(%rsp),%rax; movq %xmm3,%r8; add %r8,%rax; add %r12,%rax; mov %rax,(%rdi);
            // movq $1,(%rcx); ret
            (
                Tells,
                "9c58410f20d84c01c0418cd84c01c048034424c066490f7ed84c01c04c01e048 \
                 890748c70101000000c3",
            ),
            // std; stc; mov $0x1234,%eax; mov %rax,-64(%rsp); mov %rax,%r12; movq %rax,%xmm3;
            // mov $0xffff,%eax; mov %eax,%ds
            (Leaves, "fdf9b83412000048894424c04989c466480f6ed8b8ffff00008ed8"),
            // xor %ecx,%ecx; mov (%rdi),%rax; div %ecx
            (Raises, "31c9488b07f7f1"),
            // mov (%rdi),%rax; movabs $0x0003000000000000,%rax; mov (%rax),%rax
            (Strays, "488b0748b80000000000000300488b00"),
            // ud2
            (RaisesAnother, "0f0b"),
        ],
    },
    Planted {
        arch: Arch::Arm64,
        code: &[
            // mrs x4,nzcv; ldr x5,[sp,#-64]; add x4,x4,x5; fmov x5,d3; add x4,x4,x5; add x4,x4,x20;
            // mrs x5,daif; add x4,x4,x5; str x4,[x0]; mov x4,#1; str x4,[x3]; ret
            (
                Tells,
                "04423bd5e5035cf88400058b6500669e8400058b8400148b25423bd58400058b \
                 040000f9240080d2640000f9c0035fd6",
            ),
            // mov x4,#0x1234; str x4,[sp,#-64]; fmov d3,x4; mov x20,x4; subs xzr,x4,x4; msr daifset,#2;
            // ldxr x5,[x0]; brk #0
            (Leaves, "844682d2e4031cf88300679ef40304aa9f0004ebdf4203d5057c5fc8000020d4"),
            // ldr x4,[x0]; svc #1
            (Raises, "040040f9210000d4"),
            // ldr x4,[x0]; mov x4,#0x3000000000000; ldr x4,[x4]
            (Strays, "040040f96400e0d2840040f9"),
            // udf #0
            (RaisesAnother, "00000000"),
            // mov x4,#7; stxr w5,x4,[x0]; str x4,[x0]; add x5,x5,#1; mov x4,#1; str x4,[x3]; ret
            (StoresHalf, "e40080d2047c05c8040000f9a5040091240080d2640000f9c0035fd6"),
        ],
    },
    Planted {
        arch: Arch::Riscv64,
        code: &[
            // ld t0,-64(sp); add t0,t0,s5; csrr t1,sstatus; add t0,t0,t1; csrr t1,sscratch;
            // add t0,t0,t1; csrr t1,scause; add t0,t0,t1; sd t0,0(a0); li t0,1; sd t0,0(a3); ret
            (
                Tells,
                "833201fcb382520173230010b382620073230014b382620073232014b3826200 \
                 233055009302100023b0560067800000",
            ),
            // li t0,0x123; sd t0,-64(sp); mv s5,t0; csrw sscratch,t0; csrsi sstatus,2; lr.d t1,(a0);
            // ecall
            (Leaves, "93023012233051fc938a020073900214736001102f33051073000000"),
            // ld t0,0(a0); ebreak
            (Raises, "8332050073001000"),
            // ld t0,0(a0); li t0,3; slli t0,t0,48; ld t0,0(t0)
            (Strays, "83320500930230009392020383b20200"),
            // .word 0
            (RaisesAnother, "00000000"),
            // li t0,7; sc.d t1,t0,(a0); sd t0,0(a0); li t0,1; sd t0,0(a3); ret
            (StoresHalf, "930270002f335518233055009302100023b0560067800000"),
        ],
    },
    Planted {
        arch: Arch::Ppc64,
        code: &[
            // ld 7,-64(1); add 7,7,20; mfcr 8; add 7,7,8; mfctr 8; add 7,7,8; mfxer 8; add 7,7,8;
            // std 7,0(3); li 7,1; std 7,0(6); blr
            (
                Tells,
                "e8e1ffc07ce7a2147d0000267ce742147d0902a67ce742147d0102a67ce74214 \
                 f8e3000038e00001f8e600004e800020",
            ),
            // li 7,0x123; std 7,-64(1); mr 20,7; mtctr 7; cmpd 7,7; li 8,-1; addic 8,8,1; ldarx 9,0,3;
            // trap
            (
                Leaves,
                "38e00123f8e1ffc07cf43b787ce903a67c2738003900ffff310800017d2018a8 \
                 7fe00008",
            ),
            // ld 7,0(3); sc
            (Raises, "e8e3000044000002"),
            // ld 7,0(3); li 7,3; sldi 7,7,48; ld 7,0(7)
            (Strays, "e8e3000038e0000378e783c6e8e70000"),
            // .long 0
            (RaisesAnother, "00000000"),
            // li 7,7; stdcx. 7,0,3; std 7,0(3); li 7,1; std 7,0(6); blr
            (StoresHalf, "38e000077ce019adf8e3000038e00001f8e600004e800020"),
        ],
    },
    Planted {
        arch: Arch::S390x,
        code: &[
            // lg %r1,-64(%r15); agr %r1,%r8; ipm %r0; agr %r1,%r0; ear %r0,%a4; agr %r1,%r0;
            // lgdr %r0,%f2; agr %r1,%r0; stg %r1,0(%r2); lghi %r1,1; stg %r1,0(%r5); br %r14
            (
                Tells,
                "e310ffc0ff04b9080018b2220000b9080010b24f0004b9080010b3cd0002b908 \
                 0010e31020000024a7190001e3105000002407fe",
            ),
            // lghi %r1,0x123; stg %r1,-64(%r15); lgr %r8,%r1; ldgr %f2,%r1; sar %a4,%r1; cgr %r1,%r2;
            // .short 0
            (Leaves, "a7190123e310ffc0ff24b9040081b3c10021b24e0041b92000120000"),
            // lg %r1,0(%r2); lghi %r1,0; lghi %r0,0; dlgr %r0,%r1
            (Raises, "e31020000004a7190000a7090000b9870001"),
            // lg %r1,0(%r2); llihh %r1,3; lg %r1,0(%r1)
            (Strays, "e31020000004a51c0003e31010000004"),
            // lghi %r1,1; svc 7
            (RaisesAnother, "a71900010a07"),
        ],
    },
    Planted {
        arch: Arch::Sparc64,
        code: &[
            // ldx [%sp+1983],%o4; add %o4,%l3,%o4; rd %y,%o5; add %o4,%o5,%o4; stx %o4,[%o0]; mov 1,%o4;
            // stx %o4,[%o3]; retl; nop
            (
                Tells,
                "d85ba7bf980300139b4000009803000dd872000098102001d872c00081c3e008 \
                 01000000",
            ),
            // mov 0x123,%o4; stx %o4,[%sp+1983]; mov %o4,%l3; wr %o4,0,%y; subcc %o4,%o4,%g0; ta 1
            (Leaves, "98102123d873a7bfa610000c8183200080a3000c91d02001"),
            // ldx [%o0],%o4; unimp 0
            (Raises, "d85a000000000000"),
            // ldx [%o0],%o4; mov 3,%o4; sllx %o4,48,%o4; ldx [%o4],%o4
            (Strays, "d85a000098102003992b3030d85b0000"),
            // mov 3,%o4; ldx [%o4],%o4; ta 2
            (RaisesAnother, "98102003d85b000091d02002"),
        ],
    },
    Planted {
        arch: Arch::Ppc64le,
        code: &[
            // ld 7,-64(1); add 7,7,20; mfcr 8; add 7,7,8; mfctr 8; add 7,7,8; mfxer 8; add 7,7,8;
            // std 7,0(3); li 7,1; std 7,0(6); blr
            (
                Tells,
                "c0ffe1e814a2e77c2600007d1442e77ca602097d1442e77ca602017d1442e77c \
                 0000e3f80100e0380000e6f82000804e",
            ),
            // li 7,0x123; std 7,-64(1); mr 20,7; mtctr 7; cmpd 7,7; li 8,-1; addic 8,8,1; ldarx 9,0,3;
            // trap
            (
                Leaves,
                "2301e038c0ffe1f8783bf47ca603e97c0038277cffff003901000831a818207d \
                 0800e07f",
            ),
            // ld 7,0(3); sc
            (Raises, "0000e3e802000044"),
            // ld 7,0(3); li 7,3; sldi 7,7,48; ld 7,0(7)
            (Strays, "0000e3e80300e038c683e7780000e7e8"),
            // .long 0
            (RaisesAnother, "00000000"),
            // li 7,7; stdcx. 7,0,3; std 7,0(3); li 7,1; std 7,0(6); blr
            (StoresHalf, "0700e038ad19e07c0000e3f80100e0380000e6f82000804e"),
        ],
    },
    Planted {
        arch: Arch::LoongArch64,
        code: &[
            // ld.d $t0,$sp,-64; add.d $t0,$t0,$s5; csrrd $t1,0x30; add.d $t0,$t0,$t1; st.d $t0,$a0,0;
            // ori $t0,$zero,1; st.d $t0,$a3,0; ret
            (Tells, "6c00ff288cf110000dc000048cb510008c00c0290c048003ec00c0292000004c"),
            // ori $t0,$zero,0x123; st.d $t0,$sp,-64; move $s5,$t0; csrwr $t0,0x30; ll.d $t1,$a0,0; syscall 0
            (Leaves, "0c8c84036c00ff299c0115002cc000048d00002200002b00"),
            // ld.d $t0,$a0,0; break 0
            (Raises, "8c00c02800002a00"),
            // ld.d $t0,$a0,0; ori $t0,$zero,3; slli.d $t0,$t0,48; ld.d $t0,$t0,0
            (Strays, "8c00c0280c0c80038cc141008c01c028"),
            // syscall 1
            (RaisesAnother, "01002b00"),
            // ori $t0,$zero,7; move $t1,$t0; sc.d $t1,$a0,0; st.d $t0,$a0,0; ori $t0,$zero,1; st.d $t0,$a3,0; ret
            (StoresHalf, "0c1c80038d0115008d0000238c00c0290c048003ec00c0292000004c"),
        ],
    },
];

fn bytes(hex: &str) -> Vec<u8> {
    let hex: String = hex.split_whitespace().collect();
    let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
    assert!(rest.is_empty());
    pairs.iter().map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// Returns a guest with the planted code in place of its walkers, and the walker of each part.
fn planted(bundled: &Bundled, planted: &Planted) -> (Guest, Vec<(Part, &'static Routine)>) {
    let guest = under_test::load(bundled);
    let mut elf = bundled.elf.to_vec();
    let mut walkers: Vec<&'static Routine> =
        walkers::ALL.iter().copied().filter(|walker| guest.has(walker.symbol())).collect();
    let size = |walker: &Routine| guest.functions().iter().find(|f| f.name == walker.symbol()).unwrap().size;
    walkers.sort_by_key(|walker| std::cmp::Reverse(size(walker)));
    let mut parts = Vec::new();
    for ((part, hex), walker) in planted.code.iter().zip(walkers) {
        let code = bytes(hex);
        assert!(code.len() as u64 <= size(walker), "{part:?} does not fit into {walker}");
        let at = guest.function(walker.symbol()).unwrap();
        let lies_in =
            |s: &&pmdscope_guest::Segment| s.executable && (s.address..s.address + s.size).contains(&at);
        let segment = guest.segments().iter().find(lies_in).unwrap();
        // The offset of the segment in the file.
        let of_segment = elf.windows(64).position(|window| *window == segment.bytes[..64]);
        let offset = of_segment.unwrap() + usize::try_from(at - segment.address).unwrap();
        elf[offset..offset + code.len()].copy_from_slice(&code);
        parts.push((*part, walker));
    }
    assert_eq!(parts.len(), planted.code.len(), "{}", bundled.name);
    (Guest::parse(&elf, bundled.arch).unwrap(), parts)
}

fn explore(machine: &mut Machine, job: &Calls<'_>, reduction: Reduction) -> Exploration {
    let call = CallBounds { accesses: 100, ..CallBounds::default() };
    machine.explore(job, &Bounds { call, schedules: 200, ..Bounds::default() }, reduction).unwrap()
}

#[test]
fn a_call_that_ended_abnormally_changes_nothing_in_those_after_it() {
    for code in &PLANTED {
        let bundled = newest(code.arch);
        let encoding = encoding(bundled, bundled.to);
        let entry = in_use(&encoding, EntryKind::PresentHuge);
        let (guest, parts) = planted(bundled, code);
        let new = || Machine::new(guest.clone()).unwrap();
        let walker = |part: Part| parts.iter().find(|(known, _)| *known == part).map(|(_, walker)| *walker);
        let job_of = |walker: &Routine| job(&encoding, entry, writers::INVALIDATE.symbol(), walker.symbol());

        let mut kept = new();
        let mut ends = Vec::new();
        // Each part runs after each other part, and after itself.
        for first in &parts {
            for second in &parts {
                for (part, walker) in [first, second, first] {
                    for reduction in [Reduction::None, Reduction::Joined] {
                        let job = job_of(walker);
                        let expected = explore(&mut new(), &job, reduction);
                        let found = explore(&mut kept, &job, reduction);
                        assert_eq!(found, expected, "{}: {part:?} after {first:?}", bundled.name);
                        ends.push((*part, found.alone.end));
                    }
                }
            }
        }
        // The planted code does what it is meant to do.
        for (part, end) in ends {
            let as_meant = match part {
                Tells | StoresHalf => end == CallExit::Returned,
                Strays => matches!(end, CallExit::Fault { .. }),
                Leaves | Raises | RaisesAnother => {
                    matches!(end, CallExit::Exception { .. } | CallExit::Fault { .. })
                }
            };
            assert!(as_meant, "{}: {part:?} {end}", bundled.name);
        }
        // An exception is the same each time: having been raised before does not change it.
        let raises = job_of(walker(Leaves).unwrap());
        let [once, again] = [0, 1].map(|_| explore(&mut kept, &raises, Reduction::Joined).alone.end);
        assert_eq!(once, again, "{}", bundled.name);
    }
}

/// Returns a batch of jobs of one guest: random entries of its kinds, random writers and random walkers.
fn batch(
    rng: &mut Rng,
    guest: &Bundled,
    encoding: &Encoding,
    machine: &Machine,
) -> Vec<(u64, &'static Routine, &'static Routine)> {
    let (kinds, walkers) = (kinds(encoding), walkers(machine));
    let writers: Vec<&'static Routine> =
        writers::ALL.iter().copied().filter(|writer| machine.guest().has(writer.symbol())).collect();
    let mut jobs: Vec<_> = (0..10)
        .map(|_| {
            let entry = in_use(encoding, kinds[rng.usize(..kinds.len())]) ^ (1 << rng.u32(..64));
            (entry, writers[rng.usize(..writers.len())], walkers[rng.usize(..walkers.len())])
        })
        .collect();
    // In one more job, the walker accesses a struct page that does not exist, where the architecture's page frames
    // can be so far away.
    let gup = walkers::ALL.iter().copied().find(|walker| machine.guest().has(walker.symbol())).unwrap();
    jobs.push((in_use(encoding, EntryKind::PresentHuge) | 1 << 45, &writers::INVALIDATE, gup));
    assert!(!jobs.is_empty(), "{}", guest.name);
    jobs
}

#[test]
fn a_batch_in_any_order_has_the_same_results() {
    on_every_guest(|guest| {
        let mut rng = Rng::with_seed(SEED);
        let encoding = encoding(guest, guest.to);
        let mut kept = machine(guest);
        let mut jobs = batch(&mut rng, guest, &encoding, &kept);
        let run = |machine: &mut Machine,
                   (entry, writer, walker): &(u64, &'static Routine, &'static Routine)| {
            explore(machine, &job(&encoding, *entry, writer.symbol(), walker.symbol()), Reduction::Joined)
        };
        let expected: Vec<_> = jobs.iter().map(|job| (*job, run(&mut machine(guest), job))).collect();
        let mut complaints = Vec::new();
        for _ in 0..4 {
            rng.shuffle(&mut jobs);
            for job in &jobs {
                let found = run(&mut kept, job);
                let (_, expected) = expected.iter().find(|(known, _)| known == job).unwrap();
                if found != *expected {
                    complaints.push(format!("{}: {job:x?} depends on what ran before", guest.name));
                }
            }
        }
        complaints
    });
}

#[test]
fn every_architecture_that_is_executed_has_planted_code() {
    let planted: Vec<Arch> = PLANTED.iter().map(|planted| planted.arch).collect();
    for guest in newest_guests() {
        assert!(planted.contains(&guest.arch), "{}", guest.arch);
    }
}
