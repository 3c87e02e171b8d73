//! Converts words of the command line to values; each mistake is an error of one line.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use pmdscope_arches::{Arch, Encoding, Mmu, Version};
use pmdscope_emu::{Bounds, CallBounds, MachineContext};

use crate::cli::{BoundArgs, JobArgs, ReductionArg};

/// Returns the name of a file without its folders.
pub fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// Returns the encoding of a platform; by default the architecture's first MMU and the newest version.
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

/// Returns the bounds of `run`, which can also run schedules one by one.
pub fn run_bounds(args: &JobArgs) -> Result<Bounds> {
    let mut bounds = bounds(&args.bounds)?;
    bounds.context = args.context.parse().map_err(anyhow::Error::msg)?;
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

/// Returns the bounds that these options set, each of which must be at least 1.
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
        context: MachineContext::ALL,
    })
}

/// Parses the named values and drops repeats; returns the default if none is named.
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

/// Parses a 64-bit value written in hexadecimal, with or without `0x`; ignores underscores.
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

/// Parses a page frame number, decimal or hexadecimal with `0x`.
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
