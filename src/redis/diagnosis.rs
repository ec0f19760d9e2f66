//! What Redis, or the way to it, complains of, in words that say what to do.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use fred::{
    clients::Client,
    error::{Error, ErrorKind},
    interfaces::EventInterface,
};
use tokio::sync::broadcast::error::RecvError;

/// A complaint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// In the words of who complains.
    why: String,
    /// How to mend it, where that is known.
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

/// Remembers the last complaint of a connection, for as long as that exists.
#[derive(Clone, Debug, Default)]
pub struct LastError(Arc<Mutex<Option<Diagnosis>>>);

impl LastError {
    /// Begins to listen, on the current runtime.
    pub fn of(client: &Client) -> Self {
        let complaints = Self::default();
        let (last, mut errors) = (Arc::downgrade(&complaints.0), client.error_rx());
        tokio::spawn(async move {
            loop {
                match errors.recv().await {
                    Ok((error, _)) => {
                        let Some(last) = last.upgrade() else { return };
                        *last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Diagnosis::from(&error));
                    }
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return,
                }
            }
        });
        complaints
    }

    /// The last one, if there ever was one.
    pub fn last(&self) -> Option<Diagnosis> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What kind of failure that is, in a word for metrics.
pub fn kind(error: &Error) -> &'static str {
    match error.kind() {
        ErrorKind::Timeout => "timeout",
        ErrorKind::IO | ErrorKind::Canceled | ErrorKind::Cluster | ErrorKind::Sentinel => "connection",
        ErrorKind::Backpressure => "backpressure",
        _ => "refused",
    }
}

/// Without what is around an error of the operating system.
fn system_message(details: &str) -> &str {
    let begins = ["message: \"", "error: \""].iter().find_map(|begin| details.split_once(begin));
    begins.and_then(|(_, rest)| rest.split_once('"')).map_or(details, |(message, _)| message)
}

/// How to mend it.
fn hint(why: &str) -> Option<&'static str> {
    let ways = [
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
    ways.iter().find(|(words, _)| words.iter().any(|word| why.contains(word))).map(|(_, way)| *way)
}

#[cfg(test)]
mod tests {
    use super::{hint, system_message};

    #[test]
    fn what_is_known_is_mended() {
        let way = |why| hint(why).unwrap_or_default();
        assert!(way("Connection refused (os error 111)").contains("REDIS_URL"));
        assert!(way("WRONGPASS invalid username-password pair").contains("REDIS_PASSWORD_FILE"));
        assert!(way("NOPERM this user has no permissions").contains("users.acl"));
        assert!(way("invalid peer certificate: UnknownIssuer").contains("REDIS_CA_FILE"));
        assert!(way("OOM command not allowed when used memory > 'maxmemory'.").contains("full"));
        assert_eq!(hint("MISCONF Redis is configured to save"), None);
    }

    #[test]
    fn an_error_of_the_system_is_said_in_its_words() {
        let details = r#"Os { code: 111, kind: ConnectionRefused, message: "Connection refused" }"#;
        assert_eq!(system_message(details), "Connection refused");
        let details = r#"Custom { kind: Uncategorized, error: "failed to lookup address information" }"#;
        assert_eq!(system_message(details), "failed to lookup address information");
        assert_eq!(system_message("LOADING Redis is loading"), "LOADING Redis is loading");
    }
}
