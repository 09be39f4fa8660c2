//! The terminal app mirrors too, where the configuration says so.

use serde_json::json;

use super::parts;
use crate::support::steps::config_map;
use crate::support::terminal::Terminal;
use crate::support::wait_for;

#[tokio::test(flavor = "multi_thread")]
async fn the_terminal_app_mirrors_what_is_configured_and_gives_the_collection_free_when_it_ends() {
    let Some((plane, chroma, home)) = parts().await else { return };
    let mirror = format!("to = \"chroma\"\nurl = \"{}\"", chroma.url());
    home.configure(&format!("[cluster.\"admin\".mirror]\n{mirror}\n"));
    let mut terminal = Terminal::open(&home, (100, 30), &[]);
    terminal.wait_for("● live").await;
    let equal = async || {
        let output = home.run(&["verify"]).await;
        if output.code == 0 { Ok(()) } else { Err(format!("{output:?}")) }
    };
    wait_for("the store to equal the index", equal).await;
    plane.apply_objects(&[config_map("made-beside-the-screen")]).await;
    let read = "print(json.dumps(client.get_collection('instances', embedding_function=None).get(ids=['default/v1/ConfigMap/made-beside-the-screen'])['ids']))";
    wait_for("the change to be in the store", async || {
        let found = chroma.python(read).await;
        if found.as_array().is_some_and(|ids| ids.len() == 1) { Ok(()) } else { Err(found.to_string()) }
    })
    .await;
    terminal.press("\x1b");
    terminal.wait_for("q back").await;
    terminal.press("K");
    terminal.wait_for("mirror in sync").await;
    terminal.press("\x03");
    terminal.wait("the end", |_| terminal.received(b"EXIT 0")).await;
    let writer = "print(json.dumps(client.get_collection('instances', embedding_function=None).metadata['kubesift_writer']))";
    assert_eq!(chroma.python(writer).await, json!(""));
}
