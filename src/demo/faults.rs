//! Faults on request: what a test or a person asks the server to do wrong.

use std::time::Duration;

use crate::object::KindKey;
use crate::text;

/// What kind of request a fault is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// A list of objects.
    List,
    /// A watch.
    Watch,
    /// One object.
    Get,
    /// `/api`, `/apis` and below.
    Discovery,
    /// A self subject review.
    Review,
    /// Anything else: `/version`, `/healthz`.
    Other,
}

/// Which requests a fault is for; the default is all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Matcher {
    /// Only this verb.
    pub verb: Option<Verb>,
    /// Only this API group (empty for the core group): its objects, and its part of classic discovery.
    pub group: Option<String>,
    /// Only this kind.
    pub kind: Option<KindKey>,
    /// Only in this namespace.
    pub namespace: Option<String>,
    /// Only this user.
    pub user: Option<String>,
    /// Only where path and query contain this.
    pub contains: Option<String>,
}

/// What a `Retry-After` header holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RetryAfter {
    /// So many seconds.
    Seconds(u64),
    /// An HTTP date, so many seconds from the server's present.
    Date(i64),
    /// Anything.
    Text(String),
}

impl RetryAfter {
    /// The header's text at this time, in seconds since 1970.
    pub(super) fn text(&self, now: i64) -> String {
        match self {
            Self::Seconds(seconds) => seconds.to_string(),
            Self::Date(offset) => text::http_date(now.saturating_add(*offset)),
            Self::Text(text) => text.clone(),
        }
    }
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// 429 with a `Retry-After`, as the server's request limiter answers: plain text.
    TooManyRequests {
        /// The header, in seconds.
        retry_after: u32,
    },
    /// This HTTP status with any `Retry-After`: 429 in plain text, all others with a fitting `Status` body.
    Busy {
        /// The HTTP status.
        status: u16,
        /// The header.
        retry_after: RetryAfter,
    },
    /// 429 `storage is (re)initializing`, as for a kind that is new.
    Initializing,
    /// This HTTP status with a fitting `Status` body: 401, 403, 404, 410, 500, 503, 504 and the like.
    Status(u16),
    /// This HTTP status with a `Status` body that says this.
    Says {
        /// The HTTP status.
        status: u16,
        /// The body's message.
        message: String,
    },
    /// This HTTP status with a proxy's HTML page.
    Html(u16),
    /// Breaks the connection (HTTP/1) or resets the stream (HTTP/2) after so many bytes of the body.
    Break {
        /// Bytes that still arrive.
        after: usize,
    },
    /// Ends the body after so many bytes as if it were complete.
    Truncate {
        /// Bytes that still arrive.
        after: usize,
    },
    /// Replaces everything after so many bytes of the body with noise.
    Garbage {
        /// Bytes that arrive whole.
        after: usize,
    },
    /// Sends the body in small pieces with pauses.
    Slow {
        /// Bytes per piece.
        chunk: usize,
        /// The pause after each.
        pause: Duration,
    },
    /// Answers, but goes silent after so many bytes of the body, without an end.
    Silent {
        /// Bytes that arrive before.
        after: usize,
    },
    /// Never answers at all.
    NoAnswer,
    /// Works out its answer at once and sends it so much later, head and all.
    Late(Duration),
    /// A list that lacks the first so many of its objects, each time the same, and says nothing of it.
    Loses(usize),
    /// A list each of whose pages names the same next one.
    Endless,
    /// Sends every watch event twice.
    Duplicate,
    /// Sends watch events pairwise in the wrong order.
    Reorder,
    /// Says versions that are lower by so much, in lists and watches.
    RevisionBackwards(u64),
    /// A watch whose first event is a 410 and its end, and a list that is answered 410. For [`Verb::Watch`] alone it is
    /// a watch that can't begin at the version which a good list has just named.
    Expired,
    /// Knows JSON only, for this request.
    JsonOnly,
}

/// A fault: what, for which requests, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Which requests.
    pub matcher: Matcher,
    /// What goes wrong.
    pub action: Action,
    /// So many matching requests pass first.
    pub skip: u32,
    /// So many requests are hit, then the fault is over; `None` for all, until cleared.
    pub times: Option<u32>,
}

impl Fault {
    /// For the next matching request.
    pub fn once(matcher: Matcher, action: Action) -> Self {
        Self { matcher, action, skip: 0, times: Some(1) }
    }

    /// For every matching request.
    pub fn always(matcher: Matcher, action: Action) -> Self {
        Self { matcher, action, skip: 0, times: None }
    }

    /// For the next `times` matching requests.
    pub fn times(times: u32, matcher: Matcher, action: Action) -> Self {
        Self { matcher, action, skip: 0, times: Some(times) }
    }
}

impl Matcher {
    /// Every request to this API group.
    pub fn group(group: &str) -> Self {
        Self { group: Some(group.to_owned()), ..Self::default() }
    }

    /// Every request of this verb.
    pub fn verb(verb: Verb) -> Self {
        Self { verb: Some(verb), ..Self::default() }
    }

    /// Every request of this verb for this kind (`plural.group`).
    pub fn kind(verb: Verb, kind: &str) -> Self {
        Self { verb: Some(verb), kind: Some(kind.into()), ..Self::default() }
    }
}

/// What a fault sees of a request.
pub(super) struct Asked<'a> {
    pub(super) verb: Verb,
    pub(super) group: Option<&'a str>,
    pub(super) kind: Option<&'a KindKey>,
    pub(super) namespace: Option<&'a str>,
    pub(super) user: &'a str,
    pub(super) path: &'a str,
}

impl Matcher {
    fn matches(&self, asked: &Asked<'_>) -> bool {
        self.verb.is_none_or(|verb| verb == asked.verb)
            && self.group.as_deref().is_none_or(|group| Some(group) == asked.group)
            && self.kind.as_ref().is_none_or(|kind| Some(kind) == asked.kind)
            && self.namespace.as_deref().is_none_or(|namespace| Some(namespace) == asked.namespace)
            && self.user.as_deref().is_none_or(|user| user == asked.user)
            && self.contains.as_deref().is_none_or(|part| asked.path.contains(part))
    }
}

/// The faults in force.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<Fault>);

impl Faults {
    pub(super) fn add(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The first fault that hits this request.
    pub(super) fn hit(&mut self, asked: &Asked<'_>) -> Option<Action> {
        let index = self.0.iter_mut().position(|fault| {
            let hit = fault.matcher.matches(asked);
            let skipped = hit && fault.skip > 0;
            fault.skip -= u32::from(skipped);
            hit && !skipped
        })?;
        let fault = self.0.get_mut(index)?;
        let action = fault.action.clone();
        if let Some(times) = &mut fault.times {
            *times = times.saturating_sub(1);
            if *times == 0 {
                self.0.remove(index);
            }
        }
        Some(action)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked<'a>(verb: Verb, kind: &'a KindKey) -> Asked<'a> {
        let group = kind.as_str().split_once('.').map_or("", |(_, group)| group);
        Asked { verb, group: Some(group), kind: Some(kind), namespace: None, user: "ada", path: "/" }
    }

    #[test]
    fn a_fault_skips_hits_and_is_over() {
        let mut faults = Faults::default();
        let matcher = Matcher::kind(Verb::List, "pods");
        faults.add(Fault { skip: 1, ..Fault::times(2, matcher, Action::Expired) });
        let pods = KindKey::from("pods");
        let hits: Vec<_> = (0..5).map(|_| faults.hit(&asked(Verb::List, &pods)).is_some()).collect();
        assert_eq!(hits, [false, true, true, false, false]);
        assert_eq!(faults.len(), 0);
        faults.add(Fault::always(Matcher::kind(Verb::Watch, "pods"), Action::NoAnswer));
        assert_eq!(faults.hit(&asked(Verb::List, &pods)), None);
    }

    #[test]
    fn a_fault_of_a_group_hits_all_of_its_kinds_and_no_other() {
        let mut faults = Faults::default();
        faults.add(Fault::always(Matcher::group("metrics.example.org"), Action::Status(401)));
        let hit = |faults: &mut Faults, verb, kind: &str| faults.hit(&asked(verb, &kind.into())).is_some();
        assert!(hit(&mut faults, Verb::List, "pods.metrics.example.org"));
        assert!(hit(&mut faults, Verb::Watch, "nodes.metrics.example.org"));
        assert!(!hit(&mut faults, Verb::List, "pods"));
        let core = Matcher { verb: Some(Verb::Watch), ..Matcher::group("") };
        faults.add(Fault::always(core, Action::Expired));
        assert!(hit(&mut faults, Verb::Watch, "pods") && !hit(&mut faults, Verb::List, "pods"));
    }

    #[test]
    fn retry_after_is_a_number_a_date_or_anything() {
        assert_eq!(RetryAfter::Seconds(86_400).text(0), "86400");
        assert_eq!(RetryAfter::Date(-1).text(1), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(RetryAfter::Text("soon".to_owned()).text(0), "soon");
    }
}
