//! Measures the cost of passing one message to very many sockets, compared with the kernel's cost alone:
//! `cargo bench --bench fanout`. See docs/benchmark.md.

mod collector;
mod driver;
mod floor;
mod generator;
mod made_up;
mod members;
mod options;
mod peers;
mod plot;
mod process;
mod redis;
mod report;
mod rows;
mod setup;
mod speaker;
mod wait;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::{options::Options, process::Failure, report::Report};

#[derive(Parser)]
#[command(about = "Measures the fan-out of ruang against the kernel's own cost.")]
struct Command {
    #[command(subcommand)]
    role: Option<Role>,
    #[command(flatten)]
    options: Options,
    /// Passed by cargo bench.
    #[arg(long, hide = true)]
    bench: bool,
}

/// The role of a child process of this program.
#[derive(Subcommand)]
enum Role {
    #[command(hide = true)]
    Generator,
    #[command(hide = true)]
    Floor,
    #[command(hide = true)]
    Guard {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        program: Vec<String>,
    },
}

fn main() -> ExitCode {
    let Command { role, options, bench: _ } = Command::parse();
    let done = match role {
        Some(Role::Generator) => generator::run(),
        Some(Role::Floor) => floor::run(),
        Some(Role::Guard { program }) => Err(process::guard(&program)),
        None => match measure(&options) {
            Ok(report) if report.misses_a_bar() => return ExitCode::FAILURE,
            other => other.map(drop),
        },
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fanout: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(options: &Options) -> Result<Report, Failure> {
    let descriptors = process::raise_descriptors();
    if descriptors < 12_000 {
        eprintln!("fanout: only {descriptors} descriptors a process (ulimit -Hn): rows with 10,000 clients will fail");
    }
    // The log of this run only.
    let _absent = std::fs::remove_file(process::SERVERS_LOG);
    let mut report = Report::default();
    for row in options.rows() {
        eprintln!("fanout: {} …", row.name);
        match (row.measure)(options) {
            Ok(lines) => report.lines.extend(lines),
            Err(error) => report.lines.push(report::Line::failed(row.name, &error)),
        }
        // After every row, so that a later failure loses no result.
        report.write(&options.out)?;
        plot::write(&report, &options.out)?;
    }
    println!("{report}");
    println!("written to {}", options.out.join("fanout.json").display());
    Ok(report)
}
