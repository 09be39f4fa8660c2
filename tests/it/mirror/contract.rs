//! What the mirror relies on, asked of every store: one suite over Chroma and over the double that stands for it in
//! other tests.

use std::collections::BTreeSet;

use kubesift::mirror::memory::Memory;
use kubesift::mirror::{
    AnyStore, Chroma, ChromaOptions, Contents, Fields, Metric, Reaction, Record, Sink, StoreError, Stored,
    VectorStore,
};
use serde_json::{Value, json};

use crate::support::chroma;

fn fields(value: Value) -> Fields {
    serde_json::from_value(value).expect("a map")
}

fn record(id: &str, text: &str, value: Value) -> Record {
    Record {
        id: id.to_owned(),
        text: text.to_owned(),
        fields: fields(value),
        vector: Some(vec![0.6, 0.8, 0.0].into()),
    }
}

fn without_vector(record: Record) -> Record {
    Record { vector: None, ..record }
}

async fn get_one(store: &impl VectorStore, id: &str) -> Option<Stored> {
    let mut found = store.get(&[id.to_owned()], Contents::Full).await.expect("get");
    assert!(found.len() <= 1);
    found.pop()
}

async fn all_ids(store: &impl VectorStore, page: usize) -> Vec<String> {
    let mut ids = Vec::new();
    loop {
        let records = store.page(ids.len(), page, Contents::Ids).await.expect("page");
        if records.is_empty() {
            return ids;
        }
        ids.extend(records.into_iter().map(|record| record.id));
    }
}

/// The whole contract, on an empty store.
async fn contract(store: &impl VectorStore) {
    a_collection_is_made_once(store).await;
    metadata_of_a_collection_is_replaced_as_a_whole(store).await;
    upserts_merge_metadata_and_null_removes(store).await;
    an_update_leaves_the_vector_and_ignores_what_is_not_there(store).await;
    vectors_come_back_when_they_are_asked_for(store).await;
    the_dimension_is_fixed(store).await;
    deletes_may_name_what_is_not_there(store).await;
    ids_and_texts_come_back_as_they_were(store).await;
    paging_reaches_the_end(store).await;
}

async fn a_collection_is_made_once(store: &impl VectorStore) {
    assert_eq!(store.find().await.expect("find"), None);
    let error = store.get(&["a".to_owned()], Contents::Ids).await.expect_err("no collection");
    assert_eq!(error.reaction(), Reaction::Reopen, "{error}");
    let mark = fields(json!({ "mark": "mine", "beat": 7 }));
    let made = store.ensure(&mark).await.expect("ensure");
    assert!(made.created);
    assert_eq!((made.collection.metric.clone(), made.collection.dimension), (Metric::Cosine, None));
    assert_eq!(made.collection.fields, mark);
    let again = store.ensure(&fields(json!({ "mark": "other" }))).await.expect("ensure");
    assert!(!again.created);
    assert_eq!((&again.collection.id, &again.collection.fields), (&made.collection.id, &mark));
}

async fn metadata_of_a_collection_is_replaced_as_a_whole(store: &impl VectorStore) {
    let new = fields(json!({ "beat": 8, "synced": "now" }));
    store.set_fields(&new).await.expect("set");
    let found = store.find().await.expect("find").expect("the collection");
    assert_eq!(found.fields, new, "keys that were not written are gone");
}

async fn upserts_merge_metadata_and_null_removes(store: &impl VectorStore) {
    let first = record("a", "one", json!({ "kind": "Pod", "labels": "x=1", "labelPairs": ["x=1", "a=b"] }));
    store.upsert(std::slice::from_ref(&first)).await.expect("upsert");
    let stored = get_one(store, "a").await.expect("there");
    assert_eq!((stored.text.as_deref(), stored.fields), (Some("one"), first.fields.clone()));
    store.upsert(&[record("a", "two", json!({ "kind": "Job" }))]).await.expect("upsert");
    let merged = get_one(store, "a").await.expect("there");
    let expected = json!({ "kind": "Job", "labels": "x=1", "labelPairs": ["x=1", "a=b"] });
    assert_eq!((merged.text.as_deref(), merged.fields), (Some("two"), fields(expected)));
    let bare = json!({ "kind": "Job", "labels": "", "labelPairs": null, "createdAt": null });
    store.upsert(&[record("a", "two", bare)]).await.expect("upsert");
    let stored = get_one(store, "a").await.expect("there");
    assert_eq!(stored.fields, fields(json!({ "kind": "Job", "labels": "" })), "null removed the list");
}

async fn an_update_leaves_the_vector_and_ignores_what_is_not_there(store: &impl VectorStore) {
    let there = without_vector(record("a", "three", json!({ "kind": "Node", "labels": null })));
    let missing = without_vector(record("not-there", "x", json!({ "kind": "Node" })));
    store.update(&[there, missing]).await.expect("no error");
    let stored = get_one(store, "a").await.expect("there");
    assert_eq!((stored.text.as_deref(), stored.fields), (Some("three"), fields(json!({ "kind": "Node" }))));
    assert_eq!(get_one(store, "not-there").await, None);
    let error = store.upsert(&[without_vector(record("b", "x", json!({ "k": "v" })))]).await;
    assert!(error.is_err(), "an upsert needs vectors");
}

async fn vectors_come_back_when_they_are_asked_for(store: &impl VectorStore) {
    let ids = ["a".to_owned()];
    let without = store.get(&ids, Contents::Full).await.expect("get");
    assert_eq!(without[0].vector, None);
    let got = store.get(&ids, Contents::Vectors).await.expect("get");
    let page = store.page(0, 10, Contents::Vectors).await.expect("page");
    for records in [got, page] {
        let record = records.into_iter().find(|record| record.id == "a").expect("there");
        let vector = record.vector.expect("asked for");
        let near = vector.iter().zip([0.6_f32, 0.8, 0.0]).all(|(have, wrote)| (have - wrote).abs() < 1e-5);
        assert!(near && vector.len() == 3, "{vector:?}: an update left it as it was");
        assert_eq!(record.text.as_deref(), Some("three"));
    }
}

async fn the_dimension_is_fixed(store: &impl VectorStore) {
    let wider = Record { vector: Some(vec![1.0; 4].into()), ..record("c", "x", json!({ "k": "v" })) };
    let error = store.upsert(&[wider]).await.expect_err("another dimension");
    assert_eq!(error.reaction(), Reaction::Isolate, "{error}");
    let found = store.find().await.expect("find").expect("the collection");
    assert_eq!(found.dimension, Some(3));
    let empty_id = store.upsert(&[record("", "x", json!({ "k": "v" }))]).await.expect_err("an empty id");
    assert_eq!(empty_id.reaction(), Reaction::Isolate, "{empty_id}");
}

async fn deletes_may_name_what_is_not_there(store: &impl VectorStore) {
    store.upsert(&[record("d", "x", json!({ "k": "v" }))]).await.expect("upsert");
    store.delete(&["d".to_owned(), "never-there".to_owned()]).await.expect("delete");
    assert_eq!(get_one(store, "d").await, None);
    let before = store.count().await.expect("count");
    store.delete(&[]).await.expect("nothing to do");
    store.upsert(&[]).await.expect("nothing to do");
    assert_eq!(store.get(&[], Contents::Full).await.expect("nothing"), []);
    assert_eq!(store.count().await.expect("count"), before);
}

async fn ids_and_texts_come_back_as_they_were(store: &impl VectorStore) {
    let id = "_cluster/rbac.authorization.k8s.io/v1/ClusterRole/system:a%20b?c#d é\u{1f980}\"\\";
    let text = "line one\nline two | a=b, \u{202e}x \u{0} tab\t";
    let value = json!({ "labels": "a=,b=ü", "labelPairs": ["b=ü", "a=", "10=2"] });
    store.upsert(&[record(id, text, value.clone())]).await.expect("upsert");
    let stored = get_one(store, id).await.expect("there");
    assert_eq!((stored.text.as_deref(), stored.fields), (Some(text), fields(value)));
}

async fn paging_reaches_the_end(store: &impl VectorStore) {
    let many: Vec<_> = (0..57).map(|n| record(&format!("page/{n}"), "x", json!({ "n": n }))).collect();
    store.upsert(&many).await.expect("upsert");
    let ids = all_ids(store, 10).await;
    assert_eq!(
        ids.len(),
        store.count().await.expect("count"),
        "as many as there are, be it some of them twice"
    );
    let wanted: Vec<String> = many.iter().map(|record| record.id.clone()).collect();
    let found = store.get(&wanted, Contents::Ids).await.expect("get");
    let found: BTreeSet<_> = found.into_iter().map(|record| record.id).collect();
    assert_eq!(found, wanted.iter().cloned().collect::<BTreeSet<_>>());
    store.delete(&wanted).await.expect("delete");
}

#[tokio::test]
async fn the_double_keeps_the_contract() {
    contract(&Memory::new()).await;
    contract(&AnyStore::new(Memory::new())).await;
}

#[tokio::test]
async fn the_double_is_stricter_than_any_real_store() {
    let store = Memory::new();
    store.ensure(&Fields::new()).await.expect("ensure");
    let one = record("a", "x", json!({ "k": "v" }));
    let twice = store.upsert(&[one.clone(), one.clone()]).await;
    let empty_list = store.upsert(&[record("a", "x", json!({ "labelPairs": [] }))]).await;
    let many: Vec<_> = (0..101).map(|n| record(&n.to_string(), "x", json!({ "k": "v" }))).collect();
    for refused in [twice, empty_list, store.upsert(&many).await] {
        assert_eq!(refused.expect_err("refused").reaction(), Reaction::Isolate);
    }
    let old = Memory::new().without_lists();
    old.ensure(&Fields::new()).await.expect("ensure");
    assert!(old.upsert(&[record("a", "x", json!({ "labelPairs": ["a=b"] }))]).await.is_err());
    old.upsert(&[one]).await.expect("without lists");
}

#[tokio::test]
async fn chroma_keeps_the_contract() {
    let Some(server) = chroma::Chroma::start().await else { return };
    contract(&Chroma::new(ChromaOptions::new(server.url())).expect("options")).await;
}

#[tokio::test]
async fn chroma_keeps_the_contract_in_another_tenant_and_after_a_restart() {
    let Some(mut server) = chroma::Chroma::start().await else { return };
    server
        .python(&format!(
            "admin = chromadb.AdminClient(chromadb.Settings(chroma_server_host='127.0.0.1', \
             chroma_server_http_port={}, chroma_api_impl='chromadb.api.fastapi.FastAPI'))\n\
             admin.create_tenant('platform'); admin.create_database('objects', 'platform'); print('1')",
            server.port()
        ))
        .await;
    let options = |url: String| ChromaOptions {
        tenant: "platform".to_owned(),
        database: "objects".to_owned(),
        ..ChromaOptions::new(url)
    };
    let store = Chroma::new(options(server.url())).expect("options");
    contract(&store).await;
    server.kill();
    let error = store.count().await.expect_err("nobody is there");
    assert_eq!(error.reaction(), Reaction::Reconnect, "{error}");
    assert!(error.to_string().contains("can't be reached"), "{error}");
    server.resume().await;
    assert!(store.count().await.expect("the data stayed") > 0);
    server.wipe().await;
    let error = store.count().await.expect_err("the collection is gone");
    assert!(matches!(error.reaction(), Reaction::Reopen), "{error}");
}

#[tokio::test]
async fn of_two_that_make_a_collection_one_is_told_that_it_exists() {
    let Some(server) = chroma::Chroma::start().await else { return };
    let stores: Vec<_> =
        (0..4).map(|_| Chroma::new(ChromaOptions::new(server.url())).expect("options")).collect();
    let fields = Fields::new();
    let made = futures_util::future::try_join_all(stores.iter().map(|store| store.ensure(&fields))).await;
    let made = made.expect("ensure");
    assert_eq!(made.iter().filter(|made| made.created).count(), 1, "{made:?}");
    let ids: BTreeSet<_> = made.iter().map(|made| made.collection.id.clone()).collect();
    assert_eq!(ids.len(), 1);
}

#[tokio::test]
async fn whatever_else_answers_is_told_apart_in_one_line() {
    use crate::support::answers::Answers;
    let cases: [(&str, u16, &str, &str); 8] = [
        ("text/html", 200, "<html><body>Login</body></html>", "web page"),
        ("application/json", 404, "{\"detail\":\"Not Found\"}", "API v2"),
        ("text/plain", 404, "404 page not found", "API v2"),
        (
            "application/json",
            401,
            "{\"error\":\"AuthError\",\"message\":\"Unauthorized\"}",
            "refuses the credentials (401)",
        ),
        (
            "application/json",
            403,
            "{\"error\":\"AuthError\",\"message\":\"Forbidden\"}",
            "refuses the credentials (403)",
        ),
        ("text/html", 302, "<html>moved</html>", "redirects"),
        ("application/json", 501, "{\"error\":\"Unimplemented\",\"message\":\"v1 only\"}", "API v2"),
        ("application/json", 200, "[1,2", "unreadable"),
    ];
    for (kind, status, body, expected) in cases {
        let server = Answers::start(status, kind, body).await;
        let store = Chroma::new(ChromaOptions::new(server.url())).expect("options");
        let error = store.ensure(&Fields::new()).await.expect_err("no Chroma").to_string();
        assert!(error.contains(expected) && !error.contains('\n'), "{status} {kind}: {error}");
        assert_eq!(server.writes(), 0, "nothing is written to {status} {kind}");
    }
    for url in ["localhost:8000", "ftp://x", "http://user:secret@host", "http://host?x=1", "", "http://"] {
        let error = Chroma::new(ChromaOptions::new(url)).expect_err("no URL");
        assert!(matches!(error, StoreError::Setting(_)) && !error.to_string().contains("secret"), "{error}");
    }
    for name in ["ab", "a..b", "_ab", "1.2.3.4", "a b", ""] {
        let options = ChromaOptions { collection: name.to_owned(), ..ChromaOptions::new("http://host") };
        let error = Chroma::new(options).expect_err("no name");
        assert!(matches!(error, StoreError::Name(_)) && error.to_string().contains(name), "{error}");
    }
    let nobody = Chroma::new(ChromaOptions::new("http://nowhere.invalid:1")).expect("options");
    let error = nobody.find().await.expect_err("nobody").to_string();
    assert!(error.contains("nowhere.invalid:1 can't be reached"), "{error}");
}

#[tokio::test]
async fn a_collection_name_that_is_refused_is_a_mistake() {
    let double = Memory::new();
    double.refuse_name(Some("Expected a name containing 3-512 characters"));
    assert_eq!(double.find().await, Ok(None));
    let error = double.ensure(&Fields::new()).await.expect_err("a name that can't be");
    assert!(matches!(&error, StoreError::Name(why) if why.contains("Expected a name")), "{error}");
    let Some(server) = chroma::Chroma::start().await else { return };
    // What is refused here, before anything is sent, is refused there; and what is taken, taken.
    for name in ["ab", "a b c", "-abc", "abc-", "192.168.1.1", "a..b", "abc", "A.b_c-1"] {
        let options = ChromaOptions { collection: name.to_owned(), ..ChromaOptions::new(server.url()) };
        let made = server
            .python(&format!(
                "try:\n client.create_collection('{name}', embedding_function=None)\n print(1)\nexcept Exception:\n print(0)"
            ))
            .await;
        match Chroma::new(options) {
            Ok(chroma) => assert!(made == 1 && chroma.find().await.expect("find").is_some(), "{name}"),
            Err(error) => assert!(made == 0 && matches!(error, StoreError::Name(_)), "{name}: {error}"),
        }
    }
}
