//! Times as people read them: in the local zone, with the date only where it is another day.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::env::Env;

/// Milliseconds since 1970 (UTC).
pub(super) fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}

/// A time that is not known.
pub(super) const UNKNOWN: &str = "unknown";
/// Two looks at the clock may be this far apart.
const AHEAD_MS: i64 = 1_000;

/// The local time zone.
#[derive(Debug, Clone)]
pub(super) struct Clock {
    zone: TimeZone,
}

impl Clock {
    /// The zone of `TZ`, else of `/etc/localtime`, else UTC.
    pub(super) fn local(env: &Env) -> Self {
        let zone = match env.get("TZ").map(|name| name.trim_start_matches(':')) {
            Some("") => None,
            Some(name) => zone_file(name).or_else(|| TimeZone::posix(name).ok()),
            None => zone_file("/etc/localtime"),
        };
        Self { zone: zone.unwrap_or(TimeZone::UTC) }
    }

    /// The zone itself.
    pub(super) fn zone(&self) -> TimeZone {
        self.zone.clone()
    }

    /// `14:02:11`, or `2026-03-01 14:02:11` when that was not today. Of what has been: a time of the future is one of a
    /// clock that was set back since, and is as good as unknown.
    pub(super) fn time(&self, ms: i64, now_ms: i64) -> String {
        if ms >= now_ms + AHEAD_MS {
            return UNKNOWN.to_owned();
        }
        let ms = ms.min(now_ms);
        let zoned = |ms| Timestamp::from_millisecond(ms).map(|time| time.to_zoned(self.zone.clone()));
        let (Ok(time), Ok(now)) = (zoned(ms), zoned(now_ms)) else { return "-".to_owned() };
        let form = if time.date() == now.date() { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" };
        time.strftime(form).to_string()
    }
}

// jiff's own lookup needs a feature that brings a zone database along; the system's files are enough here.
fn zone_file(name: &str) -> Option<TimeZone> {
    let path = if name.starts_with('/') { name.to_owned() } else { format!("/usr/share/zoneinfo/{name}") };
    TimeZone::tzif(name, &fs_err::read(path).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_shows_when_it_is_another_day() {
        let clock = Clock::local(&Env::from([("TZ", "XYZ-2")]));
        let noon = 1_772_445_600_000; // 2026-03-02 10:00:00 UTC
        assert_eq!(clock.time(noon, noon + 1_000), "12:00:00");
        assert_eq!(clock.time(noon - 86_400_000, noon), "2026-03-01 12:00:00");
        assert_eq!(Clock::local(&Env::from([("TZ", "")])).time(noon, noon), "10:00:00");
        assert_eq!(clock.time(i64::MIN, noon), "-");
    }

    #[test]
    fn no_time_is_of_the_future() {
        let clock = Clock::local(&Env::from([("TZ", "")]));
        let noon = 1_772_452_800_000;
        assert_eq!(clock.time(noon + 999, noon), "12:00:00");
        assert_eq!(clock.time(noon + 1_000, noon), "unknown");
        assert_eq!(clock.time(i64::MAX, noon), "unknown");
    }
}
