//! Prints what was found in packages and boot images, with times on stderr.
//!
//!     cargo run --release -p pmdscope-guest --example kernel_info -- [--cache FOLDER] FILE...

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use pmdscope_guest::kernel::{Cache, KernelError, KernelFile, OpenedKernel, Types, TypesError};

fn main() -> ExitCode {
    let mut arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let mut cache = None;
    if arguments.first().is_some_and(|first| first == "--cache") && arguments.len() > 1 {
        cache = Some(Cache::in_folder(&arguments[1]));
        arguments.drain(..2);
    }
    let mut failed = arguments.is_empty();
    for path in &arguments {
        if let Err(error) = show(Path::new(path), cache.as_ref()) {
            eprintln!("kernel_info: {error}");
            failed = true;
        }
    }
    ExitCode::from(u8::from(failed))
}

fn show(path: &Path, cache: Option<&Cache>) -> Result<(), KernelError> {
    let start = Instant::now();
    let OpenedKernel { kernel, key, cached, notes } = KernelFile::open(path, cache)?;
    eprintln!(
        "{}: opened in {:.0?}{}",
        path.display(),
        start.elapsed(),
        if cached { ", cached" } else { "" }
    );
    if let Some(key) = key {
        eprintln!("key {key}");
    }
    for note in notes {
        eprintln!("note: {note}");
    }
    if let Some(package) = &kernel.package {
        println!("package   {package}");
        println!("file      {}", package.kernel);
        for other in &package.others {
            println!("also      {other}");
        }
    }
    let flat = &kernel.flat;
    println!("format    {}", kernel.format);
    println!("sha256    {}", kernel.sha256);
    println!("release   {} ({})", kernel.release, kernel.release.banner);
    println!("arch      {}, pages of {:?}", flat.arch, flat.page_size);
    println!("base      {:#x} ({:?}), {} relocations", flat.address(), flat.base, flat.relocations);
    for segment in &flat.segments {
        let (address, bytes) = (segment.address, segment.bytes.len());
        println!("segment   {address:#x} {bytes:#x} bytes of {:#x}, {:?}", segment.size, segment.kind);
    }
    if let Some(per_cpu) = flat.per_cpu {
        println!("per CPU   {per_cpu:x?}");
    }
    println!(
        "ELF       {} sections, {} symbols, whole: {}",
        flat.sections.len(),
        flat.symbols.len(),
        flat.whole
    );
    let start = Instant::now();
    match kernel.types() {
        None => println!("types     none"),
        Some(Err(error)) => println!("types     {error}"),
        Some(Ok(types)) => {
            println!("types     {} bytes of BTF", kernel.btf().map_or(0, <[u8]>::len));
            eprintln!("types in {:.0?}", start.elapsed());
            let start = Instant::now();
            if let Err(error) = show_types(&types) {
                println!("types     {error}");
            }
            eprintln!("looked up in {:.0?}", start.elapsed());
        }
    }
    println!();
    Ok(())
}

fn show_types(types: &Types) -> Result<(), TypesError> {
    for (of, path) in
        [("vm_area_struct", "vm_mm"), ("mm_struct", "pgd"), ("page", "_refcount"), ("page", "compound_head")]
    {
        println!("offset    {of}.{path} = {}", types.offset(of, path)?);
    }
    println!("size      page = {}", types.size("page")?);
    for name in ["PG_locked", "PG_head", "PG_swapcache"] {
        println!("value     {name} = {:?}", types.enumerator(Some("pageflags"), name)?);
    }
    for name in ["get_user_pages_fast_only", "pmdp_invalidate", "__split_huge_pmd"] {
        if let Some(prototype) = types.function(name)? {
            let parameters = prototype.parameters.iter();
            let parameters =
                parameters.map(|of| format!("{} {}", of.type_name, of.name.as_deref().unwrap_or("?")));
            let parameters = parameters.collect::<Vec<_>>().join(", ");
            println!("function  {} {name}({parameters})", prototype.returns);
        }
    }
    Ok(())
}
