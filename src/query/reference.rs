//! The forms of the language as a table: what `kubesift help query` prints and what `docs/query.md` is made of. The
//! parser's tests hold that every example is read.

/// One form.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    /// As it is written.
    pub syntax: &'static str,
    /// What it finds.
    pub meaning: &'static str,
    /// Whole queries.
    pub examples: &'static [&'static str],
}

/// Forms that belong together.
#[derive(Debug, Clone, Copy)]
pub struct Section {
    /// Its heading.
    pub title: &'static str,
    /// Its forms.
    pub forms: &'static [Form],
}

const fn form(syntax: &'static str, meaning: &'static str, examples: &'static [&'static str]) -> Form {
    Form { syntax, meaning, examples }
}

/// Every form.
pub const SECTIONS: &[Section] = &[
    Section {
        title: "Words",
        forms: &[
            form(
                "checkout api",
                "both words: any part of a name, or the start of a word in namespace, kind, labels, annotations and owners",
                &["checkout", "checkout api"],
            ),
            form("\"card payments\"", "the words exactly so, one after the other", &["\"card payments\""]),
            form(
                "'pay ^web api$",
                "on the name alone: any part of it, its start, its end",
                &["'pay", "^checkout", "api$", "^web$"],
            ),
            form("web-*", "on the name: * is any run of characters, ? any one", &["checkout-*", "web-?"]),
            form(
                "/regex/",
                "on the name: a regular expression; it has no spaces and needs the closing slash",
                &["/traef|webs/", "/^web-[0-9]+$/"],
            ),
            form(
                "~databases",
                "what it is about: ~ takes the plain words after it, or a phrase (needs the semantic engine, not built yet)",
                &[
                    "~databases",
                    "~payment gateway that talks to kafka ns:prod",
                    "~\"message queue\" kind:sts",
                ],
            ),
        ],
    },
    Section {
        title: "Together",
        forms: &[
            form("a b", "both (AND may stand between them)", &["checkout api", "checkout AND api"]),
            form(
                "a | b, a OR b",
                "either; binds tighter than a space: x a | b is x and one of a, b",
                &["web | api", "web OR api kind:svc"],
            ),
            form("( )", "grouping", &["(web api) | kind:ingress", "-(web | api)"]),
            form(
                "-a, !a, NOT a",
                "not a; wins over everything else. In shells write -a or NOT: ! may mean history",
                &["web -kind:pod", "!web ns:shop", "checkout NOT api"],
            ),
        ],
    },
    Section {
        title: "Which object",
        forms: &[
            form(
                "kind:deploy, k:",
                "kind by plural, singular, short name, name.group or category; kind:cert* by pattern",
                &["kind:deploy", "k:po,svc", "kind:certificates.cert-manager.io", "kind:all", "kind:cert*"],
            ),
            form(
                "deploy/web",
                "KIND/NAME: the kind and a part of the name; deploy/^web and deploy/\"web\" say which part",
                &["deploy/web", "pod/checkout-*", "deploy/\"web\""],
            ),
            form(
                "ns:prod, -n prod",
                "namespace: whole, or with * and ?",
                &["ns:prod", "ns:prod,stage", "ns:team-*", "-n prod web", "namespace:^team-"],
            ),
            form("-A", "every namespace, whatever flags and settings say", &["web -A"]),
            form(
                "name:web",
                "name: any part, ^start, end$, =whole or quoted, pattern or /regex/",
                &[
                    "name:web",
                    "name:^web",
                    "name:=web",
                    "name:\"web\"",
                    "name:web$,api$",
                    "name:/^web-[0-9]+$/",
                ],
            ),
            form(
                "group:apps",
                "API group, whole or up to a dot; core is the empty one",
                &["group:apps", "group:cert-manager", "group:core"],
            ),
            form(
                "version:v1beta1",
                "API version, without its group",
                &["version:v1beta1", "version:v*beta*"],
            ),
            form("uid:3f1c2d4e", "uid, whole or its start", &["uid:3f1c2d4e"]),
            form(
                "cluster:stage, @stage",
                "another cluster's stored index, by context (not searched yet)",
                &["web @staging", "web cluster:staging,prod"],
            ),
        ],
    },
    Section {
        title: "Labels and annotations",
        forms: &[
            form(
                "app=web, app!=web",
                "the label's value, exactly; != also finds objects without the label; * ? ^ $ and /regex/ work",
                &["app=web", "app=web,api", "app!=web", "app=web,tier=db", "app=web*", "app=/^web-/"],
            ),
            form(
                "label:app",
                "the label is there; label:!app: it is not; label:app=web is app=web",
                &["label:app", "label:!app", "label:app=web", "label:app.kubernetes.io/*", "label:*=prod"],
            ),
            form(
                "label:/regex/",
                "a regular expression over key=value of every label",
                &["label:/^team=(a|b)$/"],
            ),
            form(
                "-l SELECTOR",
                "kubectl's label selectors, with kubectl's meaning",
                &["-l app=web,tier!=db", "-l 'env in (a,b),!canary'", "-l env notin (a,b)", "-l 'shard>3'"],
            ),
            form(
                "anno:team=payments",
                "the same for annotations: key, key=value, !key, patterns, /regex/ (also annotation:)",
                &[
                    "anno:team=payments",
                    "anno:team",
                    "anno:!team",
                    "anno:description=*gateway*",
                    "anno:/pagerduty/",
                ],
            ),
        ],
    },
    Section {
        title: "Owners, age, state",
        forms: &[
            form(
                "owner:deploy/web",
                "a direct owner by kind and name, name alone, or uid; root: any ancestor",
                &["owner:rs/web-6d4cf56db6", "owner:web-*", "root:deploy/web kind:pod"],
            ),
            form(
                "age:<2h, age<2h",
                "younger than that (s m h d w y; 1d12h); age:>30d older; 1h..2d between",
                &["age:<2h", "age<2h", "age:>30d kind:pod", "age:1h..2d"],
            ),
            form(
                "created:>2026-01-15",
                "after that day; < before, a..b from a to b (both belong to it), a day or month alone; UTC, or RFC 3339",
                &[
                    "created:>2026-01-15",
                    "created:2026-01-15",
                    "created:2026-01..2026-03",
                    "created:>=2026-01-15T08:00:00+02:00",
                    "created:<2h",
                ],
            ),
            form(
                "changed:<30m",
                "last written within that time, status aside; takes what created: takes (not searched yet)",
                &["changed:<30m", "changed:<1h by:kubectl"],
            ),
            form(
                "by:kubectl-edit",
                "written by that client program (part of its name) (not searched yet)",
                &["by:kubectl-edit", "by:helm,argocd"],
            ),
            form(
                "is:deleting",
                "namespaced, cluster (scoped), deleting, custom (a kind that Kubernetes itself does not have), gone (deleted, still remembered; not searched yet)",
                &["is:deleting", "is:cluster kind:cert*", "is:custom", "is:gone web"],
            ),
            form(
                "has:owner, no:label",
                "label, annotation, owner, finalizer: any, none",
                &["has:finalizer is:deleting", "no:label", "kind:pod no:owner"],
            ),
        ],
    },
    Section {
        title: "The list",
        forms: &[
            form(
                "sort:age",
                "youngest first; sort:-age oldest first; name, ns, kind, age, relevance; sort:ns,name",
                &["web sort:age", "kind:pod sort:-age", "web sort:ns,name"],
            ),
            form("limit:50", "at most so many", &["kind:pod sort:age limit:50"]),
        ],
    },
];

/// What holds for all forms, one paragraph each.
pub const RULES: &[&str] = &[
    "Different qualifiers must all hold. The same qualifier twice, or a comma list, means either; but is:, has:, no: and comparisons of time must all hold when written twice. An exclusion wins over everything.",
    "Letter case counts only in words and names with a capital letter. Values of labels and annotations are compared exactly, kinds never.",
    "An unknown prefix is plain text with a hint: names such as system:node contain colons. A known qualifier with a bad value is an error with its place, never \"all rows\". Quote what is meant as text: \"kind:pod\".",
    "An empty query lists the kinds with their counts.",
];

/// How hits are ordered.
pub const RANKING: &str = "Ranking: the whole name, the start of a name, a whole segment of it (between - . / : or capitals), any part of it, then labels, annotations and the rest; ties by shorter name, then newer. Every hit says what matched.";

const COLUMNS: usize = 80;
const INDENT: usize = 2;
const SYNTAX: usize = 22;

/// The reference for a terminal of 80 columns; ends with a newline.
pub fn help() -> String {
    let mut out = String::from("The query language. Words side by side must all match.\n");
    for section in SECTIONS {
        out.push_str(&format!("\n{}\n", section.title));
        for form in section.forms {
            let mut lines = wrap(form.meaning, COLUMNS - INDENT - SYNTAX).into_iter();
            let first = lines.next().unwrap_or_default();
            out.push_str(&format!("  {:<SYNTAX$}{first}\n", form.syntax));
            lines.for_each(|line| out.push_str(&format!("  {:<SYNTAX$}{line}\n", "")));
        }
    }
    out.push_str("\nRules\n");
    for rule in RULES.iter().chain([&RANKING]) {
        let lines = wrap(rule, COLUMNS - 4);
        lines.iter().enumerate().for_each(|(nth, line)| {
            out.push_str(if nth == 0 { "  - " } else { "    " });
            out.push_str(line);
            out.push('\n');
        });
    }
    out
}

/// `docs/query.md`.
pub fn markdown() -> String {
    let code = |text: &str| format!("`{}`", text.replace('|', "\\|"));
    let mut out = String::from(
        "# The query language\n\n\
         The same in the terminal app and on the command line (`kubesift help query` prints it). Words side by side \
         must all match. The grammar stands at the top of `src/query/parse.rs`.\n\n\
         <!-- Made from src/query/reference.rs: KUBESIFT_BLESS=1 cargo test --lib query::tests::reference -->\n",
    );
    for section in SECTIONS {
        out.push_str(&format!(
            "\n## {}\n\n| you write | it finds | examples |\n|---|---|---|\n",
            section.title
        ));
        for form in section.forms {
            let examples: Vec<String> = form.examples.iter().map(|example| code(example)).collect();
            let syntax: Vec<String> = form.syntax.split(", ").map(code).collect();
            let meaning = form.meaning.replace('|', "\\|").replace('*', "\\*").replace('<', "&lt;");
            out.push_str(&format!("| {} | {meaning} | {} |\n", syntax.join(" "), examples.join(" ")));
        }
    }
    out.push_str("\n## Rules\n\n");
    for rule in RULES {
        for (nth, line) in wrap(rule, 110).iter().enumerate() {
            out.push_str(&format!("{}{line}\n", if nth == 0 { "- " } else { "  " }));
        }
    }
    out.push('\n');
    wrap(RANKING, 112).iter().for_each(|line| out.push_str(&format!("{line}\n")));
    out
}

/// Lines of at most `columns` characters, broken at spaces.
fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
