//! What a plain client finds: Chroma's index against exact search over the same vectors, and questions in words with the
//! client's own default embedding function.

use serde_json::json;

use super::{parts, to};
use crate::support::{load, models};

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_client_finds_what_exact_search_finds() {
    let Some((plane, chroma, home)) = parts().await else { return };
    load::mixed(&plane, 5_000).await;
    home.run(&to("sync", &chroma.url(), &["--once"])).await.success();
    // Two documents of one form are closer than 0.99; forms that differ in one word are not.
    let found = chroma
        .python(
            "
import random
import numpy
collection = client.get_collection('instances', embedding_function=None)
everything = collection.get(include=['embeddings'])
ids, vectors = everything['ids'], numpy.array(everything['embeddings'])
assert abs(numpy.linalg.norm(vectors, axis=1) - 1).max() < 1e-3
random.seed(7)
noise = numpy.random.default_rng(7)
first, recall, queries = {5: 0, 10: 0}, 0.0, 300
for _ in range(queries):
    base = vectors[random.randrange(len(ids))]
    query = base + 0.35 * (lambda v: v / numpy.linalg.norm(v))(noise.normal(size=vectors.shape[1]))
    query = query / numpy.linalg.norm(query)
    scores = vectors @ query
    best = [ids[i] for i in numpy.argsort(-scores)[:10]]
    for n in (5, 10):
        hits = collection.query(query_embeddings=[query.tolist()], n_results=n)['ids'][0]
        top = vectors[ids.index(hits[0])]
        first[n] += float(top @ vectors[ids.index(best[0])]) > 0.99
    recall += len(set(hits) & set(best)) / 10
print(json.dumps({'first_of_5': first[5] / queries, 'first_of_10': first[10] / queries, 'recall': recall / queries}))",
        )
        .await;
    println!("relevance: {found}");
    for figure in ["first_of_5", "first_of_10", "recall"] {
        assert!(found[figure].as_f64() >= Some(0.95), "{figure}: {found}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_python_client_asks_in_words_with_its_default_embedding_function() {
    let Some((plane, mut chroma, home)) = parts().await else { return };
    let Some(model) = models::chroma_home() else { return };
    chroma.set_home(&model);
    let object = |kind: &str, name: &str, label: &str| {
        json!({ "apiVersion": "v1", "kind": kind, "metadata": { "name": name, "namespace": "default",
            "labels": { "app.kubernetes.io/component": label } } })
    };
    plane
        .apply_objects(&[
            object("ConfigMap", "orders-postgres", "database"),
            object("ConfigMap", "web-frontend", "frontend"),
            object("ServiceAccount", "mail-sender", "mail"),
        ])
        .await;
    home.run(&to("sync", &chroma.url(), &["--once"])).await.success();
    let found = chroma
        .python(
            "
collection = client.get_collection('instances')
ask = lambda text: collection.query(query_texts=[text], n_results=3, where={'namespace': 'default'})['ids'][0]
print(json.dumps([ask('which database is there?'), ask('who sends mail?')]))",
        )
        .await;
    assert!(found[0].to_string().contains("orders-postgres"), "{found}");
    assert!(found[1].to_string().contains("mail-sender"), "{found}");
}
