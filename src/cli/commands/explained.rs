//! `search --explain`: how a query was understood, and what each hit's score is made of. On stderr, so that what stands on
//! stdout is the same with and without it.

use super::super::output::Output;
use crate::query::Query;
use crate::search::{Hit, Understood};

/// Hits whose scores are told: more is no explanation any more.
const TOLD: usize = 20;

/// Tells how a query was understood.
pub(super) fn query(output: &mut Output, query: &Query, understood: &Understood) {
    let mut lines = vec![format!("understood as: {query}")];
    lines.extend(understood.lines().into_iter().map(|line| format!("  {line}")));
    output.note_plain(&lines.join("\n"));
}

/// Tells how the hits scored.
pub(super) fn hits(output: &mut Output, hits: &[Hit]) {
    let mut lines: Vec<String> = hits.iter().take(TOLD).map(score).collect();
    if hits.len() > TOLD {
        lines.push(format!("... {} more", hits.len() - TOLD));
    }
    output.note_plain(&lines.join("\n"));
}

/// `5.0 Deployment payments-prod/checkout: 'checkout' is the whole name +5.0`
fn score(hit: &Hit) -> String {
    let metadata = &hit.document.metadata;
    let parts: Vec<String> =
        hit.parts.iter().map(|part| format!("'{}' {} +{}", part.term, part.reason, part.points)).collect();
    let why =
        if parts.is_empty() { "only filters, which score nothing".to_owned() } else { parts.join(", ") };
    format!("{:.2} {} {}/{}: {why}", hit.score, metadata.kind, metadata.namespace, metadata.name)
}

#[cfg(test)]
mod tests {
    use super::super::super::output::testing::captured;
    use super::*;
    use crate::document::{Document, Local, Metadata};
    use crate::search::ScorePart;

    fn hit(name: &str, parts: Vec<ScorePart>) -> Hit {
        let metadata = Metadata {
            kind: "Deployment".to_owned(),
            namespace: "shop".to_owned(),
            name: name.to_owned(),
            ..Metadata::default()
        };
        let document =
            Document { id: name.to_owned(), text: String::new(), metadata, local: Local::default() };
        let score = parts.iter().fold(0.0, |sum, part| sum + part.points);
        Hit { document, kind: "deployments.apps".into(), score, similar: false, parts, matched: Vec::new() }
    }

    #[test]
    fn each_hit_says_what_its_score_is_made_of() {
        let (mut output, stdout, stderr) = captured(None);
        let part = |term: &str, reason, points| ScorePart { term: term.to_owned(), reason, points };
        let words = vec![part("web", "start of the name", 4.0), part("api", "elsewhere", 1.0)];
        hits(&mut output, &[hit("web-api", words), hit("filtered", Vec::new())]);
        assert_eq!(stdout.text(), "");
        insta::assert_snapshot!(stderr.text(), @r"
        5.00 Deployment shop/web-api: 'web' start of the name +4, 'api' elsewhere +1
        0.00 Deployment shop/filtered: only filters, which score nothing
        ");
    }

    #[test]
    fn a_query_is_told_as_it_was_understood() {
        let (mut output, _, stderr) = captured(None);
        let leaf = |text: &str| Understood { text: text.to_owned(), parts: Vec::new() };
        let understood = Understood {
            text: "all of".to_owned(),
            parts: vec![leaf("kind is deployments.apps"), leaf("not x")],
        };
        query(&mut output, &crate::query::parse("kind:deploy -x").unwrap(), &understood);
        insta::assert_snapshot!(stderr.text(), @r"
        understood as: kind:deploy -x
          all of
            kind is deployments.apps
            not x
        ");
    }
}
