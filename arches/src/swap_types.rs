//! The use of each swap type, by a kernel's configuration.
//!
//! `include/linux/swap.h` reserves types from the highest down, in groups. A group whose option is off reserves none, so
//! every type below it moves up.

use crate::config::{Config, ConfigOption};
use crate::swap_use::SwapUse;

/// Swap types with related uses, in ascending order, and the option that they need.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Group {
    needs: Option<ConfigOption>,
    uses: &'static [SwapUse],
}

/// Makes a group whose types exist if the option `needs` is on, or always if it is `None`.
pub(crate) const fn group(needs: Option<ConfigOption>, uses: &'static [SwapUse]) -> Group {
    Group { needs, uses }
}

/// The numbers of the migration types, and whether the offset also holds young and dirty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MigrationTypes {
    /// `SWP_MIGRATION_READ`.
    pub read: u64,
    /// `SWP_MIGRATION_READ_EXCLUSIVE`.
    pub read_exclusive: Option<u64>,
    /// `SWP_MIGRATION_WRITE`.
    pub write: u64,
    /// Whether young and dirty are kept in the offset above the page frame number.
    pub young_dirty: bool,
}

impl MigrationTypes {
    /// Whether a swap type means migration.
    pub fn contains(&self, kind: u64) -> bool {
        kind == self.read || kind == self.write || self.read_exclusive == Some(kind)
    }
}

/// The uses of swap types over a range of versions.
#[derive(Debug, Clone, Copy)]
pub struct SwapTypes {
    /// The groups, in ascending order. The last one ends with the highest type.
    groups: &'static [Group],
    /// Those of the deciding options that the architecture can have. A kernel can lack any of them, most often the
    /// last.
    options: &'static [ConfigOption],
    /// The migration types of a kernel with every option.
    usual: MigrationTypes,
}

/// A use of a swap type, and the kernels in which the type has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The use of the type.
    pub purpose: SwapUse,
    /// The options that decide the use, and whether each must be on. Empty if the type has it in every kernel.
    pub needs: Vec<(ConfigOption, bool)>,
}

impl SwapTypes {
    /// The number of swap types that fit into an entry (`1 << MAX_SWAPFILES_SHIFT`).
    pub const COUNT: u64 = 32;

    /// Makes the table of the uses in these groups. `options` are those that a kernel can have.
    pub(crate) const fn new(
        groups: &'static [Group],
        options: &'static [ConfigOption],
        young_dirty: bool,
    ) -> SwapTypes {
        let none = MigrationTypes { read: u64::MAX, read_exclusive: None, write: u64::MAX, young_dirty };
        let of_groups = SwapTypes { groups, options, usual: none };
        SwapTypes { usual: of_groups.migration_with(Config::of(options)), ..of_groups }
    }

    /// The migration types of a kernel that has every option that the architecture can have.
    pub const fn migration(&self) -> MigrationTypes {
        self.usual
    }

    const fn migration_with(&self, config: Config) -> MigrationTypes {
        let mut types = self.usual;
        let mut kind = 0;
        while kind < Self::COUNT {
            match self.use_with(kind, config) {
                SwapUse::MigrationRead => types.read = kind,
                SwapUse::MigrationReadExclusive => types.read_exclusive = Some(kind),
                SwapUse::MigrationWrite => types.write = kind,
                _ => {}
            }
            kind += 1;
        }
        types
    }

    /// Returns the use of a type in a kernel with these options.
    const fn use_with(&self, kind: u64, config: Config) -> SwapUse {
        let (mut end, mut at) = (Self::COUNT, self.groups.len());
        while at > 0 {
            at -= 1;
            let Group { needs, uses } = self.groups[at];
            let on = match needs {
                None => true,
                Some(option) => config.has(option),
            };
            if on {
                let first = end - uses.len() as u64;
                if kind >= first && kind < end {
                    return uses[(kind - first) as usize];
                }
                end = first;
            }
        }
        SwapUse::File
    }

    /// Returns every use that a type can have: first that in a kernel with all options, last that in a kernel with
    /// none.
    pub fn readings(&self, kind: u64) -> Vec<Reading> {
        let mut readings: Vec<(Reading, Vec<Config>)> = Vec::new();
        for config in self.configs() {
            let purpose = self.use_with(kind, config);
            if readings.iter().any(|(reading, of)| reading.purpose == purpose && of.contains(&config)) {
                continue;
            }
            // Leave out the options that make no difference here, one after the other.
            let (mut needs, mut of) = (Vec::new(), vec![config]);
            for option in self.options {
                let other = |config: &Config| config.with(*option, !config.has(*option));
                let flipped: Vec<Config> = of.iter().map(other).collect();
                if flipped.iter().all(|config| self.use_with(kind, *config) == purpose) {
                    of.extend(flipped);
                } else {
                    needs.push((*option, config.has(*option)));
                }
            }
            readings.push((Reading { purpose, needs }, of));
        }
        readings.into_iter().map(|(reading, _)| reading).collect()
    }

    /// Returns every configuration, those with more options first. Among equals, options that are off most often
    /// are off first.
    fn configs(&self) -> Vec<Config> {
        let mut configs = vec![Config::of(self.options)];
        for option in self.options.iter().rev() {
            let without: Vec<Config> = configs.iter().map(|config| config.with(*option, false)).collect();
            configs.extend(without);
        }
        configs.sort_by_key(|config| std::cmp::Reverse(config.count()));
        configs
    }
}
