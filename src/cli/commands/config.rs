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
    let row = |(key, value, origin): (Key, &Value, &Origin)| Row {
        name: key.name().to_owned(),
        value: resolved(key, value, data_dir.as_deref(), context.as_deref()),
        origin: origin.clone(),
        variable: Some(key.variable()),
        flag: Some(key.flag()),
    };
    let bound = session.sources.keys().iter().map(|bound| Row {
        name: format!("keys.{}", bound.action),
        value: Value::List(bound.keys.clone()),
        origin: Origin::File,
        variable: None,
        flag: None,
    });
    let rows: Vec<Row> = settings.iter().map(row).chain(bound).collect();
    match form {
        "json" | "yaml" => {
            let list: Vec<_> = rows
                .iter()
                .map(|row| {
                    json!({"key": row.name, "value": row.value, "origin": row.origin.to_string(), "variable": row.variable, "flag": row.flag})
                })
                .collect();
            if form == "json" { session.output.json(&list)? } else { session.output.yaml(&list)? }
        }
        _ => {
            let columns =
                vec![Column::text("KEY", 18), Column::text("VALUE", 10), Column::text("FROM", 8).spare(1)];
            let mut table = Table::new(columns);
            for row in &rows {
                let style = if row.origin == Origin::Default { Style::Dim } else { Style::Plain };
                table.row(vec![
                    Cell::plain(&row.name),
                    Cell::plain(&row.value.to_string()),
                    Cell::styled(style, &row.origin.to_string()),
                ]);
            }
            session.output.table(&table)?;
        }
    }
    Ok(Exit::Done)
}

/// A setting, or a key that was bound.
struct Row {
    name: String,
    value: Value,
    origin: Origin,
    variable: Option<String>,
    flag: Option<String>,
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
        (Key::EmbedderDimensions, Value::Number(0)) => return Value::None,
        _ => None,
    };
    found.map_or_else(|| value.clone(), Value::Text)
}
