//! Which engine runs machine code.

use unicorn_engine::{Arch, Mode, Unicorn};

use crate::error::EmuError;
use crate::memory::Shared;
use crate::pinned::{LINKED, ROOM};

/// Opens a CPU.
///
/// # Errors
/// [`EmuError::OtherEngine`] if another engine was linked than the pinned one, [`EmuError::NoRoom`] if the system does
/// not give what the engine takes, [`EmuError::Engine`] if it refuses.
pub(crate) fn open(arch: Arch, mode: Mode) -> Result<Unicorn<'static, ()>, EmuError> {
    check()?;
    // Taken and given back at once: no other thread of this process takes anything meanwhile.
    Shared::new(ROOM).map_err(|_| EmuError::NoRoom)?;
    Unicorn::new(arch, mode).map_err(|e| EmuError::engine("open a CPU", e))
}

/// Makes sure that the engine which was linked is the pinned one.
///
/// # Errors
/// [`EmuError::OtherEngine`] if it is another.
fn check() -> Result<(), EmuError> {
    // SAFETY: The function only reads constants, and fills in what it is given if that is not null.
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
