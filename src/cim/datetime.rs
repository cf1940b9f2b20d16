//! The CIM `datetime`: a point in time or a length of time (DSP0004, "Datetime type").
//!
//! Both are read in two spellings: xs:dateTime and xs:duration as WS-CIM writes them, and the 25 characters of
//! DSP0004 as they stand in CIM-XML. The spelling that came is kept, so that nothing of it is lost.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

/// A point in time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DateTime {
    text: String,
    instant: Option<Timestamp>,
}

/// A length of time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Interval {
    text: String,
    length: Option<Duration>,
}

/// Text that is neither spelling of a datetime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no datetime in the form of xs:dateTime, xs:duration or DSP0004")]
pub struct DateTimeError;

impl DateTime {
    /// The point in time of that instant, in UTC.
    pub fn at(instant: Timestamp) -> Self {
        Self { text: instant.to_string(), instant: Some(instant) }
    }

    /// Reads `2026-10-08T15:15:36.68424Z`, with an offset or without, or `20261008151536.684240+000`.
    ///
    /// # Errors
    /// Neither form.
    pub fn parse(text: &str) -> Result<Self, DateTimeError> {
        let text = text.trim();
        let instant = if is_dsp0004(text) { parse_timestamp(text)? } else { parse_xs_datetime(text)? };
        Ok(Self { text: text.to_owned(), instant })
    }

    /// The instant; `None` where fields are asterisks or the date cannot be an instant. A time without an
    /// offset is read as UTC, which is what WMI means by it.
    pub fn instant(&self) -> Option<Timestamp> {
        self.instant
    }

    /// The instant, unless it stands for "never": WMI's year 1601 and anything before it.
    pub fn happened(&self) -> Option<Timestamp> {
        self.instant.filter(|instant| *instant >= EPOCH_OF_NEVER)
    }

    /// xs:dateTime in UTC, as `cim:Datetime` wants it; the text that came where it is no instant.
    pub fn to_xs(&self) -> String {
        self.instant.map_or_else(|| self.text.clone(), |instant| instant.to_string())
    }

    /// The 25 characters of DSP0004, in UTC.
    pub fn to_dsp0004(&self) -> String {
        let Some(instant) = self.instant else { return self.text.clone() };
        let time = TimeZone::UTC.to_datetime(instant);
        format!("{}.{:06}+000", time.strftime("%Y%m%d%H%M%S"), time.subsec_nanosecond() / 1000)
    }
}

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Interval {
    /// The interval of that length, to the microsecond.
    pub fn of(length: Duration) -> Self {
        Self { text: xs_duration(length), length: Some(length) }
    }

    /// Reads `P0DT0H1M0.5S`, without years and months, or `00000000000100.500000:000`.
    ///
    /// # Errors
    /// Neither form, or longer than the latter can say.
    pub fn parse(text: &str) -> Result<Self, DateTimeError> {
        let text = text.trim();
        let length = if is_dsp0004(text) { parse_interval(text)? } else { Some(parse_xs_duration(text)?) };
        if length.is_some_and(|length| split(length).0 > MOST_DAYS) {
            return Err(DateTimeError);
        }
        Ok(Self { text: text.to_owned(), length })
    }

    /// The length; `None` where fields are asterisks.
    pub fn length(&self) -> Option<Duration> {
        self.length
    }

    /// xs:duration with days, hours, minutes and seconds, as Windows writes it.
    pub fn to_xs(&self) -> String {
        self.length.map_or_else(|| self.text.clone(), xs_duration)
    }

    /// The 25 characters of DSP0004.
    pub fn to_dsp0004(&self) -> String {
        let Some(length) = self.length else { return self.text.clone() };
        let (days, hours, minutes, seconds) = split(length);
        format!("{days:08}{hours:02}{minutes:02}{seconds:02}.{:06}:000", length.subsec_micros())
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Reads an xs:duration without years and months, such as `PT60.000S`.
pub(crate) fn parse_xs_duration(text: &str) -> Result<Duration, DateTimeError> {
    let rest = text.strip_prefix('P').ok_or(DateTimeError)?;
    let (date, time) = rest.split_once('T').map_or((rest, None), |(date, time)| (date, Some(time)));
    if rest.is_empty() || time == Some("") {
        return Err(DateTimeError);
    }
    let mut seconds: u64 = 0;
    let mut nanos: u32 = 0;
    let mut add = |number: &str, unit: u64| {
        let value =
            number.parse::<u64>().ok().and_then(|value| value.checked_mul(unit)).ok_or(DateTimeError)?;
        seconds = seconds.checked_add(value).ok_or(DateTimeError)?;
        Ok(())
    };
    let mut date = date;
    if let Some((days, after)) = date.split_once('D') {
        add(days, 86_400)?;
        date = after;
    }
    let mut time = time.unwrap_or_default();
    for (mark, unit) in [('H', 3600), ('M', 60)] {
        if let Some((number, after)) = time.split_once(mark) {
            add(number, unit)?;
            time = after;
        }
    }
    if let Some((number, after)) = time.split_once('S') {
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        add(whole, 1)?;
        nanos = parse_fraction(fraction)?;
        time = after;
    }
    if !date.is_empty() || !time.is_empty() {
        return Err(DateTimeError);
    }
    Ok(Duration::new(seconds, nanos))
}

fn xs_duration(length: Duration) -> String {
    let (days, hours, minutes, seconds) = split(length);
    let micros = format!(".{:06}", length.subsec_micros());
    let fraction = micros.trim_end_matches('0').trim_end_matches('.');
    format!("P{days}DT{hours}H{minutes}M{seconds}{fraction}S")
}

fn split(length: Duration) -> (u64, u64, u64, u64) {
    let all = length.as_secs();
    (all / 86_400, all / 3600 % 24, all / 60 % 60, all % 60)
}

fn parse_xs_datetime(text: &str) -> Result<Option<Timestamp>, DateTimeError> {
    let looks_right = text.is_ascii() && text.get(4..5) == Some("-") && text.get(10..11) == Some("T");
    if !looks_right {
        return Err(DateTimeError);
    }
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(Some(instant));
    }
    let civil: jiff::civil::DateTime = text.parse().map_err(|_| DateTimeError)?;
    Ok(TimeZone::UTC.to_timestamp(civil).ok())
}

/// 25 characters with the dot at 14 and a sign or colon at 21.
fn is_dsp0004(text: &str) -> bool {
    text.len() == 25
        && text.is_ascii()
        && text.get(14..15) == Some(".")
        && matches!(text.get(21..22), Some("+" | "-" | ":"))
}

fn parse_timestamp(text: &str) -> Result<Option<Timestamp>, DateTimeError> {
    if text.get(21..22) == Some(":") {
        return Err(DateTimeError);
    }
    check_digits(text)?;
    if text.contains('*') {
        return Ok(None);
    }
    let number = |from: usize, to: usize| text.get(from..to).and_then(|part| part.parse::<i32>().ok());
    let small = |from: usize, to: usize| number(from, to).and_then(|part| i8::try_from(part).ok());
    let build = || {
        let year = i16::try_from(number(0, 4)?).ok()?;
        let nanos = number(15, 21)?.checked_mul(1000)?;
        let civil = jiff::civil::DateTime::new(
            year,
            small(4, 6)?,
            small(6, 8)?,
            small(8, 10)?,
            small(10, 12)?,
            small(12, 14)?,
            nanos,
        );
        let minutes = number(22, 25)?;
        let minutes = if text.get(21..22) == Some("-") { -minutes } else { minutes };
        let offset = Offset::from_seconds(minutes.checked_mul(60)?).ok()?;
        offset.to_timestamp(civil.ok()?).ok()
    };
    // All zeros stands for no date at all.
    Ok(build())
}

fn parse_interval(text: &str) -> Result<Option<Duration>, DateTimeError> {
    if text.get(21..) != Some(":000") {
        return Err(DateTimeError);
    }
    check_digits(text)?;
    if text.contains('*') {
        return Ok(None);
    }
    let number = |from: usize, to: usize| text.get(from..to).and_then(|part| part.parse::<u64>().ok());
    let build = || {
        let seconds = number(0, 8)? * 86_400 + number(8, 10)? * 3600 + number(10, 12)? * 60 + number(12, 14)?;
        let nanos = u32::try_from(number(15, 21)?).ok()? * 1000;
        Some(Duration::new(seconds, nanos))
    };
    Ok(build())
}

fn check_digits(text: &str) -> Result<(), DateTimeError> {
    let fine = text
        .bytes()
        .enumerate()
        .all(|(at, byte)| matches!(at, 14 | 21) || byte.is_ascii_digit() || byte == b'*');
    if fine { Ok(()) } else { Err(DateTimeError) }
}

/// Nanoseconds of a decimal fraction; what is finer is dropped.
fn parse_fraction(digits: &str) -> Result<u32, DateTimeError> {
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(DateTimeError);
    }
    let padded: String = digits.chars().chain("000000000".chars()).take(9).collect();
    padded.parse().map_err(|_| DateTimeError)
}

/// As many as DSP0004 has digits for.
const MOST_DAYS: u64 = 99_999_999;
/// 1601-01-02T00:00:00Z: WMI's "never" is the day before, whatever the offset.
const EPOCH_OF_NEVER: Timestamp = Timestamp::constant(-11_644_387_200, 0);
