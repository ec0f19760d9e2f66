//! The files with the keys of sign-in tokens. No error repeats a secret.

use super::{small_file, token_strength::check_strength};
use crate::session::TokenKeys;

/// Secrets of HS256: one line, or several lines of `kid:secret`.
pub(super) fn secret_file(path: &str) -> Result<TokenKeys, String> {
    let accepted = |why: String| format!("a readable file with a secret, or with lines of kid:secret ({why})");
    let text = small_file::read(path).map_err(accepted)?;
    let secrets: Vec<_> = small_file::lines(&text).map(|(_, line)| key_and_secret(line)).collect();
    for (_, secret) in &secrets {
        check_strength(secret).map_err(|why| accepted(why.replace("the token", "a secret")))?;
    }
    TokenKeys::from_secrets(secrets).map_err(|error| accepted(error.to_string()))
}

/// Public keys in PEM, each after a line `kid: NAME` if there are several.
pub(super) fn public_key_file(path: &str) -> Result<TokenKeys, String> {
    let accepted = |why: String| format!("a readable file of public keys in PEM ({why})");
    let text = small_file::read(path).map_err(accepted)?;
    TokenKeys::from_pem(&text).map_err(|error| accepted(error.to_string()))
}

fn key_and_secret(line: &str) -> (Option<&str>, &str) {
    line.split_once(':').map_or((None, line), |(kid, secret)| (Some(kid.trim()), secret.trim()))
}
