//! `pmdscope kernel`.

use anyhow::Result;
use pmdscope_emu::kernel_routines;
use pmdscope_guest::kernel::Base;
use pmdscope_guest::{Kernel, Role};
use pmdscope_traces::text::table;
use pmdscope_traces::{functions, json, text};

use crate::cli::{KernelArgs, KernelFileArgs, KernelWhat, ListFormat, ListFunctionsArgs};
use crate::confined;
use crate::described::RoutineFile;
use crate::exit::Exit;
use crate::output;
use crate::subject::{KernelSubject, open_kernel};

pub fn kernel(args: &KernelArgs) -> Result<Exit> {
    let text = match &args.what {
        KernelWhat::Info(args) => info(&open(args)?),
        KernelWhat::ListFunctions(args) => return list_functions(args),
    };
    output::write(&text, None)?;
    Ok(Exit::Clean)
}

/// Runs each function alone, and lists what it does.
fn list_functions(args: &ListFunctionsArgs) -> Result<Exit> {
    let ListFunctionsArgs { kernel: file, .. } = args;
    let path = file.file.unlabelled()?;
    let routines = RoutineFile::read(args.routines.as_deref())?;
    let kernel = KernelSubject::open(path, file.types.as_deref(), file.cache)?;
    let (printed, is_known) = output::checked(args.report.self_check, || {
        let report = confined::functions(&kernel, routines.all())?;
        let printed = match args.format {
            ListFormat::Text => functions::text(&report),
            ListFormat::Json => json::pretty(&report)?,
        };
        Ok((printed, report.incomplete.is_none()))
    })?;
    let to = args.report.output.as_deref();
    let terminal = output::terminal(to).filter(|_| args.format == ListFormat::Text);
    output::write(&text::fit(&printed, terminal), to)?;
    Ok(if is_known { Exit::Clean } else { Exit::Inconclusive })
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
    if let Some(note) = kernel.objects() {
        let (functions, variables) = (note.functions.len(), note.variables.len());
        let objects = note.objects.len();
        row(
            "objects",
            format!("{objects}, without {functions} functions and {variables} variables that they use"),
        );
    }
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
