//! Durations as text.

use std::time::Duration;

use super::Units;

/// Formats a duration in the largest unit of which it is a whole number.
pub fn format_duration(duration: Duration, units: &Units) -> String {
    let seconds = duration.as_secs();
    let sizes = [(86_400, units.days), (3600, units.hours), (60, units.minutes), (1, units.seconds)];
    let whole = sizes.into_iter().find(|(size, _)| seconds > 0 && seconds.is_multiple_of(*size));
    let (size, unit) = whole.unwrap_or((1, units.seconds));
    let count = seconds / size;
    let text = if count == 1 { unit.one } else { unit.other };
    text.replace("{count}", &units.number(count))
}

/// Formats a duration rounded up, in the largest unit of which it has at least one.
pub fn format_rounded_up(duration: Duration, units: &Units) -> String {
    let seconds = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    let size = [86_400, 3600, 60].into_iter().find(|size| seconds >= *size).unwrap_or(1);
    format_duration(Duration::from_secs(seconds.div_ceil(size) * size), units)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::{locale::Locale, texts::Texts};

    #[test]
    fn duration_is_written_in_its_largest_whole_unit() {
        let english = &Texts::of(Locale::English).units;
        for (seconds, expected) in [
            (0, "0 seconds"),
            (1, "1 second"),
            (90, "90 seconds"),
            (900, "15 minutes"),
            (3600, "1 hour"),
            (43_200, "12 hours"),
            (604_800, "7 days"),
            (86_400_000, "1,000 days"),
        ] {
            assert_eq!(format_duration(Duration::from_secs(seconds), english), expected);
        }
        assert_eq!(format_duration(Duration::from_secs(604_800), &Texts::of(Locale::Indonesian).units), "7 hari");
    }

    #[test]
    fn rounded_duration_is_written_in_its_largest_unit() {
        let english = &Texts::of(Locale::English).units;
        for (millis, expected) in [
            (1, "1 second"),
            (59_001, "1 minute"),
            (61_000, "2 minutes"),
            (3_600_000, "1 hour"),
            (90_000_000, "2 days"),
        ] {
            assert_eq!(format_rounded_up(Duration::from_millis(millis), english), expected);
        }
    }
}
