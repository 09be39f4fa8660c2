//! Paths and queries.

/// What a path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::demo) enum Route {
    Version,
    Health,
    /// `/api`
    Core,
    /// `/apis`
    Groups,
    /// `/apis/GROUP`
    Group(String),
    /// `/api/v1` or `/apis/GROUP/VERSION`
    Resources {
        group: String,
        version: String,
    },
    /// A collection or an object.
    Objects(Place),
    Unknown,
}

/// A collection, or one object of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::demo) struct Place {
    pub(in crate::demo) group: String,
    pub(in crate::demo) version: String,
    pub(in crate::demo) plural: String,
    pub(in crate::demo) namespace: Option<String>,
    pub(in crate::demo) name: Option<String>,
    pub(in crate::demo) subresource: Option<String>,
}

impl Place {
    /// Whether it is the log of a Pod: the one subresource that is served.
    pub(in crate::demo) fn is_log(&self) -> bool {
        self.group.is_empty() && self.plural == "pods" && self.subresource.as_deref() == Some("log")
    }
}

impl Route {
    pub(in crate::demo) fn parse(path: &str) -> Self {
        let parts: Vec<String> = path.trim_matches('/').split('/').map(|part| decode(part, false)).collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        match parts.as_slice() {
            ["version"] => Self::Version,
            ["healthz" | "livez" | "readyz", ..] => Self::Health,
            ["api"] => Self::Core,
            ["apis"] => Self::Groups,
            ["apis", group] => Self::Group((*group).to_owned()),
            ["api", version] => Self::Resources { group: String::new(), version: (*version).to_owned() },
            ["apis", group, version] => {
                Self::Resources { group: (*group).to_owned(), version: (*version).to_owned() }
            }
            ["api", version, rest @ ..] => Self::objects("", version, rest),
            ["apis", group, version, rest @ ..] => Self::objects(group, version, rest),
            _ => Self::Unknown,
        }
    }

    fn objects(group: &str, version: &str, rest: &[&str]) -> Self {
        let (namespace, plural, name, subresource) = match rest {
            [plural] => (None, plural, None, None),
            // `namespaces/NAME` is an object itself; with more behind it, a scope.
            ["namespaces", namespace, plural] => (Some(namespace), plural, None, None),
            ["namespaces", namespace, plural, name] => (Some(namespace), plural, Some(name), None),
            ["namespaces", namespace, plural, name, sub @ ..] => {
                (Some(namespace), plural, Some(name), Some(sub.join("/")))
            }
            [plural, name] => (None, plural, Some(name), None),
            [plural, name, sub @ ..] => (None, plural, Some(name), Some(sub.join("/"))),
            [] => return Self::Unknown,
        };
        Self::Objects(Place {
            group: group.to_owned(),
            version: version.to_owned(),
            plural: (*plural).to_owned(),
            namespace: namespace.map(|namespace| (*namespace).to_owned()),
            name: name.map(|name| (*name).to_owned()),
            subresource,
        })
    }
}

/// Query parameters; empty values count as absent, as on the real server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::demo) struct Query(Vec<(String, String)>);

impl Query {
    pub(in crate::demo) fn parse(query: &str) -> Self {
        let pairs = query.split('&').filter_map(|pair| {
            let (key, value) = pair.split_once('=')?;
            Some((decode(key, true), decode(value, true))).filter(|(_, value)| !value.is_empty())
        });
        Self(pairs.collect())
    }

    pub(in crate::demo) fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(own, _)| own == key).map(|(_, value)| value.as_str())
    }

    pub(in crate::demo) fn flag(&self, key: &str) -> bool {
        matches!(self.get(key), Some("1" | "true"))
    }

    pub(in crate::demo) fn number(&self, key: &str) -> Option<u64> {
        self.get(key)?.parse().ok()
    }
}

// Percent-decoding; what is not a valid escape stays as it is.
fn decode(text: &str, plus: bool) -> String {
    let mut rest = text.as_bytes();
    let mut out = Vec::with_capacity(rest.len());
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = match (byte, after) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)).map(|(high, low)| high << 4 | low),
            _ => None,
        };
        rest = if escaped.is_some() { &after[2..] } else { after };
        out.push(escaped.unwrap_or(if byte == b'+' && plus { b' ' } else { byte }));
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    u8::try_from(char::from(digit).to_digit(16)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(path: &str) -> Place {
        match Route::parse(path) {
            Route::Objects(place) => place,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn namespaces_are_a_scope_and_a_kind() {
        let pod = place("/api/v1/namespaces/shop/pods/web-0");
        assert_eq!(
            (pod.namespace.as_deref(), pod.plural.as_str(), pod.name.as_deref()),
            (Some("shop"), "pods", Some("web-0"))
        );
        let namespace = place("/api/v1/namespaces/shop");
        assert_eq!(
            (namespace.namespace, namespace.plural.as_str(), namespace.name.as_deref()),
            (None, "namespaces", Some("shop"))
        );
        assert_eq!(place("/apis/apps/v1/deployments").group, "apps");
        assert_eq!(
            place("/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode").name.as_deref(),
            Some("system:node")
        );
        assert_eq!(place("/api/v1/namespaces/shop/pods/web-0/log").subresource.as_deref(), Some("log"));
    }

    #[test]
    fn queries_are_decoded_and_empty_values_are_absent() {
        let query = Query::parse("watch=1&fieldSelector=metadata.name%3Dx&continue=&labelSelector=a+%zz");
        assert!(query.flag("watch"));
        assert_eq!(query.get("fieldSelector"), Some("metadata.name=x"));
        assert_eq!(query.get("continue"), None);
        assert_eq!(query.get("labelSelector"), Some("a %zz"));
    }
}
