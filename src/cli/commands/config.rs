//! `config show` and `config path`.

use std::path::Path;

use anyhow::anyhow;
use serde_json::json;

use super::super::args::ConfigCommand;
use super::super::failure::{Exit, Failure, Outcome};
use super::super::output::{Cell, Column, Style, Table};
use super::super::session::Session;
use super::super::settings::{Key, Origin, Settings, Value};
use crate::cluster::AccessOptions;
use crate::cluster::access::current_context;

/// Runs `config ...`.
pub(crate) fn run(session: &mut Session<'_>, command: &ConfigCommand) -> Outcome {
    match command {
        ConfigCommand::Path => path(session),
        ConfigCommand::Show(args) => show(session, &args.output),
    }
}

fn path(session: &mut Session<'_>) -> Outcome {
    let Some(path) = session.config.path.clone() else {
        return Err(Failure::usage(anyhow!("no home directory: HOME is not set"))
            .advise("name a file: --config FILE"));
    };
    session.output.data(&path.display().to_string())?;
    if !path.exists() {
        session.output.note("there is no such file yet");
    }
    Ok(Exit::Done)
}

fn show(session: &mut Session<'_>, form: &str) -> Outcome {
    let (settings, context) = effective(session);
    let data_dir = session.env.data_dir();
    let value = |key, value| resolved(key, value, data_dir.as_deref(), context.as_deref());
    let rows: Vec<_> = settings.iter().map(|(key, own, origin)| (key, value(key, own), origin)).collect();
    match form {
        "json" | "yaml" => {
            let list: Vec<_> = rows
                .iter()
                .map(|(key, value, origin)| {
                    json!({"key": key.name(), "value": value, "origin": origin.to_string(), "variable": key.variable(), "flag": key.flag()})
                })
                .collect();
            if form == "json" { session.output.json(&list)? } else { session.output.yaml(&list)? }
        }
        _ => {
            let columns =
                vec![Column::text("KEY", 18), Column::text("VALUE", 10), Column::text("FROM", 8).spare(1)];
            let mut table = Table::new(columns);
            for (key, value, origin) in &rows {
                let style = if **origin == Origin::Default { Style::Dim } else { Style::Plain };
                table.row(vec![
                    Cell::plain(key.name()),
                    Cell::plain(&value.to_string()),
                    Cell::styled(style, &origin.to_string()),
                ]);
            }
            session.output.table(&table)?;
        }
    }
    Ok(Exit::Done)
}

// The context that would be used, and its settings; a kubeconfig that can't be read has none.
fn effective(session: &Session<'_>) -> (Settings, Option<String>) {
    let base = session.settings();
    let options = AccessOptions { kubeconfig: base.path(Key::Kubeconfig), ..AccessOptions::default() };
    let context = base.text(Key::Context).map(str::to_owned);
    let context = context.or_else(|| current_context(&options).unwrap_or_default());
    (session.sources.settings(context.as_deref()), context)
}

// Where a default depends on the surroundings, what it comes to.
fn resolved(key: Key, value: &Value, data_dir: Option<&Path>, context: Option<&str>) -> Value {
    let found = match (key, value) {
        (Key::DataDir, Value::None) => data_dir.map(|dir| dir.display().to_string()),
        (Key::Context, Value::None) => context.map(str::to_owned),
        _ => None,
    };
    found.map_or_else(|| value.clone(), Value::Text)
}
