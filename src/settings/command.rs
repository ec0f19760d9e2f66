//! The command line.

use std::{
    collections::HashMap,
    ffi::{OsStr, OsString},
    sync::LazyLock,
};

use clap::{
    Arg, ArgMatches, Args, FromArgMatches, Subcommand,
    builder::OsStringValueParser,
    error::{Error, ErrorKind},
    parser::ValueSource,
};

use super::{Settings, SettingsError};

/// A command of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Serve the room; this is the default.
    Run,
    /// Print the settings in effect, test Redis, and exit.
    Check,
    /// Exit with 0 if the instance at RUANG_LISTEN is alive.
    Healthcheck,
}

/// The version of the program, and the commit it was built from.
pub const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("RUANG_COMMIT"), ")");

const AFTER_HELP: &str = "\
A setting comes from its flag, else from the environment, else from the file that RUANG_CONFIG names, else
it has its default. An empty variable counts as unset. Durations are written like 250ms, 5s, 15m, 7d.

Traces and metrics are sent to OTEL_EXPORTER_OTLP_ENDPOINT, if it is set (OTLP over HTTP). This and other
variables of OpenTelemetry (docs/observability.md) are read from the environment only.

A single instance on http://127.0.0.1:8080:
  ruang
One of several instances:
  ruang --listen 0.0.0.0:8080 --redis-url redis://redis
Test the settings and Redis:
  REDIS_URL=redis://redis ruang check";

/// Values by flag.
pub(super) type Flags = HashMap<&'static str, String>;

/// The names of a setting.
pub(super) struct Setting {
    id: &'static str,
    /// The flag, without its dashes.
    pub(super) flag: &'static str,
    /// The variable, in the environment and in the file.
    pub(super) name: &'static str,
    pub(super) default: Option<&'static str>,
}

/// Every setting, in the order of `--help`.
pub(super) static SETTINGS: LazyLock<Vec<Setting>> = LazyLock::new(|| {
    static COMMAND: LazyLock<clap::Command> = LazyLock::new(|| Settings::augment_args(clap::Command::new("ruang")));
    let setting = |arg: &'static Arg| Setting {
        id: arg.get_id().as_str(),
        flag: arg.get_long().unwrap_or_default(),
        name: arg.get_env().and_then(OsStr::to_str).unwrap_or_default(),
        default: arg.get_default_values().first().and_then(|default| default.to_str()),
    };
    COMMAND.get_arguments().map(setting).collect()
});

/// Parses the command line, the program's name first. Values of settings stay text.
pub(super) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<(Command, Flags), SettingsError> {
    let matches = command_line().try_get_matches_from(args).map_err(help_or_usage)?;
    let Some((_, of_command)) = matches.subcommand() else { return Ok((Command::Run, flags(&matches))) };
    // Flags may stand before the command or after it.
    Ok((Command::from_arg_matches(&matches).map_err(help_or_usage)?, flags(of_command)))
}

fn command_line() -> clap::Command {
    let command = Settings::augment_args(Command::augment_subcommands(clap::Command::new("ruang")));
    command
        .mut_args(|arg| arg.value_parser(OsStringValueParser::new()).hide_env_values(true).global(true))
        .mut_args(|arg| arg.allow_hyphen_values(true).required(false))
        .next_line_help(true)
        .about("One public chat room, served by any number of stateless instances.")
        .version(VERSION)
        .after_help(AFTER_HELP)
        .disable_help_subcommand(true)
        .subcommand_required(false)
        .arg_required_else_help(false)
}

fn flags(matches: &ArgMatches) -> Flags {
    let given = |setting: &Setting| {
        matches.value_source(setting.id).filter(|source| *source == ValueSource::CommandLine)?;
        let value: &OsString = matches.get_one(setting.id)?;
        Some((setting.flag, value.to_string_lossy().into_owned()))
    };
    SETTINGS.iter().filter_map(given).collect()
}

fn help_or_usage(error: Error) -> SettingsError {
    let text = error.to_string();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => SettingsError::Help(text.trim_end().to_owned()),
        _ => {
            let line = text.lines().next().unwrap_or_default();
            SettingsError::Usage(printable(line.trim_start_matches("error: ")))
        }
    }
}

/// Escapes control characters, which a terminal would obey.
fn printable(line: &str) -> String {
    line.chars().map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() }).collect()
}
