//! Validation against `docs/protocol.schema.json`, for the keywords of JSON Schema that it uses.

use std::sync::LazyLock;

use serde_json::Value;

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../docs/protocol.schema.json")).expect("the schema is JSON")
});

/// Keywords that say nothing about validity.
const ANNOTATIONS: [&str; 2] = ["title", "description"];

/// Validates a value against a definition, for example `server_frame`.
///
/// # Errors
/// The first place that does not match, and why.
pub fn validate(definition: &str, value: &Value) -> Result<(), String> {
    if std::env::var_os("RUANG_PROGRAM").is_some() {
        // An older one has an older schema.
        return Ok(());
    }
    matches(&SCHEMA["$defs"][definition], value).map_err(|why| format!("{definition} {why}: {value}"))
}

/// Returns the definition of the answer to a request of the API with this status, if it has a body in JSON.
pub fn answer(method: &str, path: &str, status: u16) -> Option<&'static str> {
    match (method, path, status) {
        ("GET", "/api/messages", 200) => Some("history"),
        ("GET", "/api/members", 200) => Some("members"),
        ("POST", "/api/messages", 201) => Some("posted"),
        ("GET", "/api/operator", 200) => Some("moderation"),
        ("GET", "/api/operator/me", 200) => Some("moderator"),
        ("POST", "/api/operator" | "/api/operator/reports", 200) => Some("moderated"),
        ("GET", "/api/operator/reports", 200) => Some("report_queue"),
        ("POST", "/api/reports", 200) => Some("reported"),
        ("GET" | "POST", "/api/messages" | "/api/members" | "/api/operator" | "/api/operator/reports", 400..)
        | ("POST", "/api/reports", 400..403 | 429..) => Some("api_error"),
        _ => None,
    }
}

fn matches(schema: &Value, value: &Value) -> Result<(), String> {
    let keywords = schema.as_object().unwrap_or_else(|| panic!("no schema: {schema}"));
    for (keyword, rule) in keywords.iter().filter(|(keyword, _)| !ANNOTATIONS.contains(&keyword.as_str())) {
        keyword_matches(keyword, rule, value)?;
    }
    Ok(())
}

fn keyword_matches(keyword: &str, rule: &Value, value: &Value) -> Result<(), String> {
    let fulfilled = match keyword {
        "$ref" => return matches(referenced(rule), value),
        "properties" => return properties_match(rule, value),
        "items" => return value.as_array().into_iter().flatten().try_for_each(|item| matches(rule, item)),
        "oneOf" => list(rule).iter().filter(|schema| matches(schema, value).is_ok()).count() == 1,
        "required" => !value.is_object() || list(rule).iter().all(|name| value.get(string(name)).is_some()),
        "type" if rule.is_array() => list(rule).iter().any(|kind| is_a(string(kind), value)),
        "type" => is_a(string(rule), value),
        "const" => rule == value,
        "enum" => list(rule).contains(value),
        "pattern" => value.as_str().is_none_or(|text| has_pattern(string(rule), text)),
        "minLength" => value.as_str().is_none_or(|text| text.chars().count() as u64 >= number(rule)),
        "maxLength" => value.as_str().is_none_or(|text| text.chars().count() as u64 <= number(rule)),
        "minimum" => value.as_i64().is_none_or(|found| found >= 0 && found as u64 >= number(rule)),
        _ => panic!("{keyword} is not implemented"),
    };
    if fulfilled { Ok(()) } else { Err(format!("violates {keyword}")) }
}

fn properties_match(properties: &Value, value: &Value) -> Result<(), String> {
    for (name, schema) in properties.as_object().expect("properties") {
        if let Some(field) = value.get(name) {
            matches(schema, field).map_err(|why| format!(".{name} {why}"))?;
        }
    }
    Ok(())
}

fn referenced(rule: &Value) -> &'static Value {
    let path = string(rule).strip_prefix('#').expect("a reference within the schema");
    SCHEMA.pointer(path).unwrap_or_else(|| panic!("no definition {path}"))
}

fn is_a(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        _ => panic!("{kind} is not implemented"),
    }
}

/// The two patterns of the schema, without an engine for regular expressions.
fn has_pattern(pattern: &str, text: &str) -> bool {
    let digits = |part: &str| {
        let plain = part == "0" || !part.starts_with('0');
        (1..=20).contains(&part.len()) && plain && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    match pattern {
        "^(0|[1-9][0-9]{0,19})-(0|[1-9][0-9]{0,19})$" => {
            text.split_once('-').is_some_and(|(epoch, n)| digits(epoch) && digits(n))
        }
        "^[A-Za-z0-9_-]{1,64}$" => {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
            (1..=64).contains(&text.len()) && text.bytes().all(allowed)
        }
        _ => panic!("{pattern} is not implemented"),
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

fn string(value: &Value) -> &str {
    value.as_str().expect("a string")
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}
