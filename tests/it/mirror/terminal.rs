//! The terminal app mirrors too, where the configuration says so.

use serde_json::json;

use super::parts;
use crate::support::chroma::Chroma;
use crate::support::steps::config_map;
use crate::support::terminal::Terminal;
use crate::support::{Home, wait_for};
use crate::tui::simulated;

const SIZE: (u16, u16) = (100, 30);
const WRITER: &str = "print(json.dumps(client.get_collection('instances', embedding_function=None).metadata['kubesift_writer']))";

/// Waits until the store holds a ConfigMap of this name.
async fn mirrored(chroma: &Chroma, name: &str) {
    let read = format!(
        "print(json.dumps(client.get_collection('instances', embedding_function=None).get(ids=['default/v1/ConfigMap/{name}'])['ids']))"
    );
    wait_for(&format!("{name} to be in the store"), async || {
        let found = chroma.python(&read).await;
        if found.as_array().is_some_and(|ids| ids.len() == 1) { Ok(()) } else { Err(found.to_string()) }
    })
    .await;
}

/// Waits until the store equals the index.
async fn equal(home: &Home) {
    wait_for("the store to equal the index", async || {
        let output = home.run(&["verify", "--context", "admin"]).await;
        if output.code == 0 { Ok(()) } else { Err(format!("{output:?}")) }
    })
    .await;
}

/// Chooses another context and waits until its cluster is live.
async fn switch(terminal: &mut Terminal, context: &str) {
    terminal.press_for(":ctx\r", "context ›").await;
    terminal.press(&format!("{context}\r"));
    let top = format!(" {context} ● live");
    terminal.wait(&top, |text| text.starts_with(&top)).await;
    if !terminal.text().contains("/ search") {
        terminal.enter_list().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_terminal_app_mirrors_what_is_configured_and_gives_the_collection_free_when_it_ends() {
    let Some((plane, chroma, home)) = parts().await else { return };
    let mirror = format!("to = \"chroma\"\nurl = \"{}\"", chroma.url());
    home.configure(&format!("[cluster.\"admin\".mirror]\n{mirror}\n"));
    let mut terminal = Terminal::open(&home, SIZE, &[]);
    terminal.wait_for("● live").await;
    equal(&home).await;
    plane.apply_objects(&[config_map("made-beside-the-screen")]).await;
    mirrored(&chroma, "made-beside-the-screen").await;
    terminal.enter_list().await;
    terminal.press_for("K", "mirror in sync").await;
    terminal.press("\x03");
    terminal.ended(0).await;
    assert_eq!(chroma.python(WRITER).await, json!(""));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_context_stops_the_mirror_starts_none_of_its_own_and_the_way_back_goes_on() {
    let Some((plane, chroma, mut home)) = parts().await else { return };
    let (_server, other) = simulated().await;
    home.use_kubeconfig(format!("{}:{}", home.kubeconfig().display(), other.kubeconfig().display()));
    let mirror = format!("to = \"chroma\"\nurl = \"{}\"", chroma.url());
    home.configure(&format!("[cluster.\"admin\".mirror]\n{mirror}\n"));
    let mut terminal = Terminal::open(&home, SIZE, &["--context", "admin"]);
    terminal.wait_for("● live").await;
    equal(&home).await;
    let count = "print(json.dumps([len(client.list_collections()), client.get_collection('instances', embedding_function=None).count()]))";
    let before = chroma.python(count).await;
    terminal.enter_list().await;
    switch(&mut terminal, "demo").await;
    assert_eq!(chroma.python(WRITER).await, json!(""), "the collection is free");
    plane.apply_objects(&[config_map("made-while-away")]).await;
    let shown = terminal.press_for("K", "requests").await;
    assert!(!shown.contains("mirror"), "{shown}");
    assert_eq!(chroma.python(count).await, before, "no other collection, and nothing of another cluster");
    terminal.back().await;
    switch(&mut terminal, "admin").await;
    mirrored(&chroma, "made-while-away").await;
    assert_ne!(chroma.python(WRITER).await, json!(""));
    equal(&home).await;
    terminal.press("\x03");
    terminal.ended(0).await;
    assert_eq!(chroma.python(WRITER).await, json!(""));
}
