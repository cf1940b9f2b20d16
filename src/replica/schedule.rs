//! When a resynchronization is to start.

use std::time::Duration;

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// When to start. Counted by the host's clock.
#[derive(Clone, Debug, PartialEq)]
pub enum Schedule {
    /// So long from now.
    In(Duration),
    /// At that moment.
    At(Timestamp),
    /// At the next such time of day, in that zone.
    AtTime(Time, TimeZone),
}

/// A start that is refused here: what a host does with it is not documented.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// It is over by the host's clock.
    #[error("the time to start is over by the host's clock")]
    Past,
    /// More than seven days ahead.
    #[error("the time to start is more than seven days ahead")]
    TooFar,
    /// The host gives no time (HTTP `Date`).
    #[error("the host does not say what time it is")]
    NoClock,
}

impl Schedule {
    /// The moment of the host's clock, to the second.
    ///
    /// # Errors
    /// [`ScheduleError`].
    pub fn start_time(&self, host_time: Option<Timestamp>) -> Result<Timestamp, ScheduleError> {
        let now = host_time.ok_or(ScheduleError::NoClock)?;
        let start = match self {
            Self::In(pause) => {
                // Up to the next whole second, so that a start never lies in the past on arrival.
                let seconds = i64::try_from(pause.as_secs()).map_err(|_| ScheduleError::TooFar)?;
                let seconds = seconds + i64::from(pause.subsec_nanos() > 0);
                now.checked_add(SignedDuration::from_secs(seconds)).map_err(|_| ScheduleError::TooFar)?
            }
            Self::At(moment) => *moment,
            Self::AtTime(time, zone) => next(*time, zone, now).ok_or(ScheduleError::Past)?,
        };
        if start <= now {
            return Err(ScheduleError::Past);
        }
        if start.duration_since(now) > LONGEST {
            return Err(ScheduleError::TooFar);
        }
        Ok(start)
    }
}

/// The next moment at which a clock in that zone shows the time.
fn next(time: Time, zone: &TimeZone, now: Timestamp) -> Option<Timestamp> {
    let today = zone.to_datetime(now).date();
    [Ok(today), today.tomorrow()]
        .into_iter()
        .filter_map(Result::ok)
        .filter_map(|day| zone.to_timestamp(day.to_datetime(time)).ok())
        .find(|moment| *moment > now)
}

/// What PowerShell allows.
const LONGEST: SignedDuration = SignedDuration::from_hours(7 * 24);

#[cfg(test)]
mod tests {
    use super::{Duration, Schedule, ScheduleError, Time, TimeZone, Timestamp};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn counts_from_the_hosts_clock() {
        let now = at("2026-11-24T20:00:00Z");
        let start = |schedule: Schedule| schedule.start_time(Some(now));
        assert_eq!(start(Schedule::In(Duration::from_secs(600))), Ok(at("2026-11-24T20:10:00Z")));
        assert_eq!(start(Schedule::In(Duration::ZERO)), Err(ScheduleError::Past));
        assert_eq!(start(Schedule::At(now)), Err(ScheduleError::Past));
        assert_eq!(start(Schedule::At(at("2026-12-01T20:00:01Z"))), Err(ScheduleError::TooFar));
        assert_eq!(start(Schedule::At(at("2026-12-01T20:00:00Z"))), Ok(at("2026-12-01T20:00:00Z")));
        let daily = |hour| Schedule::AtTime(Time::new(hour, 0, 0, 0).unwrap(), TimeZone::UTC);
        assert_eq!(start(daily(21)), Ok(at("2026-11-24T21:00:00Z")));
        assert_eq!(start(daily(20)), Ok(at("2026-11-25T20:00:00Z")));
        assert_eq!(Schedule::At(now).start_time(None), Err(ScheduleError::NoClock));
    }
}
