//! OpenTelemetry's own variables, of the environment only: where traces and metrics go. Those that are not needed here
//! its SDK reads itself, but a wrong value of those that work is refused like any other.

use std::time::Duration;

use super::{
    SettingsError,
    sources::Reader,
    value::{self, Checked},
};
use crate::telemetry::{Collector, Metrics};

/// How long a collector may take, where nobody says: OpenTelemetry's own default.
const TIMEOUT: Duration = Duration::from_secs(10);

/// One of the variables that work.
struct Variable {
    name: &'static str,
    check: fn(&str) -> Checked,
    is_secret: bool,
}

const fn plain(name: &'static str, check: fn(&str) -> Checked) -> Variable {
    Variable { name, check, is_secret: false }
}

const fn secret(name: &'static str) -> Variable {
    Variable { name, check: value::headers, is_secret: true }
}

/// Every variable that works, as `docs/observability.md` lists them.
const ALL: [Variable; 25] = [
    plain("OTEL_SDK_DISABLED", value::boolean),
    plain("OTEL_SERVICE_NAME", value::anything),
    plain("OTEL_RESOURCE_ATTRIBUTES", value::pairs),
    plain("OTEL_TRACES_EXPORTER", value::exporter),
    plain("OTEL_METRICS_EXPORTER", value::exporter),
    plain("OTEL_TRACES_SAMPLER", value::sampler),
    plain("OTEL_TRACES_SAMPLER_ARG", value::ratio),
    plain("OTEL_EXPORTER_OTLP_ENDPOINT", value::endpoint),
    plain("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", value::endpoint),
    plain("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", value::endpoint),
    plain("OTEL_EXPORTER_OTLP_PROTOCOL", value::otlp_protocol),
    plain("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", value::otlp_protocol),
    plain("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", value::otlp_protocol),
    secret("OTEL_EXPORTER_OTLP_HEADERS"),
    secret("OTEL_EXPORTER_OTLP_TRACES_HEADERS"),
    secret("OTEL_EXPORTER_OTLP_METRICS_HEADERS"),
    plain("OTEL_EXPORTER_OTLP_COMPRESSION", value::compression),
    plain("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", value::compression),
    plain("OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", value::compression),
    plain("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", value::temporality),
    plain("OTEL_EXPORTER_OTLP_TIMEOUT", value::milliseconds),
    plain("OTEL_BSP_SCHEDULE_DELAY", value::milliseconds),
    plain("OTEL_BSP_MAX_QUEUE_SIZE", value::positive),
    plain("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", value::positive),
    plain("OTEL_METRIC_EXPORT_INTERVAL", value::milliseconds),
];

/// Where telemetry goes.
pub(super) struct Export {
    pub(super) traces: Option<Collector>,
    pub(super) metrics: Metrics,
}

/// Reads them. `listens`: somebody may ask for metrics.
pub(super) fn export(from: &mut Reader<'_>, listens: bool) -> Result<Export, SettingsError> {
    for variable in &ALL {
        from.check_variable(variable.name, variable.check, variable.is_secret)?;
    }
    let is = |name: &str, wanted: &str| from.variable(name).is_some_and(|value| value.eq_ignore_ascii_case(wanted));
    let disabled = is("OTEL_SDK_DISABLED", "true");
    let endpoint = |signal: &str, path: &str| {
        let off = disabled || is(&format!("OTEL_{signal}_EXPORTER"), "none");
        let own = from.variable(&format!("OTEL_EXPORTER_OTLP_{signal}_ENDPOINT"));
        let shared = || {
            let endpoint = from.variable("OTEL_EXPORTER_OTLP_ENDPOINT")?;
            Some(format!("{}/v1/{path}", endpoint.trim_end_matches('/')))
        };
        own.or_else(shared).filter(|_| !off)
    };
    let timeout = from.variable("OTEL_EXPORTER_OTLP_TIMEOUT").and_then(|ms| ms.parse().ok());
    let timeout = timeout.map_or(TIMEOUT, Duration::from_millis);
    let collector = |signal, path| endpoint(signal, path).map(|endpoint| Collector { endpoint, timeout });
    Ok(Export {
        traces: collector("TRACES", "traces"),
        metrics: Metrics { asked_for: listens && !disabled, collector: collector("METRICS", "metrics") },
    })
}

#[cfg(test)]
mod tests {
    use super::ALL;

    #[test]
    fn the_manual_lists_every_variable_that_works() {
        let manual = include_str!("../../docs/observability.md");
        for variable in &ALL {
            let short = variable.name.replace("OTEL_EXPORTER_OTLP", "…");
            let is_listed = [variable.name, &short].iter().any(|name| manual.contains(&format!("`{name}`")));
            assert!(is_listed, "{}", variable.name);
        }
    }
}
