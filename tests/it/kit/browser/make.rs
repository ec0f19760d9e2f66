//! The supported browsers: how to start the driver, and the requested capabilities.

use std::{env, path::Path, process::Command};

use fantoccini::wd::Capabilities;
use serde_json::{Value, json};

use crate::kit::process::free_port;

/// Which cookies a browser stores.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum CookiePolicy {
    All,
    /// None of other sites than the one in the address bar, but those that are kept apart for it.
    FirstParty,
    None,
}

/// A supported browser.
#[derive(Clone, Copy)]
pub enum Make {
    Chromium,
    Firefox,
}

impl Make {
    /// Returns the browser named by `RUANG_BROWSER`; the default is Chromium.
    pub fn chosen() -> Self {
        #[expect(clippy::disallowed_methods, reason = "a setting of the tests, not of the program")]
        match env::var("RUANG_BROWSER").as_deref() {
            Ok("firefox") => Self::Firefox,
            Ok("chromium") | Err(_) => Self::Chromium,
            Ok(other) => panic!("RUANG_BROWSER is {other:?}: chromium or firefox"),
        }
    }

    /// Returns the name of its WebDriver program.
    pub fn driver(self) -> &'static str {
        match self {
            Self::Chromium => "chromedriver",
            Self::Firefox => "geckodriver",
        }
    }

    /// Returns the driver's command for a profile in this folder.
    pub fn command(self, profile: &Path) -> Command {
        let mut command = Command::new(self.driver());
        command.arg(format!("--port={}", free_port()));
        if let Self::Firefox = self {
            command.arg("--profile-root").arg(profile);
        }
        command
    }

    /// Returns the text that the driver prints before its port once it listens.
    pub fn ready(self) -> &'static str {
        match self {
            Self::Chromium => "started successfully on port ",
            Self::Firefox => "Listening on ",
        }
    }

    /// Returns the capabilities of a headless browser with this preferred language.
    pub fn capabilities(self, language: &str, profile: &Path, cookies: CookiePolicy) -> Capabilities {
        let (key, options) = match self {
            Self::Chromium => ("goog:chromeOptions", chromium(language, profile, cookies)),
            Self::Firefox => ("moz:firefoxOptions", firefox(language, cookies)),
        };
        // The only https servers are those of the tests, with a certificate of an unknown authority.
        Capabilities::from_iter([(key.to_owned(), options), ("acceptInsecureCerts".to_owned(), true.into())])
    }
}

fn chromium(language: &str, profile: &Path, cookies: CookiePolicy) -> Value {
    let blocks_foreign = cookies == CookiePolicy::FirstParty;
    // 1 allows, 2 blocks.
    let cookies = if cookies == CookiePolicy::None { 2 } else { 1 };
    json!({
        "args": [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            format!("--lang={language}"),
            format!("--accept-lang={language}"),
            format!("--user-data-dir={}", profile.display()),
        ],
        "prefs": {
            "intl.accept_languages": language,
            "profile.default_content_setting_values.cookies": cookies,
            "profile.block_third_party_cookies": blocks_foreign,
            "profile.cookie_controls_mode": u8::from(blocks_foreign),
        },
    })
}

fn firefox(language: &str, cookies: CookiePolicy) -> Value {
    // 0 allows, 2 blocks, 5 keeps those of frames apart per site.
    let cookies = match cookies {
        CookiePolicy::All => 0,
        CookiePolicy::FirstParty => 5,
        CookiePolicy::None => 2,
    };
    let prefs = json!({ "intl.accept_languages": language, "network.cookie.cookieBehavior": cookies });
    json!({ "args": ["-headless"], "prefs": prefs })
}
