//! Content negotiation: the first clause of `Accept` that the server can serve wins.

use crate::cluster::wire::{Encoding, JSON, PROTOBUF};
use crate::demo::Formats;

/// What a read is about: it decides which transformations fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Want {
    List,
    Object,
    Watch,
}

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `PartialObjectMetadata`.
    Metadata(Encoding),
    /// Whole objects, in JSON.
    Full,
    /// `Table`, in JSON.
    Table,
}

/// Chooses a form; `None` when nothing fits (406).
pub(super) fn negotiate(accept: &str, want: Want, formats: Formats) -> Option<Form> {
    clauses(accept).find_map(|clause| form(&clause, want, formats))
}

/// The encoding of a refusal: protobuf only where the client asked for plain protobuf first.
pub(super) fn refusal(accept: &str, formats: Formats) -> Encoding {
    let plain = clauses(accept).find(|clause| clause.get("as").is_none());
    match plain {
        Some(clause) if clause.media == PROTOBUF && formats == Formats::All => Encoding::Protobuf,
        _ => Encoding::Json,
    }
}

fn form(clause: &Clause<'_>, want: Want, formats: Formats) -> Option<Form> {
    let encoding = match clause.media {
        PROTOBUF if formats == Formats::All => Encoding::Protobuf,
        JSON | "application/*" | "*/*" => Encoding::Json,
        _ => return None,
    };
    let meta = clause.get("g") == Some("meta.k8s.io") && matches!(clause.get("v"), Some("v1" | "v1beta1"));
    match (clause.get("as"), want, encoding) {
        (None, _, Encoding::Json) => Some(Form::Full),
        // Whole objects in protobuf need every kind's schema: the simulated server has none.
        (None, _, Encoding::Protobuf) => None,
        (Some(_), _, _) if !meta || formats == Formats::PlainJson => None,
        (Some("PartialObjectMetadataList"), Want::List | Want::Watch, _) => Some(Form::Metadata(encoding)),
        (Some("PartialObjectMetadata"), Want::Object | Want::Watch, _) => Some(Form::Metadata(encoding)),
        (Some("Table"), Want::List | Want::Object, Encoding::Json) => Some(Form::Table),
        _ => None,
    }
}

/// One clause of an `Accept` header.
pub(super) struct Clause<'a> {
    pub(super) media: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
}

impl<'a> Clause<'a> {
    pub(super) fn get(&self, key: &str) -> Option<&'a str> {
        self.parameters.iter().find(|(own, _)| *own == key).map(|(_, value)| *value)
    }
}

/// The clauses in order; no header at all accepts everything.
pub(super) fn clauses(accept: &str) -> impl Iterator<Item = Clause<'_>> {
    let accept = if accept.trim().is_empty() { "*/*" } else { accept };
    accept.split(',').map(|clause| {
        let mut parts = clause.split(';').map(str::trim);
        let media = parts.next().unwrap_or_default();
        let parameters = parts.filter_map(|part| part.split_once('=')).collect();
        Clause { media, parameters }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,\
                        application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";

    #[test]
    fn the_first_clause_that_fits_wins() {
        let list = |formats| negotiate(LIST, Want::List, formats);
        assert_eq!(list(Formats::All), Some(Form::Metadata(Encoding::Protobuf)));
        assert_eq!(list(Formats::Json), Some(Form::Metadata(Encoding::Json)));
        assert_eq!(list(Formats::PlainJson), Some(Form::Full));
        assert_eq!(negotiate("", Want::List, Formats::All), Some(Form::Full));
        assert_eq!(negotiate("text/html", Want::List, Formats::All), None);
        assert_eq!(negotiate(PROTOBUF, Want::List, Formats::Json), None);
        let single = "application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
        assert_eq!(negotiate(single, Want::List, Formats::All), None);
        assert_eq!(negotiate(single, Want::Watch, Formats::All), Some(Form::Metadata(Encoding::Protobuf)));
    }

    #[test]
    fn refusals_are_protobuf_only_for_who_asked_for_plain_protobuf() {
        assert_eq!(refusal(PROTOBUF, Formats::All), Encoding::Protobuf);
        assert_eq!(refusal(LIST, Formats::All), Encoding::Json);
    }
}
