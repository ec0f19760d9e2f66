//! A real browser, driven through WebDriver: Chromium, or what `RUANG_BROWSER` names.

mod axe;
mod devtools;
mod freeze;
mod make;

use std::{fs, path::Path, process::Command, time::Duration};

use fantoccini::{
    Client, ClientBuilder, Locator,
    actions::{InputSource, PointerAction, TouchActions},
    key::Key,
    wd::WindowHandle,
};
use hyper_util::client::legacy::connect::HttpConnector;
use make::{CookiePolicy, Make};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    process::{Process, scratch},
    wait::{eventually, within},
};

/// A browser is slower than a server.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Longer than the page and the browser wait for a tap to end.
const LONG_PRESS: Duration = Duration::from_millis(2000);

/// A browser with a profile of its own. Dropping it ends the browser with its driver.
pub struct Browser {
    page: Client,
    _profile: TempDir,
    _driver: Process,
}

impl Browser {
    /// Starts a browser with this preferred language.
    pub async fn start(language: &str) -> Self {
        Self::start_with(language, CookiePolicy::All).await
    }

    /// Starts a browser that stores no cookies.
    pub async fn start_without_cookies(language: &str) -> Self {
        Self::start_with(language, CookiePolicy::None).await
    }

    /// Starts a browser that blocks third-party cookies.
    pub async fn start_without_foreign_cookies(language: &str) -> Self {
        Self::start_with(language, CookiePolicy::FirstParty).await
    }

    /// Goes on in the first frame of the page.
    pub async fn enters_frame(&self) {
        within(TIMEOUT, "a frame", self.page.wait().for_element(Locator::Css("iframe"))).await.expect("a frame");
        self.page.enter_frame(0).await.expect("a frame");
    }

    /// Goes back to the page around the frame.
    pub async fn leaves_frame(&self) {
        self.page.enter_parent_frame().await.expect("the page");
    }

    async fn start_with(language: &str, cookies: CookiePolicy) -> Self {
        let (make, profile) = (Make::chosen(), scratch());
        let mut driver = Process::spawn(make.driver(), &mut make.command(profile.path()));
        let line = driver.wait_for_line(make.ready(), TIMEOUT).await;
        let port = line.rsplit([' ', ':']).next().unwrap_or_default().trim_end_matches('.').to_owned();
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(make.capabilities(language, profile.path(), cookies));
        let driver_at = format!("http://127.0.0.1:{port}");
        let page = within(TIMEOUT, "the browser starts", builder.connect(&driver_at)).await.expect("a session");
        page.set_window_size(1100, 760).await.expect("a window");
        Self { page, _profile: profile, _driver: driver }
    }

    /// Opens an address.
    pub async fn open(&self, url: &str) {
        within(TIMEOUT, "the page loads", self.page.goto(url)).await.expect("a page");
    }

    /// Reloads the page.
    pub async fn reload(&self) {
        within(TIMEOUT, "the page reloads", self.page.refresh()).await.expect("a page");
    }

    /// Returns the path of the open page.
    pub async fn path(&self) -> String {
        self.page.current_url().await.expect("an address").path().to_owned()
    }

    /// Waits until the open page has this path.
    pub async fn is_at(&self, path: &str) {
        eventually(TIMEOUT, &format!("the page is {path}"), || async {
            let found = self.path().await;
            if found == path { Ok(()) } else { Err(found) }
        })
        .await;
    }

    /// Types into the element, then presses Enter.
    pub async fn enter(&self, css: &str, text: &str) {
        let element = within(TIMEOUT, css, self.page.wait().for_element(Locator::Css(css))).await.expect(css);
        let keys = format!("{text}{}", char::from(Key::Enter));
        within(TIMEOUT, "typing", element.send_keys(&keys)).await.expect("an element that takes keys");
    }

    /// Types into the element without pressing Enter.
    pub async fn types(&self, css: &str, keys: &str) {
        let element = within(TIMEOUT, css, self.page.wait().for_element(Locator::Css(css))).await.expect(css);
        within(TIMEOUT, "typing", element.send_keys(keys)).await.expect("an element that takes keys");
    }

    /// Sends keys to the focused element.
    pub async fn presses(&self, keys: &str) {
        let focused = within(TIMEOUT, "the focus", self.page.active_element()).await.expect("a focus");
        within(TIMEOUT, "typing", focused.send_keys(keys)).await.expect("an element that takes keys");
    }

    /// Opens an address in a new tab and switches to it; returns the previous tab.
    pub async fn opens_tab(&self, url: &str) -> WindowHandle {
        let before = self.page.window().await.expect("a window");
        let tab = within(TIMEOUT, "a tab", self.page.new_window(true)).await.expect("a tab").handle;
        self.page.switch_to_window(tab).await.expect("the new tab");
        self.open(url).await;
        before
    }

    /// Duplicates the tab, with a copy of its session storage, and switches to the copy; returns the previous tab.
    pub async fn duplicates_tab(&self) -> WindowHandle {
        let before = self.page.window().await.expect("a window");
        let known = self.page.windows().await.expect("the tabs");
        self.script("window.open(location.href)", vec![]).await;
        let copy = eventually(TIMEOUT, "a copy of the tab", || async {
            let tabs = self.page.windows().await.expect("the tabs");
            tabs.into_iter().find(|tab| !known.contains(tab)).ok_or("no new tab".to_owned())
        })
        .await;
        self.goes_to(copy).await;
        before
    }

    /// Switches to a tab.
    pub async fn goes_to(&self, tab: WindowHandle) {
        self.page.switch_to_window(tab).await.expect("a tab");
    }

    /// Goes back in the history.
    pub async fn back(&self) {
        within(TIMEOUT, "the page before", self.page.back()).await.expect("a page");
    }

    /// Closes the open tab and switches to another.
    pub async fn closes_tab(&self, then: WindowHandle) {
        self.page.close_window().await.expect("a tab that closes");
        self.goes_to(then).await;
    }

    /// Waits until a script returns the wanted value.
    pub async fn comes_to(&self, script: &str, wanted: impl Into<Value>) {
        let wanted = wanted.into();
        eventually(TIMEOUT, &format!("{script} is {wanted}"), || async {
            let found = self.script(script, vec![]).await;
            if found == wanted { Ok(()) } else { Err(found.to_string()) }
        })
        .await;
    }

    /// Clicks the element.
    pub async fn click(&self, css: &str) {
        let element = within(TIMEOUT, css, self.page.wait().for_element(Locator::Css(css))).await.expect(css);
        within(TIMEOUT, "a click", element.click()).await.expect("an element to click");
    }

    /// Presses the element with a finger for longer than a tap.
    pub async fn long_press(&self, css: &str) {
        // The page may still move, as after another size of the screen.
        let rest = "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(done))";
        self.script_that_waits(rest).await;
        let element = within(TIMEOUT, css, self.page.wait().for_element(Locator::Css(css))).await.expect(css);
        let finger = TouchActions::new("finger".to_owned())
            .then(PointerAction::MoveToElement { element, duration: None, x: 0.0, y: 0.0 })
            .then(PointerAction::Down { button: 0 })
            .then(PointerAction::Pause { duration: LONG_PRESS })
            .then(PointerAction::Up { button: 0 });
        within(TIMEOUT, "a long press", self.page.perform_actions(finger)).await.expect("a finger");
    }

    /// Returns the result of a script.
    pub async fn script(&self, script: &str, arguments: Vec<Value>) -> Value {
        within(TIMEOUT, "a script", self.page.execute(script, arguments)).await.expect("a script that runs")
    }

    /// Returns the value that a script passes to its callback, its last argument.
    pub async fn script_that_waits(&self, script: &str) -> Value {
        within(TIMEOUT, "a script", self.page.execute_async(script, vec![])).await.expect("a script that ends")
    }

    /// Returns the visible texts of all matching elements.
    pub async fn texts(&self, css: &str) -> Vec<String> {
        let script = "return Array.from(document.querySelectorAll(arguments[0]), e => e.innerText.trim())";
        let found = self.script(script, vec![json!(css)]).await;
        // A page that is being left returns null.
        serde_json::from_value::<Option<_>>(found).expect("a list of texts").unwrap_or_default()
    }

    /// Waits until an element that matches contains the text.
    pub async fn shows(&self, css: &str, text: &str) {
        eventually(TIMEOUT, &format!("{css} shows {text:?}"), || async {
            let texts = self.texts(css).await;
            if texts.iter().any(|shown| shown.contains(text)) { Ok(()) } else { Err(format!("{texts:?}")) }
        })
        .await;
    }

    /// Returns the number of matching elements.
    pub async fn count(&self, css: &str) -> usize {
        self.texts(css).await.len()
    }

    /// Saves a screenshot as PNG.
    pub async fn picture(&self, file: &Path) {
        let png = within(TIMEOUT, "a picture", self.page.screenshot()).await.expect("a picture");
        fs::create_dir_all(file.parent().expect("a folder")).expect("a folder for pictures");
        fs::write(file, png).expect("a file for the picture");
    }

    /// Closes the window, which ends the session.
    pub async fn close(self) {
        within(TIMEOUT, "the browser ends", self.page.clone().close()).await.expect("an end");
    }
}

impl Drop for Browser {
    /// A browser outlives its killed driver: kills every process that uses this profile.
    fn drop(&mut self) {
        let profile = self._profile.path().to_string_lossy().into_owned();
        let _ = Command::new("pkill").args(["-KILL", "-f", &profile]).status();
    }
}
