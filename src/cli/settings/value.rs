//! Values of settings: their forms, how they are read and written.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use serde::Serialize;

/// What values of a setting look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Any text.
    Text,
    /// A path; `~/` is the home directory (see [`Value::expand_home`]).
    Path,
    /// A list; in one string separated by commas.
    List,
    /// A list whose items may hold commas; in one string separated by newlines.
    Lines,
    /// A whole number.
    Number,
    /// A time such as `30s`, `5m`, `24h`, `7d`, `500ms`.
    Duration,
    /// `true` or `false`.
    Bool,
    /// An address and port to listen on; `:9090` is every address.
    Address,
    /// One of these words.
    Choice(&'static [&'static str]),
}

/// A value of a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// Nothing is set and there is no default.
    None,
    /// Text, path or choice.
    Text(String),
    /// List or lines.
    List(Vec<String>),
    /// Number.
    Number(u64),
    /// Duration.
    Duration(Duration),
    /// Bool.
    Bool(bool),
}

impl Form {
    /// Reads what was typed; several items only for lists. The error says what was expected.
    pub(crate) fn parse(self, typed: &[String]) -> Result<Value, String> {
        let split = |separator: char| {
            let items = typed.iter().flat_map(|text| text.split(separator)).map(str::trim);
            Value::List(items.filter(|item| !item.is_empty()).map(str::to_owned).collect())
        };
        let text = typed.last().map_or("", |text| text.trim());
        match self {
            Self::Text | Self::Path if text.is_empty() => {
                Err("expected a value, got an empty one".to_owned())
            }
            Self::Text | Self::Path => Ok(Value::Text(text.to_owned())),
            Self::List => Ok(split(',')),
            Self::Lines => Ok(split('\n')),
            Self::Number => parse_number(text).map(Value::Number),
            Self::Duration => parse_duration(text).map(Value::Duration),
            Self::Bool => match text {
                "true" | "yes" | "on" | "1" => Ok(Value::Bool(true)),
                "false" | "no" | "off" | "0" => Ok(Value::Bool(false)),
                _ => Err(format!("expected true or false, got \"{}\"", short(text))),
            },
            Self::Address => parse_address(text).map(|address| Value::Text(address.to_string())),
            Self::Choice(words) if words.contains(&text) => Ok(Value::Text(text.to_owned())),
            Self::Choice(words) => {
                Err(format!("expected one of {}, got \"{}\"", words.join(", "), short(text)))
            }
        }
    }

    /// Reads a built-in default; empty is none. A test holds that every default is well formed.
    pub(crate) fn parse_default(self, text: &str) -> Value {
        let empty = match self {
            Self::List | Self::Lines => Value::List(Vec::new()),
            Self::Text
            | Self::Path
            | Self::Number
            | Self::Duration
            | Self::Bool
            | Self::Address
            | Self::Choice(_) => Value::None,
        };
        if text.is_empty() { empty } else { self.parse(&[text.to_owned()]).unwrap_or(empty) }
    }

    /// What a value of another type in the configuration file is told.
    pub(crate) fn expected(self) -> &'static str {
        match self {
            Self::Text | Self::Path | Self::Choice(_) => "a string",
            Self::Address => "a string with an address such as \"127.0.0.1:9090\"",
            Self::List | Self::Lines => "a list of strings",
            Self::Number => "a whole number",
            Self::Duration => "a string with a time such as \"30s\"",
            Self::Bool => "true or false",
        }
    }
}

impl Value {
    /// Replaces a leading `~/` by the home directory: the shell does it for flags, nobody for the file.
    pub(crate) fn expand_home(self, form: Form, home: Option<&str>) -> Self {
        match (self, form, home) {
            (Self::Text(text), Form::Path, Some(home)) => match text.strip_prefix("~/") {
                Some(rest) => Self::Text(format!("{home}/{rest}")),
                None => Self::Text(text),
            },
            (value, _, _) => value,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("-"),
            Self::Text(text) => f.write_str(text),
            Self::List(items) if items.is_empty() => f.write_str("-"),
            Self::List(items) => f.write_str(&items.join(",")),
            Self::Number(number) => write!(f, "{number}"),
            Self::Duration(duration) => f.write_str(&print_duration(*duration)),
            Self::Bool(on) => write!(f, "{on}"),
        }
    }
}

impl Serialize for Value {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => serializer.serialize_none(),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => items.serialize(serializer),
            Self::Number(number) => serializer.serialize_u64(*number),
            Self::Duration(duration) => serializer.serialize_str(&print_duration(*duration)),
            Self::Bool(on) => serializer.serialize_bool(*on),
        }
    }
}

// Milliseconds per unit, the largest first.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

// More than any setting needs, and far from every overflow.
const LONGEST: Duration = Duration::from_secs(3_650 * 86_400);

/// Reads `30s`, `1h30m`, `500ms`, `0`.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("expected a time such as 30s, 5m, 24h or 7d, got \"{}\"", short(text));
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, after) = rest.split_at(digits);
        let unit = after.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit);
        let (_, scale) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        let millis = number.parse::<u64>().ok().and_then(|n| n.checked_mul(*scale)).ok_or_else(wrong)?;
        total = total.saturating_add(Duration::from_millis(millis));
        rest = after;
    }
    match text.is_empty() {
        true => Err(wrong()),
        false if total > LONGEST => Err(format!("expected at most 3650d, got \"{}\"", short(text))),
        false => Ok(total),
    }
}

fn print_duration(duration: Duration) -> String {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let whole = UNITS.iter().find(|(_, scale)| millis >= *scale && millis % scale == 0);
    whole.map_or_else(|| "0s".to_owned(), |(unit, scale)| format!("{}{unit}", millis / scale))
}

fn parse_address(text: &str) -> Result<SocketAddr, String> {
    let given = match text.strip_prefix(':') {
        Some(port) => format!("0.0.0.0:{port}"),
        None => text.to_owned(),
    };
    given
        .parse()
        .map_err(|_| format!("expected an address such as 127.0.0.1:9090 or :9090, got \"{}\"", short(text)))
}

fn parse_number(text: &str) -> Result<u64, String> {
    // 50_000 and 50,000 are how people write them.
    let digits: String = text.chars().filter(|c| !matches!(c, '_' | ',')).collect();
    digits.parse().map_err(|_| format!("expected a whole number, got \"{}\"", short(text)))
}

// A value in a message need not be longer than a line.
fn short(text: &str) -> String {
    crate::text::truncate(text, 60).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written() {
        for (text, millis, shown) in [
            ("30s", 30_000, "30s"),
            ("1h30m", 5_400_000, "90m"),
            ("24h", 86_400_000, "1d"),
            ("36h", 129_600_000, "36h"),
            ("500ms", 500, "500ms"),
            ("0", 0, "0s"),
            ("0s", 0, "0s"),
        ] {
            let duration = parse_duration(text).unwrap();
            assert_eq!(
                (duration, print_duration(duration)),
                (Duration::from_millis(millis), shown.to_owned())
            );
        }
    }

    #[test]
    fn what_is_no_duration_says_what_is() {
        for text in ["", "30", "s", "-5s", "5 s", "1.5h", "5parsecs", "99999999999999999999s", "99999d", "5S"]
        {
            assert!(parse_duration(text).unwrap_err().starts_with("expected"), "{text}");
        }
        assert_eq!(
            parse_duration("30").unwrap_err(),
            "expected a time such as 30s, 5m, 24h or 7d, got \"30\""
        );
    }

    #[test]
    fn numbers_may_have_separators() {
        assert_eq!(parse_number("50_000"), Ok(50_000));
        assert_eq!(parse_number("50,000"), Ok(50_000));
        assert!(parse_number("-1").is_err());
        assert!(parse_number("").is_err());
    }

    #[test]
    fn addresses_have_a_port_and_may_leave_out_the_rest() {
        let parse = |text: &str| Form::Address.parse(&[text.to_owned()]);
        for (text, address) in
            [(":9090", "0.0.0.0:9090"), ("127.0.0.1:0", "127.0.0.1:0"), ("[::1]:80", "[::1]:80")]
        {
            assert_eq!(parse(text), Ok(Value::Text(address.into())));
        }
        for text in ["", "9090", ":", "localhost:9090", "127.0.0.1", ":99999"] {
            assert!(parse(text).unwrap_err().starts_with("expected an address such as"), "{text}");
        }
    }

    #[test]
    fn lists_split_where_their_form_says() {
        let list = |items: &[&str]| Ok(Value::List(items.iter().map(|item| (*item).to_owned()).collect()));
        assert_eq!(Form::List.parse(&["a, b".into(), "c,".into()]), list(&["a", "b", "c"]));
        assert_eq!(Form::Lines.parse(&["a{1,3}\nb".into()]), list(&["a{1,3}", "b"]));
    }

    #[test]
    fn a_tilde_is_the_home_directory() {
        let expand = |text: &str, form| Value::Text(text.into()).expand_home(form, Some("/home/me"));
        assert_eq!(expand("~/kube", Form::Path), Value::Text("/home/me/kube".into()));
        assert_eq!(expand("/a/~/b", Form::Path), Value::Text("/a/~/b".into()));
        assert_eq!(expand("~/kube", Form::Text), Value::Text("~/kube".into()));
    }
}
