//! The profile `cluster-whisperer`: what upstream's agent asks, asked in its way.

use serde_json::{Value, json};

use super::{parts, to};
use crate::support::voyage::{KEY, Voyage};

const PROFILE: [&str; 2] = ["--profile", "cluster-whisperer"];

#[tokio::test(flavor = "multi_thread")]
async fn upstreams_agent_finds_its_documents_unchanged() {
    let Some((plane, chroma, mut home)) = parts().await else { return };
    let voyage = Voyage::start().await;
    let object = |kind: &str, name: &str, description: &str| {
        json!({ "apiVersion": "v1", "kind": kind, "metadata": { "name": name, "namespace": "default",
            "labels": { "app": name }, "annotations": { "example.com/description": description } } })
    };
    plane
        .apply_objects(&[
            object("ConfigMap", "orders", "Takes orders of customers"),
            object("ConfigMap", "payments", "Charges credit cards"),
        ])
        .await;
    let url = chroma.url();
    let arguments = to("sync", &url, &[&["--once"], &PROFILE[..]].concat());

    // Names and descriptions leave the machine only where that is allowed, and nobody answers without a key.
    let refused = home.run(&arguments).await;
    assert!(refused.code == 2 && refused.stderr.contains("allow_remote_embedding"), "{refused:?}");
    home.set("KUBESIFT_ALLOW_REMOTE_EMBEDDING", "true");
    let keyless = home.run(&arguments).await;
    assert!(keyless.code == 2 && keyless.stderr.contains("VOYAGE_API_KEY"), "{keyless:?}");
    assert_eq!(voyage.asked(), Vec::<Value>::new());
    home.set("KUBESIFT_EMBEDDER", "voyage");
    home.set("KUBESIFT_EMBEDDER_URL", voyage.url());
    home.set("VOYAGE_API_KEY", "pa-wrong");
    let wrong = home.run(&arguments).await;
    assert!(wrong.code == 3 && wrong.stderr.contains("VOYAGE_API_KEY"), "{wrong:?}");
    let made = chroma.python("print(json.dumps(len(client.list_collections())))").await;
    assert_eq!(made, 0, "nothing was written so far");
    home.set("VOYAGE_API_KEY", KEY);
    home.run(&arguments).await.success();
    home.run(&to("verify", &url, &PROFILE)).await.success();

    let asked = voyage.asked();
    let only = |request: &Value| request.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    assert!(
        asked.iter().all(|it| it["model"] == "voyage-4" && only(it) == ["input", "model"]),
        "as upstream asks"
    );
    let forms: Vec<&str> = asked
        .iter()
        .flat_map(|it| it["input"].as_array().expect("texts"))
        .filter_map(Value::as_str)
        .collect();
    assert!(!forms.is_empty() && forms.iter().all(|text| !text.contains("last-applied")), "{forms:?}");

    let found = chroma
        .python(&format!(
            "
import urllib.request
def embed(text):
  request = urllib.request.Request('{}/embeddings', json.dumps({{'input': [text], 'model': 'voyage-4'}}).encode(),
    {{'content-type': 'application/json', 'authorization': 'Bearer {KEY}'}})
  return json.loads(urllib.request.urlopen(request).read())['data'][0]['embedding']
# As upstream initialises: get or create, cosine, no embedding function, no metadata.
collection = client.get_or_create_collection('instances', embedding_function=None, configuration={{'hnsw': {{'space': 'cosine'}}}})
everything = ['documents', 'metadatas', 'distances']
near = collection.query(query_embeddings=[embed('who charges credit cards?')], n_results=5, include=everything)
both = {{'$and': [{{'kind': 'ConfigMap'}}, {{'namespace': 'default'}}]}}
words = {{'$and': [{{'$contains': 'credit cards'}}, {{'$contains': 'credit cards'}}]}}
one = collection.get(ids=['default/v1/ConfigMap/payments'], include=['documents', 'metadatas', 'embeddings'])
print(json.dumps({{
  'near': near['ids'][0], 'distance': near['distances'][0][0],
  'filtered': collection.query(query_embeddings=[embed('orders')], n_results=1, where=both, include=everything)['ids'][0],
  'keyword': collection.get(limit=5, where_document=words, include=['documents', 'metadatas'])['ids'],
  'stale': len(collection.get(limit=10000)['ids']) == collection.count(),
  'text': one['documents'][0], 'metadata': one['metadatas'][0], 'length': len(one['embeddings'][0]),
  'marker': collection.metadata}}))",
            voyage.url()
        ))
        .await;
    let payments = "default/v1/ConfigMap/payments";
    assert_eq!((&found["near"][0], &found["keyword"]), (&json!(payments), &json!([payments])), "{found}");
    assert_eq!(
        (&found["filtered"], &found["stale"]),
        (&json!(["default/v1/ConfigMap/orders"]), &json!(true))
    );
    assert!(found["distance"].as_f64() < Some(0.6), "similar, in upstream's words: {found}");
    assert_eq!(found["length"], 1_024);
    assert_eq!(
        found["text"],
        "ConfigMap payments | namespace: default | apiVersion: v1 | labels: app=payments | Charges credit cards"
    );
    let metadata = found["metadata"].as_object().expect("a map");
    for (key, value) in [
        ("namespace", "default"),
        ("name", "payments"),
        ("kind", "ConfigMap"),
        ("apiVersion", "v1"),
        ("apiGroup", ""),
        ("labels", "app=payments"),
        ("source", "resource-sync"),
    ] {
        assert_eq!(metadata[key], value, "{key}");
    }
    assert_eq!(
        (&found["marker"]["kubesift_profile"], &found["marker"]["kubesift_model"]),
        (&json!("cluster-whisperer"), &json!("voyage-4"))
    );

    // The other profile's vectors can't be put beside these.
    let other = home.run(&to("sync", &url, &["--once"])).await;
    assert!(other.code == 3 && other.stderr.contains("1024 dimensions"), "{other:?}");
    let before = voyage.asked().len();
    home.run(&arguments).await.success();
    assert_eq!(voyage.asked().len(), before, "nothing is embedded again");
}
