//! The site: router, pages, sign-in, the history API, health, assets, headers and languages.

mod access_log;
mod account;
mod assets;
mod avatar;
mod base_path;
mod bots;
mod branding;
mod chat;
mod client;
mod compression;
mod embed;
mod error;
mod form_cookie;
mod gzip;
mod headers;
mod health;
mod history;
mod locale;
mod logout;
mod members;
mod operator;
mod page_cache;
mod page_error;
mod privacy;
mod proxy_user;
mod reads;
mod rules;
mod sign_in;
mod texts;
mod turns;

#[cfg(test)]
mod tests;

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::FromRef,
    http::StatusCode,
    middleware,
    response::Response,
    routing::{get, post},
};
use parking_lot::Mutex;
use tower_http::{catch_panic::CatchPanicLayer, limit::RequestBodyLimitLayer, timeout::TimeoutLayer};

pub use self::{account::Accounts, health::Readiness, privacy::Retention};
use self::{
    bots::BotDoor, chat::Timelines, client::Client, history::HistoryPages, locale::Locale, operator::OperatorAuth,
    reads::ReadLimits,
};
use crate::{
    address::limit_key,
    brand::Brand,
    origin::{BasePath, PostRefusal, SitePolicy},
    protocol::FRAME_BYTES,
    queue_memory::QueueMemory,
    rate::{KeyedLimiter, Rate},
    room::Room,
    session::{GuessGate, ModeratorSessions, Sessions, SignInGate, SignInWays, StoreProbe},
    settings::TokenFile,
};

/// How long a handler may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// How often the log says that the site is opened at an address that is not its own.
const ADDRESS_WARNINGS: Rate = Rate { per_second: 1.0 / 60.0, burst: 1.0 };
/// The capacity of limiters by address.
const ADDRESSES: usize = 10_000;

/// Limits and features of the site.
#[derive(Clone)]
pub struct Options {
    /// Sign-ins per minute from one address in this process; 0 = unlimited.
    pub sign_ins_per_minute: u32,
    /// The limits of sign-ins over all instances.
    pub sign_in_gate: SignInGate,
    /// The limits of guesses of the operator's secrets.
    pub guess_gate: GuessGate,
    /// Pages of 50 entries that a session may read per second; 0 = unlimited.
    pub reads_per_second: u32,
    /// The bytes that wait for slow clients.
    pub queue_memory: Arc<QueueMemory>,
    /// The retention settings that `/privacy` shows.
    pub retention: Retention,
    /// The ways to sign in.
    pub ways: SignInWays,
    /// How a site hands names in.
    pub accounts: Accounts,
    /// How the pages look. The first site of the process decides.
    pub brand: Brand,
    /// The moderators' tokens; `None`: there is no moderation.
    pub operator_tokens: Option<TokenFile>,
    /// The sessions of moderators.
    pub moderator_sessions: ModeratorSessions,
    /// Probes whether sign-ins can be stored.
    pub store_probe: StoreProbe,
}

impl Default for Options {
    fn default() -> Self {
        let [hour, day] = [3600, 86_400].map(Duration::from_secs);
        let retention = Retention {
            history: 10_000,
            history_age: None,
            name_hold: hour / 4,
            session_idle: 12 * hour,
            session_max: 7 * day,
        };
        Self {
            sign_ins_per_minute: 30,
            sign_in_gate: SignInGate::default(),
            guess_gate: GuessGate::default(),
            reads_per_second: 10,
            queue_memory: Arc::new(QueueMemory::new(64 * 1024 * 1024)),
            retention,
            ways: SignInWays::default(),
            accounts: Accounts::default(),
            brand: Brand::default(),
            operator_tokens: None,
            moderator_sessions: ModeratorSessions::default(),
            store_probe: StoreProbe::default(),
        }
    }
}

/// The state of all handlers; cheap to clone.
#[derive(Clone)]
pub struct Web {
    room: Room,
    sessions: Sessions,
    site: Arc<SitePolicy>,
    sign_ins: Arc<Mutex<KeyedLimiter<IpAddr>>>,
    page_errors: Arc<Mutex<KeyedLimiter<IpAddr>>>,
    address_warnings: Arc<Mutex<KeyedLimiter<()>>>,
    sign_in_gate: SignInGate,
    ways: SignInWays,
    accounts: Arc<Accounts>,
    guess_gate: GuessGate,
    reads: Arc<ReadLimits>,
    history_pages: Arc<HistoryPages>,
    timelines: Arc<Timelines>,
    queue_memory: Arc<QueueMemory>,
    retention: Retention,
    operator: Option<Arc<OperatorAuth>>,
    readiness: Readiness,
}

impl Web {
    /// The site of a room. Needs a runtime.
    pub fn new(room: Room, sessions: Sessions, site: SitePolicy, options: Options) -> Self {
        let per_minute = f64::from(options.sign_ins_per_minute);
        let rate = Rate { per_second: per_minute / 60.0, burst: per_minute };
        let sign_ins = Arc::new(Mutex::new(KeyedLimiter::new(rate, ADDRESSES)));
        let address_warnings = Arc::new(Mutex::new(KeyedLimiter::new(ADDRESS_WARNINGS, 1)));
        let page_errors = Arc::new(Mutex::new(KeyedLimiter::new(page_error::RATE, ADDRESSES)));
        let Options { sign_in_gate, guess_gate, retention, queue_memory, moderator_sessions, .. } = options;
        let watch = |file| OperatorAuth::watch(file, moderator_sessions, site.cookie_scope());
        let operator = options.operator_tokens.map(watch);
        base_path::install(site.base_path());
        branding::install(options.brand);
        chat::prepare();
        Self {
            readiness: Readiness::watch(room.clone(), options.store_probe),
            room,
            sessions,
            site: Arc::new(site),
            sign_ins,
            page_errors,
            address_warnings,
            sign_in_gate,
            ways: options.ways,
            accounts: Arc::new(options.accounts),
            guess_gate,
            reads: Arc::new(ReadLimits::new(options.reads_per_second)),
            history_pages: Arc::new(history::pages()),
            timelines: Arc::new(chat::timelines()),
            queue_memory,
            retention,
            operator,
        }
    }

    /// Whether people can come in here.
    pub fn readiness(&self) -> Readiness {
        self.readiness.clone()
    }

    /// Returns whether an error of a page is within the rate of its address.
    fn take_page_error(&self, client: &Client, now: Instant) -> bool {
        self.page_errors.lock().take(limit_key(client.address), now).is_ok()
    }

    /// Whether the site's policy allows a POST.
    fn allows_post(&self, client: &Client) -> bool {
        self.site.allows_post(&client.headers, client.peer)
    }

    /// The response to a POST that the site's policy refuses.
    fn refuse_post(&self, locale: Locale, client: &Client) -> Response {
        error::refused_post(locale, &self.log_refusal(client))
    }

    /// Returns why the site's policy refuses a POST. If the site's own page has sent it, the log says which setting helps.
    fn log_refusal(&self, client: &Client) -> PostRefusal {
        let refusal = self.site.refusal(&client.headers, client.peer);
        if refusal != PostRefusal::OtherSite && self.address_warnings.lock().take((), Instant::now()).is_ok() {
            match &refusal {
                PostRefusal::OtherSite => {}
                PostRefusal::OtherAddress { opened, own } => tracing::warn!(
                    %opened, public_url = %own,
                    "sign-in refused: the page was opened at another address than RUANG_PUBLIC_URL. Redirect that address, or \
                     add it to RUANG_PUBLIC_URL"
                ),
                PostRefusal::UnknownAddress { opened } => tracing::warn!(
                    %opened,
                    "sign-in refused: a proxy changes the Host header. Set RUANG_PUBLIC_URL to the address that people use"
                ),
            }
        }
        refusal
    }

    /// Counts a sign-in.
    ///
    /// # Errors
    /// How long the client has to wait.
    fn count_sign_in(&self, client: &Client) -> Result<(), Duration> {
        self.sign_ins.lock().take(limit_key(client.address), Instant::now())
    }
}

impl FromRef<Web> for Room {
    fn from_ref(web: &Web) -> Self {
        web.room.clone()
    }
}

impl FromRef<Web> for Readiness {
    fn from_ref(web: &Web) -> Self {
        web.readiness.clone()
    }
}

/// The site's routes. They need [`layers`] around them, and [`server::Peer`](crate::server::Peer) in each request.
pub fn router(web: Web) -> Router {
    let operator = if web.operator.is_some() { operator::router(&web) } else { Router::new() };
    let embed = if web.site.embedders.is_empty() {
        Router::new()
    } else {
        Router::new().route("/embed", get(embed::page)).route("/embed.js", get(embed::script))
    };
    let read = Router::new()
        .route("/", get(sign_in::form).post(sign_in::submit))
        .route("/chat", get(chat::show))
        .route("/privacy", get(privacy::show))
        .route("/rules", get(rules::show))
        .route("/api/messages", get(history::list).post(bots::submit))
        .route("/api/members", get(members::list))
        .merge(operator)
        .merge(embed)
        .route_layer(middleware::from_fn_with_state(web.clone(), reads::limit));
    read.route("/logout", post(logout::submit))
        .route("/api/session", post(account::submit))
        .route("/api/page-error", post(page_error::count))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/static/{hash}/{*path}", get(assets::serve))
        .with_state(web)
}

/// Adds to the routes of sockets that moderators are recognised by their cookie.
pub fn recognise_moderators(router: Router, web: &Web) -> Router {
    if web.operator.is_none() {
        return router;
    }
    router.layer(middleware::from_fn_with_state(web.clone(), operator::recognise))
}

/// Adds what every request passes, `/ws` too: the access log, security headers, limits, the session. With a path in its public
/// address the site is served under it.
pub fn layers(router: Router, sessions: &Sessions, site: &SitePolicy, queue_memory: Arc<QueueMemory>) -> Router {
    let path = site.base_path();
    if path == BasePath::default() {
        return wrap(router, sessions, site, queue_memory);
    }
    let elsewhere = wrap(Router::new(), sessions, site, Arc::clone(&queue_memory));
    base_path::mount(wrap(router, sessions, site, queue_memory), elsewhere, path)
}

fn wrap(router: Router, sessions: &Sessions, site: &SitePolicy, queue_memory: Arc<QueueMemory>) -> Router {
    let headers = headers::SecurityHeaders::new(site);
    // The last is the outermost.
    router
        .fallback(error::not_found)
        .layer(middleware::from_fn_with_state(BotDoor::new(sessions.clone(), site.clone()), bots::authenticate))
        .layer(sessions.layer())
        .layer(middleware::map_response(error::session_unsaved))
        .layer(RequestBodyLimitLayer::new(FRAME_BYTES))
        .layer(middleware::from_fn_with_state(site.cookie_scope(), locale::remember))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, REQUEST_TIMEOUT))
        .layer(middleware::from_fn(turns::wait))
        .layer(CatchPanicLayer::custom(error::panicked))
        .layer(middleware::from_fn_with_state(queue_memory, compression::encode))
        .layer(middleware::map_response(move |response| std::future::ready(headers.add_to(response))))
        .layer(middleware::from_fn(access_log::log))
}
