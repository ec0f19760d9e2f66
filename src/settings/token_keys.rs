//! The files with the keys of sign-in tokens. No error repeats a secret.

use std::fs;

use super::token_strength::check_strength;
use crate::session::TokenKeys;

/// The largest file, in bytes.
const MAX_BYTES: u64 = 64 * 1024;

/// Secrets of HS256: one line, or several lines of `kid:secret`.
pub(super) fn secret_file(path: &str) -> Result<TokenKeys, String> {
    let accepted = |why: String| format!("a readable file with a secret, or with lines of kid:secret ({why})");
    let text = read(path).map_err(accepted)?;
    let lines: Vec<&str> =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let secrets: Vec<_> = lines
        .iter()
        .map(|line| line.split_once(':').map_or((None, *line), |(kid, secret)| (Some(kid.trim()), secret.trim())))
        .collect();
    for (_, secret) in &secrets {
        check_strength(secret).map_err(|why| accepted(why.replace("the token", "a secret")))?;
    }
    TokenKeys::from_secrets(secrets).map_err(|error| accepted(error.to_string()))
}

/// Public keys in PEM, each after a line `kid: NAME` if there are several.
pub(super) fn public_key_file(path: &str) -> Result<TokenKeys, String> {
    let accepted = |why: String| format!("a readable file of public keys in PEM ({why})");
    let text = read(path).map_err(accepted)?;
    TokenKeys::from_pem(&text).map_err(|error| accepted(error.to_string()))
}

fn read(path: &str) -> Result<String, String> {
    if fs::metadata(path).map_err(|error| error.to_string())?.len() > MAX_BYTES {
        return Err("it is too long".to_owned());
    }
    fs::read_to_string(path).map_err(|error| error.to_string())
}
