//! From the command line as written to what is to be done: everything is checked here, before
//! anything runs, and each mistake gets one line.

use std::borrow::Cow;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use pmdscope_arches::{Arch, Encoding, EntryKind, EntrySpec, Mmu, UnknownName, Version};
use pmdscope_emu::{Bounds, CallBounds, MOST_CPUS, Reduction, Schedule};
use pmdscope_guest::{Agent, Bundled, Declared, Guest, Walker, Writer, bundled};
use pmdscope_traces::GuestInfo;

use crate::cli::{BoundArgs, JobArgs, Marks, ReductionArg};
use crate::input;

/// The machine code to run, and where it comes from.
#[derive(Clone)]
pub struct GuestSource {
    /// `bundled` or `file`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// The ELF file.
    pub elf: Cow<'static, [u8]>,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
    /// The guest.
    pub guest: Guest,
}

impl GuestSource {
    /// The bundled guest that is right for an encoding.
    pub fn bundled_for(encoding: &Encoding) -> Result<Self> {
        let bundled = bundled(encoding.arch(), encoding.mmu(), encoding.version())?;
        Self::of_bundled(bundled)
    }

    fn of_bundled(bundled: &Bundled) -> Result<Self> {
        let guest = bundled.load().with_context(|| format!("the bundled guest {}", bundled.name))?;
        Ok(GuestSource {
            kind: "bundled",
            name: bundled.name.to_owned(),
            elf: Cow::Borrowed(bundled.elf),
            sha256: bundled.sha256.to_owned(),
            guest,
        })
    }

    /// What reports say of it.
    pub fn info(&self) -> GuestInfo {
        GuestInfo {
            kind: self.kind.to_owned(),
            name: self.name.clone(),
            sha256: self.sha256.clone(),
            release: None,
            package: None,
            build_id: None,
        }
    }

    /// An ELF file of the user's, called by its name without folders, so that it is called the same everywhere.
    pub fn named(path: &Path, arch: Arch) -> Result<Self> {
        let source = GuestSource::from_file(path, arch)?;
        Ok(GuestSource { name: file_name(path), ..source })
    }

    /// An ELF file of the user's, for the architecture that it says.
    pub fn of_any_arch(path: &Path) -> Result<Self> {
        let (name, bytes) = read(path)?;
        let arch = Guest::arch_of(&bytes).with_context(|| name.clone())?;
        GuestSource::from_bytes(name.clone(), bytes, arch).context(name)
    }

    /// An ELF file of the user's.
    pub fn from_file(path: &Path, arch: Arch) -> Result<Self> {
        let (name, bytes) = read(path)?;
        GuestSource::from_bytes(name.clone(), bytes, arch).context(name)
    }

    /// An ELF file that was read.
    pub fn from_bytes(name: String, elf: Vec<u8>, arch: Arch) -> Result<Self> {
        use sha2::Digest;

        let guest = Guest::parse(&elf, arch)?;
        // Every report needs it, so a guest without it is refused before anything runs.
        guest.function(pmdscope_guest::abi::SURVEY)?;
        let sha256 = hex::encode(sha2::Sha256::digest(&elf));
        Ok(GuestSource { kind: "file", name, elf: Cow::Owned(elf), sha256, guest })
    }
}

/// A file's name, and its bytes.
fn read(path: &Path) -> Result<(String, Vec<u8>)> {
    /// Guests are a few kilobytes; this is room for any, and stops a mistaken disk image.
    const LARGEST_GUEST_BYTES: u64 = 64 << 20;
    Ok((path.display().to_string(), input::read(path, LARGEST_GUEST_BYTES)?))
}

/// The name of a file without its folders.
pub fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// An entry to begin with.
#[derive(Debug, Clone, Copy)]
pub struct Start {
    /// Its value in CPU order.
    pub value: u64,
    /// Its kind; `None` if it was given by value.
    pub kind: Option<EntryKind>,
    /// Its marks.
    pub marks: Marks,
    /// The page it is about, for the struct pages that must exist.
    pub pfn: u64,
    /// Whether that page was asked for by its number.
    pub asked: bool,
}

impl Marks {
    /// The names of those that are set.
    pub fn names(mut self) -> Vec<String> {
        self.named().into_iter().filter(|(_, set)| **set).map(|(name, _)| name.to_owned()).collect()
    }

    /// Those of these names.
    pub fn of_names(names: &[String]) -> Result<Marks, UnknownName> {
        let mut marks = Marks::default();
        for name in names {
            let mut all = marks.named();
            match all.iter_mut().find(|(known, _)| known == name) {
                Some((_, set)) => **set = true,
                None => return Err(UnknownName::new("mark", name, all.iter().map(|(known, _)| *known))),
            }
        }
        Ok(marks)
    }

    fn named(&mut self) -> [(&'static str, &mut bool); 4] {
        [
            ("young", &mut self.young),
            ("dirty", &mut self.dirty),
            ("soft-dirty", &mut self.soft_dirty),
            ("uffd-wp", &mut self.uffd_wp),
        ]
    }
}

impl Start {
    /// An entry of a kind.
    pub fn of_kind(encoding: &Encoding, kind: EntryKind, marks: Marks, pfn: Option<u64>) -> Result<Self> {
        let asked = pfn.is_some();
        let pfn = match kind {
            EntryKind::None => {
                ensure!(pfn.is_none(), "an entry of kind none has no page: leave --pfn out");
                0
            }
            _ => pfn.unwrap_or_else(|| encoding.default_pfn()),
        };
        let Marks { young, dirty, soft_dirty, uffd_wp } = marks;
        let value = encoding.build(&EntrySpec { kind, pfn, young, dirty, soft_dirty, uffd_wp })?;
        Ok(Start { value, kind: Some(kind), marks, pfn, asked })
    }

    /// An entry by its value.
    pub fn of_value(encoding: &Encoding, value: u64) -> Self {
        let pfn = encoding.pfn_of(value).unwrap_or(0);
        Start { value, kind: None, marks: Marks::default(), pfn, asked: false }
    }
}

/// A routine that runs with writer and walker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum With {
    /// Another writer.
    Writer(Writer),
    /// Another walker.
    Walker(Walker),
    /// One that plays the MMU.
    Agent(Agent),
}

impl With {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            With::Writer(writer) => writer.name(),
            With::Walker(walker) => walker.name(),
            With::Agent(agent) => agent.name(),
        }
    }

    /// The guest's symbol of it.
    pub const fn symbol(self) -> &'static str {
        match self {
            With::Writer(writer) => writer.symbol(),
            With::Walker(walker) => walker.symbol(),
            With::Agent(agent) => agent.symbol(),
        }
    }

    /// What it is, in one line.
    pub const fn meaning(self) -> &'static str {
        match self {
            With::Writer(writer) => writer.meaning(),
            With::Walker(walker) => walker.meaning(),
            With::Agent(agent) => agent.meaning(),
        }
    }

    /// What a guest declares of it; `None` if it is one of the registry.
    pub const fn declared(self) -> Option<&'static Declared> {
        match self {
            With::Writer(Writer::Declared(declared))
            | With::Walker(Walker::Declared(declared))
            | With::Agent(Agent::Declared(declared)) => Some(declared),
            _ => None,
        }
    }

    /// Whether it plays the MMU.
    pub const fn is_agent(&self) -> bool {
        matches!(self, With::Agent(_))
    }
}

impl With {
    /// The routine of a guest with this name, whatever it does.
    pub fn named(name: &str, guest: &Guest) -> Result<With, UnknownName> {
        let writers = Writer::of(guest).into_iter().map(With::Writer);
        let walkers = Walker::of(guest).into_iter().map(With::Walker);
        let agents = Agent::of(guest).into_iter().map(With::Agent);
        let all: Vec<With> = writers.chain(walkers).chain(agents).collect();
        all.iter()
            .find(|with| with.name() == name)
            .copied()
            .ok_or_else(|| UnknownName::new("routine", name, all.iter().map(|with| with.name())))
    }
}

/// What `run` is to do.
pub struct RunPlan {
    pub encoding: Encoding,
    pub source: GuestSource,
    pub start: Start,
    pub writer: Writer,
    pub walkers: Vec<Walker>,
    pub with: Vec<With>,
    pub bounds: Bounds,
    pub reduction: Reduction,
    pub schedule: Option<Schedule>,
}

impl RunPlan {
    pub fn new(args: &JobArgs) -> Result<Self> {
        let encoding =
            encoding(args.arch.as_deref().unwrap_or_default(), args.mmu.as_deref(), args.linux.as_deref())?;
        let start = match (&args.pmd, &args.entry) {
            (Some(hex), _) => Start::of_value(&encoding, hex_value(hex)?),
            (None, Some(kind)) => {
                let kind: EntryKind = kind.parse()?;
                let pfn = args.pfn.as_deref().map(number).transpose()?;
                Start::of_kind(&encoding, kind, args.marks, pfn)?
            }
            (None, None) => bail!("name an entry by --entry or --pmd"),
        };
        let source = match &args.guest {
            Some(path) => GuestSource::from_file(path, encoding.arch())?,
            None => GuestSource::bundled_for(&encoding)?,
        };
        let guest = &source.guest;
        let writer = Writer::named(args.writer.as_deref().unwrap_or("split-unguarded"), guest)?;
        let walkers =
            args.walker.iter().map(|walker| Walker::named(walker, guest)).collect::<Result<_, _>>()?;
        // The same routine may well run on several CPUs.
        let with = args.with.iter().map(|with| With::named(with, guest)).collect::<Result<_, _>>()?;
        let bounds = run_bounds(args)?;
        let plan = RunPlan {
            encoding,
            source,
            start,
            writer,
            walkers,
            with,
            bounds,
            reduction: args.reduction.into(),
            schedule: args.schedule.as_deref().map(str::parse).transpose()?,
        };
        plan.checked()
    }

    /// The same, if there are CPUs for all of its routines and its guest has them.
    pub fn checked(self) -> Result<Self> {
        ensure!(
            self.with.len() <= MOST_CPUS - 2,
            "{} routines are too many to run with writer and walker: at most {}",
            self.with.len(),
            MOST_CPUS - 2
        );
        for walker in &self.walkers {
            let routines =
                [With::Writer(self.writer), With::Walker(*walker)].into_iter().chain(self.with.clone());
            runnable(&self.source, &self.encoding, routines).map_err(|reason| match self.source.kind {
                "file" => anyhow!("{}: {reason}", self.source.name),
                _ => anyhow!("{} {reason}", self.encoding),
            })?;
        }
        Ok(self)
    }
}

/// Whether a guest has all of the routines; if not, why, without saying which guest.
pub fn runnable(
    source: &GuestSource,
    encoding: &Encoding,
    routines: impl IntoIterator<Item = With>,
) -> Result<(), String> {
    let Some(lacking) = routines.into_iter().find(|routine| !source.guest.has(routine.symbol())) else {
        return Ok(());
    };
    let since = match lacking {
        With::Writer(writer) => writer.since(),
        With::Walker(walker) => walker.since(),
        With::Agent(_) => Version::OLDEST,
    };
    Err(match lacking {
        _ if source.kind == "file" => lacks(&source.guest, lacking.symbol()),
        _ if since > encoding.version() => format!("has no {}: it came in Linux {since}", lacking.name()),
        With::Agent(_) => format!("has no {}: its MMU does not mark entries", lacking.name()),
        _ => format!("has no {}: its kernel has no such routine", lacking.name()),
    })
}

fn lacks(guest: &Guest, symbol: &str) -> String {
    match guest.function(symbol) {
        Err(error) => error.to_string(),
        Ok(_) => format!("has {symbol}"),
    }
}

/// The encoding of a platform.
pub fn encoding(arch: &str, mmu: Option<&str>, linux: Option<&str>) -> Result<Encoding> {
    let arch: Arch = arch.parse()?;
    let mmu = match mmu {
        Some(mmu) => Some(mmu.parse::<Mmu>()?),
        None => arch.mmus().first().copied(),
    };
    let version = match linux {
        Some(version) => version.parse()?,
        None => Version::NEWEST,
    };
    Ok(Encoding::at(arch, mmu, version)?)
}

/// The bounds of `run`, which may run schedules one by one.
pub fn run_bounds(args: &JobArgs) -> Result<Bounds> {
    let mut bounds = bounds(&args.bounds)?;
    if let Some(most) = args.max_schedules {
        ensure!(
            args.reduction == ReductionArg::None,
            "--max-schedules is for schedules that are run one by one: add --reduction none"
        );
        ensure!(most > 0, "--max-schedules is 0, so nothing could be run: give at least 1");
        bounds.schedules = most;
    }
    Ok(bounds)
}

/// The bounds of a run.
pub fn bounds(args: &BoundArgs) -> Result<Bounds> {
    for (name, value) in [
        ("--max-behaviours", args.max_behaviours),
        ("--max-accesses", args.max_accesses),
        ("--max-instructions", args.max_instructions),
        ("--timeout", args.timeout),
    ] {
        ensure!(value > 0, "{name} is 0, so nothing could be run: give at least 1");
    }
    let time = Duration::from_secs(args.timeout);
    Ok(Bounds {
        call: CallBounds { accesses: args.max_accesses, instructions: args.max_instructions, time },
        schedules: Bounds::default().schedules,
        behaviours: args.max_behaviours,
        time,
    })
}

/// What was named, each once, or the default.
pub fn chosen<T>(named: &[String], default: Vec<T>) -> Result<Vec<T>>
where
    T: FromStr + PartialEq,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    if named.is_empty() {
        return Ok(default);
    }
    let mut all = Vec::new();
    for text in named {
        let one = text.parse()?;
        if !all.contains(&one) {
            all.push(one);
        }
    }
    Ok(all)
}

/// A 64-bit value written in hexadecimal, with or without `0x`.
pub fn hex_value(text: &str) -> Result<u64> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    let digits = digits.replace('_', "");
    ensure!(
        !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_hexdigit()),
        "'{text}' is not a hexadecimal number: write an entry's value as 0x0000000081200e00"
    );
    ensure!(digits.len() <= 16, "'{text}' has {} hexadecimal digits: an entry has at most 16", digits.len());
    u64::from_str_radix(&digits, 16).with_context(|| format!("'{text}' is not a hexadecimal number"))
}

/// A number, decimal or with `0x`.
pub fn number(text: &str) -> Result<u64> {
    let parsed = if text.starts_with("0x") { hex_value(text).ok() } else { text.parse().ok() };
    parsed.with_context(|| format!("'{text}' is not a page frame number: write it as 0x81200 or 528896"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_hexadecimal_with_or_without_prefix() {
        assert_eq!(hex_value("0x81200").unwrap(), 0x81200);
        assert_eq!(hex_value("81200E00").unwrap(), 0x8120_0e00);
        assert_eq!(hex_value("0xffff_ffff_ffff_ffff").unwrap(), u64::MAX);
        for bad in ["", "0x", "0xg", "12345678901234567", "-1", "0x 1"] {
            hex_value(bad).unwrap_err();
        }
    }
}
