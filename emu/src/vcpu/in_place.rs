//! What is done in place of the engine: instructions that it executes wrongly, and those whose accesses it does not show.

use std::cell::RefCell;
use std::ops::RangeInclusive;
use std::rc::Rc;

use pmdscope_arches::ByteOrder;
use pmdscope_engine::Engine;
use pmdscope_watch::Watch;

use super::hooks::HookContext;
use crate::EmuError;
use crate::cpu::{Combine, Fill, InPlace, Insertion, Move, Place};
use crate::decoder::Decoder;
use crate::end::CallExit;

/// Told of an access before it happens: its physical address, its size, and the value if it stores.
type OnAccess = Rc<dyn Fn(u64, usize, Option<u64>)>;

/// Those who are told of accesses: by the engine, and by what is done in its place.
#[derive(Default)]
pub(super) struct Listeners {
    accesses: RefCell<Vec<(RangeInclusive<u64>, OnAccess)>>,
    pub(super) watches: RefCell<Vec<Rc<Watch>>>,
}

impl Listeners {
    /// Adds one who is told of the accesses to physical addresses.
    pub(super) fn add(&self, range: RangeInclusive<u64>, then: OnAccess) {
        self.accesses.borrow_mut().push((range, then));
    }

    /// Tells of an access of at most 8 bytes that the engine does not show.
    fn tell(&self, engine: &dyn Engine, address: u64, size: usize, store: Option<u64>) {
        for (range, then) in &*self.accesses.borrow() {
            if range.contains(&address) {
                then(address, size, store);
            }
        }
        // Other CPUs may run meanwhile.
        let watches = self.watches.borrow().clone();
        watches.iter().for_each(|watch| watch.show(engine, address, size, store));
    }
}

/// One operation on memory, with its addresses and lengths.
struct Span {
    combine: Combine,
    to: u64,
    bytes: u64,
    from: u64,
    from_bytes: u64,
    /// Fills up what the source lacks.
    fill: u8,
}

impl HookContext<'_> {
    /// Does what the instruction at `pc` does in place of the engine, and continues at `next`.
    pub(crate) fn do_in_place(
        &mut self,
        decoder: &Decoder,
        what: InPlace,
        pc: u64,
        next: u64,
    ) -> Result<(), EmuError> {
        match what {
            InPlace::Insert(insertion) => self.insert(insertion, next),
            InPlace::Move(Move::Short { combine, bytes, to, from }) => {
                self.move_short(combine, bytes, to, from, pc, next)
            }
            InPlace::Move(Move::Long { to, from, length, fill }) => {
                self.move_long(to, from, length, fill, pc, next)
            }
            InPlace::Execute { target, length } => {
                let target = self.address(target)?;
                let executed = self.instruction(decoder, target)?;
                match decoder.in_place(&executed) {
                    Some(InPlace::Move(Move::Short { combine, bytes, to, from })) => {
                        let more = length.map_or(Ok(0), |register| self.register(register))? & 0xff;
                        self.move_short(combine, ((bytes - 1) | more) + 1, to, from, pc, next)
                    }
                    Some(_) => self.give_up(pc),
                    None => Ok(()),
                }
            }
            InPlace::Nothing => self.give_up(pc),
        }
    }

    fn give_up(&mut self, pc: u64) -> Result<(), EmuError> {
        self.end(CallExit::Unseen { pc });
        Ok(())
    }

    fn insert(&mut self, insertion: Insertion, next: u64) -> Result<(), EmuError> {
        let Insertion { target, source, .. } = insertion;
        let value = insertion.apply(self.register(target)?, self.register(source)?);
        self.set_register(target, value)?;
        self.jump(next)
    }

    fn move_short(
        &mut self,
        combine: Combine,
        bytes: u64,
        to: Place,
        from: Place,
        pc: u64,
        next: u64,
    ) -> Result<(), EmuError> {
        let (to, from) = (self.address(to)?, self.address(from)?);
        let span = Span { combine, to, bytes, from, from_bytes: bytes, fill: 0 };
        let Some(all_zero) = self.run_span(&span, pc)? else { return Ok(()) };
        if combine != Combine::Copy {
            self.set_condition_code(u64::from(!all_zero))?;
        }
        self.jump(next)
    }

    fn move_long(
        &mut self,
        to: [i32; 2],
        from: [i32; 2],
        length: u64,
        fill: Fill,
        pc: u64,
        next: u64,
    ) -> Result<(), EmuError> {
        let [to_length, from_length] = [self.register(to[1])?, self.register(from[1])?];
        let (bytes, from_bytes) = (to_length & length, from_length & length);
        let filled = match fill {
            Fill::Address(place) => self.address(place)?,
            Fill::AboveLength(bits) => from_length >> bits,
        };
        let [start, source] = [self.register(to[0])?, self.register(from[0])?];
        let copied = bytes.min(from_bytes);
        if (source.wrapping_add(1)..source.wrapping_add(copied)).contains(&start) {
            // The source would be overwritten before it is read. The two instructions differ in what they do then.
            return self.give_up(pc);
        }
        let span = Span {
            combine: Combine::Copy,
            to: start,
            bytes,
            from: source,
            from_bytes: copied,
            fill: (filled & 0xff) as u8,
        };
        if self.run_span(&span, pc)?.is_none() {
            return Ok(());
        }
        self.set_register(to[0], start.wrapping_add(bytes))?;
        self.set_register(to[1], to_length & !length)?;
        self.set_register(from[0], source.wrapping_add(copied))?;
        self.set_register(from[1], from_length & !length | (from_bytes - copied))?;
        self.set_condition_code(match bytes.cmp(&from_bytes) {
            std::cmp::Ordering::Equal => 0,
            std::cmp::Ordering::Less => 1,
            std::cmp::Ordering::Greater => 2,
        })?;
        self.jump(next)
    }

    /// Changes memory in pieces of at most 8 bytes, each of them seen as a load and a store of the CPU.
    ///
    /// Returns whether all bytes became 0; `None` if the call has ended.
    fn run_span(&mut self, span: &Span, pc: u64) -> Result<Option<bool>, EmuError> {
        for (start, bytes) in [(span.to, span.bytes), (span.from, span.from_bytes)] {
            if let Some(address) = self.first_unmapped(start, bytes) {
                self.state.fault_bytes.set(8);
                self.end(CallExit::Fault { pc, address: Some(address) });
                return Ok(None);
            }
        }
        // Nobody goes on from the middle of the instruction.
        self.state.last_read.set(self.state.instructions.get());
        let (mut at, mut all_zero) = (0, true);
        while at < span.bytes {
            let to = span.to.wrapping_add(at);
            let from = span.from.wrapping_add(at);
            let has_source = at < span.from_bytes;
            // A piece lies in one word of the target and of the source. If it overlaps the source, it is one byte: a
            // byte that was stored may be read next.
            let overlaps = to.wrapping_sub(from) < 8 && to != from;
            let mut size = (8 - to % 8).min(span.bytes - at);
            if has_source {
                size = size.min(8 - from % 8).min(span.from_bytes - at).min(if overlaps { 1 } else { 8 });
            }
            let size = size as usize;
            let mut value = [span.fill; 8];
            let mut old = [0; 8];
            let (value, old) = (&mut value[..size], &mut old[..size]);
            if has_source && !self.load(from, value)? {
                return Ok(None);
            }
            if span.combine != Combine::Copy {
                if !self.load(to, old)? {
                    return Ok(None);
                }
                value
                    .iter_mut()
                    .zip(old)
                    .for_each(|(other, byte)| *other = span.combine.apply(*byte, *other));
            }
            if !self.show(to, size, Some(value)) {
                return Ok(None);
            }
            let physical = self.isa.physical(to);
            self.engine.write(physical, value).map_err(|e| EmuError::engine("write memory", e))?;
            all_zero &= value.iter().all(|byte| *byte == 0);
            at += size as u64;
        }
        Ok(Some(all_zero))
    }

    /// Loads bytes. Returns whether the call goes on.
    fn load(&mut self, address: u64, bytes: &mut [u8]) -> Result<bool, EmuError> {
        let goes_on = self.show(address, bytes.len(), None);
        let physical = self.isa.physical(address);
        self.engine.read(physical, bytes).map_err(|e| EmuError::engine("read memory", e))?;
        Ok(goes_on)
    }

    /// Tells of an access. Returns whether the call goes on.
    fn show(&mut self, address: u64, size: usize, store: Option<&[u8]>) -> bool {
        let order = ByteOrder::of(self.model.arch);
        let value = store.map(|bytes| order.number(bytes));
        let state = self.state;
        self.listeners.tell(self.engine, self.isa.physical(address), size, value);
        if state.end.get().is_some() {
            state.stop(self.engine);
        }
        state.end.get().is_none() && !state.failed() && !state.stopped_at_read()
    }

    /// Returns the first of so many bytes that is in no memory.
    fn first_unmapped(&self, start: u64, bytes: u64) -> Option<u64> {
        /// No region is mapped with less.
        const PAGE: u64 = 0x1000;
        let in_pages = (start..start.saturating_add(bytes)).step_by(PAGE as usize);
        let last = start.saturating_add(bytes.saturating_sub(1));
        let looked_at = in_pages.chain((bytes > 0).then_some(last));
        looked_at
            .filter(|address| self.engine.read(self.isa.physical(*address), &mut [0]).is_err())
            .map(|address| (address & !(PAGE - 1)).max(start))
            .next()
    }

    fn address(&self, place: Place) -> Result<u64, EmuError> {
        let base = place.base.map_or(Ok(0), |register| self.register(register))?;
        Ok(base.wrapping_add(place.displacement))
    }

    fn set_condition_code(&mut self, value: u64) -> Result<(), EmuError> {
        let Some((register, lowest)) = self.model.condition_code else { return Ok(()) };
        let others = self.register(register)? & !(3 << lowest);
        self.set_register(register, others | value << lowest)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use pmdscope_arches::Arch;
    use pmdscope_engine::unicorn_engine::RegisterS390X as R;

    use super::*;
    use crate::end::CallBounds;
    use crate::memory::Shared;
    use crate::trace::Recorder;
    use crate::vcpu::{CallLayout, Vcpu};

    const CODE: u64 = 0x1_0000;
    const DATA: u64 = 0x8_0000;
    const DATA_BYTES: u64 = 0x2000;

    type Told = Vec<(u64, usize, Option<u64>)>;

    /// Returns an s390x CPU with memory from 0 on; its instructions are done in place if `in_place`.
    fn cpu(in_place: bool) -> (Vcpu, Rc<Shared>) {
        let decoder = Decoder::of(Arch::S390x, None).unwrap();
        let place = CallLayout { return_pad: 0x2010, stack_top: 0x3000 };
        let mut vcpu = Vcpu::new(0, place, &Rc::new(Recorder::new()), &decoder).unwrap();
        let memory = Rc::new(Shared::new(0x10_0000).unwrap());
        vcpu.map(0, &memory).unwrap();
        vcpu.provide_return_pad().unwrap();
        vcpu.on_code(CODE, DATA - 1, move |cpu, pc| {
            let instruction = cpu.instruction(&decoder, pc)?;
            match decoder.in_place(&instruction).filter(|_| in_place) {
                Some(what) => cpu.do_in_place(&decoder, what, pc, pc + instruction.length),
                None => Ok(()),
            }
        })
        .unwrap();
        (vcpu, memory)
    }

    /// IPM %r0; LGR %r1-values are left; BR %r14.
    const END: [u8; 6] = [0xb2, 0x22, 0x00, 0x00, 0x07, 0xfe];

    /// Returns random code of one instruction that moves storage, which `at` begins with.
    fn instruction(random: &mut fastrand::Rng) -> Vec<u8> {
        let length = random.u8(..);
        // Bases %r2 and %r3 with small displacements, so that operands often overlap.
        let ss = |opcode: u8, random: &mut fastrand::Rng| {
            let (to, from) = (random.u16(..0x40), random.u16(..0x40));
            let base = [0x2000, 0x3000][usize::from(random.bool())];
            let [a, b] = (0x2000 | to).to_be_bytes();
            let [c, d] = (base | from).to_be_bytes();
            vec![opcode, length, a, b, c, d]
        };
        match random.u8(..6) {
            0..3 => {
                let opcode = [0xd2, 0xd4, 0xd6, 0xd7][random.usize(..4)];
                ss(opcode, random)
            }
            // EXRL %r4 or EX %r4, of what follows the end.
            3 => {
                let opcode = [0xd2, 0xd4, 0xd6, 0xd7][random.usize(..4)];
                let mut code = match random.bool() {
                    true => vec![0xc6, 0x40, 0, 0, 0, 6],
                    // EX %r4, 10(%r6)
                    false => vec![0x44, 0x40, 0x60, 10],
                };
                code.extend(END);
                code.extend(ss(opcode, random));
                code
            }
            4 => vec![0x0e, 0x24], // MVCL %r2, %r4
            // MVCLE %r2, %r4, fill; JO to it, as long as the CPU has not moved all.
            _ => vec![0xa8, 0x24, 0x00, random.u8(..), 0xa7, 0x14, 0xff, 0xfe],
        }
    }

    #[test]
    fn s390x_moves_storage_as_the_engine_does() {
        let ((mut ours, our_memory), (mut theirs, their_memory)) = (cpu(true), cpu(false));
        let mut random = fastrand::Rng::with_seed(7);
        for number in 0..4_000 {
            let mut code = instruction(&mut random);
            let long = matches!(code[0], 0x0e | 0xa8);
            code.extend(END);
            let at = CODE + 0x20 * number;
            let mut arguments = [0, 0, 0, 0, at];
            arguments[0] = DATA + random.u64(..0x100);
            // %r3 is an address, or a length; %r4 an address, %r5 a length and what to fill up with.
            let far = DATA + 0x1000 + random.u64(..0x100);
            arguments[1] = if long { random.u64(..0x400) } else { DATA + random.u64(..0x100) };
            arguments[2] = if long { far } else { random.u64(..) };
            arguments[3] = if long { random.u64(..0x400) } else { random.u64(..) };
            if code[0] == 0x0e {
                arguments[1] |= random.u64(..) & !0xff_ffff;
                arguments[3] |= random.u64(..) & !0xff_ffff;
            }
            let content: Vec<u8> = (0..DATA_BYTES).map(|_| random.u8(..3)).collect();
            let mut results = Vec::new();
            for (vcpu, memory) in [(&mut ours, &our_memory), (&mut theirs, &their_memory)] {
                vcpu.write(at, &code).unwrap();
                memory.write(DATA, &content);
                let end = vcpu.call(at, &arguments, CallBounds::default()).unwrap();
                let registers = [R::R0, R::R2, R::R3, R::R4, R::R5].map(|register| {
                    let value = vcpu.register(register as i32).unwrap();
                    // IPM leaves what is below.
                    if register as i32 == R::R0 as i32 { value >> 28 & 3 } else { value }
                });
                results.push((end, registers, memory.read_at(DATA, DATA_BYTES)));
            }
            assert_eq!(results[0].0, CallExit::Returned);
            let [(_, our_registers, our_content), (_, their_registers, their_content)] = &results[..] else {
                unreachable!("two CPUs");
            };
            assert_eq!(our_registers, their_registers, "{code:02x?} {arguments:x?}");
            assert!(our_content == their_content, "{code:02x?} {arguments:x?} stores something else");
        }
    }

    #[test]
    fn each_byte_that_is_moved_is_told_once() {
        let (mut vcpu, memory) = cpu(true);
        let told: Rc<RefCell<Told>> = Rc::default();
        let log = Rc::clone(&told);
        vcpu.on_valued_access(DATA..DATA + DATA_BYTES, move |address, size, store| {
            log.borrow_mut().push((address - DATA, size, store));
            0
        })
        .unwrap();
        let mut run = |code: &[u8], content: &[u8]| {
            memory.write(DATA, content);
            told.borrow_mut().clear();
            vcpu.write(CODE, &[code, &[0x07, 0xfe]].concat()).unwrap();
            vcpu.forget_translations().unwrap();
            assert_eq!(vcpu.call(CODE, &[DATA], CallBounds::default()).unwrap(), CallExit::Returned);
            told.borrow().clone()
        };
        // mvc 20(10,%r2), 0(%r2)
        let moved = run(&[0xd2, 9, 0x20, 20, 0x20, 0], &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        let wanted = [
            (0, 4, None),
            (20, 4, Some(0x0102_0304)),
            (4, 4, None),
            (24, 4, Some(0x0506_0708)),
            (8, 2, None),
            (28, 2, Some(0x090a)),
        ];
        assert_eq!(moved, wanted);
    }

    #[test]
    fn what_is_moved_to_a_watched_word_is_recorded() {
        let (mut vcpu, memory) = cpu(true);
        let recorder = Rc::clone(&vcpu.state.recorder);
        recorder.watch(crate::trace::Watched {
            range: DATA..DATA + 8,
            memory: Rc::clone(&memory),
            start: 0,
            order: ByteOrder::Big,
            putting: Box::new(|_| {}),
        });
        vcpu.watch(DATA..DATA + 8).unwrap();
        memory.write(DATA, &[0x11; 16]);
        // xc 4(8,%r2), 8(%r2): the second half of the word, and what follows it
        vcpu.write(CODE, &[0xd7, 7, 0x20, 4, 0x20, 8, 0x07, 0xfe]).unwrap();
        assert_eq!(vcpu.call(CODE, &[DATA], CallBounds::default()).unwrap(), CallExit::Returned);
        let accesses: Vec<_> = recorder
            .take()
            .unwrap()
            .iter()
            .map(|event| match &event.what {
                crate::trace::Action::Access(access) => {
                    (event.pc, access.address - DATA, access.size, access.loads, access.after)
                }
                _ => panic!("not an access"),
            })
            .collect();
        let (before, after) = (0x1111_1111_1111_1111, 0x1111_1111_0000_0000);
        assert_eq!(accesses, [(CODE, 4, 4, true, before), (CODE, 4, 4, false, after)]);
    }

    #[test]
    fn a_cpu_that_is_dropped_takes_along_who_listens() {
        let listens = Rc::new(());
        let (mut vcpu, _) = cpu(true);
        let kept = Rc::clone(&listens);
        vcpu.on_access(DATA..DATA + 8, move |_, _, _| {
            let _ = &kept;
        })
        .unwrap();
        vcpu.watch(DATA..DATA + 8).unwrap();
        let state = Rc::downgrade(&vcpu.state);
        drop(vcpu);
        assert_eq!(Rc::strong_count(&listens), 1);
        assert!(state.upgrade().is_none());
    }

    #[test]
    fn the_engine_itself_does_not_show_a_moved_byte() {
        // If it did, in_place would be of no use any more: each byte would be told twice.
        let (mut vcpu, _) = cpu(false);
        let told: Rc<Cell<u32>> = Rc::default();
        let count = Rc::clone(&told);
        vcpu.on_access(DATA..DATA + DATA_BYTES, move |_, _, _| count.set(count.get() + 1)).unwrap();
        vcpu.write(CODE, &[0xd2, 9, 0x20, 20, 0x20, 0, 0x07, 0xfe]).unwrap();
        assert_eq!(vcpu.call(CODE, &[DATA], CallBounds::default()).unwrap(), CallExit::Returned);
        assert_eq!(told.get(), 0);
    }

    #[test]
    fn memory_that_is_not_there_is_named_whichever_operand_it_is() {
        let (mut vcpu, _) = cpu(true);
        // mvc 0(16,%r2), 0(%r3)
        vcpu.write(CODE, &[0xd2, 15, 0x20, 0, 0x30, 0, 0x07, 0xfe]).unwrap();
        let end_of = |vcpu: &mut Vcpu, arguments: [u64; 2]| {
            vcpu.call(CODE, &arguments, CallBounds::default()).unwrap()
        };
        let fault = |address| CallExit::Fault { pc: CODE, address: Some(address) };
        assert_eq!(end_of(&mut vcpu, [DATA, 0x40_0008]), fault(0x40_0008));
        assert_eq!(end_of(&mut vcpu, [0xf_fff8, DATA]), fault(0x10_0000), "the first byte that is not");
    }

    #[test]
    fn what_is_absent_ends_the_call_whoever_shows_the_access() {
        // lg %r2, 8(%r2); mvc 0(16,%r2), 0(%r3)
        for (code, arguments) in [
            (&[0xe3, 0x20, 0x20, 8, 0, 4, 0x07, 0xfe], [DATA, 0]),
            (&[0xd2, 15, 0x20, 0, 0x30, 0, 0x07, 0xfe], [DATA + 0x100, DATA]),
        ] {
            let (mut vcpu, memory) = cpu(true);
            memory.write(DATA + 0x100, &[0x11; 16]);
            vcpu.end_at_access(DATA..DATA + 0x40, |address| CallExit::Absent { address }).unwrap();
            vcpu.write(CODE, code).unwrap();
            let end = vcpu.call(CODE, &arguments, CallBounds::default()).unwrap();
            assert!(
                matches!(end, CallExit::Absent { address } if (DATA..DATA + 0x40).contains(&address)),
                "{end:?}"
            );
            assert!(end.is_bound(), "what follows is unknown");
            assert_eq!(memory.read(DATA + 0x100), [0x11; 8], "nothing was moved");
        }
    }

    #[test]
    fn what_nobody_here_does_ends_the_call() {
        let (mut vcpu, _) = cpu(true);
        // mvcin 0(16,%r2), 0(%r3)
        vcpu.write(CODE, &[0xe8, 15, 0x20, 0, 0x30, 0, 0x07, 0xfe]).unwrap();
        let end = vcpu.call(CODE, &[DATA, DATA], CallBounds::default()).unwrap();
        assert_eq!(end, CallExit::Unseen { pc: CODE });
        assert!(end.is_bound(), "what follows is unknown");
    }
}
