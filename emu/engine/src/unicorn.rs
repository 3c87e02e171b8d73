//! Unicorn as an engine.

use std::ffi::c_void;

use unicorn_engine::{HookType, MemType, Prot, TlbEntry, TlbType, Unicorn};

use crate::context::{self, Context};
use crate::engine::{Engine, Translate};
use crate::error::EngineError;
use crate::hook::{self, Accesses, HookId, OnAccess, OnBlock, OnCode, OnException, OnUnmapped};

/// Returns the id of a hook that was added.
fn id(added: Result<unicorn_engine::UcHookId, unicorn_engine::uc_error>) -> Result<HookId, EngineError> {
    Ok(HookId(hook::Kind::Unicorn(added?)))
}

// A clone is another handle of the same engine. Its functions that change something need one of their own.
impl Engine for Unicorn<'_, ()> {
    fn register(&self, number: i32) -> Result<u64, EngineError> {
        Ok(self.reg_read(number)?)
    }

    fn set_register(&self, number: i32, value: u64) -> Result<(), EngineError> {
        Ok(self.clone().reg_write(number, value)?)
    }

    fn read(&self, address: u64, bytes: &mut [u8]) -> Result<(), EngineError> {
        Ok(self.mem_read(address, bytes)?)
    }

    fn write(&self, address: u64, bytes: &[u8]) -> Result<(), EngineError> {
        Ok(self.clone().mem_write(address, bytes)?)
    }

    unsafe fn map(&self, address: u64, bytes: u64, memory: *mut u8) -> Result<(), EngineError> {
        // SAFETY: as the caller says.
        Ok(unsafe { self.clone().mem_map_ptr(address, bytes, Prot::ALL, memory.cast::<c_void>()) }?)
    }

    fn translate(&self, translate: Translate) -> Result<(), EngineError> {
        let mut engine = self.clone();
        engine.ctl_set_tlb_type(TlbType::VIRTUAL)?;
        // The engine asks about one of its pages at a time, and does not report their size: on arm64 it is 1 KiB.
        engine.add_tlb_hook(1, 0, move |_, address, _| {
            let (paddr, executable) = translate(address);
            Some(TlbEntry { paddr, perms: if executable { Prot::ALL } else { Prot::READ | Prot::WRITE } })
        })?;
        Ok(())
    }

    fn on_code(&self, first: u64, last: u64, then: OnCode) -> Result<HookId, EngineError> {
        id(self.clone().add_code_hook(first, last, move |engine, pc, _| then(engine, pc)))
    }

    fn on_block(&self, then: OnBlock) -> Result<HookId, EngineError> {
        // Every address, for Unicorn.
        id(self.clone().add_block_hook(1, 0, move |engine, start, bytes| then(engine, start, bytes)))
    }

    fn on_access(
        &self,
        accesses: Accesses,
        first: u64,
        last: u64,
        then: OnAccess,
    ) -> Result<HookId, EngineError> {
        let kinds = match accesses {
            Accesses::Loads => HookType::MEM_READ,
            Accesses::Stores => HookType::MEM_WRITE,
            Accesses::All => HookType::MEM_READ | HookType::MEM_WRITE,
        };
        id(self.clone().add_mem_hook(kinds, first, last, move |engine, kind, address, size, value| {
            then(engine, address, size, (kind == MemType::WRITE).then_some(value.cast_unsigned()));
            true
        }))
    }

    fn on_unmapped(&self, then: OnUnmapped) -> Result<HookId, EngineError> {
        id(self.clone().add_mem_hook(HookType::MEM_INVALID, 1, 0, move |engine, _, address, size, _| {
            then(engine, address, size);
            false
        }))
    }

    fn on_exception(&self, then: OnException) -> Result<HookId, EngineError> {
        id(self.clone().add_intr_hook(move |engine, number| then(engine, number)))
    }

    fn remove(&self, hook: HookId) -> Result<(), EngineError> {
        match hook.0 {
            hook::Kind::Unicorn(hook) => Ok(self.clone().remove_hook(hook)?),
            hook::Kind::Interpreter(_) => Err(EngineError::Argument),
        }
    }

    fn run(&self, from: u64) -> Result<(), EngineError> {
        // The stop address 0 is never reached. If it were where functions return to, the engine would discard a
        // translation after each run.
        Ok(self.clone().emu_start(from, 0, 0, 0)?)
    }

    fn stop(&self) -> Result<(), EngineError> {
        Ok(self.clone().emu_stop()?)
    }

    fn save(&self) -> Result<Context, EngineError> {
        Ok(Context(context::Kind::Unicorn(self.context_init()?)))
    }

    fn restore(&self, context: &Context) -> Result<(), EngineError> {
        match &context.0 {
            context::Kind::Unicorn(context) => Ok(self.context_restore(context)?),
            context::Kind::Interpreter(_) => Err(EngineError::Argument),
        }
    }

    fn forget_code(&self) -> Result<(), EngineError> {
        Ok(self.clone().ctl_flush_tb()?)
    }

    fn forget_translations(&self) -> Result<(), EngineError> {
        Ok(self.clone().ctl_flush_tlb()?)
    }
}
