//! Screens: every view at 80x24 and 200x50, dark, light and without colours; and nothing from outside that could
//! steer a terminal.

use std::sync::Arc;

use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier};

use super::super::family::{Family, Member};
use super::super::keys::Action;
use super::super::msg::{Link, Page, Problem};
use super::super::state::testing::{NOW, labelled, owned, row};
use super::super::state::{
    Content, Detail, Facet, FacetPick, Focus, KindCount, Logs, Overlay, Pick, PickItem, Picker, PickerKind,
    Proposal, Row, State, Tab,
};
use super::super::theme::Theme;
use super::super::update::perform_for_tests as perform;
use super::view;
use crate::cluster::fetch::{Manifest, Occurrence, Printed, Reported, Standing};
use crate::engine::status::{KindState, KindStatus, Phase, Status};
use crate::object::Kind;
use crate::search::Match;

mod hostile;
mod shape;

const SIZES: [(u16, u16); 2] = [(80, 24), (200, 50)];
/// What is shown at 40x10 as well.
const SMALL: [&str; 8] = ["search", "list", "detail", "error", "palette", "coverage", "offline", "help"];

fn buffer(state: &State) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(state.size.0, state.size.1)).unwrap();
    terminal.draw(|frame| view(state, frame)).unwrap();
    terminal.backend().buffer().clone()
}

fn text(buffer: &Buffer) -> String {
    let mut out = String::new();
    for y in 0..buffer.area.height {
        let mut line = String::new();
        let mut x = 0;
        while x < buffer.area.width {
            let symbol = buffer[(x, y)].symbol();
            line.push_str(symbol);
            x += u16::try_from(crate::text::width(symbol).max(1)).unwrap();
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

// The styles of a screen, one letter a cell: what a theme changes, and nothing else.
fn styles(buffer: &Buffer) -> String {
    let letter = |color: Color, modifier: Modifier| {
        let letter = match color {
            Color::Reset => ' ',
            Color::Cyan => 'c',
            Color::Blue => 'b',
            Color::Yellow => 'y',
            Color::Magenta => 'm',
            Color::Red => 'r',
            Color::Green => 'g',
            Color::DarkGray => 'd',
            _ => '?',
        };
        match (letter, modifier.intersects(Modifier::BOLD | Modifier::UNDERLINED | Modifier::REVERSED)) {
            (' ', true) => '*',
            (' ', false) if modifier.contains(Modifier::DIM) => '-',
            (letter, true) => letter.to_ascii_uppercase(),
            (letter, false) => letter,
        }
    };
    let mut out = String::new();
    for y in 0..buffer.area.height {
        let line: String =
            (0..buffer.area.width).map(|x| letter(buffer[(x, y)].fg, buffer[(x, y)].modifier)).collect();
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

fn found(field: &'static str, key: Option<&str>, value: &str, span: std::ops::Range<usize>) -> Match {
    Match { field, key: key.map(str::to_owned), value: value.to_owned(), span, similar: false }
}

fn matching(mut row: Arc<Row>, matched: Vec<Match>) -> Arc<Row> {
    Arc::make_mut(&mut row).matched = matched;
    row
}

fn kind(plural: &str, name: &str) -> Kind {
    Kind {
        group: String::new(),
        version: "v1".to_owned(),
        kind: name.to_owned(),
        plural: plural.to_owned(),
        singular: name.to_lowercase(),
        short_names: Vec::new(),
        categories: Vec::new(),
        namespaced: true,
        watchable: true,
    }
}

fn status() -> Status {
    let state = |name: &str, state, objects| KindStatus {
        objects,
        requests: 2,
        bytes: 123_456,
        as_of_ms: Some(NOW * 1000 - 5_000),
        ..KindStatus::new(name.into(), state)
    };
    Status {
        pid: 4121,
        heartbeat_ms: NOW * 1000,
        server: "https://10.0.0.1:6443".to_owned(),
        version: "v1.37.2".to_owned(),
        phase: Phase::Live,
        objects: 18_904,
        requests: 131,
        bytes: 2_900_000,
        kinds: vec![
            state("pods", KindState::Complete, 15_000),
            state("deployments.apps", KindState::Complete, 3_904),
            KindStatus {
                error: Some("not allowed: secrets is forbidden".to_owned()),
                ..state("secrets", KindState::Forbidden { since_ms: 0 }, 0)
            },
            state("flaky.example.com", KindState::Failing { error: "the server failed (503)".to_owned() }, 0),
            state("events", KindState::Excluded { rule: "built-in: events".to_owned() }, 0),
        ],
        ..Status::default()
    }
}

fn base(size: (u16, u16), theme: Theme) -> State {
    let mut state = State::new(NOW * 1000, size, "team=payments chec");
    state.theme = theme;
    state.cluster.name = "prod-eu".to_owned();
    state.cluster.link = Link::Writer;
    state.cluster.status = Some(Arc::new(status()));
    let team = [("app", "checkout"), ("team", "payments")];
    let name = |value: &str, span| vec![found("name", None, value, span)];
    let pods = |n: usize| {
        labelled(
            "Pod",
            "payments-prod",
            &format!("checkout-api-7f9c-{n}"),
            &owned("checkout-api-7f9c"),
            &team,
        )
    };
    let mut rows = vec![
        matching(
            labelled("Deployment", "payments-prod", "checkout-api", &[], &team),
            name("checkout-api", 0..4),
        ),
        matching(
            labelled("Deployment", "payments-staging", "pre-checkout", &[], &team),
            name("pre-checkout", 4..8),
        ),
        matching(
            labelled("Deployment", "payments-prod", "basket", &[], &team),
            vec![found("annotation", Some("description"), "Takes what checkout sends", 11..15)],
        ),
    ];
    rows.extend((0..3).map(pods));
    rows.push(row("Namespace", "_cluster", "checkout", &[]));
    set(&mut state, Content::Rows(rows), 7);
    hear(&mut state);
    state
}

// What the server said: some of it just now, some a minute ago.
fn hear(state: &mut State) {
    let said = [
        ("payments-prod-checkout-api", 1_000, "3/3", "ready", false),
        ("payments-staging-pre-checkout", 61_000, "0/2", "not ready", true),
        ("payments-prod-checkout-api-7f9c-0", 1_000, "1/1 Running", "Running", false),
        ("payments-prod-checkout-api-7f9c-1", 1_000, "0/1 CrashLoopBackOff ↻7", "CrashLoopBackOff", true),
        ("payments-prod-checkout-api-7f9c-2", 1_000, "1/1 Running", "Running", false),
    ];
    for (name, before, text, word, alarming) in said {
        let uid = format!("uid-{name}");
        hear_one(state, before, Reported { uid, text: text.to_owned(), word: word.to_owned(), alarming });
    }
}

fn hear_one(state: &mut State, before_ms: i64, reported: Reported) {
    let at = state.now_ms - before_ms;
    let object = crate::cluster::fetch::ObjectRef {
        group: String::new(),
        version: "v1".to_owned(),
        plural: "pods".to_owned(),
        namespace: None,
        name: "asked".to_owned(),
        uid: reported.uid.clone(),
    };
    let targets = [super::super::state::Target { object, neighbours: None }];
    state.statuses.plan(at - 300, &targets);
    let effects = state.statuses.plan(at, &targets);
    let Some(super::super::state::StatusEffect::Ask(request)) = effects.last() else { panic!("{effects:?}") };
    state.statuses.arrived(request.ticket, Ok(Printed { objects: vec![reported], has_status: true }));
}

fn set(state: &mut State, content: Content, total: u64) {
    state.results.query = state.query.text().to_owned();
    state.results.content = content;
    state.results.items = state.lines();
    (state.results.total, state.results.exact, state.results.took_us) = (total, true, 2_100);
    state.results.objects = 18_904;
}

fn detail(row: Arc<Row>, tab: Tab, page: Option<Result<Page, String>>) -> Detail {
    Detail {
        row,
        tab,
        scroll: 0,
        ticket: 1,
        page,
        managed_fields: true,
        logs: None,
        live: Box::default(),
        last: None,
    }
}

// A manifest that is as current as that, since a minute.
fn stands(state: &mut State, standing: Standing) {
    let row = state.results.content.rows()[0].clone();
    let text = "apiVersion: v1\nkind: Secret\ndata:\n  key: hunter2";
    let manifest = Manifest { text: text.to_owned(), revealed: true, ..Manifest::default() };
    let mut detail = detail(row, Tab::Yaml, Some(Ok(Page::Manifest(manifest))));
    detail.live.stands((NOW - 60) * 1000, standing, true, 2);
    state.overlays.push(Overlay::Detail(detail));
}

type Change = fn(&mut State);

/// Every view, by name.
fn views() -> Vec<(&'static str, Change)> {
    vec![
        ("search", |_| {}),
        ("list", |state| {
            state.focus = Focus::List;
            state.cursor = 3;
        }),
        ("wide", |state| {
            state.focus = Focus::List;
            state.wide = true;
        }),
        ("unfolded", |state| {
            state.focus = Focus::List;
            state.cursor = 3;
            perform(state, Action::Fold);
        }),
        ("kinds", |state| {
            state.query.set("");
            let kinds = [("pods", "Pod", 15_000), ("deployments", "Deployment", 3_904)];
            let counts = kinds.map(|(plural, name, count)| KindCount { kind: kind(plural, name), count });
            set(state, Content::Kinds(counts.into()), 0);
        }),
        ("completion", |state| {
            state.query.set("kind:dep");
            state.proposed_for = 5..8;
            state.proposals = [("deployments", 3_904), ("deploymentconfigs", 12)]
                .map(|(text, count)| Proposal { text: text.to_owned(), count: Some(count) })
                .into();
        }),
        ("error", |state| {
            state.query.set("kind:deploi team=payments");
            let message = "no kind is called 'deploi': did you mean 'deploy'?".to_owned();
            state.results.problem = Some(Problem { span: Some(5..11), message, half_typed: false });
        }),
        ("nothing", |state| set(state, Content::Rows(Vec::new()), 0)),
        ("facets", |state| {
            state.facets = true;
            state.focus = Focus::Facets;
            state.facet = 1;
            let facet = |field: &str, value: &str, count| Facet {
                field: field.to_owned(),
                value: value.to_owned(),
                count,
                pick: FacetPick::Narrow(format!("{field}:{value}")),
            };
            state.results.facets = vec![
                facet("kind", "Deployment", 3),
                facet("kind", "Pod", 3),
                facet("namespace", "payments-prod", 5),
                facet("team", "payments", 6),
            ];
        }),
        ("coverage", |state| perform(state, Action::Coverage)),
        ("help", |state| perform(state, Action::Help)),
        ("detail", |state| {
            let row = state.results.content.rows()[2].clone();
            state.overlays.push(Overlay::Detail(detail(row, Tab::Summary, None)));
        }),
        ("yaml", |state| {
            let row = state.results.content.rows()[0].clone();
            let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: checkout-api\nspec:\n  \
                        replicas: 3\n  args:\n  - --port=80\n  - \"a: b\"";
            let manifest = Manifest {
                text: text.to_owned(),
                managed_fields: "- manager: kubectl".to_owned(),
                masked: 2,
                revealed: false,
            };
            let mut detail = detail(row, Tab::Yaml, Some(Ok(Page::Manifest(manifest))));
            detail.live.standing = Some(Standing::Live);
            (detail.live.changed, detail.live.changed_ms) = (vec![5, 7], Some(NOW * 1000 - 5_000));
            state.overlays.push(Overlay::Detail(detail));
        }),
        ("yaml-deleted", |state| {
            stands(state, Standing::Deleted { replaced: true });
        }),
        ("yaml-still", |state| {
            let why =
                "not allowed: configmaps is forbidden: User \"ada\" cannot watch resource \"configmaps\"";
            stands(state, Standing::Still { why: why.to_owned(), again: false });
        }),
        ("events", |state| {
            let row = state.results.content.rows()[0].clone();
            let event = |kind: &str, reason: &str, count, message: &str| Occurrence {
                last: Some(NOW - 90),
                count,
                kind: kind.to_owned(),
                reason: reason.to_owned(),
                message: message.to_owned(),
                source: "kubelet".to_owned(),
            };
            let events = vec![
                event("Normal", "Pulled", 1, "Container image already present"),
                event("Warning", "BackOff", 7, &"restarting failed container ".repeat(5)),
            ];
            state.overlays.push(Overlay::Detail(detail(row, Tab::Events, Some(Ok(Page::Events(events))))));
        }),
        ("tree", |state| {
            let rows = state.results.content.rows();
            let member = |depth, row: Option<&Arc<Row>>, label: &str, is_self| Member {
                depth,
                row: row.cloned(),
                label: label.to_owned(),
                is_self,
            };
            let members = vec![
                member(0, None, "Application/checkout", false),
                member(1, Some(&rows[0]), "Deployment/checkout-api", true),
                member(2, Some(&rows[3]), "Pod/checkout-api-7f9c-0", false),
            ];
            let page = Some(Ok(Page::Family(Family { members, more: true })));
            let row = rows[0].clone();
            state.overlays.push(Overlay::Detail(detail(row, Tab::Tree, page)));
        }),
        ("logs", |state| {
            let row = state.results.content.rows()[0].clone();
            let mut logs = Logs::new("app".to_owned(), false);
            logs.containers = vec!["app".to_owned(), "proxy".to_owned()];
            let lines =
                ["\x1b[32mINFO\x1b[0m started", "\x1b[1;31mERROR\x1b[0m no route to the bank", "plain"];
            logs.push(&lines.map(str::to_owned), 80);
            logs.push(&["long ".repeat(40)], 80);
            state.overlays.push(Overlay::Detail(Detail { logs: Some(logs), ..detail(row, Tab::Logs, None) }));
        }),
        ("find", |state| {
            perform(state, Action::Help);
            perform(state, Action::Find);
            state.find.as_mut().unwrap().line.insert("word");
            perform(state, Action::Down);
            perform(state, Action::Open);
        }),
        ("not-fetched", |state| {
            let row = state.results.content.rows()[0].clone();
            let why = Some(Err("not allowed: pods is forbidden".to_owned()));
            state.overlays.push(Overlay::Detail(detail(row, Tab::Yaml, why)));
        }),
        ("palette", |state| {
            state.focus = Focus::List;
            perform(state, Action::Palette);
        }),
        ("namespaces", |state| {
            state.results.namespaces = vec![("payments-prod".to_owned(), 120), ("shop".to_owned(), 7)];
            state.namespaces = vec!["shop".to_owned()];
            perform(state, Action::Namespaces);
        }),
        ("copy", |state| perform(state, Action::CopyField)),
        ("sort", |state| perform(state, Action::Sort)),
        ("first-sync", |state| {
            let mut syncing = status();
            syncing.phase = Phase::Syncing { done: 40, total: 65 };
            state.cluster.status = Some(Arc::new(syncing));
        }),
        ("offline", |state| {
            let mut offline = status();
            offline.phase = Phase::Offline { since_ms: NOW * 1000, error: "connection refused".to_owned() };
            offline.next_try_ms = Some(NOW * 1000 + 7_500);
            state.cluster.status = Some(Arc::new(offline));
        }),
        ("refused", |state| {
            let mut refused = status();
            refused.phase = Phase::Unauthorized { message: "the server says: Unauthorized".to_owned() };
            state.cluster.status = Some(Arc::new(refused));
            perform(state, Action::Coverage);
        }),
        ("following", |state| state.cluster.link = Link::Following { pid: 4121 }),
        ("no-index", |state| {
            state.cluster.link = Link::Stored("error: no kubeconfig".to_owned());
            state.cluster.status = None;
            set(state, Content::NoIndex, 0);
        }),
    ]
}

#[test]
fn every_view_looks_as_it_did() {
    for (name, change) in views() {
        for size in SIZES {
            let mut state = base(size, Theme::Dark);
            change(&mut state);
            insta::assert_snapshot!(format!("{name}-{}x{}", size.0, size.1), text(&buffer(&state)));
        }
    }
}

#[test]
fn themes_change_colours_and_nothing_else() {
    for (name, change) in views() {
        for size in SIZES {
            let [dark, light, plain] = [Theme::Dark, Theme::Light, Theme::Plain].map(|theme| {
                let mut state = base(size, theme);
                change(&mut state);
                buffer(&state)
            });
            assert_eq!(text(&dark), text(&light), "{name}");
            assert_eq!(text(&dark), text(&plain), "{name}");
            let colours =
                plain.content().iter().filter(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset);
            assert_eq!(colours.count(), 0, "{name}: colours although none are wanted");
            if size == SIZES[0] {
                let all =
                    format!("dark\n{}\nlight\n{}\nplain\n{}", styles(&dark), styles(&light), styles(&plain));
                insta::assert_snapshot!(format!("{name}-styles"), all);
            }
        }
    }
}

#[test]
fn forty_by_ten_and_less_show_something_and_never_panic() {
    for (name, change) in views() {
        for size in [(40, 10), (20, 6), (8, 3), (1, 1), (300, 4)] {
            let mut state = base(size, Theme::Dark);
            change(&mut state);
            let shown = text(&buffer(&state));
            assert!(size != (40, 10) || shown.lines().filter(|line| !line.is_empty()).count() > 3, "{name}");
        }
    }
    for (name, change) in views().into_iter().filter(|(name, _)| SMALL.contains(name)) {
        let mut state = base((40, 10), Theme::Dark);
        change(&mut state);
        insta::assert_snapshot!(format!("{name}-40x10"), text(&buffer(&state)));
    }
}
