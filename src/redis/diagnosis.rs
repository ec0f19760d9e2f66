//! Errors of Redis and of connections to it, with a hint how to fix them.

use std::{fmt, sync::Arc};

use fred::{
    clients::Client,
    error::{Error, ErrorKind},
    interfaces::EventInterface,
};
use parking_lot::Mutex;
use tokio::sync::broadcast::error::RecvError;

/// An error and its hint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// The error's own words.
    why: String,
    /// How to fix it, where that is known.
    hint: Option<&'static str>,
}

impl From<&Error> for Diagnosis {
    fn from(error: &Error) -> Self {
        let why = system_message(error.details());
        Self { hint: hint(why), why: why.to_owned() }
    }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)?;
        self.hint.map_or(Ok(()), |hint| write!(f, ": {hint}"))
    }
}

/// The last error of a connection.
#[derive(Clone, Debug, Default)]
pub struct LastError(Arc<Mutex<Option<Diagnosis>>>);

impl LastError {
    /// Listens to a client's errors, on the current runtime, until dropped.
    pub fn of(client: &Client) -> Self {
        let last_error = Self::default();
        let (last, mut errors) = (Arc::downgrade(&last_error.0), client.error_rx());
        tokio::spawn(async move {
            loop {
                match errors.recv().await {
                    Ok((error, _)) => {
                        let Some(last) = last.upgrade() else { return };
                        *last.lock() = Some(Diagnosis::from(&error));
                    }
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return,
                }
            }
        });
        last_error
    }

    /// Returns the last error, if there ever was one.
    pub fn latest(&self) -> Option<Diagnosis> {
        self.0.lock().clone()
    }
}

/// Returns the kind of an error, as metrics name it.
pub fn kind(error: &Error) -> &'static str {
    match error.kind() {
        ErrorKind::Timeout => "timeout",
        ErrorKind::IO | ErrorKind::Canceled | ErrorKind::Cluster | ErrorKind::Sentinel => "connection",
        ErrorKind::Backpressure => "backpressure",
        _ => "refused",
    }
}

/// Strips the debug format around an error of the operating system.
fn system_message(details: &str) -> &str {
    let begins = ["message: \"", "error: \""].iter().find_map(|begin| details.split_once(begin));
    begins.and_then(|(_, rest)| rest.split_once('"')).map_or(details, |(message, _)| message)
}

/// Returns how to fix an error, where that is known.
fn hint(why: &str) -> Option<&'static str> {
    let hints = [
        (&["refused"][..], "start it, or correct REDIS_URL (in a container, localhost is the container itself)"),
        (&["lookup", "resolve", "Name or service"], "correct the host in REDIS_URL"),
        (
            &["WRONGPASS", "NOAUTH", "without any password"],
            "check the user in REDIS_URL and the password in REDIS_PASSWORD_FILE",
        ),
        (
            &["NOPERM", "user executing the script can't", "permissions"],
            "its user needs the rights of deploy/redis/users.acl, with the key patterns that ruang check prints",
        ),
        (
            &["certificate", "UnknownIssuer"],
            "REDIS_CA_FILE names the authority; the host in REDIS_URL must be the certificate's",
        ),
        (&["READONLY"], "it is a replica: REDIS_URL should name the primary, or its sentinels (redis-sentinel://…)"),
        (&["OOM", "maxmemory"], "it is full: raise maxmemory, or keep less (RUANG_HISTORY, RUANG_HISTORY_AGE)"),
    ];
    hints.iter().find(|(words, _)| words.iter().any(|word| why.contains(word))).map(|(_, hint)| *hint)
}

#[cfg(test)]
mod tests {
    use super::{hint, system_message};

    #[test]
    fn error_known_gets_a_hint() {
        let hint_for = |why| hint(why).unwrap_or_default();
        assert!(hint_for("Connection refused (os error 111)").contains("REDIS_URL"));
        assert!(hint_for("WRONGPASS invalid username-password pair").contains("REDIS_PASSWORD_FILE"));
        assert!(hint_for("NOPERM this user has no permissions").contains("users.acl"));
        assert!(hint_for("invalid peer certificate: UnknownIssuer").contains("REDIS_CA_FILE"));
        assert!(hint_for("OOM command not allowed when used memory > 'maxmemory'.").contains("full"));
        assert_eq!(hint("MISCONF Redis is configured to save"), None);
    }

    #[test]
    fn system_error_is_stripped_to_its_message() {
        let details = r#"Os { code: 111, kind: ConnectionRefused, message: "Connection refused" }"#;
        assert_eq!(system_message(details), "Connection refused");
        let details = r#"Custom { kind: Uncategorized, error: "failed to lookup address information" }"#;
        assert_eq!(system_message(details), "failed to lookup address information");
        assert_eq!(system_message("LOADING Redis is loading"), "LOADING Redis is loading");
    }
}
