//! What WebDriver has no word for: Chromium's own protocol.

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

/// What the person has answered when the browser asked whether the site may do something.
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
    /// Has the person answer, from now on, whether the site that is open may notify them: `granted` or `denied`.
    pub async fn notifications(&self, response: &str) {
        let response = json!({"descriptor": {"name": "notifications"}, "state": response});
        self.page.issue_cmd(Permission(response)).await.expect("a permission that Chromium knows");
    }

    /// Shows the page on a screen of this size; a phone is touched, and has no mouse.
    pub async fn screen(&self, width: u32, height: u32, phone: bool) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone});
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
        self.devtools("Emulation.setTouchEmulationEnabled", json!({"enabled": phone})).await;
    }

    /// Shows the page as on a screen of 1280 × 800 pixels, with everything twice as large.
    pub async fn zoomed_twice(&self) {
        let size = json!({"width": 640, "height": 400, "deviceScaleFactor": 2, "mobile": false});
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// Has the person prefer this, as in `prefers-color-scheme: dark`.
    pub async fn prefers(&self, feature: &str, value: &str) {
        let features = json!({"features": [{"name": feature, "value": value}]});
        self.devtools("Emulation.setEmulatedMedia", features).await;
    }

    /// Turns JavaScript off, for the pages that are opened from now on.
    pub async fn without_scripts(&self) {
        self.devtools("Emulation.setScriptExecutionDisabled", json!({"value": true})).await;
    }

    /// Runs a script in each page that is opened from now on, before the page's own scripts.
    pub async fn run_first(&self, script: &str) {
        self.devtools("Page.enable", json!({})).await;
        self.devtools("Page.addScriptToEvaluateOnNewDocument", json!({"source": script})).await;
    }

    /// Bytes of the page's own objects that are still in use.
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
