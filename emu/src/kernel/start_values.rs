//! Variables that a kernel sets when it starts.

use pmdscope_arches::Encoding;

use crate::EmuError;
use crate::kernel::fields::Fields;
use crate::kernel::machine::{CPUS, Machine};

/// The variable that says whether migration entries keep young and dirty. A kernel sets it when it starts.
pub(crate) const KEEPS_YOUNG_DIRTY: &str = "swap_migration_ad_supported";

/// Sets the variables that a kernel sets when it starts.
pub(crate) fn set(machine: &mut Machine, encoding: &Encoding) -> Result<(), EmuError> {
    let keeps = encoding.keeps_young_dirty();
    let mut set = Vec::new();
    for (name, bytes, value) in [
        ("nr_cpu_ids", 4, CPUS.into()),
        ("highest_memmap_pfn", 8, 1 << 40),
        (KEEPS_YOUNG_DIRTY, 1, keeps.into()),
    ] {
        if let Some(address) = machine.kernel.symbol(name) {
            machine.put(address, bytes, value)?;
            set.push(format!("{name} is {value:#x}"));
        }
    }
    if !set.is_empty() {
        machine.assumptions.push(format!("{}, as the kernel finds out when it starts", set.join(", ")));
    }
    if keeps && machine.kernel.symbol(KEEPS_YOUNG_DIRTY).is_none() {
        machine.assumptions.push(format!(
            "this kernel does not keep young and dirty in migration entries: {KEEPS_YOUNG_DIRTY}, which it sets when \
             it starts, has no symbol"
        ));
    }
    Ok(())
}

/// Sets up node 0, whose counters change with mappings.
///
/// Returns its address if the caller must find the kernel's pointer to it, which has no symbol.
pub(crate) fn node(machine: &mut Machine, fields: &Fields) -> Result<Option<u64>, EmuError> {
    let Some(statistics) = fields.find("pglist_data", "per_cpu_nodestats") else { return Ok(None) };
    let counters = machine.per_cpu_object(0x400);
    machine.assumptions.push("memory is on one node, which has counted nothing".to_owned());
    // The value of a large machine: up to this threshold, a CPU keeps its counts to itself.
    if let Some(threshold) = fields.find("per_cpu_nodestat", "stat_threshold") {
        machine.put_per_cpu(counters + threshold, 125)?;
    }
    if let Some(node) = machine.kernel.symbol("contig_page_data") {
        machine.put64(node + statistics, counters)?;
        zones(machine, fields, node)?;
        return Ok(None);
    }
    let node = machine.object("pglist_data", fields.size("pglist_data")?, 64)?;
    machine.put64(node + statistics, counters)?;
    zones(machine, fields, node)?;
    match machine.kernel.symbol("node_data") {
        Some(nodes) => {
            machine.put64(nodes, node)?;
            Ok(None)
        }
        None => Ok(Some(node)),
    }
}

/// Sets up the counters of a node's zones, which have counted nothing.
fn zones(machine: &mut Machine, fields: &Fields, node: u64) -> Result<(), EmuError> {
    // Up to v5.13 they are with the pages that a CPU keeps.
    let members = [("per_cpu_zonestats", "per_cpu_zonestat"), ("pageset", "per_cpu_pageset")];
    let member = members.iter().find_map(|(member, of)| Some((fields.find("zone", member)?, *of)));
    let (Some((member, of)), Some(first), Ok(size), Some(end)) = (
        member,
        fields.find("pglist_data", "node_zones"),
        fields.size("zone"),
        fields.enumerator("__MAX_NR_ZONES"),
    ) else {
        return Ok(());
    };
    let counters = machine.per_cpu_object(fields.size(of).unwrap_or(0x200));
    if let Some(threshold) = fields.find(of, "stat_threshold") {
        machine.put_per_cpu(counters + threshold, 125)?;
    }
    for number in 0..u64::try_from(end).unwrap_or(0) {
        machine.put64(node + first + number * size + member, counters)?;
    }
    Ok(())
}
