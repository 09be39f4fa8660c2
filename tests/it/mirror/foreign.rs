//! Another tool writes into the collection, as upstream's own sync would: it is noticed and mended.

use std::time::Duration;

use super::{parts, to};
use crate::support::wait::wait_at_most;

const COLLECTION: &str = "collection = client.get_collection('instances', embedding_function=None)\n";
const TWIST: &str = "ids = collection.get(include=[])['ids']
collection.update(ids=ids, embeddings=[[1.0] + [0.0] * 383] * len(ids))
print(len(ids))";

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_hand_is_noticed_and_mended() {
    let Some((_plane, chroma, home)) = parts().await else { return };
    let url = chroma.url();
    home.run(&to("sync", &url, &["--once"])).await.success();
    home.run(&to("verify", &url, &[])).await.success();
    // Every vector is another's.
    chroma.python(&format!("{COLLECTION}{TWIST}")).await;
    let seen = home.run(&to("verify", &url, &[])).await;
    assert!(seen.code == 1 && seen.stdout.contains("(vector, cosine "), "{seen:?}");
    assert!(seen.stderr.contains(" 0 equal, 0 missing,"), "{seen:?}");
    let rest = home.run(&to("verify", &url, &["--no-vectors"])).await;
    assert!(rest.code == 0 && rest.stdout.is_empty(), "{rest:?}");
    // A run finds it at its start, ...
    let mended = home.run(&to("sync", &url, &["--once"])).await;
    assert!(mended.code == 0 && !mended.stderr.contains(" 0 updated"), "{mended:?}");
    home.run(&to("verify", &url, &[])).await.success();
    // ... and one that goes on within a minute: vectors, and records that are deleted.
    let mut writer = home.spawn(&to("sync", &url, &["--watch"]));
    writer.wait_for_line("mirror live").await;
    let delete = "collection.delete(ids=ids[: len(ids) * 3 // 4])";
    for meddle in [TWIST.to_owned(), format!("ids = collection.get(include=[])['ids']\n{delete}\nprint(1)")] {
        chroma.python(&format!("{COLLECTION}{meddle}")).await;
        wait_at_most(Duration::from_secs(120), "what a foreign hand did to be mended", async || {
            let output = home.run(&to("verify", &url, &[])).await;
            if output.code == 0 { Ok(()) } else { Err(format!("{output:?}")) }
        })
        .await;
    }
    let status = home.status().await;
    assert!(status["mirror"]["notes"].to_string().contains("somebody else"), "{status}");
    writer.stop().await;
}
