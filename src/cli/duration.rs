//! Durations such as `30s`, `5m`, `1h 30m`.

use std::time::Duration;

use jiff::SignedDuration;

/// Reads a duration.
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || "not a duration such as 30s, 5m or 1h30m".to_owned();
    // A day has 24 hours here, whatever the clocks do.
    let (days, rest) = match text.split_once('d') {
        Some((days, rest)) => (days.trim().parse::<u32>().map_err(|_| wrong())?, rest.trim()),
        None => (0, text),
    };
    let length = match rest {
        "" if text != rest => Duration::ZERO,
        _ => rest.parse::<SignedDuration>().ok().and_then(|rest| rest.try_into().ok()).ok_or_else(wrong)?,
    };
    let length = length.saturating_add(Duration::from_secs(24 * 3600) * days.min(366));
    if length > LONGEST { Err("longer than a year".to_owned()) } else { Ok(length) }
}

/// Prints a length of time for people, to the second.
pub(super) fn words(length: Duration) -> String {
    let all = length.as_secs();
    let (hours, minutes, seconds) = (all / 3600, all / 60 % 60, all % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, _) => format!("{minutes}m {seconds:02}s"),
        _ => format!("{hours}h {minutes:02}m {seconds:02}s"),
    }
}

const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

#[cfg(test)]
mod tests {
    use super::{Duration, parse_duration, words};

    #[test]
    fn both_ways() {
        assert_eq!(parse_duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(parse_duration("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse_duration("7d"), Ok(Duration::from_secs(7 * 86_400)));
        assert_eq!(parse_duration("1d 2h"), Ok(Duration::from_secs(26 * 3600)));
        for wrong in ["-5s", "", "d", "367d", "2562047788015215h"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
        assert!(parse_duration("soon").is_err());
        assert_eq!(words(Duration::from_secs(3725)), "1h 02m 05s");
    }
}
