//! A real Prometheus with the shipped rules.

use std::{fs, process::Command, time::Duration};

use reqwest::Url;
use serde_json::Value;
use tempfile::TempDir;

use super::{
    HttpClient, Instance,
    process::{Process, free_port, scratch},
    wait::eventually,
};

/// Longer than the first scrape and the first evaluation of the rules.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A Prometheus that scrapes instances and evaluates the shipped alerts without their `for` durations.
pub struct Prometheus {
    base: String,
    _dir: TempDir,
    _process: Process,
}

impl Prometheus {
    /// Starts one that scrapes these instances every second and waits until it is ready.
    pub async fn start(instances: &[Instance]) -> Self {
        Self::start_with_interval(instances, "1s").await
    }

    /// Starts one that scrapes these instances at this interval, which is also the scrape timeout.
    pub async fn start_with_interval(instances: &[Instance], interval: &str) -> Self {
        let dir = scratch();
        let targets: Vec<String> = instances.iter().map(metrics_address).collect();
        let config = serde_json::json!({
            "global": {"scrape_interval": interval, "evaluation_interval": "1s"},
            "rule_files": ["alerts.yml"],
            "scrape_configs": [{"job_name": "ruang", "static_configs": [{"targets": targets}]}],
        });
        // YAML is a superset of JSON.
        fs::write(dir.path().join("prometheus.yml"), config.to_string()).expect("a file");
        fs::write(
            dir.path().join("alerts.yml"),
            without_durations(include_str!("../../../deploy/observability/alerts.yml")),
        )
        .expect("a file");
        let port = free_port();
        let mut command = Command::new("prometheus");
        command.current_dir(dir.path()).arg("--config.file=prometheus.yml").arg("--storage.tsdb.path=data");
        command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
        let process = Process::spawn("prometheus", &mut command);
        let base = format!("http://127.0.0.1:{port}");
        eventually(TIMEOUT, "prometheus is ready", || async {
            match HttpClient::new(&base).try_get("/-/ready").await {
                Ok(response) if response.status == 200 => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
        Self { base, _dir: dir, _process: process }
    }

    /// Waits until an expression has a value that is a number.
    pub async fn wait_for_data(&self, expression: &str) {
        eventually(TIMEOUT, expression, || async {
            let result = self.query("query", &[("query", expression)]).await["data"]["result"].clone();
            let values: Vec<&str> =
                result.as_array().into_iter().flatten().filter_map(|row| row["value"][1].as_str()).collect();
            if values.iter().any(|value| *value != "NaN") { Ok(()) } else { Err(result.to_string()) }
        })
        .await;
    }

    /// Waits until an alert fires.
    pub async fn wait_for_alert(&self, name: &str) {
        eventually(TIMEOUT, name, || async {
            let firing = self.firing().await;
            if firing.iter().any(|alert| alert == name) { Ok(()) } else { Err(format!("{firing:?}")) }
        })
        .await;
    }

    /// Waits until no alert fires: before the first scrapes some do.
    pub async fn wait_for_no_alert(&self) {
        eventually(TIMEOUT, "no alert fires", || async {
            let firing = self.firing().await;
            if firing.is_empty() { Ok(()) } else { Err(format!("{firing:?}")) }
        })
        .await;
    }

    /// Waits until exactly these alerts' conditions hold now.
    pub async fn wait_for_conditions(&self, names: &[&str]) {
        eventually(TIMEOUT, &format!("only {names:?}"), || async {
            let alerts = self.conditions().await;
            if alerts == names { Ok(()) } else { Err(format!("{alerts:?}")) }
        })
        .await;
    }

    async fn conditions(&self) -> Vec<String> {
        let groups = self.query("rules", &[]).await["data"]["groups"].clone();
        let mut alerts = vec![];
        for rule in groups.as_array().into_iter().flatten().filter_map(|group| group["rules"].as_array()).flatten() {
            let (name, expression) = (rule["name"].as_str().expect("a name"), rule["query"].as_str().expect("a query"));
            let result = self.query("query", &[("query", expression)]).await["data"]["result"].clone();
            if result.as_array().is_none_or(|result| !result.is_empty()) {
                alerts.push(name.to_owned());
            }
        }
        alerts
    }

    /// Returns the firing alerts.
    async fn firing(&self) -> Vec<String> {
        let alerts = self.query("alerts", &[]).await["data"]["alerts"].clone();
        let firing = alerts.as_array().into_iter().flatten().filter(|alert| alert["state"] == "firing");
        firing.filter_map(|alert| alert["labels"]["alertname"].as_str().map(str::to_owned)).collect()
    }

    async fn query(&self, endpoint: &str, parameters: &[(&str, &str)]) -> Value {
        let url = Url::parse_with_params(&format!("{}/api/v1/{endpoint}", self.base), parameters).expect("an address");
        let path = url.as_str().trim_start_matches(&self.base).to_owned();
        HttpClient::new(&self.base).get(&path).await.is(200).json()
    }
}

/// Returns the metrics address that an instance has logged.
pub fn metrics_address(instance: &Instance) -> String {
    let log = instance.log();
    let after = log.split("metrics are at http://").nth(1).unwrap_or_else(|| panic!("no metrics: {log}"));
    after.split("/metrics").next().unwrap_or_default().to_owned()
}

/// Sums all series of a metric with these labels in Prometheus' text format.
pub fn value(text: &str, name: &str, labels: &str) -> f64 {
    let series = text.lines().filter(|line| line.starts_with(name) && line[name.len()..].starts_with('{'));
    series.filter(|line| line.contains(labels)).filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

/// Removes the rules' `for` durations.
fn without_durations(rules: &str) -> String {
    rules.lines().filter(|line| !line.trim_start().starts_with("for: ")).collect::<Vec<_>>().join("\n")
}
