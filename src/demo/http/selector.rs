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
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Requirement {
    Has(String),
    Lacks(String),
    Is(String, String),
    IsNot(String, String),
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
                key => {
                    return Err(Refusal::bad_request(format!(
                        "\"{key}\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
                    )));
                }
            }
        }
        let labels = query.get("labelSelector").into_iter().flat_map(|labels| labels.split(','));
        own.labels = labels.map(requirement).collect::<Result<_, _>>()?;
        Ok(own)
    }

    pub(super) fn matches(&self, object: &Object) -> bool {
        self.namespace.as_deref().is_none_or(|namespace| namespace == object.namespace)
            && self.name.as_deref().is_none_or(|name| name == object.name)
            && self.labels.iter().all(|requirement| requirement.matches(object))
    }

    /// Whether it picks objects within the collection.
    pub(super) fn is_narrow(&self) -> bool {
        self.name.is_some() || !self.labels.is_empty()
    }
}

impl Requirement {
    fn matches(&self, object: &Object) -> bool {
        match self {
            Self::Has(key) => object.labels.contains_key(key),
            Self::Lacks(key) => !object.labels.contains_key(key),
            Self::Is(key, value) => object.labels.get(key) == Some(value),
            Self::IsNot(key, value) => object.labels.get(key) != Some(value),
        }
    }
}

fn requirement(text: &str) -> Result<Requirement, Refusal> {
    let text = text.trim();
    if text.contains([' ', '(', ')']) {
        return Err(Refusal::bad_request(format!("the demo server knows no set-based selectors: {text:?}")));
    }
    let own = |text: &str| text.trim_matches('=').to_owned();
    Ok(match text.split_once("!=") {
        Some((key, value)) => Requirement::IsNot(own(key), own(value)),
        None => match (text.split_once('='), text.strip_prefix('!')) {
            (Some((key, value)), _) => Requirement::Is(own(key), own(value)),
            (None, Some(key)) => Requirement::Lacks(own(key)),
            (None, None) => Requirement::Has(own(text)),
        },
    })
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
        ] {
            assert!(matches(yes), "{yes}");
        }
        for no in ["fieldSelector=metadata.name%3D%3Dx", "labelSelector=app!%3Dweb", "labelSelector=tier"] {
            assert!(!matches(no), "{no}");
        }
        assert!(!Selector::new(Some("bank"), &Query::default()).unwrap().matches(&object));
        assert!(Selector::new(None, &Query::parse("fieldSelector=spec.x%3D1")).is_err());
        assert!(Selector::new(None, &Query::parse("labelSelector=a in (b)")).is_err());
    }
}
