//! The vectors themselves: what they mean, and how close they are to those that Chroma's clients make.

use kubesift::document::Form;
use kubesift::embed::{Embedder, Local, Runtime, Storing, Vector, Vectors};
use serde_json::json;

use crate::support::{chroma, models, skipped};

/// Forms as they occur.
const FORMS: [&str; 24] = [
    "Stateful Set orders db, postgresql database",
    "Deployment checkout api, checkout backend. Takes payments for the shop",
    "Pod checkout api, checkout backend",
    "Service cart, cart frontend",
    "Cron Job nightly backup, backup",
    "Config Map kube root ca crt",
    "Secret default token",
    "Ingress shop, web",
    "Horizontal Pod Autoscaler search indexer",
    "Certificate cert manager shop tls",
    "Cluster postgresql cnpg main",
    "Persistent Volume Claim data orders db",
    "Node ip eu west compute internal",
    "Daemon Set fluent bit, logging agent",
    "Cluster Role system controller job controller",
    "Network Policy default deny",
    "Namespace payments prod",
    "Virtual Service networking istio checkout",
    "Kafka Topic kafka strimzi orders events",
    "Service Account deployer",
    "Deployment prometheus server, prometheus monitoring. Scrapes metrics of everything",
    "Stateful Set redis cache, redis cache",
    "Job migrate schema",
    "Replica Set web",
];

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The real model, with a cache in a directory of its own.
fn local() -> Option<(Vectors, tempfile::TempDir)> {
    let runtime = Runtime { given: Some(models::runtime()?), ..Runtime::default() };
    let dir = tempfile::tempdir().expect("temp dir");
    let embedder = Embedder::Local(Box::new(Local::new(runtime)));
    Some((Vectors::open(dir.path(), embedder, Storing::Write).expect("a worker"), dir))
}

fn forms() -> Vec<Form> {
    FORMS.map(Form::new).into()
}

#[tokio::test]
async fn a_vector_does_not_depend_on_what_is_embedded_beside_it() {
    let Some((vectors, _dir)) = local() else { return };
    let together = vectors.obtain(&forms()).await.expect("vectors");
    assert_eq!(together.len(), FORMS.len());
    for (form, vector) in FORMS.iter().zip(&together) {
        assert_eq!(vector.len(), 384);
        assert!((dot(vector, vector) - 1.0).abs() < 1e-5);
        assert_eq!(&vectors.query(form).await.expect("a vector"), vector, "{form}");
    }
}

#[tokio::test]
async fn questions_are_close_to_what_they_mean() {
    let Some((vectors, _dir)) = local() else { return };
    let made = vectors.obtain(&forms()).await.expect("vectors");
    for (question, wanted) in [
        ("which databases are there?", "Stateful Set orders db, postgresql database"),
        ("what takes payments", "Deployment checkout api, checkout backend. Takes payments for the shop"),
        ("collecting logs", "Daemon Set fluent bit, logging agent"),
        ("TLS certificates", "Certificate cert manager shop tls"),
        (
            "monitoring metrics",
            "Deployment prometheus server, prometheus monitoring. Scrapes metrics of everything",
        ),
    ] {
        let asked = vectors.query(question).await.expect("a vector");
        let mut ranked: Vec<(f32, &str)> =
            made.iter().zip(FORMS).map(|(vector, form)| (dot(&asked, vector), form)).collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
        assert!(ranked[..3].iter().any(|(_, form)| *form == wanted), "{question}: {:?}", &ranked[..3]);
    }
}

/// Vectors of the same texts as Chroma's Python client makes them, with 32 bits.
async fn chromas(texts: &[&str]) -> Option<Vec<Vec<f32>>> {
    let (python, home) = (chroma::environment().await?.join("bin/python"), models::chroma_home()?);
    let script = "import json, sys\n\
        from chromadb.utils.embedding_functions import DefaultEmbeddingFunction\n\
        texts = json.loads(sys.argv[1])\n\
        print(json.dumps([[float(x) for x in v] for v in DefaultEmbeddingFunction()(texts)]))\n";
    let mut command = tokio::process::Command::new(python);
    command.args(["-c", script, &json!(texts).to_string()]).env("HOME", home).kill_on_drop(true);
    let output = command.output().await.expect("python starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).expect("vectors"))
}

#[tokio::test]
async fn vectors_are_close_to_those_of_chromas_clients() {
    let Some((vectors, _dir)) = local() else { return };
    let Some(theirs) = chromas(&FORMS).await else { return };
    let ours: Vec<Vector> = vectors.obtain(&forms()).await.expect("vectors");
    let cosines: Vec<f32> = ours.iter().zip(&theirs).map(|(ours, theirs)| dot(ours, theirs)).collect();
    let mean = cosines.iter().sum::<f32>() / cosines.len() as f32;
    let worst = cosines.iter().copied().fold(1.0, f32::min);
    println!("cosine of 8 and 32 bit vectors of {} forms: mean {mean:.4}, worst {worst:.4}", FORMS.len());
    assert!(mean > 0.98 && worst > 0.96, "mean {mean}, worst {worst}: {cosines:?}");
}
