//! Chromium's DevTools protocol, for commands that WebDriver lacks.

use fantoccini::wd::WebDriverCompatibleCommand;
use http::Method;
use serde_json::{Value, json};
use url::{ParseError, Url};

use super::Browser;

/// One command of the DevTools protocol.
#[derive(Debug)]
struct Command(Value);

impl WebDriverCompatibleCommand for Command {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _url: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.0.to_string()))
    }
}

/// The user's answer to a permission prompt.
#[derive(Debug)]
struct Permission(Value);

impl WebDriverCompatibleCommand for Permission {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/permissions", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _url: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.0.to_string()))
    }
}

impl Browser {
    /// Sets the notification permission of the open site: `granted` or `denied`.
    pub async fn notifications(&self, response: &str) {
        let response = json!({"descriptor": {"name": "notifications"}, "state": response});
        self.page.issue_cmd(Permission(response)).await.expect("a permission that Chromium knows");
    }

    /// Sets the screen size; a phone has touch input and no mouse.
    pub async fn screen(&self, width: u32, height: u32, phone: bool) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone});
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
        self.devtools("Emulation.setTouchEmulationEnabled", json!({"enabled": phone})).await;
    }

    /// Emulates a screen of 1280 × 800 pixels at 200 % zoom.
    pub async fn zoomed_twice(&self) {
        let size = json!({"width": 640, "height": 400, "deviceScaleFactor": 2, "mobile": false});
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// Emulates a media feature such as `prefers-color-scheme: dark`.
    pub async fn prefers(&self, feature: &str, value: &str) {
        let features = json!({"features": [{"name": feature, "value": value}]});
        self.devtools("Emulation.setEmulatedMedia", features).await;
    }

    /// Moves the device to another time zone.
    pub async fn zone(&self, name: &str) {
        self.devtools("Emulation.setTimezoneOverride", json!({"timezoneId": name})).await;
    }

    /// Disables JavaScript for pages opened later.
    pub async fn without_scripts(&self) {
        self.devtools("Emulation.setScriptExecutionDisabled", json!({"value": true})).await;
    }

    /// Runs a script in each page opened later, before the page's own scripts.
    pub async fn run_first(&self, script: &str) {
        self.devtools("Page.enable", json!({})).await;
        self.devtools("Page.addScriptToEvaluateOnNewDocument", json!({"source": script})).await;
    }

    /// Returns the bytes of live JavaScript objects.
    pub async fn heap_bytes(&self) -> f64 {
        self.devtools("HeapProfiler.collectGarbage", json!({})).await;
        let usage = self.devtools("Runtime.getHeapUsage", json!({})).await;
        usage["usedSize"].as_f64().expect("a size")
    }

    async fn devtools(&self, command: &str, params: Value) -> Value {
        let command = Command(json!({"cmd": command, "params": params}));
        self.page.issue_cmd(command).await.expect("a command that Chromium knows")
    }
}
