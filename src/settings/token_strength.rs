//! Whether a token is too easy to guess.

use std::collections::HashMap;

/// The least entropy of a token, in bits, as its characters let it appear.
const MIN_BITS: f64 = 80.0;

/// Refuses a token that is short, or that a person made up: few different characters, or ones in a row.
///
/// # Errors
/// Why, and how to make a better one. The sentence does not repeat the token.
pub(super) fn check_strength(token: &str) -> Result<(), String> {
    if apparent_bits(token) >= MIN_BITS {
        return Ok(());
    }
    Err("the token is too easy to guess; a good one is made by: openssl rand -base64 32".to_owned())
}

/// The entropy of the distribution of characters, times their number. A character that repeats or continues the one before it
/// (`aaa`, `123`) counts for nothing.
pub(super) fn apparent_bits(token: &str) -> f64 {
    let characters: Vec<u32> = token.chars().map(u32::from).collect();
    let is_new = |index: &usize| *index == 0 || characters[*index].abs_diff(characters[index - 1]) > 1;
    let counted: Vec<u32> = (0..characters.len()).filter(is_new).map(|index| characters[index]).collect();
    let mut counts = HashMap::<u32, f64>::new();
    for character in &counted {
        *counts.entry(*character).or_default() += 1.0;
    }
    let all = counted.len() as f64;
    counts.values().map(|count| -count * (count / all).log2()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_tokens_pass_in_every_usual_alphabet() {
        for token in [
            "q3vKXbQ9m0S2cVxYh1Tn7wPz",
            "b7c1f09e4d2a68355e0fd9c17ab24863",
            "0f1e6b52-9d6c-4c1a-8a53-7f0f3f5f2f6b",
            "Zm9vYmFyYmF6cXV4cXV1eGNvcmdlZ3JhdWx0Z2FycGx5=",
        ] {
            assert_eq!(check_strength(token), Ok(()), "{token}");
        }
    }

    #[test]
    fn made_up_tokens_are_refused() {
        for token in [
            "",
            "secret",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "abcdefghijklmnopqrstuvwxyz0123456789",
            "hunter2hunter2hunter2",
            "changeme-changeme",
            "correct horse",
        ] {
            assert!(check_strength(token).is_err(), "{token}");
        }
    }
}
