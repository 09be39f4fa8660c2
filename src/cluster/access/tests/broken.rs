//! Kubeconfigs with something wrong in them: it matters only where it is used, and then it is named.

use super::*;

/// A kubeconfig of a context `a` that is right, and of whatever else.
fn with(contexts: &str, clusters: &str, users: &str) -> String {
    format!(
        "current-context: a\n\
         contexts:\n- name: a\n  context: {{cluster: a, user: a}}\n{contexts}\n\
         clusters:\n- name: a\n  cluster: {{server: \"https://a\"}}\n{clusters}\n\
         users:\n- name: a\n  user: {{token: t}}\n{users}\n"
    )
}

fn loaded(text: &str) -> Result<Access, AccessError> {
    let home = Home::new();
    Access::load(&home.options(&home.write("config", text)))
}

#[test]
fn what_is_broken_in_an_entry_that_is_not_used_does_not_matter() {
    for (contexts, clusters, users) in [
        (
            "",
            "",
            "- name: b\n  user: {exec: {command: x, provideClusterInfo: , interactiveMode: \"\", env: [{name: A}]}}",
        ),
        ("", "", "- name: b\n  user: {token: [x], exec: 7, as-groups: x, auth-provider: {}}"),
        ("", "", "- name: b\n  user: {token: one, token: two}"),
        ("", "", "- name: b\n  user:"),
        ("", "", "- name: b\n- user: {token: x}\n- user: {token: y}\n- foo\n-\n- {}"),
        ("", "- name: b\n  cluster: {server: 7, extensions: x, insecure-skip-tls-verify: perhaps}", ""),
        ("", "- name: b\n  cluster: text\n- cluster: {}\n- name: [b]\n", ""),
        ("- context: {cluster: a}\n- name: b\n- name: c\n  context: {cluster: [], user: {}}", "", ""),
    ] {
        let access = loaded(&with(contexts, clusters, users)).unwrap();
        assert_eq!(access.server, "https://a");
    }
}

#[test]
fn what_is_broken_in_an_entry_that_is_used_is_named_without_its_value() {
    let home = Home::new();
    let cases = [
        ("server: [s3cr3t]", "", "the cluster 'c' in ", ": server is a list, not a text"),
        ("server: 7", "", "the cluster 'c'", "server is a number, not a text: write it in quotes"),
        (CLUSTER, "token: [s3cr3t]", "the user 'me' in ", ": token is a list, not a text"),
        (CLUSTER, "token: 12345678", "the user 'me'", "token is a number, not a text: write it in quotes"),
        (CLUSTER, "as-groups: s3cr3t", "the user 'me'", "as-groups is a text, not a list"),
        (
            CLUSTER,
            "as-groups: [a, {b: s3cr3t}]",
            "the user 'me'",
            "as-groups[1] is a map of fields, not a text",
        ),
        (CLUSTER, "as-user-extra: {k: s3cr3t}", "the user 'me'", "as-user-extra.k is a text, not a list"),
        (CLUSTER, "exec: s3cr3t", "the user 'me'", "exec is a text, not a map of fields"),
        (CLUSTER, "exec: {env: [{value: s3cr3t}]}", "the user 'me'", "exec.env[0].name is missing"),
        (CLUSTER, "exec: {env: {A: s3cr3t}}", "the user 'me'", "exec.env is a map of fields, not a list"),
        (
            CLUSTER,
            "exec: {provideClusterInfo: 7}",
            "the user 'me'",
            "exec.provideClusterInfo is neither true nor false",
        ),
        (
            CLUSTER,
            "exec: {interactiveMode: Maybe}",
            "the user 'me'",
            "exec.interactiveMode is 'Maybe'; known are Never",
        ),
        (
            CLUSTER,
            "exec: {command: x}, auth-provider: {name: oidc}",
            "the user 'me'",
            "exec and auth-provider can't",
        ),
        (CLUSTER, "auth-provider: {config: {a: s3cr3t}}", "the user 'me'", "auth-provider.name is missing"),
        (
            "server: \"https://a\", insecure-skip-tls-verify: perhaps",
            "",
            "the cluster 'c'",
            "is neither true nor false",
        ),
    ];
    for (cluster, user, entry, problem) in cases {
        let error = home.error(cluster, user);
        for part in [entry, problem, "config"] {
            assert!(error.contains(part), "{part}: {error}");
        }
        assert!(!error.contains("s3cr3t"), "{error}");
    }
    let error =
        loaded("current-context: a\ncontexts: [{name: a, context: {user: x}}]").unwrap_err().to_string();
    assert!(error.contains("the context 'a' in ") && error.ends_with(": cluster is missing"), "{error}");
    let error = loaded("current-context: a\ncontexts: [{name: a, context: text}]").unwrap_err().to_string();
    assert!(error.ends_with(": it is a text, not a map of fields"), "{error}");
}

#[test]
fn null_and_empty_are_absent() {
    let home = Home::new();
    let access = home.load(
        "server: \"https://a\", certificate-authority: , certificate-authority-data: \"\", proxy-url: ~, extensions: ",
        "token: , tokenFile: null, as: \"\", as-groups: , as-user-extra: , auth-provider: , client-key-data: , \
         exec: {apiVersion: , command: x, args: , env: [{name: A, value: }, {name: B}, {name: C, value: \" \"}], \
         interactiveMode: \"\", provideClusterInfo: , installHint: }",
    );
    assert_eq!(access.config.root_cert, None);
    let user = access.config.auth_info;
    assert!(user.token.is_none() && user.token_file.is_none() && user.auth_provider.is_none());
    let exec = user.exec.unwrap();
    assert_eq!((exec.interactive_mode, exec.provide_cluster_info), (None, false));
    let env: Vec<_> =
        exec.env.unwrap().iter().map(|entry| (entry["name"].clone(), entry["value"].clone())).collect();
    let expected =
        [("A", ""), ("B", ""), ("C", " ")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(env, expected);
    assert!(
        loaded("contexts: \nclusters: ~\nusers:\ncurrent-context: \"\"")
            .is_err_and(|error| { matches!(error, AccessError::NoCurrentContext { .. }) })
    );
}

#[test]
fn of_a_repeated_key_the_last_counts_and_spellings_of_yes_are_known() {
    let home = Home::new();
    let access =
        home.load("server: \"https://a\", server: \"https://b\", insecure-skip-tls-verify: yes", "token: t");
    assert_eq!((access.server.as_str(), access.config.accept_invalid_certs), ("https://b", true));
}

#[test]
fn anchors_merge_keys_and_several_documents_are_read() {
    let text = "current-context: a\ncontexts: [{name: a, context: &context {cluster: a, user: a}},\
                {name: b, context: {<<: *context, namespace: team}}]\nclusters: [{name: a, cluster: {server: \"https://a\"}}]\n\
                ---\ncurrent-context: b\nclusters: [{name: a, cluster: {server: \"https://b\"}}]\nusers: [{name: a}]\n---\n";
    assert_eq!(loaded(text).unwrap().server, "https://a", "the first document wins, as the first file does");
    let home = Home::new();
    let mut options = home.options(&home.write("config", text));
    options.context = Some("b".into());
    let access = Access::load(&options).unwrap();
    assert_eq!((access.namespace.as_str(), access.user.as_deref()), ("team", Some("a")));
}

#[test]
fn names_need_no_quotes_whatever_they_look_like() {
    let text = "current-context: 2024\ncontexts: [{name: 2024, context: {cluster: 007, user: true}}]\n\
                clusters: [{name: 007, cluster: {server: \"https://a\"}}]\nusers: [{name: true, user: {token: 0123}}]";
    let access = loaded(text).unwrap();
    assert_eq!((access.context.as_deref(), access.user.as_deref()), (Some("2024"), Some("true")));
    use secrecy::ExposeSecret as _;
    assert_eq!(access.config.auth_info.token.unwrap().expose_secret(), "0123", "leading zeros are kept");
}

#[test]
fn one_name_twice_in_a_list_is_an_error_and_in_two_files_is_not() {
    for (contexts, clusters, users, list) in [
        ("- name: a", "", "", "contexts"),
        ("", "- name: b\n- name: b", "", "clusters"),
        ("", "", "- name: a\n  user: {token: s3cr3t}", "users"),
    ] {
        let error = loaded(&with(contexts, clusters, users)).unwrap_err().to_string();
        assert!(error.contains("config has two entries named '") && error.contains(list), "{error}");
        assert!(!error.contains("s3cr3t"), "{error}");
    }
    let home = Home::new();
    let first = home.write("first", &with("", "", ""));
    let second = home.write("second", &with("", "", "").replace("https://a", "https://b"));
    let list = std::env::join_paths([first, second]).unwrap();
    let options =
        AccessOptions { environment: Environment::fixed([("KUBECONFIG", list)]), ..Default::default() };
    assert_eq!(Access::load(&options).unwrap().server, "https://a", "the first file wins");
}

#[test]
fn what_is_no_kubeconfig_names_file_and_place_in_plain_words_and_keeps_its_secrets() {
    let home = Home::new();
    for (text, has_place) in [
        ("users:\n- name: me\n  user: {token: \"s3cr3t\n", true),
        ("users:\n- name: me\n  user: {token: [s3cr3t}\n", true),
        ("users: s3cr3t: s3cr3t", true),
        ("a: *s3cr3t", true),
        ("s3cr3t", false),
        ("[s3cr3t]", false),
        ("users: s3cr3t", false),
        ("contexts: {s3cr3t: 1}", false),
    ] {
        let error = Access::load(&home.options(&home.write("broken", text))).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(shown.contains("broken") && !shown.contains("s3cr3t"), "{shown}");
        let AccessError::Invalid { line, .. } = error else { panic!("{error:?}") };
        assert_eq!(line > 0, has_place, "{text}: {shown}");
        // A parser's advice to programmers is none to whoever wrote the file.
        for advice in ["use ", "enable", "option", "from_", "saphyr", "serde", "::"] {
            assert!(!error.to_string().contains(advice), "{error}");
        }
    }
}

#[test]
fn one_damaged_block_does_not_spoil_a_bundle_of_authorities() {
    let home = Home::new();
    let (one, two) = (authority("one").1, authority("two").1);
    let count = |bundle: &str| {
        home.write("ca.crt", bundle);
        home.load("server: \"https://a\", certificate-authority: ca.crt", "").config.root_cert.unwrap().len()
    };
    let unended = one.replace("-----END CERTIFICATE-----\n", "");
    let garbled = one.replacen("MII", "%%%", 1);
    let no_certificate = "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n";
    let other = "-----BEGIN TRUSTED CERTIFICATE-----\naGVsbG8=\n-----END TRUSTED CERTIFICATE-----\n";
    for broken in [unended.as_str(), &garbled, no_certificate, other, "-----BEGIN \n", "# words\n"] {
        assert_eq!(count(&format!("{one}{broken}{two}")), 2, "{broken}");
        assert_eq!(count(&format!("{broken}{two}")), 1, "{broken}");
        assert_eq!(count(&format!("{one}{broken}")), 1, "{broken}");
        home.write("ca.crt", broken);
        let error = home.error("server: \"https://a\", certificate-authority: ca.crt", "");
        assert!(error.contains("certificate-authority holds no "), "{error}");
    }
    assert_eq!(count(&format!("{one}{two}").replace('\n', "\r\n")), 2);
}
