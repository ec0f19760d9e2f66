//! Which browser it is: how its driver is started, and what it is asked for.

use std::{env, path::Path, process::Command};

use fantoccini::wd::Capabilities;
use serde_json::{Value, json};

use crate::kit::process::free_port;

/// A browser that the tests know how to start.
#[derive(Clone, Copy)]
pub enum Make {
    Chromium,
    Firefox,
}

impl Make {
    /// The one that `RUANG_BROWSER` names, Chromium unless it does.
    pub fn chosen() -> Self {
        #[expect(clippy::disallowed_methods, reason = "a setting of the tests, not of the program")]
        match env::var("RUANG_BROWSER").as_deref() {
            Ok("firefox") => Self::Firefox,
            Ok("chromium") | Err(_) => Self::Chromium,
            Ok(other) => panic!("RUANG_BROWSER is {other:?}: chromium or firefox"),
        }
    }

    /// The program that drives it.
    pub fn driver(self) -> &'static str {
        match self {
            Self::Chromium => "chromedriver",
            Self::Firefox => "geckodriver",
        }
    }

    /// How to start the driver, for a browser whose profile is in this folder.
    pub fn command(self, profile: &Path) -> Command {
        let mut command = Command::new(self.driver());
        command.arg(format!("--port={}", free_port()));
        if let Self::Firefox = self {
            command.arg("--profile-root").arg(profile);
        }
        command
    }

    /// What the driver prints before its port, once it listens.
    pub fn ready(self) -> &'static str {
        match self {
            Self::Chromium => "started successfully on port ",
            Self::Firefox => "Listening on ",
        }
    }

    /// Without a window, and asking for pages in this language.
    pub fn capabilities(self, language: &str, profile: &Path) -> Capabilities {
        let (key, options) = match self {
            Self::Chromium => ("goog:chromeOptions", chromium(language, profile)),
            Self::Firefox => ("moz:firefoxOptions", firefox(language)),
        };
        // Of https there is none here but the tests' own, which nobody vouches for.
        Capabilities::from_iter([(key.to_owned(), options), ("acceptInsecureCerts".to_owned(), true.into())])
    }
}

fn chromium(language: &str, profile: &Path) -> Value {
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
        "prefs": { "intl.accept_languages": language },
    })
}

fn firefox(language: &str) -> Value {
    json!({ "args": ["-headless"], "prefs": { "intl.accept_languages": language } })
}
