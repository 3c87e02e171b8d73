//! Opens the engine that runs machine code, and refuses any other than the pinned one.

use unicorn_engine::{Arch, Mode, Unicorn};

use crate::error::EmuError;
use crate::memory::Shared;
use crate::pinned::{LINKED, ROOM};

/// Opens a CPU.
///
/// # Errors
/// [`EmuError::OtherEngine`] if the linked engine is not the pinned one, [`EmuError::NoRoom`] if the system has too
/// little address space for a CPU, [`EmuError::Engine`] if the engine refuses.
pub(crate) fn open(arch: Arch, mode: Mode) -> Result<Unicorn<'static, ()>, EmuError> {
    check()?;
    // The room is allocated and freed at once: no other thread of this process allocates memory in between.
    Shared::new(ROOM).map_err(|_| EmuError::NoRoom)?;
    Unicorn::new(arch, mode).map_err(|e| EmuError::engine("open a CPU", e))
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
}
