//! `pmdscope kernel`.

use anyhow::Result;
use pmdscope_emu::kernel_routines;
use pmdscope_guest::kernel::Base;
use pmdscope_guest::{Kernel, Role};
use pmdscope_traces::text::table;

use crate::cli::{KernelArgs, KernelFileArgs, KernelWhat};
use crate::exit::Exit;
use crate::output;
use crate::subject::open_kernel;

pub fn kernel(args: &KernelArgs) -> Result<Exit> {
    let text = match &args.what {
        KernelWhat::Info(args) => info(&open(args)?),
        KernelWhat::ListFunctions(args) => functions(&open(args)?),
    };
    output::write(&text, None)?;
    Ok(Exit::Clean)
}

fn open(args: &KernelFileArgs) -> Result<Kernel> {
    open_kernel(args.file.unlabelled()?, args.types.as_deref(), args.cache)
}

fn columns(rows: impl IntoIterator<Item = Vec<String>>) -> String {
    table::columns(rows, output::terminal(None))
}

fn info(kernel: &Kernel) -> String {
    let file = kernel.file();
    let flat = &file.flat;
    let mut rows = vec![
        ["release", &file.release.text].map(str::to_owned).to_vec(),
        ["architecture", kernel.arch().name()].map(str::to_owned).to_vec(),
        ["format", &file.format].map(str::to_owned).to_vec(),
        ["sha256", &file.sha256].map(str::to_owned).to_vec(),
        ["banner", &file.release.banner].map(str::to_owned).to_vec(),
    ];
    let mut row = |what: &str, value: String| rows.push(vec![what.to_owned(), value]);
    row("build id", file.build_id.clone().unwrap_or_else(|| "none".to_owned()));
    if let Some(package) = &file.package {
        row("package", format!("{} {} ({})", package.name, package.version, package.architecture));
        row("kernel in it", package.kernel.clone());
        for other in &package.others {
            row("not opened", other.clone());
        }
    }
    let base = match flat.base {
        Base::Linked => "as the file says".to_owned(),
        Base::Relocations => format!("as its {} relocations say", flat.relocations),
        Base::SelfPointers { count } => format!("as {count} pointers to themselves say"),
        Base::Default => "by the architecture's default: nothing in the image says it".to_owned(),
    };
    row("address", format!("{:#x}, {base}", flat.address()));
    let size: u64 = kernel.memory().iter().map(|part| part.size).sum();
    row("memory", format!("{size:#x} bytes"));
    row("symbols", kernel.symbol_count().to_string());
    row("types", kernel.types_from().to_string());
    let named = |role: Role| {
        let names: Vec<_> = kernel_routines(role)
            .filter(|routine| routine.function_in(kernel).is_some())
            .map(|routine| routine.name)
            .collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    };
    row("writers", named(Role::Writer));
    row("walkers", named(Role::Walker));
    columns(rows)
}

/// Lists each routine with the kernel's function for it, and its prototype if the kernel has its type.
fn functions(kernel: &Kernel) -> String {
    columns(Role::ALL.into_iter().flat_map(kernel_routines).map(|routine| {
        let function = match routine.function_in(kernel) {
            Some((symbol, address)) => format!("{address:#x} {}", declared(kernel, symbol)),
            None => format!("not in this kernel: no {}()", routine.symbols.join("() or ")),
        };
        vec![routine.name.to_owned(), routine.role.name().to_owned(), function]
    }))
}

fn declared(kernel: &Kernel, symbol: &str) -> String {
    // The compiler adds what follows a dot: this is a part of a function, or a variant of it.
    let name = symbol.split('.').next().unwrap_or(symbol);
    let Some(prototype) = kernel.prototype(name) else { return format!("{symbol}()") };
    let parameters: Vec<_> = prototype
        .parameters
        .iter()
        .map(|parameter| match &parameter.name {
            Some(name) => format!("{} {name}", parameter.type_name),
            None => parameter.type_name.clone(),
        })
        .collect();
    format!("{} {symbol}({})", prototype.returns, parameters.join(", "))
}
