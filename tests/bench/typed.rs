//! What is typed in the benchmark, form by form.

use kubesift::query::{Query, parse};

/// The words that searches are made of.
const WORDS: &str = "checkout payment-api postgres prometheus web-frontend ingress redis cart-worker kube-root-ca \
    coredns default production certificate istio grafana-operator system:node app.kubernetes.io/name";

/// Name of the form, and the queries that are typed letter by letter, separated by ` ; `; `{}` stands for each word in turn.
const FORMS: [(&str, &str); 34] = [
    ("word", "{}"),
    (
        "word within names",
        "eckout ; rontend ; ostgre ; ation ; ervice ; 8f9 ; -api- ; -0 ; roduction ; uction",
    ),
    ("timestamps, hashes", "2026-03-02 ; 7d9f ; 5b6c8 ; sha256 ; true"),
    ("word with capitals", "Helm ; Payments ; Deployment ; Checkout"),
    ("two words", "api {} ; production {}"),
    (
        "slip of the keyboard",
        "chekout ; postgers ; payment-apu ; promotheus ; grafnaa-operator ; recomendation",
    ),
    ("no match", "zzqxkyw ; qqqqqqqqqqqq"),
    ("phrase", "\"checkout-api\" ; \"service, run by sre\""),
    ("kind: and word", "kind:pod {}"),
    ("kind:, ns: and word", "kind:pod ns:checkout-production {}"),
    ("kind: alone, lists, globs", "kind:pod ; kind:deploy,sts ; kind:*claims ; -kind:pod"),
    ("KIND/NAME", "deploy/checkout-api ; pod/postgres"),
    ("ns: glob", "ns:*-prod* ; ns:checkout-* api"),
    ("^prefix", "^checkout-api ; ^postgres ; ^kube-root"),
    ("suffix$", "-config$ ; api$ ; crt$"),
    ("'part", "'eckout ; 'ostgre ; 'config"),
    ("name: glob", "name:*-api-* ; name:checkout* ; name:????? ; name:*db*0"),
    ("/regex/", "/check.*api/ ; /^(web|pay).*[0-9]$/ ; /traef|webs/ ; /[0-9]{4}/ ; /-[a-z]+-0$/"),
    (
        "KEY=VALUE, in, notin",
        "app.kubernetes.io/name=checkout-api ; env!=dev ; -l 'env in (production,staging),team' ",
    ),
    ("label: exists, globs", "label:helm.sh/chart ; label:team=pay* ; label:app* ; label:/=checkout-/"),
    ("-l with numbers", "-l 'app.kubernetes.io/version>3'"),
    (
        "anno:",
        "anno:prometheus.io/port=8080 ; anno:example.com/description ; anno:/fraud/ ; anno:example.com/description=*sre",
    ),
    ("group:, version:", "group:apps ; version:v1alpha1 ; group:cert-manager"),
    ("uid:", "uid:3f2a9c1d ; uid:0"),
    ("owner:", "owner:checkout-api ; owner:sts/postgres ; owner:deploy/checkout*"),
    ("root:", "root:deploy/checkout-api ; root:deploy/che* ; root:sts/postgres-db"),
    ("age:, created:", "age:<30d ; age:>700d ; created:>2025-06-01 ; created:2024-01-01..2024-02-01 api"),
    ("is:, has:, no:", "is:cluster ; is:deleting ; has:owner ; no:label ; has:finalizer api"),
    ("exclusion", "api -production ; checkout -kind:pod ; -ns:checkout-production ; NOT api"),
    ("OR, parentheses", "checkout | payment ; (redis OR kafka) kind:sts ; web | api | db"),
    ("sort:name", "checkout sort:name ; kind:pod sort:-name ; sort:name api"),
    ("sort:age", "checkout sort:age ; kind:pod sort:-age"),
    ("sort:kind, sort:ns", "checkout sort:kind ; api sort:ns,name ; production sort:kind,ns,name"),
    (
        "everything at once",
        "kind:pod ns:*-production team=payments -worker age:<900d (api | db) sort:age limit:50",
    ),
];

/// Name of the form, and every query on the way to its examples that can be understood.
pub(crate) fn forms() -> Vec<(&'static str, Vec<(String, Query)>)> {
    let mut forms: Vec<(&str, Vec<(String, Query)>)> = Vec::new();
    let letters: Vec<String> = ('a'..='z').chain('0'..='9').map(String::from).collect();
    forms.push(("first letter", letters.iter().filter_map(|text| understood(text)).collect()));
    let words: Vec<&str> = WORDS.split(' ').filter(|word| !word.is_empty()).collect();
    for (name, examples) in FORMS {
        let mut queries = Vec::new();
        for example in examples.split(" ; ") {
            let texts: Vec<String> = match example.split_once("{}") {
                Some((before, after)) => words.iter().map(|word| [before, word, after].concat()).collect(),
                None => vec![example.to_owned()],
            };
            // what stands before the last word is typed once
            let fixed = example.find("{}").unwrap_or(0);
            for text in texts {
                let ends = (fixed + 1..=text.len()).filter(|end| text.is_char_boundary(*end));
                queries.extend(ends.filter_map(|end| understood(&text[..end])));
            }
        }
        forms.push((name, queries));
    }
    forms
}

fn understood(text: &str) -> Option<(String, Query)> {
    let query = parse(text).ok().filter(|query| query.root.is_some())?;
    Some((text.to_owned(), query))
}
