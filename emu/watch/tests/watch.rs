//! The page-table watch as others use it: on a Unicorn instance of their own, with code and an
//! observer of their own.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

use pmdscope_arches::Arch;
use pmdscope_watch::AccessKind::{self, Atomic, Load, Store};
use pmdscope_watch::unicorn_engine::{
    Arch as EngineArch, Mode, Prot, RegisterARM64, RegisterPPC, RegisterX86, TlbEntry, TlbType, Unicorn,
};
use pmdscope_watch::{Disassembler, Engine, Isa, Observer, Site, WatchError, attach};

const CODE: u64 = 0x1_0000;
/// The second half of the data is watched.
const DATA: u64 = 0x2_0000;
const WATCHED: u64 = DATA + 0x1000;
const DATA_BYTES: usize = 0x2000;

/// A program that loads from A, stores 0x11 to A, swaps 0x22 into A, loads from B and stores that to B, and loads
/// from A + 8. A is watched, B is not.
struct Program {
    arch: Arch,
    open: fn() -> Unicorn<'static, ()>,
    code: &'static [u8],
    /// Offsets of the instructions that access A: the load, the store, the exchange (both halves), the last load.
    pcs: [u64; 5],
    /// Registers that hold at the start: the address A, 0x11, 0x22, the address B.
    inputs: [i32; 4],
    /// Registers that receive the values of the first load, the exchange and the last load.
    outputs: [i32; 3],
}

const PROGRAMS: [Program; 3] = [
    Program {
        arch: Arch::Arm64,
        open: || Unicorn::new(EngineArch::ARM64, Mode::LITTLE_ENDIAN).unwrap(),
        code: &[
            0x02, 0x00, 0x40, 0xf9, // ldr x2, [x0]
            0x01, 0x00, 0x00, 0xf9, // str x1, [x0]
            0x04, 0x7c, 0x5f, 0xc8, // 1: ldxr x4, [x0]
            0x03, 0x7c, 0x05, 0xc8, // stxr w5, x3, [x0]
            0xc5, 0xff, 0xff, 0x35, // cbnz w5, 1b
            0xe6, 0x00, 0x40, 0xf9, // ldr x6, [x7]
            0xe6, 0x00, 0x00, 0xf9, // str x6, [x7]
            0x08, 0x04, 0x40, 0xf9, // ldr x8, [x0, #8]
        ],
        pcs: [0, 4, 8, 12, 28],
        inputs: [
            RegisterARM64::X0 as i32,
            RegisterARM64::X1 as i32,
            RegisterARM64::X3 as i32,
            RegisterARM64::X7 as i32,
        ],
        outputs: [RegisterARM64::X2 as i32, RegisterARM64::X4 as i32, RegisterARM64::X8 as i32],
    },
    Program {
        arch: Arch::X86_64,
        open: || Unicorn::new(EngineArch::X86, Mode::MODE_64).unwrap(),
        code: &[
            0x48, 0x8b, 0x07, // movq (%rdi), %rax
            0x48, 0x89, 0x37, // movq %rsi, (%rdi)
            0x48, 0x87, 0x17, // xchgq %rdx, (%rdi)
            0x4c, 0x8b, 0x01, // movq (%rcx), %r8
            0x4c, 0x89, 0x01, // movq %r8, (%rcx)
            0x4c, 0x8b, 0x4f, 0x08, // movq 8(%rdi), %r9
        ],
        pcs: [0, 3, 6, 6, 15],
        inputs: [
            RegisterX86::RDI as i32,
            RegisterX86::RSI as i32,
            RegisterX86::RDX as i32,
            RegisterX86::RCX as i32,
        ],
        outputs: [RegisterX86::RAX as i32, RegisterX86::RDX as i32, RegisterX86::R9 as i32],
    },
    Program {
        arch: Arch::Ppc64le,
        open: open_ppc64le,
        code: &[
            0x00, 0x00, 0xa3, 0xe8, // ld r5, 0(r3)
            0x00, 0x00, 0x83, 0xf8, // std r4, 0(r3)
            0xa8, 0x18, 0xe0, 0x7c, // 1: ldarx r7, 0, r3
            0xad, 0x19, 0xc0, 0x7c, // stdcx. r6, 0, r3
            0xf8, 0xff, 0xc2, 0x40, // bne- 1b
            0x00, 0x00, 0x09, 0xe9, // ld r8, 0(r9)
            0x00, 0x00, 0x09, 0xf9, // std r8, 0(r9)
            0x08, 0x00, 0x43, 0xe9, // ld r10, 8(r3)
        ],
        pcs: [0, 4, 8, 12, 28],
        inputs: [
            RegisterPPC::R3 as i32,
            RegisterPPC::R4 as i32,
            RegisterPPC::R6 as i32,
            RegisterPPC::R9 as i32,
        ],
        outputs: [RegisterPPC::R5 as i32, RegisterPPC::R7 as i32, RegisterPPC::R10 as i32],
    },
];

/// Opens an engine for ppc64le, with an identity mapping: ppc64 fetches no instruction without a translation.
fn open_ppc64le() -> Unicorn<'static, ()> {
    let mut engine = Unicorn::new(EngineArch::PPC, Mode(Mode::PPC64.0 | Mode::BIG_ENDIAN.0)).unwrap();
    engine.ctl_set_tlb_type(TlbType::VIRTUAL).unwrap();
    engine
        .add_tlb_hook(1, 0, |_, address, _| Some(TlbEntry { paddr: address & !0xfff, perms: Prot::ALL }))
        .unwrap();
    engine.reg_write(RegisterPPC::MSR, 1 << 63 | 1).unwrap();
    engine
}

/// Memory that the engine and the test both see.
struct Data(&'static [AtomicU64]);

impl Data {
    fn new() -> Data {
        Data(Vec::leak((0..DATA_BYTES / 8).map(|_| AtomicU64::new(0)).collect()))
    }

    fn at(&self, address: u64) -> &AtomicU64 {
        &self.0[usize::try_from(address - DATA).unwrap() / 8]
    }

    fn map(&self, engine: &mut Unicorn<'static, ()>) {
        // SAFETY: the memory is as long as the mapping, is never freed, and may be written to through
        // a shared reference; this thread alone uses it.
        unsafe { engine.mem_map_ptr(DATA, DATA_BYTES as u64, Prot::ALL, self.0.as_ptr().cast_mut().cast()) }
            .unwrap();
    }
}

/// A call that an observer received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// An access is about to happen, with the value in memory at that time.
    Before {
        kind: AccessKind,
        pc: u64,
        address: u64,
        in_memory: u64,
    },
    Loaded(u64),
    /// The value to store, and the value in memory until then.
    Stored {
        value: u64,
        in_memory: u64,
    },
    Failed,
}

struct Listener {
    data: Data,
    told: Rc<RefCell<Vec<Told>>>,
    /// How many accesses may begin before the engine is stopped.
    patience: usize,
    begun: usize,
}

impl Listener {
    fn in_memory(&self, site: &Site) -> u64 {
        assert_eq!(site.size, 8);
        self.data.at(site.address).load(Ordering::Relaxed)
    }
}

impl Observer for Listener {
    fn before(&mut self, site: &Site, _: &dyn Engine) -> ControlFlow<()> {
        let &Site { kind, pc, address, .. } = site;
        let told = Told::Before { kind, pc: pc - CODE, address, in_memory: self.in_memory(site) };
        self.told.borrow_mut().push(told);
        self.begun += 1;
        if self.begun > self.patience { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn loaded(&mut self, _: &Site, value: u64) {
        self.told.borrow_mut().push(Told::Loaded(value));
    }

    fn stored(&mut self, site: &Site, value: u64) {
        self.told.borrow_mut().push(Told::Stored { value, in_memory: self.in_memory(site) });
    }

    fn failed(&mut self, _: WatchError) {
        self.told.borrow_mut().push(Told::Failed);
    }
}

/// A program that is ready to run, and the calls that its observer received.
struct Watched {
    engine: Unicorn<'static, ()>,
    data: Data,
    told: Rc<RefCell<Vec<Told>>>,
}

impl Watched {
    fn new(program: &Program, patience: usize) -> Watched {
        let mut engine = (program.open)();
        let data = Data::new();
        data.map(&mut engine);
        engine.mem_map(CODE, 0x1000, Prot::ALL).unwrap();
        engine.mem_write(CODE, program.code).unwrap();
        data.at(WATCHED).store(0xaaaa, Ordering::Relaxed);
        data.at(WATCHED + 8).store(0xbbbb, Ordering::Relaxed);
        data.at(DATA).store(0xcccc, Ordering::Relaxed);
        for (register, value) in program.inputs.into_iter().zip([WATCHED, 0x11, 0x22, DATA]) {
            engine.reg_write(register, value).unwrap();
        }
        let told = Rc::new(RefCell::new(Vec::new()));
        let decoder = Rc::new(Disassembler::new(Isa::of(program.arch)).unwrap());
        let listener = Listener { data: Data(data.0), told: Rc::clone(&told), patience, begun: 0 };
        let end = DATA + DATA_BYTES as u64;
        attach(&engine, WATCHED..end, decoder, listener).unwrap();
        Watched { engine, data, told }
    }

    fn run(&mut self, program: &Program) {
        self.engine.emu_start(CODE, CODE + program.code.len() as u64, 0, 0).unwrap();
    }
}

fn before(kind: AccessKind, pc: u64, address: u64, in_memory: u64) -> Told {
    Told::Before { kind, pc, address, in_memory }
}

#[test]
fn every_access_to_the_range_is_told_of_before_it_happens_and_no_other() {
    for program in &PROGRAMS {
        let mut watched = Watched::new(program, usize::MAX);
        watched.run(program);
        let [load, store, exchange, _, last] = program.pcs;
        let expected = [
            before(Load, load, WATCHED, 0xaaaa),
            Told::Loaded(0xaaaa),
            before(Store, store, WATCHED, 0xaaaa),
            Told::Stored { value: 0x11, in_memory: 0xaaaa },
            // An atomic is reported once, though it loads and stores, on some architectures with two instructions.
            before(Atomic, exchange, WATCHED, 0x11),
            Told::Loaded(0x11),
            Told::Stored { value: 0x22, in_memory: 0x11 },
            before(Load, last, WATCHED + 8, 0xbbbb),
            Told::Loaded(0xbbbb),
        ];
        assert_eq!(*watched.told.borrow(), expected, "{}", program.arch);
        assert_eq!(watched.data.at(WATCHED).load(Ordering::Relaxed), 0x22, "{}", program.arch);
        let outputs = program.outputs.map(|register| watched.engine.reg_read(register).unwrap());
        assert_eq!(outputs, [0xaaaa, 0x11, 0xbbbb], "{}", program.arch);
    }
}

#[test]
fn an_observer_can_change_memory_before_an_access_and_the_access_sees_it() {
    struct Meddler(Data);
    impl Observer for Meddler {
        fn before(&mut self, site: &Site, _: &dyn Engine) -> ControlFlow<()> {
            self.0.at(site.address).fetch_add(0x100, Ordering::Relaxed);
            ControlFlow::Continue(())
        }
        fn loaded(&mut self, site: &Site, value: u64) {
            assert_eq!(value, self.0.at(site.address).load(Ordering::Relaxed));
        }
        fn stored(&mut self, _: &Site, _: u64) {}
        fn failed(&mut self, error: WatchError) {
            std::panic::panic_any(error.to_string());
        }
    }
    for program in &PROGRAMS {
        // Attaches a second watch beside the first: both observers see each access.
        let mut watched = Watched::new(program, usize::MAX);
        let decoder = Rc::new(Disassembler::new(Isa::of(program.arch)).unwrap());
        let meddler = Meddler(Data(watched.data.0));
        attach(&watched.engine, WATCHED..WATCHED + 16, decoder, meddler).unwrap();
        watched.run(program);
        let outputs = program.outputs.map(|register| watched.engine.reg_read(register).unwrap());
        assert_eq!(outputs, [0xabaa, 0x111, 0xbcbb], "{}", program.arch);
        assert_eq!(watched.data.at(WATCHED).load(Ordering::Relaxed), 0x22, "{}", program.arch);
    }
}

#[test]
fn break_stops_the_engine_after_the_access_at_hand() {
    for program in &PROGRAMS {
        let all = {
            let mut watched = Watched::new(program, usize::MAX);
            watched.run(program);
            watched.told.take()
        };
        // The number of calls in `all` after which the first, second and third access are over.
        for (patience, over) in [2, 4, 7].into_iter().enumerate() {
            let mut watched = Watched::new(program, patience);
            watched.run(program);
            let told = watched.told.take();
            // An atomic may end after its load half. A plain access completes.
            let least = if over == 7 { 6 } else { over };
            assert!((least..=over).contains(&told.len()), "{}: {told:x?}", program.arch);
            assert_eq!(told, all[..told.len()], "{}: {patience} accesses", program.arch);
            // The observer saw exactly the accesses that happened.
            let stored = told.iter().rev().find_map(|told| match told {
                Told::Stored { value, .. } => Some(*value),
                _ => None,
            });
            let in_memory = watched.data.at(WATCHED).load(Ordering::Relaxed);
            assert_eq!(in_memory, stored.unwrap_or(0xaaaa), "{}: {told:x?}", program.arch);
        }
    }
}

#[test]
fn an_empty_range_is_refused() {
    for program in &PROGRAMS {
        let watched = Watched::new(program, usize::MAX);
        let decoder = Rc::new(Disassembler::new(Isa::of(program.arch)).unwrap());
        let told = Rc::default();
        let listener = Listener { data: Data(watched.data.0), told, patience: usize::MAX, begun: 0 };
        assert!(attach(&watched.engine, WATCHED..WATCHED, decoder, listener).is_err());
    }
}

#[test]
fn an_architecture_that_the_engine_lacks_has_no_instruction_set() {
    for arch in Arch::ALL {
        assert_eq!(Isa::of(arch).arch, arch);
    }
}

/// `cargo test` builds examples, unless `--test` selects targets.
#[test]
fn the_example_prints_what_the_readme_shows() {
    let programs = std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().join("examples");
    let ran = std::process::Command::new(programs.join("own_engine")).output();
    let ran = ran.expect("cargo build --release -p pmdscope-watch --examples builds it");
    let printed = String::from_utf8(ran.stdout).unwrap();
    assert!(!printed.is_empty());
    assert!(include_str!("../README.md").contains(&format!("```\n{printed}```\n")), "{printed}");
}
