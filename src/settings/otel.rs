//! OpenTelemetry's own variables, from the environment only: where traces and metrics are sent. Its SDK reads most of
//! them itself; here the values of those that have an effect are checked like other settings.

use std::time::Duration;

use url::Url;

use super::{
    SettingsError,
    sources::{Effective, Sources, repeated},
};
use crate::telemetry::{Collector, Metrics};

/// OpenTelemetry's default for OTEL_EXPORTER_OTLP_TIMEOUT.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The values that a variable accepts.
enum Kind {
    Text,
    OneOf(&'static [&'static str]),
    /// In upper or lower case.
    Word(&'static [&'static str]),
    /// A whole number from this one.
    Whole(u32),
    Ratio,
    Url,
    Pairs,
    /// Pairs that may hold a secret.
    Headers,
}

const EXPORTER: Kind = Kind::OneOf(&["otlp", "none"]);
const PROTOCOL: Kind = Kind::OneOf(&["http/protobuf"]);
const COMPRESSION: Kind = Kind::OneOf(&["gzip"]);
const SAMPLERS: Kind = Kind::OneOf(&[
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
]);

/// Every variable that has an effect, as `docs/observability.md` lists them.
const VARIABLES: [(&str, Kind); 25] = [
    ("OTEL_SDK_DISABLED", Kind::Word(&["true", "false"])),
    ("OTEL_SERVICE_NAME", Kind::Text),
    ("OTEL_RESOURCE_ATTRIBUTES", Kind::Pairs),
    ("OTEL_TRACES_EXPORTER", EXPORTER),
    ("OTEL_METRICS_EXPORTER", EXPORTER),
    ("OTEL_TRACES_SAMPLER", SAMPLERS),
    ("OTEL_TRACES_SAMPLER_ARG", Kind::Ratio),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", Kind::Url),
    ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", Kind::Url),
    ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", Kind::Url),
    ("OTEL_EXPORTER_OTLP_PROTOCOL", PROTOCOL),
    ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", PROTOCOL),
    ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", PROTOCOL),
    ("OTEL_EXPORTER_OTLP_HEADERS", Kind::Headers),
    ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", Kind::Headers),
    ("OTEL_EXPORTER_OTLP_METRICS_HEADERS", Kind::Headers),
    ("OTEL_EXPORTER_OTLP_COMPRESSION", COMPRESSION),
    ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", COMPRESSION),
    ("OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", COMPRESSION),
    ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", Kind::Word(&["cumulative", "delta", "lowmemory"])),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", Kind::Whole(0)),
    ("OTEL_BSP_SCHEDULE_DELAY", Kind::Whole(0)),
    ("OTEL_BSP_MAX_QUEUE_SIZE", Kind::Whole(1)),
    ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", Kind::Whole(1)),
    ("OTEL_METRIC_EXPORT_INTERVAL", Kind::Whole(0)),
];

impl Kind {
    fn accepts(&self, text: &str) -> bool {
        match self {
            Self::Text => true,
            Self::OneOf(words) => words.contains(&text),
            Self::Word(words) => words.iter().any(|word| text.eq_ignore_ascii_case(word)),
            Self::Whole(least) => text.parse::<u32>().is_ok_and(|number| number >= *least),
            Self::Ratio => text.parse().is_ok_and(|ratio: f64| (0.0..=1.0).contains(&ratio)),
            Self::Url => Url::parse(text).is_ok_and(|url| ["http", "https"].contains(&url.scheme()) && url.has_host()),
            Self::Pairs | Self::Headers => {
                text.split(',').all(|pair| pair.split_once('=').is_some_and(|(key, _)| !key.trim().is_empty()))
            }
        }
    }

    fn expected(&self) -> String {
        match self {
            Self::Text => "text".to_owned(),
            Self::OneOf(words) | Self::Word(words) => words.join(" or "),
            Self::Whole(least) => format!("a whole number from {least}"),
            Self::Ratio => "a number from 0 to 1".to_owned(),
            Self::Url => "a URL like http://collector:4318 or https://otlp.example.org".to_owned(),
            Self::Pairs => "pairs like deployment.environment.name=production,team=chat".to_owned(),
            Self::Headers => "headers like api-key=KEY,other=VALUE".to_owned(),
        }
    }
}

/// Checks the variables that are set, and returns them.
pub(super) fn check(sources: &Sources<'_>) -> Result<Vec<Effective>, SettingsError> {
    let mut effective = Vec::new();
    for (name, kind) in &VARIABLES {
        let Some(value) = sources.variable(name) else { continue };
        let shown = if matches!(kind, Kind::Headers) { "(not shown)".to_owned() } else { repeated(&value) };
        if !kind.accepts(&value) {
            let setting = (*name).to_owned();
            return Err(SettingsError::Value { setting, value: shown, expected: kind.expected() });
        }
        effective.push(Effective { name, value: shown, source: "environment" });
    }
    Ok(effective)
}

/// Where traces and metrics are sent. `served`: metrics are served for Prometheus, too.
pub(super) fn export(sources: &Sources<'_>, served: bool) -> (Option<Collector>, Metrics) {
    let is = |name: &str, word: &str| sources.variable(name).is_some_and(|value| value.eq_ignore_ascii_case(word));
    let disabled = is("OTEL_SDK_DISABLED", "true");
    let timeout = sources.variable("OTEL_EXPORTER_OTLP_TIMEOUT").and_then(|ms| ms.parse().ok());
    let timeout = timeout.map_or(TIMEOUT, Duration::from_millis);
    let collector = |signal: &str, path: &str| {
        if disabled || is(&format!("OTEL_{signal}_EXPORTER"), "none") {
            return None;
        }
        let shared = || {
            let endpoint = sources.variable("OTEL_EXPORTER_OTLP_ENDPOINT")?;
            Some(format!("{}/v1/{path}", endpoint.trim_end_matches('/')))
        };
        let endpoint = sources.variable(&format!("OTEL_EXPORTER_OTLP_{signal}_ENDPOINT")).or_else(shared)?;
        Some(Collector { endpoint, timeout })
    };
    let metrics = Metrics { served: served && !disabled, collector: collector("METRICS", "metrics") };
    (collector("TRACES", "traces"), metrics)
}

#[cfg(test)]
mod tests {
    use super::VARIABLES;

    #[test]
    fn manual_lists_every_variable_that_has_an_effect() {
        let manual = include_str!("../../docs/observability.md");
        for (name, _) in &VARIABLES {
            let short = name.replace("OTEL_EXPORTER_OTLP", "…");
            let is_listed = [*name, &short].iter().any(|name| manual.contains(&format!("`{name}`")));
            assert!(is_listed, "{name}");
        }
    }
}
