//! What is wrong with a store is said in one line, with the right exit code, and nothing is written.

use super::{home, to};
use crate::support::answers::Answers;
use crate::support::{ControlPlane, Home, Options, chroma};

async fn here() -> Option<(ControlPlane, Home)> {
    let plane = ControlPlane::start(Options::default()).await?;
    let home = home(plane.kubeconfig("admin"));
    Some((plane, home))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_store_is_told_in_one_line() {
    let Some((_plane, home)) = here().await else { return };
    for (arguments, code, said) in [
        (vec!["sync", "--to", "chroma"], 2, "needs the store's address"),
        (vec!["sync", "--to", "qdrant", "--url", "http://x"], 2, "possible values: chroma"),
        (vec!["sync", "--adopt"], 2, "about a mirror"),
        (vec!["verify"], 2, "which store?"),
        (to("sync", "localhost:8000", &[]), 2, "needs http:// or https://"),
        (to("sync", "http://me:secret@localhost:1", &[]), 2, "KUBESIFT_CHROMA_TOKEN"),
        (
            to("sync", "http://127.0.0.1:1", &["--collection", "a_"]),
            2,
            "'a_' can't be the name of a collection",
        ),
        (to("verify", "http://127.0.0.1:1", &["--collection", "a..b"]), 2, "two dots"),
        (to("sync", "http://127.0.0.1:1", &["--once"]), 3, "connection refused"),
        (to("verify", "http://127.0.0.1:1", &[]), 3, "connection refused"),
        (to("sync", "http://nowhere.invalid:8000", &["--once"]), 3, "can't be reached"),
    ] {
        let output = home.run(&arguments).await;
        assert!(output.code == code && output.stderr.contains(said), "{arguments:?}: {output:?}");
        assert!(!output.stderr.contains("secret") && output.stdout.is_empty(), "{output:?}");
    }
    for (status, kind, body, said) in [
        (200, "text/html", "<html>login</html>", "web page"),
        (404, "text/html", "<html>no</html>", "API v2"),
        (410, "application/json", r#"{"error":"Unimplemented","message":"v1 only"}"#, "API v2"),
        (401, "application/json", r#"{"error":"Auth","message":"who are you"}"#, "KUBESIFT_CHROMA_TOKEN"),
        (500, "text/plain", "oops", "the store failed (500)"),
    ] {
        let server = Answers::start(status, kind, body).await;
        let output = home.run(&to("sync", &server.url(), &["--once"])).await;
        assert!(output.code == 3 && output.stderr.contains(said), "{status}: {output:?}");
        assert_eq!(server.writes(), 0, "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collection_of_another_kind_is_refused_and_left_alone() {
    let Some((_plane, home)) = here().await else { return };
    let Some(chroma) = chroma::Chroma::start().await else { return };
    chroma
        .python(
            "
a = client.create_collection('narrow', embedding_function=None, configuration={'hnsw': {'space': 'cosine'}})
a.add(ids=['x'], embeddings=[[1, 0, 0]], documents=['text'], metadatas=[{'source': 'resource-sync', 'kind': 'Pod', 'namespace': 'a', 'apiGroup': ''}])
client.create_collection('euclid', embedding_function=None, configuration={'hnsw': {'space': 'l2'}})
client.create_collection('other', embedding_function=None, configuration={'hnsw': {'space': 'cosine'}},
  metadata={'kubesift_cluster': 'elsewhere', 'kubesift_profile': 'default', 'kubesift_model': 'all-MiniLM-L6-v2'})
print(1)",
        )
        .await;
    let url = chroma.url();
    for (collection, said) in
        [("narrow", "3 dimensions"), ("euclid", "compares vectors by l2"), ("other", "another cluster")]
    {
        let output = home.run(&to("sync", &url, &["--once", "--collection", collection])).await;
        assert!(output.code == 3 && output.stderr.contains(said), "{collection}: {output:?}");
        assert!(output.stderr.contains("--collection NAME"), "{output:?}");
    }
    let left = chroma
        .python("print(json.dumps([client.get_collection(n, embedding_function=None).count() for n in ['narrow', 'euclid', 'other']]))")
        .await;
    assert_eq!(left, serde_json::json!([1, 0, 0]));
    let names = chroma.python("print(json.dumps(sorted(c.name for c in client.list_collections())))").await;
    assert_eq!(names, serde_json::json!(["euclid", "narrow", "other"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_onnx_runtime_it_says_what_to_do_and_writes_nothing() {
    let Some((plane, _)) = here().await else { return };
    let Some(chroma) = chroma::Chroma::start().await else { return };
    let mut bare = Home::new(plane.kubeconfig("admin"));
    bare.set("ORT_DYLIB_PATH", "/nowhere/libonnxruntime.so");
    let output = bare.run(&to("sync", &chroma.url(), &["--once"])).await;
    assert!(output.code == 3 && output.stderr.contains("kubesift setup"), "{output:?}");
    let made = chroma.python("print(json.dumps(len(client.list_collections())))").await;
    assert_eq!(made, 0);
}
