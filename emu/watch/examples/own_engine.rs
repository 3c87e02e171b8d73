//! Attaches the watch to an engine of one's own, and prints how `xchgq %rsi, (%rdi)` accesses a word.
use std::{ops::ControlFlow, rc::Rc};

use pmdscope_watch::unicorn_engine::{Arch::X86, Mode, Prot, RegisterX86 as R, Unicorn, uc_error};
use pmdscope_watch::{Arch, Disassembler, Engine, Isa, Observer, Site, WatchError, attach};

struct Print;
#[rustfmt::skip]
impl Observer for Print {
    fn before(&mut self, site: &Site, _: &dyn Engine) -> ControlFlow<()> {
        println!("{site:x?}");
        ControlFlow::Continue(())
    }
    fn loaded(&mut self, _: &Site, value: u64) { println!("  loads {value:#x}"); }
    fn stored(&mut self, _: &Site, value: u64) { println!("  stores {value:#x}"); }
    fn failed(&mut self, error: WatchError) { println!("  {error}"); }
}

fn main() -> Result<(), uc_error> {
    let mut engine = Unicorn::new(X86, Mode::MODE_64)?;
    engine.mem_map(0x1000, 0x2000, Prot::ALL)?;
    engine.mem_write(0x1000, &[0x48, 0x87, 0x37])?;
    let isa = Isa::of(Arch::X86_64);
    let decoder = Rc::new(Disassembler::new(isa).expect("Capstone has it"));
    attach(&engine, 0x2000..0x3000, decoder, Print).expect("the range is there");
    engine.reg_write(R::RDI, 0x2000).and_then(|()| engine.reg_write(R::RSI, 7))?;
    engine.emu_start(0x1000, 0x1003, 0, 0)
}
