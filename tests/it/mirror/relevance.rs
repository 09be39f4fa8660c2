//! What a plain client finds: Chroma's index against exact search over the same vectors, and questions in words with the
//! client's own default embedding function.

use kubesift::mirror::{Chroma, ChromaOptions, Contents, VectorStore as _, offset};
use serde_json::json;

use super::{parts, to};
use crate::support::steps::measured;
use crate::support::{load, long, models};

/// `measure(collection, ids, vectors, forms)`: how often the first hit is of the right form and how many of ten hits are
/// those of exact search. Without `forms`: two documents of one form are closer than 0.99; forms that differ in one word
/// are not.
const MEASURE: &str = "
import random
import numpy
def measure(collection, ids, vectors, forms=None):
  same = lambda a, b: vectors[a] @ vectors[b] > 0.99 if forms is None else forms[a] @ forms[b] > 0.9999
  random.seed(7)
  noise = numpy.random.default_rng(7)
  first, recall, queries = {5: 0, 10: 0}, 0.0, 300
  for _ in range(queries):
    base = vectors[random.randrange(len(ids))]
    query = base + 0.35 * (lambda v: v / numpy.linalg.norm(v))(noise.normal(size=vectors.shape[1]))
    query = query / numpy.linalg.norm(query)
    best = [ids[i] for i in numpy.argsort(-(vectors @ query))[:10]]
    for n in (5, 10):
      hits = collection.query(query_embeddings=[query.tolist()], n_results=n)['ids'][0]
      first[n] += bool(same(ids.index(hits[0]), ids.index(best[0])))
    recall += len(set(hits) & set(best)) / 10
  return {'first_of_5': first[5] / queries, 'first_of_10': first[10] / queries, 'recall': recall / queries}
";

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_client_finds_what_exact_search_finds() {
    let Some((plane, chroma, home)) = parts().await else { return };
    load::mixed(&plane, 5_000).await;
    home.run(&to("sync", &chroma.url(), &["--once"])).await.success();
    let found = chroma
        .python(&format!(
            "{MEASURE}
collection = client.get_collection('instances', embedding_function=None)
everything = collection.get(include=['embeddings'])
vectors = numpy.array(everything['embeddings'])
assert abs(numpy.linalg.norm(vectors, axis=1) - 1).max() < 1e-3
print(json.dumps(measure(collection, everything['ids'], vectors)))"
        ))
        .await;
    println!("relevance: {found}");
    for figure in ["first_of_5", "first_of_10", "recall"] {
        assert!(found[figure].as_f64() >= Some(0.95), "{figure}: {found}");
    }
}

/// Other lengths of the offset over the same documents: the figures of `docs/mirror.md`.
#[tokio::test(flavor = "multi_thread")]
async fn an_offset_of_five_percent_is_enough() {
    if !long() {
        return;
    }
    let Some((plane, chroma, home)) = parts().await else { return };
    load::mixed(&plane, 5_000).await;
    home.run(&to("sync", &chroma.url(), &["--once"])).await.success();
    let store = Chroma::new(ChromaOptions::new(chroma.url())).expect("options");
    store.find().await.expect("Chroma answers").expect("the collection");
    let (mut ids, mut directions) = (Vec::new(), Vec::new());
    loop {
        let page = store.page(ids.len(), 1_000, Contents::Ids).await.expect("a page");
        if page.is_empty() {
            break;
        }
        for record in page {
            // Next to an offset of this length the vector is nothing: the offset's direction.
            let direction = offset::moved_by(&[0.05; 384], &record.id, 1e6);
            directions.extend(direction.iter().flat_map(|number| number.to_le_bytes()));
            ids.push(record.id);
        }
    }
    let file = home.path().join("directions");
    fs_err::write(&file, directions).expect("a file");
    fs_err::write(file.with_extension("ids"), serde_json::to_vec(&ids).expect("ids")).expect("a file");
    let found = chroma
        .python(&format!(
            "{MEASURE}
ids = json.load(open('{path}.ids'))
directions = numpy.fromfile('{path}', dtype='<f4').reshape(len(ids), 384)
stored = client.get_collection('instances', embedding_function=None).get(ids=ids, include=['embeddings'])
moved = dict(zip(stored['ids'], stored['embeddings']))
moved = numpy.array([moved[i] for i in ids], dtype='float64')
# moved = (form + {OFFSET} direction) / length, and the form has length 1.
cosines = (moved * directions).sum(axis=1)
lengths = {OFFSET} * cosines + numpy.sqrt(({OFFSET} * cosines) ** 2 + 1 - {OFFSET} ** 2)
forms = moved * lengths[:, None] - {OFFSET} * directions
assert abs(numpy.linalg.norm(forms, axis=1) - 1).max() < 1e-3
# Few forms of many copies each, as where most objects are Pods of some workloads.
numpy.random.default_rng(11).shuffle(forms)
forms = forms[numpy.arange(len(ids)) % 100]
found = {{}}
for size in [0, 0.02, {OFFSET}, 0.1, 0.2]:
  vectors = forms + size * directions
  vectors = vectors / numpy.linalg.norm(vectors, axis=1)[:, None]
  collection = client.create_collection('size-%d' % (size * 100), embedding_function=None, configuration={{'hnsw': {{'space': 'cosine'}}}})
  for at in range(0, len(ids), 1000):
    collection.upsert(ids=ids[at:at + 1000], embeddings=vectors[at:at + 1000].tolist())
  found['%d %%' % (size * 100)] = measure(collection, ids, vectors, forms)
print(json.dumps(found))",
            path = file.display(),
            OFFSET = offset::OFFSET,
        ))
        .await;
    measured(&format!("lengths of the offset: {found}"));
    let ours = &found["5 %"];
    for figure in ["first_of_5", "first_of_10", "recall"] {
        assert!(ours[figure].as_f64() >= Some(0.95), "{figure}: {found}");
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
