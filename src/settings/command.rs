//! The command line.

use std::{collections::HashMap, ffi::OsString};

use clap::{Arg, ArgMatches, error::ErrorKind};

use super::{
    SettingsError,
    table::{self, Setting, Without},
};

/// What the program is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Serve the room.
    Run,
    /// Look at the settings, and whether Redis answers, and say so.
    Check,
    /// Ask the instance that runs with the same settings whether it is alive.
    Healthcheck,
}

/// The version of the program, and the commit it was built from.
pub const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("RUANG_COMMIT"), ")");

const AFTER: &str = "\
Each setting is taken from its flag, else from the environment, else from the file that RUANG_CONFIG
names, else it has its default. An empty variable is unset. Durations are written like 250ms, 5s, 15m, 7d.

Traces and metrics go to OTEL_EXPORTER_OTLP_ENDPOINT if the environment has it (OTLP over HTTP). It and
OpenTelemetry's other variables (docs/observability.md) are taken from the environment alone.

A room of its own on http://127.0.0.1:8080:
  ruang
One of several instances:
  ruang --listen 0.0.0.0:8080 --redis-url redis://redis
Are the settings right, does Redis answer?
  REDIS_URL=redis://redis ruang check";

/// Values by flag.
pub(super) type Flags = HashMap<&'static str, String>;

/// Reads the command line, the program's name first.
pub(super) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<(Command, Flags), SettingsError> {
    let matches = command_line().try_get_matches_from(args).map_err(told)?;
    let command = match matches.subcommand_name() {
        Some("check") => Command::Check,
        Some("healthcheck") => Command::Healthcheck,
        _ => Command::Run,
    };
    // Settings may stand before the command and after it.
    let innermost = matches.subcommand().map_or(&matches, |(_, matches)| matches);
    Ok((command, flags(innermost)))
}

fn command_line() -> clap::Command {
    clap::Command::new("ruang")
        .version(VERSION)
        .about("One public chat room that any number of stateless servers keep open together.")
        .after_help(AFTER)
        .args(table::ALL.map(flag))
        .subcommand(clap::Command::new("run").about("Serve the room; this is what it does without a command"))
        .subcommand(clap::Command::new("check").about("Say which settings hold and whether Redis answers, and exit"))
        .subcommand(clap::Command::new("healthcheck").about("Exit with 0 if the instance on RUANG_LISTEN is alive"))
        .disable_help_subcommand(true)
}

fn flag(setting: &'static Setting) -> Arg {
    let (Without::Value(default) | Without::Words(default)) = &setting.default;
    Arg::new(setting.flag)
        .long(setting.flag)
        .value_name(setting.value)
        .help_heading(setting.heading)
        .help(format!("{}\n[{}; default: {default}]", setting.help, setting.name))
        .allow_hyphen_values(true)
        .global(true)
}

fn flags(matches: &ArgMatches) -> Flags {
    let given = |setting: &&Setting| Some((setting.flag, matches.get_one::<String>(setting.flag)?.clone()));
    table::ALL.iter().filter_map(given).collect()
}

fn told(error: clap::Error) -> SettingsError {
    let text = error.to_string();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => SettingsError::Told(text.trim_end().to_owned()),
        _ => {
            let line = text.lines().next().unwrap_or_default();
            SettingsError::Usage(printable(line.trim_start_matches("error: ")))
        }
    }
}

/// What was typed is repeated without what a terminal would obey.
fn printable(line: &str) -> String {
    line.chars().map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() }).collect()
}
