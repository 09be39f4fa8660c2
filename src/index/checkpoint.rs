//! The checkpoint: what the committed documents are worth. It rides in tantivy's commit payload, so that
//! documents and checkpoint are one commit, whatever kills the process.

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
    /// Since when the server answers 403, unix seconds.
    pub forbidden_since: Option<i64>,
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
            scope.forbidden_since = scope.forbidden_since.map(&turn);
        }
    }

    /// One line for the whole and one per scope, fields separated by tabs: 1,200 kinds take some 60 KB.
    pub(crate) fn print(&self) -> String {
        let head = [
            format!("kubesift {LAYOUT}"),
            format!("{:x}", self.schema),
            self.epoch.to_string(),
            optional(self.cluster_uid.as_deref()),
            optional(self.user.as_deref()),
            format!("{:x}", self.selection),
        ];
        let mut out = head.join("\t");
        for scope in &self.scopes {
            let namespace = match &scope.scope {
                Scope::All => None,
                Scope::Namespace(namespace) => Some(&**namespace),
            };
            let version = scope.version.as_ref().map(ToString::to_string);
            let fields = [
                escape(scope.kind.as_str()),
                optional(namespace),
                escape(&scope.api),
                optional(version.as_deref()),
                u8::from(scope.complete).to_string(),
                scope.as_of.to_string(),
                optional(scope.forbidden_since.map(|since| since.to_string()).as_deref()),
                u8::from(scope.regressed).to_string(),
            ];
            out.push('\n');
            out.push_str(&fields.join("\t"));
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
        forbidden_since: match read_optional(fields.next()?)? {
            Some(since) => Some(since.parse().ok()?),
            None => None,
        },
        regressed: false,
    };
    // Earlier versions had no word for it: they dropped the version.
    scope.regressed = fields.next().map_or(scope.version.is_none(), |field| field == "1");
    Some(scope)
}

/// `-` for none, `=text` for some.
fn optional(text: Option<&str>) -> String {
    text.map_or_else(|| "-".to_owned(), |text| format!("={}", escape(text)))
}

fn read_optional(field: &str) -> Option<Option<String>> {
    match field.strip_prefix('=') {
        Some(text) => Some(Some(unescape(text))),
        None => (field == "-").then_some(None),
    }
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n")
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
            forbidden_since: Some(-9),
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
        assert_eq!(Checkpoint::parse(&checkpoint.print()), Some(checkpoint));
        assert_eq!(Checkpoint::parse(&Checkpoint::default().print()), Some(Checkpoint::default()));
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
            prop_assert_eq!(Checkpoint::parse(&checkpoint.print()), Some(checkpoint));
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
