//! Ages as kubectl prints them, and RFC 3339.

use jiff::Timestamp;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;

/// kubectl's AGE column: apimachinery's `duration.HumanDuration` for whole seconds.
///
/// One second in the future still counts as now (clocks differ); more prints `<invalid>`, as kubectl does.
pub fn age(seconds: i64) -> String {
    // Two units where both are said, one where the second is zero.
    let two = |big: i64, big_unit: char, small: i64, small_unit: char| match small {
        0 => format!("{big}{big_unit}"),
        _ => format!("{big}{big_unit}{small}{small_unit}"),
    };
    let (minutes, hours, days, years) = (seconds / MINUTE, seconds / HOUR, seconds / DAY, seconds / YEAR);
    match seconds {
        ..-1 => "<invalid>".to_owned(),
        -1 => "0s".to_owned(),
        _ if seconds < 2 * MINUTE => format!("{seconds}s"),
        _ if minutes < 10 => two(minutes, 'm', seconds % MINUTE, 's'),
        _ if hours < 3 => format!("{minutes}m"),
        _ if hours < 8 => two(hours, 'h', minutes % 60, 'm'),
        _ if hours < 48 => format!("{hours}h"),
        _ if days < 8 => two(days, 'd', hours % 24, 'h'),
        _ if years < 2 => format!("{days}d"),
        _ if years < 8 => two(years, 'y', days % 365, 'd'),
        _ => format!("{years}y"),
    }
}

/// Seconds since 1970 as Kubernetes writes times: `2026-03-02T08:15:00Z`. Beyond the years -9999 to 9999 it stops
/// at that end.
pub fn rfc3339(seconds: i64) -> String {
    let end = if seconds < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_second(seconds).unwrap_or(end).to_string()
}

/// An HTTP date: `Sun, 06 Nov 1994 08:49:37 GMT`.
pub fn http_date(seconds: i64) -> String {
    Timestamp::from_second(seconds)
        .unwrap_or(Timestamp::MAX)
        .strftime("%a, %d %b %Y %H:%M:%S GMT")
        .to_string()
}

/// Seconds since 1970 of an RFC 3339 time (any offset; fractions are cut off); `None` for anything else.
pub fn parse_rfc3339(text: &str) -> Option<i64> {
    text.parse::<Timestamp>().ok().map(Timestamp::as_second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_kubectls() {
        // apimachinery's own table (duration_test.go), in whole seconds.
        let table: [(i64, &str); 41] = [
            (i64::MIN, "<invalid>"),
            (-2, "<invalid>"),
            (-1, "0s"),
            (0, "0s"),
            (1, "1s"),
            (70, "70s"),
            (119, "119s"),
            (120, "2m"),
            (121, "2m1s"),
            (190, "3m10s"),
            (599, "9m59s"),
            (600, "10m"),
            (601, "10m"),
            (70 * MINUTE, "70m"),
            (3 * HOUR - 1, "179m"),
            (3 * HOUR, "3h"),
            (3 * HOUR + MINUTE, "3h1m"),
            (5 * HOUR + 30 * MINUTE, "5h30m"),
            (8 * HOUR - 1, "7h59m"),
            (8 * HOUR, "8h"),
            (8 * HOUR + 59 * MINUTE, "8h"),
            (26 * HOUR, "26h"),
            (2 * DAY - 1, "47h"),
            (2 * DAY, "2d"),
            (2 * DAY + HOUR, "2d1h"),
            (3 * DAY + 4 * HOUR, "3d4h"),
            (8 * DAY - 1, "7d23h"),
            (8 * DAY, "8d"),
            (8 * DAY + 23 * HOUR, "8d"),
            (47 * DAY, "47d"),
            (367 * DAY, "367d"),
            (2 * YEAR - 1, "729d"),
            (2 * YEAR, "2y"),
            (2 * YEAR + 23 * HOUR + 59 * MINUTE, "2y"),
            (2 * YEAR + DAY, "2y1d"),
            (2 * YEAR + 30 * DAY, "2y30d"),
            (3 * YEAR, "3y"),
            (8 * YEAR - 1, "7y364d"),
            (8 * YEAR, "8y"),
            (8 * YEAR + 364 * DAY, "8y"),
            (9 * YEAR, "9y"),
        ];
        for (seconds, expected) in table {
            assert_eq!(age(seconds), expected, "{seconds}");
        }
        assert!(age(i64::MAX).ends_with('y'));
    }

    #[test]
    fn times_go_there_and_back() {
        assert_eq!(rfc3339(1_772_439_300), "2026-03-02T08:15:00Z");
        for seconds in [0, -1, 1, 1_772_439_300, 253_402_207_200] {
            assert_eq!(parse_rfc3339(&rfc3339(seconds)), Some(seconds));
        }
        assert_eq!(parse_rfc3339("2026-03-02T09:15:00.987+01:00"), Some(1_772_439_300));
    }

    #[test]
    fn what_is_no_time_is_none_and_no_number_panics() {
        for text in ["", "yesterday", "2026-03-02", "2026-13-02T08:15:00Z", "2026-03-02T08:15:00"] {
            assert_eq!(parse_rfc3339(text), None, "{text}");
        }
        assert!(rfc3339(i64::MAX).starts_with("9999-"));
        assert!(rfc3339(i64::MIN).starts_with("-009999-"));
    }
}
