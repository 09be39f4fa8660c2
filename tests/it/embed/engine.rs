//! The engine embeds what the index holds, in the background, and says how far it is.

use kubesift::demo::{Server, ServerOptions};
use kubesift::object::Object;
use serde_json::Value;

use crate::support::binary::Running;
use crate::support::{Home, models, wait_for};

/// A simulated cluster and a user of it.
struct Place {
    server: Server,
    home: Home,
    _files: tempfile::TempDir,
}

impl Place {
    async fn new(runtime: &std::path::Path) -> Self {
        let options = ServerOptions { objects: 400, ..ServerOptions::default() };
        let server = Server::start(options).await.expect("a simulated server");
        let files = tempfile::tempdir().expect("temp dir");
        let kubeconfig = files.path().join("kubeconfig");
        fs_err::write(&kubeconfig, server.kubeconfig()).expect("kubeconfig");
        let mut home = Home::new(&kubeconfig);
        home.set("ORT_DYLIB_PATH", runtime);
        Self { server, home, _files: files }
    }

    async fn writer(&self) -> Running {
        let mut writer = self.home.spawn(&["sync", "--watch"]);
        writer.wait_for_line("live").await;
        writer
    }

    /// What status says about embedding once `wanted` holds.
    async fn semantic(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        wait_for(what, async || {
            let semantic = self.home.status().await["semantic"].clone();
            if wanted(&semantic) { Ok(semantic) } else { Err(semantic.to_string()) }
        })
        .await
    }
}

fn number(semantic: &Value, name: &str) -> u64 {
    semantic[name].as_u64().unwrap_or_default()
}

/// Every form has its vector.
fn is_done(semantic: &Value) -> bool {
    let forms = number(semantic, "forms");
    semantic["state"] == "ready" && forms > 0 && number(semantic, "cached") >= forms
}

#[tokio::test(flavor = "multi_thread")]
async fn every_form_is_embedded_once_and_kept() {
    let Some(runtime) = models::runtime() else { return };
    let place = Place::new(&runtime).await;
    let writer = place.writer().await;
    let first = place.semantic("all forms", is_done).await;
    let forms = number(&first, "forms");
    assert_eq!((number(&first, "made"), number(&first, "waiting")), (forms, 0), "{first}");
    assert!(forms < place.server.count() as u64, "Pods share forms: {first}");
    let shown = place.home.run(&["status"]).await.success();
    assert!(
        shown.contains(&format!("semantic  all-MiniLM-L6-v2: {forms} forms, {forms} vectors kept")),
        "{shown}"
    );

    // A change is followed; what only looks new is not.
    let new = |name: &str| Object { name: name.into(), namespace: "default".into(), ..Object::default() };
    place.server.apply("configmaps", new("billing-rules")).expect("an object");
    place.semantic("the new form", |now| number(now, "made") == forms + 1 && is_done(now)).await;
    place.server.apply("configmaps", new("billing-rules-7gc4kbk6ck")).expect("an object");
    place.server.apply("configmaps", new("another-thing")).expect("an object");
    place.semantic("another new form", |now| number(now, "made") == forms + 2 && is_done(now)).await;

    // After kill -9 nothing is made again.
    writer.kill().await;
    let writer = place.writer().await;
    let again = place.semantic("all forms, from the disk", is_done).await;
    assert_eq!((number(&again, "made"), number(&again, "cached")), (0, forms + 2), "{again}");
    let (code, output) = writer.stop().await;
    assert_eq!(code, 0, "{output}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_usable_runtime_everything_else_works() {
    let files = tempfile::tempdir().expect("temp dir");
    let bad = files.path().join("bad.so");
    fs_err::write(&bad, "no library, but longer than a header would be: ".repeat(4)).expect("written");
    let mut cases = vec![
        (files.path().join("missing.so"), "was not found; looked in", "kubesift setup"),
        (bad, "it is no library", "kubesift setup, or ORT_DYLIB_PATH="),
    ];
    // A library, but another one.
    let libc = ["/lib/x86_64-linux-gnu/libm.so.6", "/lib/aarch64-linux-gnu/libm.so.6", "/lib64/libm.so.6"];
    let libc = libc.map(std::path::PathBuf::from).into_iter().find(|path| path.is_file());
    cases.extend(libc.map(|path| (path, "does not export `OrtGetApiBase`", "kubesift setup, or")));
    if let Some(runtime) = models::runtime() {
        // The dynamic linker would map it without a word and die reading it.
        let cut = files.path().join("cut.so");
        let whole = fs_err::read(&runtime).expect("the library");
        fs_err::write(&cut, &whole[..whole.len() / 2]).expect("written");
        cases.push((cut, "it is cut off", "kubesift setup, or"));
    }
    for (runtime, why, advice) in cases {
        let place = Place::new(&runtime).await;
        let writer = place.writer().await;
        let off =
            place.semantic(why, |now| now["error"].as_str().is_some_and(|error| error.contains(why))).await;
        assert_eq!(off["state"], "off", "{off}");
        assert!(off["advice"].as_str().is_some_and(|text| text.starts_with(advice)), "{off}");
        let shown = place.home.run(&["status"]).await.success();
        assert!(shown.contains(&format!("semantic  off ({advice}")), "{shown}");
        assert!(!place.home.ids_offline("kind:pod").await.is_empty());
        let (code, output) = writer.stop().await;
        assert_eq!(code, 0, "{output}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn embedding_can_be_switched_off_and_remote_ones_need_leave() {
    let mut place = Place::new("/nowhere".as_ref()).await;
    place.home.set("KUBESIFT_EMBEDDER", "off");
    let writer = place.writer().await;
    let off = place.semantic("off", |now| now["state"] == "off").await;
    assert_eq!(off["error"], Value::Null);
    writer.stop().await;
    place.home.set("KUBESIFT_EMBEDDER", "voyage");
    let refused = place.home.run(&["sync", "--watch"]).await;
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.stderr.contains("the embedder 'voyage' is remote"), "{}", refused.stderr);
    // Searching by words has nothing to do with it.
    assert_eq!(place.home.run(&["search", "kind:pod", "--count"]).await.code, 0);
}
