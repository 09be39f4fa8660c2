//! The checkpoint: what the committed documents are worth. It rides in tantivy's commit payload, so that
//! documents and checkpoint are one commit, whatever kills the process.

use std::fmt::Write as _;

use crate::object::{KindKey, ResourceVersion, Scope};

/// Layout of fields, terms and stored documents; a stored index with another number is rebuilt.
const LAYOUT: u32 = 4;

/// What a commit says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checkpoint {
    /// Version of the documents and of the rules that made them, as given to `Writer::open`.
    pub schema: u64,
    /// Grows with every full start over; older generations are void.
    pub epoch: u64,
    /// Uid of the `kube-system` namespace, where readable.
    pub cluster_uid: Option<String>,
    /// User name as the server knows it, where served.
    pub user: Option<String>,
    /// What the configuration selected, as a hash; what was read under another selection proves nothing.
    pub selection: u64,
    /// How far each kind and scope was read.
    pub scopes: Vec<ScopeCheckpoint>,
}

/// How far one kind was read in one scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeCheckpoint {
    /// Group and plural.
    pub kind: KindKey,
    /// The whole cluster or one namespace.
    pub scope: Scope,
    /// `apiVersion/Kind` of what was read; empty where nothing was.
    pub api: String,
    /// Where a watch may resume.
    pub version: Option<ResourceVersion>,
    /// Whether a list was read to its end.
    pub complete: bool,
    /// When this was so, unix seconds; 0 where that is not known.
    pub as_of: i64,
    /// For how many seconds the server has answered 403, as far as that was seen.
    pub forbidden_s: Option<i64>,
    /// The storage went back, and no list has told since what is there: no version held of the kind may be compared.
    pub regressed: bool,
}

impl Checkpoint {
    /// From now on this selection is read. What was read under another one can't be resumed: a watch would never name
    /// the objects that were left out.
    pub fn select(&mut self, selection: u64) {
        if std::mem::replace(&mut self.selection, selection) == selection {
            return;
        }
        // That the storage went back is so whatever is read now.
        self.scopes.retain(|scope| scope.regressed);
        self.scopes.iter_mut().for_each(|scope| scope.complete = false);
    }

    /// Forgets confirmations of the future, in seconds since 1970: the clock that told them was wrong, and when they were
    /// true can't be said any more.
    pub fn forget_future(&mut self, now: i64) {
        self.scopes.iter_mut().filter(|scope| scope.as_of > now).for_each(|scope| scope.as_of = 0);
    }

    /// Turns every time that it tells into one of another clock.
    pub fn set_times(&mut self, turn: impl Fn(i64) -> i64) {
        for scope in &mut self.scopes {
            scope.as_of = if scope.as_of == 0 { 0 } else { turn(scope.as_of) };
        }
    }

    /// One line for the whole and one per scope, fields separated by tabs: 1,200 kinds take some 60 KB. `schema` is
    /// the writer's own, whatever stands here. Done at every commit, so without a string for each field.
    pub(crate) fn print(&self, schema: u64) -> String {
        let mut out = String::with_capacity(128 + 96 * self.scopes.len());
        put(&mut out, format_args!("kubesift {LAYOUT}\t{schema:x}\t{}\t", self.epoch));
        put_optional(&mut out, self.cluster_uid.as_deref());
        out.push('\t');
        put_optional(&mut out, self.user.as_deref());
        put(&mut out, format_args!("\t{:x}", self.selection));
        for scope in &self.scopes {
            scope.print(&mut out);
        }
        out
    }

    /// Reads what [`Checkpoint::print`] wrote; `None` for anything else, other layouts included.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut lines = text.split('\n');
        let mut head = lines.next()?.split('\t');
        if head.next()? != format!("kubesift {LAYOUT}") {
            return None;
        }
        Some(Self {
            schema: u64::from_str_radix(head.next()?, 16).ok()?,
            epoch: head.next()?.parse().ok()?,
            cluster_uid: read_optional(head.next()?)?,
            user: read_optional(head.next()?)?,
            selection: u64::from_str_radix(head.next()?, 16).ok()?,
            scopes: lines.map(parse_scope).collect::<Option<_>>()?,
        })
    }
}

impl ScopeCheckpoint {
    fn print(&self, out: &mut String) {
        out.push('\n');
        put_escaped(out, self.kind.as_str());
        out.push('\t');
        put_optional(
            out,
            match &self.scope {
                Scope::All => None,
                Scope::Namespace(namespace) => Some(namespace),
            },
        );
        out.push('\t');
        put_escaped(out, &self.api);
        out.push('\t');
        match &self.version {
            Some(ResourceVersion::Number(version)) => put(out, format_args!("={version}")),
            Some(ResourceVersion::Opaque(version)) => put_optional(out, Some(version)),
            None => put_optional(out, None),
        }
        // Where `-` stands, earlier versions had a time by a wall clock.
        put(
            out,
            format_args!("\t{}\t{}\t-\t{}\t", u8::from(self.complete), self.as_of, u8::from(self.regressed)),
        );
        match self.forbidden_s {
            Some(seconds) => put(out, format_args!("={seconds}")),
            None => put_optional(out, None),
        }
    }
}

fn parse_scope(line: &str) -> Option<ScopeCheckpoint> {
    let mut fields = line.split('\t');
    let mut scope = ScopeCheckpoint {
        kind: KindKey::from(&*unescape(fields.next()?)),
        scope: read_optional(fields.next()?)?
            .map_or(Scope::All, |namespace| Scope::Namespace(namespace.into())),
        api: unescape(fields.next()?),
        version: read_optional(fields.next()?)?.map(ResourceVersion::from),
        complete: fields.next()? == "1",
        as_of: fields.next()?.parse().ok()?,
        forbidden_s: None,
        regressed: false,
    };
    // A time of an earlier version tells that the kind was forbidden, and not for how long somebody saw it.
    let was_forbidden = read_optional(fields.next()?)?.is_some();
    let Some(regressed) = fields.next() else {
        scope.forbidden_s = was_forbidden.then_some(0);
        // Earlier versions had no word for it: they dropped the version.
        scope.regressed = scope.version.is_none();
        return Some(scope);
    };
    scope.regressed = regressed == "1";
    scope.forbidden_s = match read_optional(fields.next()?)? {
        Some(seconds) => Some(seconds.parse().ok()?),
        None => None,
    };
    Some(scope)
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    // A String takes everything.
    _ = out.write_fmt(text);
}

/// `-` for none, `=text` for some.
fn put_optional(out: &mut String, text: Option<&str>) {
    match text {
        Some(text) => {
            out.push('=');
            put_escaped(out, text);
        }
        None => out.push('-'),
    }
}

fn put_escaped(out: &mut String, text: &str) {
    if !text.contains(['\\', '\t', '\n']) {
        return out.push_str(text);
    }
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
}

fn read_optional(field: &str) -> Option<Option<String>> {
    match field.strip_prefix('=') {
        Some(text) => Some(Some(unescape(text))),
        None => (field == "-").then_some(None),
    }
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        out.push(match (c, c == '\\') {
            (_, true) => match chars.next() {
                Some('t') => '\t',
                Some('n') => '\n',
                other => other.unwrap_or('\\'),
            },
            (c, _) => c,
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scope(kind: &str, scope: Scope, version: Option<&str>) -> ScopeCheckpoint {
        let version = version.and_then(ResourceVersion::parse);
        ScopeCheckpoint {
            kind: kind.into(),
            scope,
            api: "v1/Pod".into(),
            version,
            complete: true,
            as_of: -7,
            forbidden_s: Some(9),
            regressed: kind == "nodes",
        }
    }

    #[test]
    fn a_checkpoint_comes_back() {
        let checkpoint = Checkpoint {
            schema: u64::MAX,
            epoch: 3,
            cluster_uid: Some("u-1".into()),
            user: None,
            selection: u64::MAX,
            scopes: vec![
                scope("pods", Scope::All, Some("42")),
                scope("widgets.example.com", Scope::Namespace("a".into()), Some("op\taque\\n")),
                scope("nodes", Scope::All, None),
            ],
        };
        assert_eq!(Checkpoint::parse(&checkpoint.print(checkpoint.schema)), Some(checkpoint));
        assert_eq!(Checkpoint::parse(&Checkpoint::default().print(0)), Some(Checkpoint::default()));
    }

    #[test]
    fn another_selection_starts_over_and_the_same_one_goes_on() {
        let scopes = vec![scope("pods", Scope::All, Some("42")), scope("nodes", Scope::All, None)];
        let mut checkpoint = Checkpoint { selection: 1, scopes, ..Checkpoint::default() };
        let before = checkpoint.clone();
        checkpoint.select(1);
        assert_eq!(checkpoint, before);
        checkpoint.select(2);
        let left: Vec<_> = checkpoint.scopes.iter().map(|s| (s.kind.as_str(), s.complete)).collect();
        assert_eq!((checkpoint.selection, left), (2, vec![("nodes", false)]));
    }

    #[test]
    fn what_an_earlier_version_wrote_is_read() {
        let line = |version: &str| {
            format!("kubesift {LAYOUT}\t1\t0\t-\t-\t0\npods\t=a\tv1/Pod\t{version}\t1\t5\t=3")
        };
        let read = |version| Checkpoint::parse(&line(version)).and_then(|mut read| read.scopes.pop());
        let kept = read("=42").unwrap();
        assert!(kept.complete && !kept.regressed && kept.version == ResourceVersion::parse("42"));
        assert_eq!(kept.forbidden_s, Some(0), "a time by a wall clock is no duration");
        assert!(read("-").unwrap().regressed, "a dropped version said that the storage went back");
    }

    #[test]
    fn confirmations_of_the_future_are_forgotten() {
        let at = |as_of| ScopeCheckpoint { as_of, ..scope("pods", Scope::All, Some("42")) };
        let mut checkpoint = Checkpoint { scopes: vec![at(90), at(100), at(101)], ..Checkpoint::default() };
        checkpoint.forget_future(100);
        assert_eq!(checkpoint.scopes, [at(90), at(100), at(0)]);
    }

    proptest! {
        #[test]
        fn any_text_comes_back(user in any::<String>(), uid in any::<Option<String>>()) {
            let checkpoint = Checkpoint { user: Some(user), cluster_uid: uid, ..Checkpoint::default() };
            prop_assert_eq!(Checkpoint::parse(&checkpoint.print(checkpoint.schema)), Some(checkpoint));
        }

        #[test]
        fn garbage_is_no_checkpoint(text in any::<String>()) {
            prop_assert_eq!(Checkpoint::parse(&text), None);
        }
    }

    #[test]
    fn another_layout_is_not_read() {
        assert_eq!(Checkpoint::parse("kubesift 0\t0\t0\t-\t-"), None);
    }
}
