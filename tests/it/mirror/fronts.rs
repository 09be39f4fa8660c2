//! A store that is not open to everybody: TLS, a token, a path prefix; another tenant and database.

use serde_json::json;

use super::sync::equal;
use super::{parts, to};
use crate::support::store_proxy::{Guard, StoreProxy};

const TOKEN: &str = "the-store's-token";

#[tokio::test(flavor = "multi_thread")]
async fn a_store_behind_tls_a_token_and_a_path_prefix_is_mirrored_into() {
    let Some((plane, chroma, mut home)) = parts().await else { return };
    let certificate = Some(plane.server_certificate("store"));
    let guard = Guard { certificate, prefix: "/vectors/chroma", token: Some(TOKEN) };
    let front = StoreProxy::guarded(chroma.port(), guard).await;
    let url = front.url();
    assert!(url.starts_with("https://") && url.ends_with("/vectors/chroma"), "{url}");

    let untrusted = home.run(&to("sync", &url, &["--once"])).await;
    assert!(untrusted.code == 3 && untrusted.stderr.contains("certificate"), "{untrusted:?}");
    home.set("SSL_CERT_FILE", plane.ca());
    let nobody = home.run(&to("sync", &url, &["--once"])).await;
    assert!(nobody.code == 3 && nobody.stderr.contains("KUBESIFT_CHROMA_TOKEN"), "{nobody:?}");
    home.set("KUBESIFT_CHROMA_TOKEN", "another-token");
    let wrong = home.run(&to("verify", &url, &[])).await;
    assert!(wrong.code == 3 && wrong.stderr.contains("refuses the credentials (401)"), "{wrong:?}");
    assert!(!wrong.stderr.contains("another-token"), "{wrong:?}");
    home.set("KUBESIFT_CHROMA_TOKEN", TOKEN);
    let elsewhere = url.replace("/vectors/chroma", "/vectors");
    let elsewhere = home.run(&to("sync", &elsewhere, &["--once"])).await;
    assert!(elsewhere.code == 3 && elsewhere.stderr.contains("API v2"), "{elsewhere:?}");
    let collections = chroma.python("print(json.dumps(len(client.list_collections())))").await;
    assert_eq!(collections, json!(0), "nothing was written so far");

    home.run(&to("sync", &url, &["--once"])).await.success();
    equal(&home, &url).await;
    let status = home.status().await;
    assert!(!status.to_string().contains(TOKEN), "a token is in no file");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tenant_and_database_are_another_mirror() {
    let Some((_plane, chroma, home)) = parts().await else { return };
    let url = chroma.url();
    let there = ["--tenant", "team", "--database", "clusters"];
    let with = |more: &[&'static str]| [&there[..], more].concat();
    let missing = home.run(&to("sync", &url, &with(&["--once"]))).await;
    assert!(missing.code == 3 && missing.stderr.contains("[clusters] does not exist"), "{missing:?}");
    chroma
        .python(&format!(
            "
import urllib.request
post = lambda path, body: urllib.request.urlopen(urllib.request.Request('{url}/api/v2/' + path,
  json.dumps(body).encode(), {{'content-type': 'application/json'}})).read()
post('tenants', {{'name': 'team'}})
post('tenants/team/databases', {{'name': 'clusters'}})
print(1)"
        ))
        .await;
    home.run(&to("sync", &url, &with(&["--once"]))).await.success();
    home.run(&to("verify", &url, &with(&[]))).await.success();
    let found = chroma
        .python(&format!(
            "
there = chromadb.HttpClient(host='127.0.0.1', port={}, tenant='team', database='clusters')
print(json.dumps([there.get_collection('instances', embedding_function=None).count() > 0, len(client.list_collections())]))",
            chroma.port()
        ))
        .await;
    assert_eq!(found, json!([true, 0]), "there, and only there");

    // What one of them is in sync with says nothing about the other.
    let mut writer = home.spawn(&to("sync", &url, &with(&["--watch"])));
    writer.wait_for_line("mirror live").await;
    let beside = home.run(&to("sync", &url, &["--once"])).await;
    assert!(beside.code == 0 && !beside.stderr.contains("keeps this collection in sync"), "{beside:?}");
    home.run(&to("verify", &url, &[])).await.success();
    let same = home.run(&to("sync", &url, &with(&["--once"]))).await;
    assert!(same.code == 0 && same.stderr.contains("keeps this collection in sync"), "{same:?}");
    writer.stop().await;
}
