//! What both engines promise, tried on each with the same code of RISC-V.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use pmdscope_engine::unicorn_engine::{Arch, Mode, RegisterRISCV as R, Unicorn};
use pmdscope_engine::{Accesses, Engine, EngineError, InstructionSet, Interpreter};

const CODE: u64 = 0x1000;
const DATA: u64 = 0x8000;
const PAGE: usize = 0x1000;

/// `addi a0,a0,1`
const INCREMENT: u32 = 0x0015_0513;
/// `addi a0,a0,2`
const ADD_TWO: u32 = 0x0025_0513;
/// `ld a1,0(a2)`
const LOAD: u32 = 0x0006_3583;
/// `sd a0,8(a2)`
const STORE: u32 = 0x00a6_3423;
/// `j .`
const STAY: u32 = 0x0000_006f;
/// `ecall`
const CALL: u32 = 0x0000_0073;

/// An access that a hook was called before: its address, its size, and the value if it stores.
type Shown = (u64, usize, Option<u64>);

/// An engine with a page of code and a page of data.
struct Machine {
    engine: Rc<dyn Engine>,
    /// Declared after the engine, so dropped after it.
    memory: Vec<Vec<u64>>,
}

impl Machine {
    fn new(engine: Rc<dyn Engine>, code: &[u32]) -> Self {
        let mut machine = Machine { engine, memory: Vec::new() };
        for address in [CODE, DATA] {
            let mut page = vec![0_u64; PAGE / 8];
            // SAFETY: the machine keeps the page for as long as the engine.
            unsafe { machine.engine.map(address, PAGE as u64, page.as_mut_ptr().cast()) }.unwrap();
            machine.memory.push(page);
        }
        machine.write_code(CODE, code);
        machine.set(R::A2, DATA);
        machine
    }

    fn write_code(&self, address: u64, code: &[u32]) {
        let bytes: Vec<u8> = code.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.engine.write(address, &bytes).unwrap();
    }

    fn get(&self, register: R) -> u64 {
        self.engine.register(register as i32).unwrap()
    }

    fn set(&self, register: R, value: u64) {
        self.engine.set_register(register as i32, value).unwrap();
    }

    /// Stops the engine at an instruction.
    fn stop_at(&self, pc: u64) {
        self.engine.on_code(pc, pc, Box::new(|engine, _| engine.stop().unwrap())).unwrap();
    }

    /// Calls the hook on accesses with what it sees, and returns what is kept of that.
    fn note_accesses(&self, accesses: Accesses, first: u64, last: u64) -> Rc<RefCell<Vec<Shown>>> {
        let noted = Rc::new(RefCell::new(Vec::new()));
        let keeps = Rc::clone(&noted);
        let note = Box::new(move |_: &dyn Engine, address, size, store| {
            keeps.borrow_mut().push((address, size, store))
        });
        self.engine.on_access(accesses, first, last, note).unwrap();
        noted
    }
}

/// Runs a test on each engine, with code at [`CODE`].
fn on_both(code: &[u32], test: impl Fn(&Machine)) {
    let unicorn = Unicorn::new(Arch::RISCV, Mode::RISCV64).unwrap();
    let engines: [Rc<dyn Engine>; 2] = [Rc::new(unicorn), Rc::new(Interpreter::new(InstructionSet::Riscv64))];
    for engine in engines {
        test(&Machine::new(engine, code));
    }
}

#[test]
fn a_hook_before_an_instruction_can_stop_or_go_elsewhere() {
    on_both(&[INCREMENT, INCREMENT, INCREMENT, STAY], |machine| {
        machine.stop_at(CODE + 8);
        machine.engine.run(CODE).unwrap();
        assert_eq!(
            (machine.get(R::A0), machine.get(R::PC)),
            (2, CODE + 8),
            "the instruction is not executed"
        );
    });
    on_both(&[INCREMENT, INCREMENT, INCREMENT, STAY], |machine| {
        let pc = R::PC as i32;
        let leap = Box::new(move |engine: &dyn Engine, _| engine.set_register(pc, CODE + 8).unwrap());
        machine.engine.on_code(CODE + 4, CODE + 4, leap).unwrap();
        machine.stop_at(CODE + 12);
        machine.engine.run(CODE).unwrap();
        assert_eq!(machine.get(R::A0), 2, "one instruction was leapt over");
    });
}

#[test]
fn an_access_is_shown_before_it_happens_with_what_it_stores() {
    on_both(&[LOAD, INCREMENT, STORE, STAY], |machine| {
        machine.engine.write(DATA, &7_u64.to_le_bytes()).unwrap();
        machine.set(R::A0, 0x40);
        let all = machine.note_accesses(Accesses::All, DATA, DATA + 0xff);
        let loads = machine.note_accesses(Accesses::Loads, DATA, DATA + 0xff);
        let stores = machine.note_accesses(Accesses::Stores, DATA, DATA + 0xff);
        let elsewhere = machine.note_accesses(Accesses::All, DATA + 16, DATA + 0xff);
        let held = Rc::new(Cell::new(0));
        let keeps = Rc::clone(&held);
        let look = Box::new(move |engine: &dyn Engine, _, _, _| {
            let mut bytes = [0; 8];
            engine.read(DATA + 8, &mut bytes).unwrap();
            keeps.set(u64::from_le_bytes(bytes) + 1);
        });
        machine.engine.on_access(Accesses::Stores, DATA, DATA + 0xff, look).unwrap();
        machine.stop_at(CODE + 12);
        machine.engine.run(CODE).unwrap();
        assert_eq!(machine.get(R::A1), 7);
        assert_eq!(*all.borrow(), [(DATA, 8, None), (DATA + 8, 8, Some(0x41))]);
        assert_eq!(*loads.borrow(), [(DATA, 8, None)]);
        assert_eq!(*stores.borrow(), [(DATA + 8, 8, Some(0x41))]);
        assert_eq!(*elsewhere.borrow(), []);
        assert_eq!(held.get(), 1, "memory held 0 before the store");
    });
}

#[test]
fn an_access_that_a_hook_stops_at_still_happens() {
    on_both(&[STORE, INCREMENT, STAY], |machine| {
        machine.set(R::A0, 5);
        let stop = Box::new(|engine: &dyn Engine, _, _, _| engine.stop().unwrap());
        machine.engine.on_access(Accesses::Stores, DATA, DATA + 0xff, stop).unwrap();
        machine.engine.run(CODE).unwrap();
        let mut bytes = [0; 8];
        machine.engine.read(DATA + 8, &mut bytes).unwrap();
        assert_eq!((u64::from_le_bytes(bytes), machine.get(R::A0)), (5, 5));
    });
}

#[test]
fn a_hook_that_is_added_after_accesses_is_called_and_a_removed_one_is_not() {
    on_both(&[LOAD, STORE, STAY], |machine| {
        machine.stop_at(CODE + 8);
        machine.engine.run(CODE).unwrap();
        machine.engine.run(CODE).unwrap();
        let count = Rc::new(Cell::new(0));
        let counts = Rc::clone(&count);
        let note = Box::new(move |_: &dyn Engine, _, _, _| counts.set(counts.get() + 1));
        let hook = machine.engine.on_access(Accesses::All, DATA, DATA + 0xff, note).unwrap();
        machine.engine.forget_code().unwrap();
        machine.engine.run(CODE).unwrap();
        assert_eq!(count.get(), 2);
        machine.engine.remove(hook).unwrap();
        machine.engine.forget_code().unwrap();
        machine.engine.run(CODE).unwrap();
        assert_eq!(count.get(), 2);
    });
}

#[test]
fn memory_that_is_not_there_stops_the_engine_at_the_instruction() {
    on_both(&[INCREMENT, LOAD, STAY], |machine| {
        machine.set(R::A2, DATA + PAGE as u64);
        let missing = Rc::new(Cell::new((0, 0)));
        let keeps = Rc::clone(&missing);
        let note = Box::new(move |_: &dyn Engine, address, size| keeps.set((address, size)));
        machine.engine.on_unmapped(note).unwrap();
        let shown = machine.note_accesses(Accesses::All, 0, u64::MAX);
        assert_eq!(machine.engine.run(CODE), Err(EngineError::Unmapped));
        assert_eq!(missing.get(), (DATA + PAGE as u64, 8));
        assert_eq!((machine.get(R::PC), machine.get(R::A0)), (CODE + 4, 1));
        assert_eq!(*shown.borrow(), [], "only accesses that find memory are shown");
        assert!(machine.engine.read(DATA + PAGE as u64 - 4, &mut [0; 8]).is_err());
        assert!(machine.engine.write(DATA + PAGE as u64, &[0]).is_err());
    });
}

#[test]
fn an_exception_is_told() {
    on_both(&[INCREMENT, CALL, STAY], |machine| {
        let told = Rc::new(Cell::new(false));
        let keeps = Rc::clone(&told);
        let note = Box::new(move |engine: &dyn Engine, _| {
            keeps.set(true);
            engine.stop().unwrap();
        });
        machine.engine.on_exception(note).unwrap();
        machine.engine.run(CODE).unwrap();
        assert!(told.get());
        // Unicorn's program counter may be past the instruction.
        assert!([CODE + 4, CODE + 8].contains(&machine.get(R::PC)) && machine.get(R::A0) == 1);
    });
}

#[test]
fn code_that_was_overwritten_is_executed_anew() {
    on_both(&[INCREMENT, STAY], |machine| {
        machine.stop_at(CODE + 4);
        machine.engine.run(CODE).unwrap();
        machine.write_code(CODE, &[ADD_TWO]);
        machine.engine.forget_code().unwrap();
        machine.engine.run(CODE).unwrap();
        assert_eq!(machine.get(R::A0), 3);
    });
}

/// RISC-V asks a program that overwrites code for a `fence.i`. The interpreter needs none.
#[test]
fn code_that_overwrites_itself_is_noticed_by_the_interpreter() {
    // sw a0,0(a2); then addi a0,zero,0, or what was stored.
    let engine = Rc::new(Interpreter::new(InstructionSet::Riscv64));
    let machine = Machine::new(engine, &[0x00a6_2023, 0x0000_0513, STAY]);
    machine.stop_at(CODE + 8);
    machine.engine.run(CODE).unwrap();
    assert_eq!(machine.get(R::A0), 0);
    machine.set(R::A0, ADD_TWO.into());
    machine.set(R::A2, CODE + 4);
    machine.engine.run(CODE).unwrap();
    assert_eq!(machine.get(R::A0), u64::from(ADD_TWO) + 2, "in the same block");
}

#[test]
fn a_block_is_told_with_its_length() {
    on_both(&[INCREMENT, INCREMENT, STAY], |machine| {
        let told = Rc::new(RefCell::new(Vec::new()));
        let keeps = Rc::clone(&told);
        machine
            .engine
            .on_block(Box::new(move |_, start, bytes| keeps.borrow_mut().push((start, bytes))))
            .unwrap();
        machine.stop_at(CODE + 8);
        machine.engine.run(CODE).unwrap();
        assert_eq!(told.borrow()[0].0, CODE);
        assert!(told.borrow()[0].1 >= 8);
    });
}

#[test]
fn a_cpu_becomes_what_it_was() {
    on_both(&[INCREMENT, INCREMENT, STAY], |machine| {
        machine.set(R::A0, 40);
        let before = machine.engine.save().unwrap();
        machine.stop_at(CODE + 8);
        machine.engine.run(CODE).unwrap();
        assert_eq!(machine.get(R::A0), 42);
        machine.engine.restore(&before).unwrap();
        assert_eq!(machine.get(R::A0), 40);
        machine.engine.run(CODE).unwrap();
        assert_eq!(machine.get(R::A0), 42);
    });
}

#[test]
fn what_is_of_another_engine_is_refused() {
    let unicorn = Unicorn::new(Arch::RISCV, Mode::RISCV64).unwrap();
    let interpreter = Interpreter::new(InstructionSet::Riscv64);
    assert_eq!(interpreter.restore(&unicorn.save().unwrap()).err(), Some(EngineError::Argument));
    assert_eq!(Engine::register(&interpreter, R::F0 as i32), Err(EngineError::Argument));
    // SAFETY: nothing is mapped: both are refused.
    unsafe {
        assert_eq!(interpreter.map(0x800, 0x1000, std::ptr::null_mut()), Err(EngineError::Argument));
        assert_eq!(interpreter.map(0, 0, std::ptr::null_mut()), Err(EngineError::Argument));
    }
}
