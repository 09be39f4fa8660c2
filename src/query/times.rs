//! Ages and dates: `<2h`, `30m..2d`, `>2026-01-01`, `2026-01-01..2026-02-01`.
//!
//! ```text
//! times    = [ "<" | "<=" | ">" | ">=" ] point | [ point | "*" ] ".." [ point | "*" ]
//! point    = duration | date
//! duration = { NUMBER ( "s" | "m" | "h" | "d" | "w" | "y" ) }        as kubectl prints ages; a year is 365 days
//! date     = "2026-01" | "2026-01-15" | "2026-01-15T10:00" | RFC 3339       UTC where no offset is given
//! ```
//! A date stands for its whole month, day, minute or second: `>2026-01-01` is from the next day on.

use super::error::quoted;
use super::{ParseError, Span, Times};
use crate::text::{parse_rfc3339, rfc3339};

const MINUTE: u64 = 60;
const DAY: u64 = 24 * 60 * MINUTE;
const UNITS: [(char, u64); 6] =
    [('y', 365 * DAY), ('w', 7 * DAY), ('d', DAY), ('h', 60 * MINUTE), ('m', MINUTE), ('s', 1)];

/// Longest age that is understood: no object is older, and seconds since 1970 do not run over.
const LONGEST: u64 = 1000 * 365 * DAY;

/// What a qualifier takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    /// `age:`
    Ages,
    /// `created:`, `changed:`
    Both,
}

#[derive(Debug, Clone, Copy)]
enum Point {
    Ago(u64),
    /// Seconds since 1970: the first that belongs to it, and the first that no longer does.
    At(i64, i64),
}

/// Parses what follows the qualifier; `name` is the qualifier as printed, `start` where `raw` stands.
pub(super) fn times(raw: &str, start: usize, name: &str, takes: Takes) -> Result<Times, ParseError> {
    let parser = Parser { name, takes };
    if raw.contains(',') {
        let error = ParseError::new(start..start + raw.len(), format!("`{name}:` takes no list"));
        return Err(error.got(quoted(raw)).suggest(parser.examples()));
    }
    if let Some((from, to)) = raw.split_once("..") {
        return parser.range(from, to, start);
    }
    let operator = ["<=", ">=", "<", ">"].into_iter().find(|operator| raw.starts_with(operator));
    let Some(operator) = operator else { return parser.alone(raw, start) };
    let point = parser.point(&raw[operator.len()..], start + operator.len())?;
    Ok(compare(operator, point))
}

fn compare(operator: &str, point: Point) -> Times {
    match (operator, point) {
        // `<0s` holds for nothing: an age is at least 0
        ("<", Point::Ago(0)) => Times::Ago { least: Some(1), most: Some(0) },
        ("<", Point::Ago(ago)) => Times::Ago { least: None, most: Some(ago - 1) },
        ("<=", Point::Ago(ago)) => Times::Ago { least: None, most: Some(ago) },
        (">", Point::Ago(ago)) => Times::Ago { least: Some(ago + 1), most: None },
        (_, Point::Ago(ago)) => Times::Ago { least: Some(ago), most: None },
        ("<", Point::At(from, _)) => Times::At { from: None, until: Some(from) },
        ("<=", Point::At(_, until)) => Times::At { from: None, until: Some(until) },
        (">", Point::At(_, until)) => Times::At { from: Some(until), until: None },
        (_, Point::At(from, _)) => Times::At { from: Some(from), until: None },
    }
}

struct Parser<'a> {
    name: &'a str,
    takes: Takes,
}

impl Parser<'_> {
    fn alone(&self, raw: &str, start: usize) -> Result<Times, ParseError> {
        match self.point(raw, start)? {
            Point::At(from, until) => Ok(Times::At { from: Some(from), until: Some(until) }),
            Point::Ago(_) => {
                let error = ParseError::new(start..start + raw.len(), "an age without a comparison");
                let name = self.name;
                let message = format!("write `{name}:<{raw}` for less, `{name}:>{raw}` for more");
                Err(error.expected("`<`, `>` or a range").got(quoted(raw)).suggest(message).mendable())
            }
        }
    }

    fn range(&self, from: &str, to: &str, start: usize) -> Result<Times, ParseError> {
        let whole = start..start + from.len() + 2 + to.len();
        let open = |text: &str| matches!(text, "" | "*");
        let end = |text: &str, at: usize| if open(text) { Ok(None) } else { self.point(text, at).map(Some) };
        let (low, high) = (end(from, start)?, end(to, start + from.len() + 2)?);
        let times = match (low, high) {
            (None, None) => {
                let error = ParseError::new(whole, "a range without ends").expected(self.expected());
                return Err(error.suggest(self.examples()).mendable());
            }
            (Some(Point::Ago(_)), Some(Point::At(..))) | (Some(Point::At(..)), Some(Point::Ago(_))) => {
                return Err(ParseError::new(whole, "a range from an age to a date").expected("two of a kind"));
            }
            (low @ (Some(Point::Ago(_)) | None), high @ (Some(Point::Ago(_)) | None)) => {
                Times::Ago { least: low.and_then(Point::ago), most: high.and_then(Point::ago) }
            }
            (low, high) => Times::At {
                from: low.and_then(Point::at).map(|(from, _)| from),
                until: high.and_then(Point::at).map(|(_, until)| until),
            },
        };
        let backwards = match times {
            Times::Ago { least: Some(least), most: Some(most) } => least > most,
            Times::At { from: Some(from), until: Some(until) } => from >= until,
            Times::Ago { .. } | Times::At { .. } => false,
        };
        if backwards {
            let error = ParseError::new(whole, "this range runs backwards");
            return Err(error.suggest(format!("write `{}:{to}..{from}`", self.name)).mendable());
        }
        Ok(times)
    }

    fn point(&self, raw: &str, start: usize) -> Result<Point, ParseError> {
        let span = start..start + raw.len();
        if raw.is_empty() {
            return Err(ParseError::new(span, "an empty value").expected(self.expected()).mendable());
        }
        if let Some(ago) = duration(raw, &span)? {
            return Ok(Point::Ago(ago));
        }
        match (date(raw), self.takes) {
            (Some((from, until)), Takes::Both) => Ok(Point::At(from, until)),
            (Some(_), Takes::Ages) => {
                let error = ParseError::new(span, "a date where an age is meant").expected(self.expected());
                Err(error.got(quoted(raw)).suggest(format!("write `created:>{raw}`")))
            }
            (None, _) => {
                let error = ParseError::new(span, format!("{} is no {}", quoted(raw), self.what()));
                let error = error.expected(self.expected()).suggest(self.examples());
                // every age and date begins so
                Err(if raw.starts_with(|c: char| c.is_ascii_digit()) { error.mendable() } else { error })
            }
        }
    }

    fn what(&self) -> &'static str {
        match self.takes {
            Takes::Ages => "age",
            Takes::Both => "age or date",
        }
    }

    fn expected(&self) -> &'static str {
        match self.takes {
            Takes::Ages => "an age such as `2h`",
            Takes::Both => "a date such as `2026-01-15`, or an age such as `2h`",
        }
    }

    fn examples(&self) -> String {
        let name = self.name;
        match self.takes {
            Takes::Ages => format!("for example `{name}:<2h`, `{name}:>30d`, `{name}:1h..1d`"),
            Takes::Both => format!("for example `{name}:<2h`, `{name}:>2026-01-15`"),
        }
    }
}

impl Point {
    fn ago(self) -> Option<u64> {
        match self {
            Self::Ago(ago) => Some(ago),
            Self::At(..) => None,
        }
    }

    fn at(self) -> Option<(i64, i64)> {
        match self {
            Self::At(from, until) => Some((from, until)),
            Self::Ago(_) => None,
        }
    }
}

/// Seconds of `2h`, `1d12h`; `None` for what does not look like an age.
fn duration(raw: &str, span: &Span) -> Result<Option<u64>, ParseError> {
    let mut sum: u64 = 0;
    let mut rest = raw;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let unit = rest[digits..].chars().next().map(|c| c.to_ascii_lowercase());
        let Some((unit, seconds)) = UNITS.into_iter().find(|(name, _)| digits > 0 && Some(*name) == unit)
        else {
            return Ok(None);
        };
        let number: u64 = rest[..digits].parse().unwrap_or(u64::MAX);
        sum = sum.saturating_add(number.saturating_mul(seconds));
        rest = &rest[digits + unit.len_utf8()..];
    }
    if sum > LONGEST {
        let error = ParseError::new(span.clone(), "an age of more than 1000 years");
        return Err(error.got(quoted(raw)));
    }
    Ok(Some(sum))
}

/// The seconds since 1970 that a date stands for: its first, and the first after it. Only what prints as RFC 3339.
fn date(raw: &str) -> Option<(i64, i64)> {
    let (from, until) = stretch(raw)?;
    (parse_rfc3339(&rfc3339(until)) == Some(until)).then_some((from, until))
}

fn stretch(raw: &str) -> Option<(i64, i64)> {
    if !raw.is_ascii() || !raw.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let upper = raw.to_ascii_uppercase();
    let (day, time) = upper.split_once('T').map_or((&*upper, None), |(day, time)| (day, Some(time)));
    let Some(time) = time else { return days(day) };
    // where the zone begins; a date's own dashes stand before the `T`
    let zone = time.find(['Z', '+', '-']).unwrap_or(time.len());
    let (clock, zone) = time.split_at(zone);
    let zone = if zone.is_empty() { "Z" } else { zone };
    let (clock, length) = match clock.split(':').count() {
        2 => (format!("{clock}:00"), 60),
        _ => (clock.to_owned(), 1),
    };
    let from = parse_rfc3339(&format!("{day}T{clock}{zone}"))?;
    Some((from, from + length))
}

/// `2026-01-15` and `2026-01`.
fn days(day: &str) -> Option<(i64, i64)> {
    let midnight = |day: &str| parse_rfc3339(&format!("{day}T00:00:00Z"));
    match day.split('-').collect::<Vec<_>>().as_slice() {
        [_, _, _] => midnight(day).map(|from| (from, from + DAY.cast_signed())),
        [year, month] => {
            let (number, digits) = (month.parse::<u32>().ok()?, year.parse::<u32>().ok()?);
            let next = if number == 12 {
                format!("{:04}-01", digits + 1)
            } else {
                format!("{year}-{:02}", number + 1)
            };
            Some((midnight(&format!("{day}-01"))?, midnight(&format!("{next}-01"))?))
        }
        _ => None,
    }
}

/// What reads back as the same times, without the qualifier.
pub(super) fn print(times: &Times) -> String {
    match *times {
        Times::Ago { least, most } => match (least, most) {
            (Some(1), Some(0)) => "<0s".to_owned(),
            (Some(least), Some(most)) => format!("{}..{}", ago(least), ago(most)),
            (Some(least), None) if least > 0 && round(least - 1) => format!(">{}", ago(least - 1)),
            (Some(least), None) => format!(">={}", ago(least)),
            (None, Some(most)) if round(most + 1) => format!("<{}", ago(most + 1)),
            (None, Some(most)) => format!("<={}", ago(most)),
            (None, None) => ">=0s".to_owned(),
        },
        Times::At { from, until } => match (from, until) {
            (Some(from), Some(until)) => format!("{}..{}", at(from), last(until)),
            (Some(from), None) => format!(">={}", at(from)),
            (None, Some(until)) => format!("<{}", at(until)),
            (None, None) => ">=1970-01-01".to_owned(),
        },
    }
}

fn round(seconds: u64) -> bool {
    seconds > 0 && seconds.is_multiple_of(MINUTE)
}

/// An age in the largest units.
fn ago(seconds: u64) -> String {
    let mut out = String::new();
    let mut rest = seconds;
    for (unit, length) in UNITS {
        if rest >= length && unit != 'w' {
            out.push_str(&format!("{}{unit}", rest / length));
            rest %= length;
        }
    }
    if out.is_empty() { "0s".to_owned() } else { out }
}

fn is_midnight(second: i64) -> bool {
    second.rem_euclid(DAY.cast_signed()) == 0
}

fn at(second: i64) -> String {
    let text = rfc3339(second);
    if is_midnight(second) { text.split('T').next().unwrap_or_default().to_owned() } else { text }
}

/// The last second, or the last day, before `until`.
fn last(until: i64) -> String {
    if is_midnight(until) { at(until - DAY.cast_signed()) } else { rfc3339(until - 1) }
}
