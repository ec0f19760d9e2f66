//! The version of Redis, or of a product that speaks its protocol.

use super::field;

/// The oldest major version of Redis that has the commands of the room.
pub const MIN_MAJOR: u64 = 7;
/// The first release of each line of Redis with the Lua fixes of October 2025 (CVE-2025-49844 and others).
const REDIS_LUA_FIXES: [Version; 4] = [(7, 2, 11), (7, 4, 6), (8, 0, 4), (8, 2, 2)];
/// The same of Valkey.
const VALKEY_LUA_FIXES: [Version; 3] = [(7, 2, 11), (8, 0, 6), (8, 1, 4)];

type Version = (u64, u64, u64);

/// The versions in the output of `INFO server`. Valkey and Dragonfly report their own beside the version of Redis that they imitate.
pub struct ServerVersion<'a> {
    redis: &'a str,
    own: Option<(&'a str, &'static [Version])>,
}

impl<'a> ServerVersion<'a> {
    /// Reads the versions.
    pub fn from_info(info: &'a str) -> Self {
        let redis = field(info, "redis_version").unwrap_or_default();
        let own = if let Some(valkey) = field(info, "valkey_version") {
            Some((valkey, &VALKEY_LUA_FIXES[..]))
        } else if field(info, "dragonfly_version").is_some() {
            None
        } else {
            Some((redis, &REDIS_LUA_FIXES[..]))
        };
        Self { redis, own }
    }

    /// Returns the version of Redis as reported.
    pub fn redis(&self) -> &'a str {
        self.redis
    }

    /// Returns whether commands of the room are missing.
    pub fn is_too_old(&self) -> bool {
        parse(self.redis).is_none_or(|(major, ..)| major < MIN_MAJOR)
    }

    /// Returns whether the release is older than the Lua fixes. Distributions may have patched it all the same.
    pub fn lacks_lua_fixes(&self) -> bool {
        let Some((own, fixes)) = self.own else { return false };
        let Some(version) = parse(own) else { return false };
        let line = |(major, minor, _): Version| (major, minor);
        match fixes.iter().find(|fix| line(**fix) == line(version)) {
            Some(fix) => version < *fix,
            None => fixes.iter().any(|fix| version < *fix),
        }
    }
}

/// Parses `8.0.4`, also with a suffix (`8.0.4-rc1`) or without the last numbers.
fn parse(version: &str) -> Option<Version> {
    let mut numbers = version.split('.').map(|part| {
        let digits = part.find(|c: char| !c.is_ascii_digit()).map_or(part, |end| &part[..end]);
        digits.parse::<u64>().ok()
    });
    Some((numbers.next()??, numbers.next().flatten().unwrap_or(0), numbers.next().flatten().unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lua_fixes_are_known_for_each_line_of_redis() {
        for (version, lacks) in [
            ("7.0.15", true),
            ("7.2.10", true),
            ("7.2.11", false),
            ("7.4.5", true),
            ("7.4.6", false),
            ("8.0.3", true),
            ("8.0.4-rc1", false),
            ("8.1.0", true),
            ("8.2.1", true),
            ("8.2.2", false),
            ("8.4.0", false),
            ("9", false),
        ] {
            let info = format!("# Server\r\nredis_version:{version}\r\nredis_mode:standalone\r\n");
            assert_eq!(ServerVersion::from_info(&info).lacks_lua_fixes(), lacks, "{version}");
        }
    }

    #[test]
    fn lua_fixes_of_valkey_follow_its_own_version() {
        for (version, lacks) in
            [("7.2.10", true), ("7.2.11", false), ("8.0.1", true), ("8.0.6", false), ("8.1.3", true), ("9.0.0", false)]
        {
            let info = format!("redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:{version}\r\n");
            assert_eq!(ServerVersion::from_info(&info).lacks_lua_fixes(), lacks, "{version}");
        }
        let dragonfly = "redis_version:7.4.0\r\ndragonfly_version:df-v1.30.0\r\n";
        assert!(!ServerVersion::from_info(dragonfly).lacks_lua_fixes(), "another engine for scripts");
    }

    #[test]
    fn redis_below_7_or_without_a_version_is_too_old() {
        for (version, too_old) in [("6.2.20", true), ("", true), ("x", true), ("7.0.15", false), ("10.0.0", false)] {
            let info = format!("redis_version:{version}\r\n");
            assert_eq!(ServerVersion::from_info(&info).is_too_old(), too_old, "{version}");
        }
    }
}
