use clap::CommandFactory;

use super::super::args::Cli;
use super::super::config;
use super::*;

fn sources(line: &[&str], env: &Env, file: &str) -> Result<Sources, SettingError> {
    let matches = Cli::command().get_matches_from(["kubesift"].iter().chain(line));
    let file = config::parse(file, "config.toml".as_ref(), None).unwrap();
    Sources::new(&matches, env, file)
}

fn origin(settings: &Settings, key: Key) -> String {
    settings.values[&key].1.to_string()
}

#[test]
fn every_default_is_well_formed() {
    for key in Key::ALL {
        if !key.default().is_empty() {
            assert!(key.form().parse(&[key.default().to_owned()]).is_ok(), "{}", key.name());
        }
    }
}

#[test]
fn a_flag_beats_a_variable_beats_the_context_beats_the_top_beats_the_default() {
    let file = "max_age = '4s'\n[cluster.prod]\nmax_age = '3s'\n";
    let env = Env::from([("KUBESIFT_MAX_AGE", "2s")]);
    let age = |line: &[&str], env: &Env, file: &str, context| {
        let settings = sources(line, env, file).unwrap().settings(context);
        (settings.duration(Key::MaxAge).as_secs(), origin(&settings, Key::MaxAge))
    };
    let none = Env::default();
    let flag = ["search", "--max-age", "1s", "--", "web"];
    assert_eq!(age(&flag, &env, file, Some("prod")), (1, "--max-age".into()));
    assert_eq!(age(&["search"], &env, file, Some("prod")), (2, "KUBESIFT_MAX_AGE".into()));
    assert_eq!(age(&["search"], &none, file, Some("prod")), (3, "config.toml [cluster.\"prod\"]".into()));
    assert_eq!(age(&["search"], &none, file, Some("dev")), (4, "config.toml".into()));
    assert_eq!(age(&["search"], &none, file, None), (4, "config.toml".into()));
    assert_eq!(age(&["search"], &none, "", Some("prod")), (30, "default".into()));
}

#[test]
fn global_flags_count_before_and_after_the_command() {
    for line in [["--context", "prod", "status"], ["status", "--context", "prod"]] {
        let settings = sources(&line, &Env::default(), "").unwrap().settings(None);
        assert_eq!(settings.text(Key::Context), Some("prod"));
    }
}

#[test]
fn the_form_of_a_list_is_no_setting() {
    for line in [&["config", "show"][..], &["config", "show", "-o", "json"], &["kinds", "--output", "yaml"]] {
        let settings = sources(line, &Env::default(), "").unwrap().settings(None);
        assert_eq!(
            (settings.text(Key::Output), origin(&settings, Key::Output)),
            (Some("table"), "default".into())
        );
    }
    let settings = sources(&["search", "-o", "json"], &Env::default(), "").unwrap().settings(None);
    assert_eq!(
        (settings.text(Key::Output), origin(&settings, Key::Output)),
        (Some("json"), "--output".into())
    );
}

#[test]
fn a_misspelt_variable_is_remarked_and_anothers_is_not() {
    let env = Env::from([
        ("KUBESIFT_MAXAGE", "1s"),
        ("KUBESIFT_LIMIT", "5"),
        ("KUBESIFT_CONFIG", "/c"),
        ("KUBESIFT_OF_SOMETHING_ELSE", "x"),
    ]);
    let remark = "the environment's KUBESIFT_MAXAGE is no setting; did you mean KUBESIFT_MAX_AGE?";
    assert_eq!(misspelt_variables(&env), [remark]);
}

#[test]
fn lists_switches_and_paths_come_from_every_source() {
    let env = Env::from([
        ("KUBESIFT_EXCLUDE", "secrets, widgets.example.com"),
        ("KUBESIFT_EXACT_UPSTREAM", "true"),
        ("KUBESIFT_LIMIT", ""),
    ]);
    let line = ["status", "--include", "events", "--include", "leases.coordination.k8s.io,endpoints"];
    let settings = sources(&line, &env, "data_dir = '/d'").unwrap().settings(None);
    assert_eq!(settings.list(Key::Exclude), ["secrets", "widgets.example.com"]);
    assert_eq!(settings.list(Key::Include), ["events", "leases.coordination.k8s.io", "endpoints"]);
    assert!(settings.is_on(Key::ExactUpstream));
    assert_eq!(settings.path(Key::DataDir), Some("/d".into()));
    assert_eq!((settings.number(Key::Limit), origin(&settings, Key::Limit)), (100, "default".into()));
    assert!(
        sources(&["status", "--exact-upstream"], &env, "").unwrap().settings(None).is_on(Key::ExactUpstream)
    );
}

#[test]
fn a_bad_value_names_where_it_stands() {
    let flag = sources(&["search", "--limit", "many"], &Env::default(), "").unwrap_err();
    assert_eq!(flag.to_string(), "--limit: expected a whole number, got \"many\"");
    let env = Env::from([("KUBESIFT_WAIT", "soon")]);
    let variable = sources(&["search"], &env, "").unwrap_err();
    assert_eq!(
        variable.to_string(),
        "KUBESIFT_WAIT: expected a time such as 30s, 5m, 24h or 7d, got \"soon\""
    );
}

#[test]
fn a_mirror_of_a_variable_is_not_that_of_another_context() {
    let env = Env::from([("KUBESIFT_MIRROR_URL", "http://store")]);
    let file = "[cluster.\"own\".mirror]\nurl = \"http://own\"\n";
    let sources = sources(&["search"], &env, file).unwrap();
    let url = |sources: &Sources, context: &str| {
        let settings = sources.for_context(context).settings(Some(context));
        settings.text(Key::MirrorUrl).map(str::to_owned)
    };
    assert_eq!(url(&sources, "first").as_deref(), Some("http://store"));
    let elsewhere = sources.without_a_mirror_of_the_start();
    assert_eq!(url(&elsewhere, "second"), None);
    assert_eq!(url(&elsewhere, "own").as_deref(), Some("http://own"));
}
