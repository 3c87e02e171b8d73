//! Entry point of the program.

fn main() -> std::process::ExitCode {
    pmdscope::main()
}
