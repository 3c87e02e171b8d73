//! The options of a kernel's configuration that decide how swap types are numbered.

/// An option of a kernel's configuration that decides how swap types are numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConfigOption {
    /// `CONFIG_DEVICE_PRIVATE`.
    DevicePrivate,
    /// `CONFIG_PTE_MARKER`, which is always on from 6.2 on.
    PteMarker,
    /// `CONFIG_MEMORY_FAILURE`.
    MemoryFailure,
}

impl ConfigOption {
    /// The option's name, without `CONFIG_`.
    pub const fn name(self) -> &'static str {
        match self {
            ConfigOption::DevicePrivate => "DEVICE_PRIVATE",
            ConfigOption::PteMarker => "PTE_MARKER",
            ConfigOption::MemoryFailure => "MEMORY_FAILURE",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A configuration: the options that are on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Config(u8);

impl Config {
    /// Returns the configuration that has exactly these options on.
    pub(crate) const fn of(options: &[ConfigOption]) -> Config {
        let (mut bits, mut at) = (0, 0);
        while at < options.len() {
            bits |= options[at].bit();
            at += 1;
        }
        Config(bits)
    }

    /// Whether an option is on.
    pub(crate) const fn has(self, option: ConfigOption) -> bool {
        self.0 & option.bit() != 0
    }

    /// The same configuration with one option on or off.
    pub(crate) fn with(self, option: ConfigOption, on: bool) -> Config {
        if on { Config(self.0 | option.bit()) } else { Config(self.0 & !option.bit()) }
    }

    /// The number of options that are on.
    pub(crate) const fn count(self) -> u32 {
        self.0.count_ones()
    }
}
