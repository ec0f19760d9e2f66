//! Sign-in tokens: JSON Web Tokens by which a site hands in the names of its users.

use std::time::Duration;

use jsonwebtoken::{Validation, decode, decode_header, errors::ErrorKind};
use serde::Deserialize;

use super::{ring_verifier::PROVIDER, token_keys::TokenKeys};
use crate::{
    backplane::SessionTag,
    name::{Name, NameError},
    origin::PublicUrls,
};

/// The longest token, in bytes.
const MAX_BYTES: usize = 8 * 1024;
/// The longest `sub`, in bytes.
const MAX_SUBJECT: usize = 255;
/// How far a token may expire ahead: it is used at once.
const MAX_AHEAD: Duration = Duration::from_secs(5 * 60);
/// How far clocks may differ.
const SKEW: Duration = Duration::from_secs(60);
/// The role of moderators. A site may use other roles for itself: they change nothing here.
const MODERATOR: &str = "moderator";

/// A user of the site, as a token describes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The name.
    pub name: Name,
    /// The session of this user, the same for each of their tokens.
    pub session: SessionTag,
    /// When the session ends at the latest, in seconds since 1970, if the site says so.
    pub until: Option<u64>,
    /// Whether the site says that they moderate the room.
    pub moderates: bool,
    /// How long the token could be used again, if it were not remembered.
    pub replayable_for: Duration,
}

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a token, or a claim is missing or has the wrong type.
    #[error("not a token with the claims name, sub, exp and aud")]
    Malformed,
    /// Signed by another key than the ones of this installation, or changed.
    #[error("signed by an unknown key, or changed")]
    Signature,
    /// Signed by another algorithm than that of its key.
    #[error("signed by another algorithm than that of its key")]
    Algorithm,
    /// For another site.
    #[error("for another audience")]
    Audience,
    /// `exp` has passed.
    #[error("expired")]
    Expired,
    /// `exp` is too far ahead, or `nbf` in the future.
    #[error("valid for too long, or not yet valid: it must expire within five minutes")]
    Early,
    /// It was used before.
    #[error("used before")]
    Replayed,
    /// The name is no valid one.
    #[error("{0}")]
    Name(NameError),
}

impl TokenError {
    /// The code for programs, the log and metrics.
    pub fn code(self) -> &'static str {
        match self {
            Self::Malformed => "token_malformed",
            Self::Signature => "token_signature",
            Self::Algorithm => "token_algorithm",
            Self::Audience => "token_audience",
            Self::Expired => "token_expired",
            Self::Early => "token_early",
            Self::Replayed => "token_replayed",
            Self::Name(_) => "bad_name",
        }
    }
}

/// Checks tokens.
#[derive(Clone, Debug)]
pub struct TokenVerifier {
    keys: TokenKeys,
    audience: PublicUrls,
}

#[derive(Deserialize)]
struct Claims {
    name: String,
    sub: String,
    exp: f64,
    aud: Audience,
    nbf: Option<f64>,
    session_exp: Option<f64>,
    role: Option<serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl TokenVerifier {
    /// Accepts tokens that are signed by one of the keys, for any of these addresses.
    pub fn new(keys: TokenKeys, audience: PublicUrls) -> Self {
        // An error means that it is installed already.
        let _ = PROVIDER.install_default();
        Self { keys, audience }
    }

    /// Checks a token at a time since 1970. Whether it was used before is for the caller to find out.
    pub fn verify(&self, token: &str, now: Duration) -> Result<Account, TokenError> {
        let claims = self.signed_claims(token)?;
        let audiences = match &claims.aud {
            Audience::One(audience) => std::slice::from_ref(audience),
            Audience::Several(audiences) => audiences,
        };
        if !audiences.iter().any(|audience| self.audience.names(audience)) {
            return Err(TokenError::Audience);
        }
        let (now, skew) = (now.as_secs_f64(), SKEW.as_secs_f64());
        if claims.exp + skew <= now {
            return Err(TokenError::Expired);
        }
        if claims.exp > now + MAX_AHEAD.as_secs_f64() + skew || claims.nbf.is_some_and(|nbf| nbf > now + skew) {
            return Err(TokenError::Early);
        }
        if claims.sub.is_empty() || claims.sub.len() > MAX_SUBJECT {
            return Err(TokenError::Malformed);
        }
        Ok(Account {
            name: Name::parse(&claims.name).map_err(TokenError::Name)?,
            session: SessionTag::of_account(&claims.sub),
            until: claims.session_exp.map(|until| until.max(0.0) as u64),
            moderates: claims.role.is_some_and(|role| role == MODERATOR),
            replayable_for: Duration::from_secs_f64(claims.exp + skew - now + 1.0),
        })
    }

    /// Returns the claims of a token whose signature is right for the algorithm of its key.
    fn signed_claims(&self, token: &str) -> Result<Claims, TokenError> {
        if token.len() > MAX_BYTES {
            return Err(TokenError::Malformed);
        }
        let header = decode_header(token).map_err(|_| TokenError::Malformed)?;
        let mut error = TokenError::Signature;
        for key in self.keys.candidates(header.kid.as_deref()) {
            let mut validation = Validation::new(key.algorithm);
            validation.required_spec_claims.clear();
            (validation.validate_exp, validation.validate_aud) = (false, false);
            match decode::<Claims>(token, &key.key, &validation) {
                Ok(token) => return Ok(token.claims),
                Err(refused) => match refused.kind() {
                    ErrorKind::InvalidSignature => {}
                    ErrorKind::InvalidAlgorithm => error = TokenError::Algorithm,
                    _ => return Err(TokenError::Malformed),
                },
            }
        }
        Err(error)
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    use ring::{
        hmac,
        rand::SystemRandom,
        signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair},
    };
    use serde_json::{Value, json};

    use super::*;

    const SECRET: &str = "Zq7mW2xk9TfLbV4dRn8sHc3Y";
    const NOW: Duration = Duration::from_secs(1_764_000_000);

    fn encoded(header: &Value, claims: &Value) -> String {
        [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".")
    }

    fn hs256(header: &Value, claims: &Value) -> String {
        let message = encoded(header, claims);
        let signed = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes()), message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signed))
    }

    fn claims() -> Value {
        json!({"name": " Sari ", "sub": "7", "exp": 1_764_000_060, "aud": "https://chat.example.org/"})
    }

    fn with(field: &str, value: Value) -> Value {
        let mut claims = claims();
        claims[field] = value;
        claims
    }

    fn verifier(keys: TokenKeys) -> TokenVerifier {
        TokenVerifier::new(keys, "https://chat.example.org".parse().unwrap())
    }

    fn secret() -> TokenVerifier {
        verifier(TokenKeys::from_secrets([(None, SECRET)]).unwrap())
    }

    fn verified(claims: &Value) -> Result<Account, TokenError> {
        secret().verify(&hs256(&json!({"alg": "HS256"}), claims), NOW)
    }

    #[test]
    fn valid_token_names_the_account() {
        let account = verified(&with("session_exp", json!(1_764_003_600))).unwrap();
        assert_eq!((account.name.shown(), account.until), ("Sari", Some(1_764_003_600)));
        assert_eq!(account.session, verified(&with("name", json!("Adi"))).unwrap().session, "by sub");
        assert_ne!(account.session, verified(&with("sub", json!("8"))).unwrap().session);
        assert!(verified(&with("aud", json!(["https://other.example", "https://CHAT.example.org"]))).is_ok());
    }

    #[test]
    fn only_the_role_moderator_moderates() {
        assert!(verified(&with("role", json!("moderator"))).unwrap().moderates);
        for role in [json!(null), json!("Moderator"), json!("member"), json!(["moderator"]), json!(true), json!(7)] {
            assert!(!verified(&with("role", role.clone())).unwrap().moderates, "{role}");
        }
        assert!(!verified(&claims()).unwrap().moderates);
    }

    #[test]
    fn each_bad_claim_has_its_own_error() {
        for (claims, error) in [
            (with("exp", json!(1_763_999_939)), TokenError::Expired),
            (with("exp", json!(1_764_000_361)), TokenError::Early),
            (with("nbf", json!(1_764_000_061)), TokenError::Early),
            (with("aud", json!("https://chat.example.org.evil.example")), TokenError::Audience),
            (with("aud", json!([])), TokenError::Audience),
            (with("name", json!(" ")), TokenError::Name(NameError::Empty)),
            (with("sub", json!("")), TokenError::Malformed),
            (with("sub", json!("x".repeat(256))), TokenError::Malformed),
            (with("exp", json!("1764000060")), TokenError::Malformed),
            (with("nbf", json!("1")), TokenError::Malformed),
            (json!({"name": "Sari", "sub": "7", "aud": "https://chat.example.org"}), TokenError::Malformed),
        ] {
            assert_eq!(verified(&claims), Err(error), "{claims}");
        }
        assert!(verified(&with("exp", json!(1_763_999_941))).is_ok(), "clocks may differ by a minute");
        assert!(verified(&with("exp", json!(1_764_000_359))).is_ok());
    }

    #[test]
    fn signature_and_algorithm_are_those_of_the_key() {
        let token = hs256(&json!({"alg": "HS256"}), &claims());
        let changed = token.replacen(
            &encoded(&json!({}), &claims())[4..],
            &encoded(&json!({}), &with("sub", json!("8")))[4..],
            1,
        );
        assert_ne!(changed, token);
        assert_eq!(secret().verify(&changed, NOW), Err(TokenError::Signature));
        let other = verifier(TokenKeys::from_secrets([(None, "another secret altogether")]).unwrap());
        assert_eq!(other.verify(&token, NOW), Err(TokenError::Signature));
        for algorithm in ["HS512", "RS256", "EdDSA", "ES256"] {
            let token = hs256(&json!({"alg": algorithm}), &claims());
            assert_eq!(secret().verify(&token, NOW), Err(TokenError::Algorithm), "{algorithm}");
        }
        for token in ["", "a.b.c", &hs256(&json!({"alg": "none"}), &claims()), &format!("{token}.x"), &"x".repeat(9000)]
        {
            assert_eq!(secret().verify(token, NOW), Err(TokenError::Malformed), "{token}");
        }
    }

    /// The classic confusion: a public key taken for the secret of an HMAC.
    #[test]
    fn public_key_is_no_secret() {
        let pair =
            Ed25519KeyPair::from_pkcs8(Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap().as_ref()).unwrap();
        let ours = verifier(
            TokenKeys::from_pem(&pem(
                &[0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0],
                pair.public_key().as_ref(),
            ))
            .unwrap(),
        );
        let message = encoded(&json!({"alg": "HS256"}), &claims());
        let key = hmac::Key::new(hmac::HMAC_SHA256, pair.public_key().as_ref());
        let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(hmac::sign(&key, message.as_bytes())));
        assert_eq!(ours.verify(&token, NOW), Err(TokenError::Algorithm));
        let message = encoded(&json!({"alg": "EdDSA"}), &claims());
        let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(pair.sign(message.as_bytes())));
        assert!(ours.verify(&token, NOW).is_ok());
    }

    #[test]
    fn es256_token_is_verified_by_its_kid() {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap();
        let prefix = [
            0x30, 0x59, 0x30, 0x13, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1,
            7, 3, 0x42, 0,
        ];
        let keys = TokenKeys::from_pem(&format!("kid: a\n{}", pem(&prefix, pair.public_key().as_ref()))).unwrap();
        let ours = verifier(keys.and(TokenKeys::from_secrets([(Some("b"), SECRET)]).unwrap()).unwrap());
        for (kid, expected) in [("a", true), ("b", false), ("c", false)] {
            let message = encoded(&json!({"alg": "ES256", "kid": kid}), &claims());
            let signed = pair.sign(&random, message.as_bytes()).unwrap();
            let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(signed));
            assert_eq!(ours.verify(&token, NOW).is_ok(), expected, "{kid}");
        }
        assert!(ours.verify(&hs256(&json!({"alg": "HS256", "kid": "b"}), &claims()), NOW).is_ok());
    }

    fn pem(prefix: &[u8], key: &[u8]) -> String {
        let der = base64::engine::general_purpose::STANDARD.encode([prefix, key].concat());
        format!("-----BEGIN PUBLIC KEY-----\n{der}\n-----END PUBLIC KEY-----\n")
    }
}
