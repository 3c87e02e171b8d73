//! Opens a CPU of an engine, and refuses another Unicorn than the pinned one.

use std::rc::Rc;
use std::sync::{Mutex, PoisonError};

use pmdscope_engine::unicorn_engine::{Arch as EngineArch, Mode, Unicorn};
use pmdscope_engine::{Engine, EngineError, Interpreter};
use pmdscope_watch::Isa;

use crate::engine_kind::EngineKind;
use crate::error::EmuError;
use crate::memory::Shared;
use crate::pinned::{LINKED, ROOM};

/// Opens a CPU.
///
/// # Errors
/// [`EmuError::NoCpu`] if it has no such CPU, [`EmuError::OtherEngine`] if the linked Unicorn is not the pinned one,
/// [`EmuError::NoRoom`] if the system has too little address space for a CPU, [`EmuError::Engine`] if Unicorn
/// refuses.
pub(crate) fn open(kind: EngineKind, isa: &Isa) -> Result<Rc<dyn Engine>, EmuError> {
    let missing = EmuError::NoCpu { engine: kind, arch: isa.arch };
    match kind {
        EngineKind::Unicorn => {
            let (arch, mode) = isa.unicorn.ok_or(missing)?;
            check()?;
            open_unicorn(arch, mode, isa.program_counter)
        }
        EngineKind::Interpreter => Ok(Rc::new(Interpreter::new(isa.interpreter.ok_or(missing)?))),
    }
}

/// Held while a CPU of Unicorn is opened.
///
/// Its SPARC CPUs are set up by way of a static table (`sparc_tcg_init()` in qemu/target/sparc/translate.c of the crate
/// unicorn-engine-sys 2.1.5). If two threads do that at once, a CPU gets pointers to the state of another, and crashes
/// when it translates code.
static OPENS: Mutex<()> = Mutex::new(());

fn open_unicorn(arch: EngineArch, mode: Mode, register: i32) -> Result<Rc<dyn Engine>, EmuError> {
    let opens = OPENS.lock().unwrap_or_else(PoisonError::into_inner);
    // The room is allocated and freed at once: no other thread of this process opens a CPU in between.
    Shared::new(ROOM).map_err(|_| EmuError::NoRoom)?;
    let refused = |error: EngineError| EmuError::engine("open a CPU", error);
    let engine = Unicorn::new(arch, mode).map_err(|e| refused(e.into()))?;
    // A CPU is set up when it is first used.
    engine.register(register).map_err(refused)?;
    drop(opens);
    Ok(Rc::new(engine))
}

/// Checks that the linked engine is the pinned one.
///
/// # Errors
/// [`EmuError::OtherEngine`] if it is not.
fn check() -> Result<(), EmuError> {
    // SAFETY: The function only reads constants, and writes only through pointers that are not null.
    let linked = unsafe { unicorn_engine_sys::uc_version(std::ptr::null_mut(), std::ptr::null_mut()) };
    is_pinned(linked)
}

fn is_pinned(linked: u32) -> Result<(), EmuError> {
    if linked == LINKED { Ok(()) } else { Err(EmuError::OtherEngine { linked: linked.to_be_bytes() }) }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use pmdscope_arches::Arch;

    use super::*;

    #[test]
    fn the_pinned_engine_is_linked() {
        check().unwrap();
    }

    #[test]
    fn another_engine_is_refused() {
        let error = is_pinned(0x0200_01ff).unwrap_err().to_string();
        assert_eq!(
            error,
            "this program was linked with Unicorn 2.0.1 (extra 255), not with the pinned Unicorn 2.1.5: build it anew, \
             in an empty target directory"
        );
    }

    /// Without the lock, this ends the test program by a signal in most runs.
    #[test]
    fn cpus_that_are_opened_at_once_are_whole() {
        let barrier = Barrier::new(2);
        let isa = Isa::of(Arch::Sparc64);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..1000 {
                        barrier.wait();
                        let mut memory = vec![0_u64; 0x2000];
                        let engine = open(EngineKind::Unicorn, isa).unwrap();
                        // rd %y,%o0; ta 1
                        memory[0] = 0x9140_0000_91d0_2001_u64.to_be();
                        // SAFETY: the memory lives longer than the engine.
                        unsafe { engine.map(0x1_0000, 0x1_0000, memory.as_mut_ptr().cast()) }.unwrap();
                        engine.on_exception(Box::new(|engine, _| engine.stop().unwrap())).unwrap();
                        engine.run(0x1_0000).unwrap();
                    }
                });
            }
        });
    }

    #[test]
    fn an_engine_without_such_a_cpu_is_refused() {
        let isa = Isa::of(Arch::Arm64);
        let Err(error) = open(EngineKind::Interpreter, isa) else { panic!("it has no arm64") };
        assert_eq!(error.to_string(), "the engine interpreter has no CPU of arm64: unicorn has");
    }
}
