//! Resolves each setting: flag, environment, file, default, in this order of precedence.

use std::{collections::HashMap, error::Error as _};

use clap::{
    Args, FromArgMatches,
    builder::Resettable,
    error::{ContextKind, ContextValue, Error},
};

use super::{
    Settings, SettingsError,
    command::{Flags, SETTINGS, Setting},
    file,
    value::redacted_url,
};

/// Characters of a wrong value that an error repeats.
const REPEATED: usize = 100;

/// A setting in effect.
#[derive(Clone, Debug)]
pub struct Effective {
    /// The variable.
    pub name: &'static str,
    /// The value as given, secrets hidden.
    pub value: String,
    /// `flag`, `environment`, `file` or `default`.
    pub source: &'static str,
}

impl Effective {
    /// Whether the operator set it.
    pub fn is_chosen(&self) -> bool {
        self.source != "default"
    }
}

/// A value as given, and its source.
struct Given {
    value: String,
    source: &'static str,
    /// The setting as the operator named it: a flag, a variable, or a line of the file.
    named: String,
}

/// All values that were given.
pub(super) struct Sources<'a> {
    env: &'a dyn Fn(&str) -> Option<String>,
    given: HashMap<&'static str, Given>,
}

impl<'a> Sources<'a> {
    /// Collects what the command line, the environment and the file say.
    pub(super) fn collect(mut flags: Flags, env: &'a dyn Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let mut sources = Self { env, given: HashMap::new() };
        for Setting { flag, name, .. } in SETTINGS.iter() {
            if let Some(value) = flags.remove(flag) {
                sources.given.insert(name, Given { value, source: "flag", named: format!("--{flag}") });
            } else if let Some(value) = sources.variable(name) {
                sources.given.insert(name, Given { value, source: "environment", named: (*name).to_owned() });
            }
        }
        if let Some(path) = sources.given.get(super::CONFIG).map(|given| given.value.clone()) {
            for (name, (line, value)) in file::read(&path)?.into_iter().filter(|(_, (_, value))| !value.is_empty()) {
                let named = format!("{path:?} line {line}: {name}");
                sources.given.entry(name).or_insert(Given { value, source: "file", named });
            }
        }
        Ok(sources)
    }

    /// Adds a default that is known only now.
    pub(super) fn set_default(&mut self, name: &'static str, value: &str) {
        let given = Given { value: value.to_owned(), source: "default", named: name.to_owned() };
        self.given.entry(name).or_insert(given);
    }

    /// A variable of the environment, unless it is empty.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        (self.env)(name).filter(|value| !value.is_empty())
    }

    /// Parses each value.
    pub(super) fn parse(&self) -> Result<Settings, SettingsError> {
        let command = Settings::augment_args(clap::Command::new("ruang").no_binary_name(true));
        // The environment was resolved above: it is a parameter, and an empty variable counts as unset.
        let command = command.mut_args(|arg| arg.env(Resettable::Reset));
        let given = |setting: &Setting| Some(format!("--{}={}", setting.flag, self.given.get(setting.name)?.value));
        let matches = command.try_get_matches_from(SETTINGS.iter().filter_map(given));
        matches.and_then(|matches| Settings::from_arg_matches(&matches)).map_err(|error| self.invalid(&error))
    }

    fn invalid(&self, error: &Error) -> SettingsError {
        let argument = match error.get(ContextKind::InvalidArg) {
            Some(ContextValue::String(argument)) => argument.split(' ').next().unwrap_or_default(),
            _ => "",
        };
        let flag = argument.trim_start_matches("--");
        let name = SETTINGS.iter().find(|setting| setting.flag == flag).map_or(flag, |setting| setting.name);
        self.refused(name, &error.source().map(ToString::to_string).unwrap_or_default())
    }

    /// The error of a value that is not one of the `expected`.
    pub(super) fn refused(&self, name: &str, expected: &str) -> SettingsError {
        let given = self.given.get(name);
        SettingsError::Value {
            setting: given.map_or(name, |given| &given.named).to_owned(),
            value: shown(name, given.map_or("", |given| &given.value)),
            expected: expected.to_owned(),
        }
    }

    /// Every setting in effect.
    pub(super) fn effective(&self) -> Vec<Effective> {
        let effective = |Setting { name, default, .. }: &Setting| match self.given.get(name) {
            Some(Given { value, source, .. }) => Effective { name, value: shown(name, value), source },
            None => {
                let default = default.filter(|default| !default.is_empty());
                Effective { name, value: default.map_or_else(|| "not set".to_owned(), repeated), source: "default" }
            }
        };
        SETTINGS.iter().map(effective).collect()
    }
}

/// A value as it may be shown: on one line, without a secret.
fn shown(name: &str, value: &str) -> String {
    if name == super::REDIS_URL { redacted_url(value) } else { repeated(value) }
}

/// A value, quoted, at most [`REPEATED`] characters of it.
pub(super) fn repeated(value: &str) -> String {
    match value.char_indices().nth(REPEATED) {
        Some((end, _)) => format!("{:?}…", &value[..end]),
        None => format!("{value:?}"),
    }
}
