//! Where the value of a setting comes from.

use std::fmt;

use super::{
    SettingsError,
    command::Flags,
    file::{self, Lines},
    table::{self, Setting, Without},
    value::{self, Checked},
};

/// Longest part of a wrong value that is repeated to who gave it.
const REPEATED: usize = 100;

/// A setting as it holds.
#[derive(Clone, Debug)]
pub struct Effective {
    /// The variable.
    pub name: &'static str,
    /// The value, secrets hidden, or in words what holds without one.
    pub value: String,
    /// Who says so: `flag`, `environment`, `file` or `default`.
    pub source: &'static str,
}

impl Effective {
    /// Whether somebody chose it.
    pub fn is_chosen(&self) -> bool {
        self.source != "default"
    }
}

/// Who gave a value.
#[derive(Clone, Debug)]
enum Source {
    Flag,
    Environment,
    File { path: String, line: usize },
    Default,
}

struct Given {
    value: String,
    source: Source,
}

/// Reads settings one by one, and remembers what it read.
pub(super) struct Reader<'a> {
    flags: Flags,
    env: &'a dyn Fn(&str) -> Option<String>,
    file: Lines,
    path: String,
    effective: Vec<Effective>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(flags: Flags, env: &'a dyn Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let mut reader = Self { flags, env, file: Lines::new(), path: String::new(), effective: Vec::new() };
        if let Some(path) = reader.optional(&table::CONFIG, |path| Ok(path.to_owned()))? {
            reader.file = file::read(&path)?;
            reader.path = path;
        }
        Ok(reader)
    }

    /// The value of a setting that has a default.
    pub(super) fn required<T>(
        &mut self,
        setting: &'static Setting,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, SettingsError> {
        let Without::Value(default) = setting.default else { unreachable!("{} has a default", setting.name) };
        let given = self.given(setting).unwrap_or_else(|| Given { value: default.into(), source: Source::Default });
        self.parsed(setting, &given, parse)
    }

    /// The value of a setting that may be absent.
    pub(super) fn optional<T>(
        &mut self,
        setting: &'static Setting,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, SettingsError> {
        if let Some(given) = self.given(setting) {
            return self.parsed(setting, &given, parse).map(Some);
        }
        let (Without::Value(words) | Without::Words(words)) = setting.default;
        self.remember(setting, words.to_owned(), &Source::Default);
        Ok(None)
    }

    /// A variable of the environment that is nothing else, if it is not empty.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        (self.env)(name).filter(|value| !value.is_empty())
    }

    /// Looks at such a variable, if it is given.
    pub(super) fn check_variable(
        &mut self,
        name: &'static str,
        check: impl Fn(&str) -> Checked,
        is_secret: bool,
    ) -> Result<(), SettingsError> {
        let Some(value) = self.variable(name) else { return Ok(()) };
        let shown = if is_secret { "(not shown)".to_owned() } else { repeated(&value) };
        check(&value).map_err(|accepted| wrong(name.to_owned(), shown.clone(), accepted))?;
        self.effective.push(Effective { name, value: shown, source: "environment" });
        Ok(())
    }

    /// The error of a value that makes no sense beside others.
    pub(super) fn refused(&self, setting: &'static Setting, accepted: &str) -> SettingsError {
        let given = self.given(setting);
        let value = given.as_ref().map_or_else(String::new, |given| given.value.clone());
        wrong(self.named(setting, given.as_ref()), shown(setting, &value), accepted.to_owned())
    }

    pub(super) fn into_effective(self) -> Vec<Effective> {
        self.effective
    }

    fn given(&self, setting: &Setting) -> Option<Given> {
        if let Some(value) = self.flags.get(setting.flag) {
            return Some(Given { value: value.clone(), source: Source::Flag });
        }
        if let Some(value) = self.variable(setting.name) {
            return Some(Given { value, source: Source::Environment });
        }
        let (line, value) = self.file.get(setting.name).filter(|(_, value)| !value.is_empty())?;
        Some(Given { value: value.clone(), source: Source::File { path: self.path.clone(), line: *line } })
    }

    fn parsed<T>(
        &mut self,
        setting: &'static Setting,
        given: &Given,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, SettingsError> {
        let value = parse(&given.value);
        let value = value
            .map_err(|accepted| wrong(self.named(setting, Some(given)), shown(setting, &given.value), accepted))?;
        self.remember(setting, shown(setting, &given.value), &given.source);
        Ok(value)
    }

    fn remember(&mut self, setting: &'static Setting, value: String, source: &Source) {
        let source = match source {
            Source::Flag => "flag",
            Source::Environment => "environment",
            Source::File { .. } => "file",
            Source::Default => "default",
        };
        self.effective.push(Effective { name: setting.name, value, source });
    }

    /// A setting as the person gave it.
    fn named(&self, setting: &Setting, given: Option<&Given>) -> String {
        match given.map(|given| &given.source) {
            Some(Source::Flag) => format!("--{}", setting.flag),
            Some(Source::File { path, line }) => format!("{path:?} line {line}: {}", setting.name),
            Some(Source::Environment | Source::Default) | None => setting.name.to_owned(),
        }
    }
}

impl fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("effective", &self.effective).finish_non_exhaustive()
    }
}

fn wrong(setting: String, value: String, accepted: String) -> SettingsError {
    SettingsError::Value { setting, value, accepted: format!("expected {accepted}") }
}

/// A value as it may be shown: on one line, and no secret.
fn shown(setting: &Setting, value: &str) -> String {
    if setting.name == table::REDIS_URL.name { value::redacted_url(value) } else { repeated(value) }
}

fn repeated(value: &str) -> String {
    match value.char_indices().nth(REPEATED) {
        Some((end, _)) => format!("{:?}…", &value[..end]),
        None => format!("{value:?}"),
    }
}
