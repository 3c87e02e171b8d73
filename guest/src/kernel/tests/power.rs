//! Tests of big-endian kernels for POWER, on files that `power/build` made.

use pmdscope_arches::Arch;

use super::samples::*;
use crate::kernel::*;

const ELF_V1: &[u8] = include_bytes!("power/elfv1.elf");
const ELF_V2: &[u8] = include_bytes!("power/elfv2.elf");

/// The instruction with which each function of the samples ends (`blr`).
const RETURN: [u8; 4] = [0x4e, 0x80, 0, 0x20];

fn kernel(bytes: &[u8]) -> Kernel {
    Kernel::of_file(open(bytes).unwrap()).unwrap()
}

#[test]
fn functions_are_found_in_either_convention() {
    for (bytes, abi) in [(ELF_V1, PowerAbi::V1), (ELF_V2, PowerAbi::V2)] {
        let kernel = kernel(bytes);
        assert_eq!((kernel.arch(), kernel.power_abi()), (Arch::Ppc64, Some(abi)));
        assert_eq!(kernel.file().build_id.as_ref().map(String::len), Some(40));
        let image = &kernel.file().flat;
        let text = image.sections.iter().find(|section| section.name == ".text").unwrap();
        let in_text = |address: u64| (text.address..text.address + text.size).contains(&address);
        for name in ["get_page", "pmdp_invalidate", "helper", "_start"] {
            let found = kernel.find(name).unwrap();
            assert!(in_text(found.address) && in_text(found.local_entry), "{abi:?} {name}: {found:x?}");
            assert_eq!(kernel.symbol_at(found.address), Some((name, 0)), "{abi:?}");
            assert_eq!(kernel.symbol_at(found.address + 4), Some((name, 4)), "{abi:?}");
            match abi {
                // The TOC is 0x8000 above the start of the table of addresses, near the descriptors.
                PowerAbi::V1 => {
                    assert_eq!(found.local_entry, found.address);
                    let opd = image.sections.iter().find(|section| section.name == ".opd").unwrap();
                    assert!(found.toc.unwrap().abs_diff(opd.address) < 0x1_0000, "{name}: {found:x?}");
                }
                // Two instructions set r2.
                PowerAbi::V2 => assert_eq!((found.local_entry, found.toc), (found.address + 8, None)),
            }
        }
        let functions = kernel.functions();
        assert!(functions.contains(&"get_page") && !functions.contains(&".get_page"), "{functions:?}");
        let variable = kernel.find("variable").unwrap();
        assert_eq!(image.read(variable.address, 4), Some(&[0, 0, 0, 5][..]));
        assert_eq!((variable.local_entry, variable.toc), (variable.address, None));
        assert_eq!((kernel.find("put_page"), kernel.find("")), (None, None));
    }
}

#[test]
fn a_function_of_assembly_has_a_name_for_its_code_only() {
    let kernel = kernel(ELF_V1);
    let found = kernel.find("in_assembly").unwrap();
    assert_eq!(kernel.file().flat.read(found.address, 4), Some(&RETURN[..]));
    assert_eq!((found.toc, kernel.symbol_at(found.address)), (None, Some(("in_assembly", 0))));
}

#[test]
fn other_kernels_have_no_convention_of_power() {
    assert_eq!(kernel(&elf(X86_64, 2)).power_abi(), None);
}

#[test]
fn a_descriptor_outside_the_file_is_none() {
    let mut file = open(ELF_V1).unwrap();
    for section in &mut file.flat.sections {
        if section.name == ".opd" {
            section.address = u64::MAX - 0x1000;
            section.size = 0x1000;
        }
    }
    let kernel = Kernel::of_file(file).unwrap();
    for name in kernel.functions() {
        assert_eq!(kernel.find(name).and_then(|found| found.toc), None);
    }
}
