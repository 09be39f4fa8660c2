//! Field and label selectors, as far as the server knows them.

use super::reply::Refusal;
use super::route::Query;
use crate::object::Object;

/// Which objects of a collection are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Selector {
    namespace: Option<String>,
    name: Option<String>,
    labels: Vec<Requirement>,
    /// By the object that an event is about, with its uid if that is asked for: stored events are about nothing.
    involved: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Requirement {
    Has(String),
    Lacks(String),
    In(String, Vec<String>),
    /// Also where the label is missing.
    NotIn(String, Vec<String>),
}

impl Selector {
    pub(super) fn new(namespace: Option<&str>, query: &Query) -> Result<Self, Refusal> {
        let mut own = Self { namespace: namespace.map(str::to_owned), ..Self::default() };
        for field in query.get("fieldSelector").into_iter().flat_map(|fields| fields.split(',')) {
            let (key, value) = field.split_once('=').unwrap_or((field, ""));
            let value = value.trim_start_matches('=').to_owned();
            match key {
                "metadata.name" => own.name = Some(value),
                "metadata.namespace" => own.namespace = Some(value),
                "involvedObject.uid" => own.involved = Some(value),
                key if key.starts_with("involvedObject.") => _ = own.involved.get_or_insert_default(),
                key => {
                    return Err(Refusal::bad_request(format!(
                        "\"{key}\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
                    )));
                }
            }
        }
        if let Some(labels) = query.get("labelSelector") {
            let wrong = || Refusal::bad_request(format!("unable to parse requirement: {labels:?}"));
            own.labels = requirements(labels).ok_or_else(wrong)?;
        }
        Ok(own)
    }

    pub(super) fn matches(&self, object: &Object) -> bool {
        self.involved.is_none()
            && self.namespace.as_deref().is_none_or(|namespace| namespace == object.namespace)
            && self.name.as_deref().is_none_or(|name| name == object.name)
            && self.labels.iter().all(|requirement| requirement.matches(object))
    }

    /// The uid of the object that events are asked about; empty where they are asked for in another way.
    pub(super) fn involved(&self) -> Option<&str> {
        self.involved.as_deref()
    }

    /// Whether it picks objects within the collection.
    pub(super) fn is_narrow(&self) -> bool {
        self.name.is_some() || self.involved.is_some() || !self.labels.is_empty()
    }
}

impl Requirement {
    fn matches(&self, object: &Object) -> bool {
        match self {
            Self::Has(key) => object.labels.contains_key(key),
            Self::Lacks(key) => !object.labels.contains_key(key),
            Self::In(key, values) => object.labels.get(key).is_some_and(|own| values.contains(own)),
            Self::NotIn(key, values) => object.labels.get(key).is_none_or(|own| !values.contains(own)),
        }
    }
}

/// Requirements are separated by commas, but not by those within parentheses; `None` for what can't be read.
fn requirements(text: &str) -> Option<Vec<Requirement>> {
    let mut depth = 0;
    let parts = text.split(|c| {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        c == ',' && depth == 0
    });
    parts.map(requirement).collect()
}

fn requirement(text: &str) -> Option<Requirement> {
    let text = text.trim();
    if let Some(key) = text.strip_prefix('!') {
        return Some(Requirement::Lacks(word(key)?));
    }
    if let Some((key, value)) = text.split_once("!=") {
        return Some(Requirement::NotIn(word(key)?, vec![value_of(value)?]));
    }
    if let Some((key, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
        return Some(Requirement::In(word(key)?, vec![value_of(value)?]));
    }
    let Some((key, set)) = text.split_once(char::is_whitespace) else {
        return Some(Requirement::Has(word(text)?));
    };
    let (operator, values) = set.split_once('(')?;
    let values = values.trim_end().strip_suffix(')')?.split(',').map(value_of).collect::<Option<_>>()?;
    match operator.trim() {
        "in" => Some(Requirement::In(word(key)?, values)),
        "notin" => Some(Requirement::NotIn(word(key)?, values)),
        _ => None,
    }
}

// A label's key.
fn word(text: &str) -> Option<String> {
    let text = text.trim();
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    (!text.is_empty() && text.chars().all(fits)).then(|| text.to_owned())
}

// A label's value, which may be empty.
fn value_of(text: &str) -> Option<String> {
    let text = text.trim();
    text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_pick_by_name_namespace_and_labels() {
        let object = Object {
            name: "web".into(),
            namespace: "shop".into(),
            labels: [("app".into(), "web".into())].into(),
            ..Object::default()
        };
        let matches = |query: &str| Selector::new(None, &Query::parse(query)).unwrap().matches(&object);
        for yes in [
            "fieldSelector=metadata.name%3Dweb",
            "labelSelector=app%3Dweb,!tier",
            "labelSelector=app,tier!%3Dx",
            "labelSelector=app+in+(web,db),tier+notin+(x)",
        ] {
            assert!(matches(yes), "{yes}");
        }
        for no in [
            "fieldSelector=metadata.name%3D%3Dx",
            "labelSelector=app!%3Dweb",
            "labelSelector=tier",
            "labelSelector=app+notin+(web)",
        ] {
            assert!(!matches(no), "{no}");
        }
        assert!(!Selector::new(Some("bank"), &Query::default()).unwrap().matches(&object));
        assert!(Selector::new(None, &Query::parse("fieldSelector=spec.x%3D1")).is_err());
        for wrong in ["a+in+b", "a,,b", "a%3D%3D%3Db", "a+like+(b)"] {
            assert!(
                Selector::new(None, &Query::parse(&format!("labelSelector={wrong}"))).is_err(),
                "{wrong}"
            );
        }
    }
}
