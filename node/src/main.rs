//! `bothways`: a peer node, and what people at a terminal need around it.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
