//! Checks of values that depend on each other.

use super::{
    EMBED_ORIGINS, MAX_CONNECTIONS, METRICS_LISTEN, REDIS_CA_FILE, REDIS_PASSWORD_FILE, REDIS_URL, SESSION_MAX,
    SIGN_IN, Settings, SettingsError, Sources, TOKEN_PUBLIC_KEY_FILE, TOKEN_SECRET_FILE, TRUSTED_PROXIES, USER_HEADER,
    secret::RedisUrl,
};
use crate::{
    address::TrustedProxies,
    origin::PublicUrls,
    redis::{ConnectError, RedisConnector},
};

impl Settings {
    /// Checks values that depend on each other.
    pub(super) fn check(&self, sources: &Sources<'_>, descriptors: usize) -> Result<(), SettingsError> {
        if self.metrics_listen == Some(self.listen) && self.listen.port() != 0 {
            return Err(sources.refused(METRICS_LISTEN, "an address of its own, not the public one"));
        }
        if self.session_max < self.session_idle {
            return Err(sources.refused(SESSION_MAX, "at least RUANG_SESSION_IDLE"));
        }
        if self.max_connections >= descriptors.max(2) {
            let most = format!("less than the {descriptors} descriptors that the process may open (ulimit -n)");
            return Err(sources.refused(MAX_CONNECTIONS, &most));
        }
        if !self.embed_origins.0.is_empty() && !self.public_url.as_ref().is_some_and(PublicUrls::is_https) {
            return Err(
                sources.refused(EMBED_ORIGINS, "only beside an https RUANG_PUBLIC_URL: cookies in frames are Secure")
            );
        }
        self.check_sign_in(sources)?;
        self.check_redis(sources)
    }

    fn check_sign_in(&self, sources: &Sources<'_>) -> Result<(), SettingsError> {
        let has_keys = self.token_secrets.is_some() || self.token_public_keys.is_some();
        let file = if self.token_secrets.is_some() { TOKEN_SECRET_FILE } else { TOKEN_PUBLIC_KEY_FILE };
        if self.sign_in.token && !has_keys {
            let beside = format!("token only beside {TOKEN_SECRET_FILE} or {TOKEN_PUBLIC_KEY_FILE}");
            return Err(sources.refused(SIGN_IN, &beside));
        }
        if has_keys && !self.sign_in.token {
            return Err(sources.refused(file, "only if RUANG_SIGN_IN has token"));
        }
        if self.sign_in.proxy != self.user_header.is_some() {
            return Err(sources.refused(SIGN_IN, &format!("proxy beside {USER_HEADER}, and neither without the other")));
        }
        if self.sign_in.proxy && self.trusted_proxies == TrustedProxies::default() {
            return Err(sources.refused(SIGN_IN, &format!("proxy only beside {TRUSTED_PROXIES}")));
        }
        if self.sign_in.token && self.public_url.is_none() {
            return Err(sources.refused(SIGN_IN, "token only beside RUANG_PUBLIC_URL, the audience of tokens"));
        }
        self.token_keys()
            .map(drop)
            .map_err(|error| sources.refused(file, &format!("keys that can be told apart ({error})")))
    }

    fn check_redis(&self, sources: &Sources<'_>) -> Result<(), SettingsError> {
        let url = self.redis_url.as_ref();
        if self.redis_password.is_some() && url.is_none_or(RedisUrl::has_password) {
            return Err(sources.refused(REDIS_PASSWORD_FILE, "only beside a REDIS_URL that has no password"));
        }
        if self.redis_ca_file.is_some() && !url.is_some_and(RedisUrl::is_tls) {
            return Err(sources.refused(REDIS_CA_FILE, "only beside a REDIS_URL with TLS (rediss://…)"));
        }
        let link = self.redis().map_or(Ok(()), |options| RedisConnector::new(&options).map(drop));
        link.map_err(|error| match &error {
            ConnectError::Url(why) => sources.refused(REDIS_URL, &format!("a URL that is valid as a whole ({why})")),
            ConnectError::Certificates(_, why) => {
                sources.refused(REDIS_CA_FILE, &format!("a readable file of certificates in PEM ({why})"))
            }
        })
    }
}
