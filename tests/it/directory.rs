//! The data directory through the program: what is old goes, what is damaged is rebuilt, what is shared stays shared.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime};

use kubesift::demo::{Server, ServerOptions};

use crate::support::Home;

async fn cluster(files: &tempfile::TempDir) -> (Server, Home) {
    let server =
        Server::start(ServerOptions { objects: 60, ..ServerOptions::default() }).await.expect("a server");
    let kubeconfig = files.path().join("kubeconfig");
    fs_err::write(&kubeconfig, server.kubeconfig()).expect("kubeconfig");
    (server, Home::new(kubeconfig))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_unused_for_a_month_is_removed_and_that_is_said() {
    let files = tempfile::tempdir().expect("temp dir");
    let (_server, home) = cluster(&files).await;
    home.run(&["sync"]).await.success();
    let data = home.path().join("data/kubesift");
    let (old, young) = (data.join("0".repeat(64)), data.join("1".repeat(64)));
    for (dir, days) in [(&old, 31), (&young, 29)] {
        fs_err::create_dir_all(dir.join("tantivy")).expect("a directory");
        fs_err::write(dir.join("used"), "").expect("a file");
        let then = SystemTime::now() - Duration::from_secs(days * 24 * 3600);
        let file = fs_err::OpenOptions::new().write(true).open(dir.join("used")).expect("a file");
        file.into_parts().0.set_modified(then).expect("a time");
    }
    let output = home.run(&["sync"]).await;
    assert!(output.code == 0 && output.stderr.contains("unused for 31 days"), "{output:?}");
    assert!(!old.exists() && young.exists());
    assert!(home.status().await["notes"].to_string().contains("unused for 31 days"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_index_is_rebuilt_with_one_line() {
    let files = tempfile::tempdir().expect("temp dir");
    let (_server, home) = cluster(&files).await;
    let before = home.run(&["search", "-o", "name", "kind:ns"]).await.success();
    for entry in fs_err::read_dir(home.path().join("data/kubesift")).expect("indexes") {
        let meta = entry.expect("an entry").path().join("tantivy/meta.json");
        if meta.exists() {
            fs_err::write(meta, "{").expect("a damaged file");
        }
    }
    let output = home.run(&["search", "-o", "name", "kind:ns"]).await;
    assert_eq!((output.code, output.stdout), (0, before));
    assert_eq!(output.stderr.matches("rebuilt").count(), 1, "{}", output.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_data_directory_keeps_its_rights_and_the_index_is_private() {
    let files = tempfile::tempdir().expect("temp dir");
    let (_server, home) = cluster(&files).await;
    let shared = files.path().join("shared");
    fs_err::create_dir(&shared).expect("a directory");
    let mode =
        |path: &std::path::Path| fs_err::metadata(path).expect("metadata").permissions().mode() & 0o777;
    fs_err::set_permissions(&shared, std::fs::Permissions::from_mode(0o755)).expect("permissions");
    home.run(&["sync", "--data-dir", shared.to_str().expect("UTF-8")]).await.success();
    assert_eq!(mode(&shared), 0o755);
    for entry in fs_err::read_dir(&shared).expect("entries") {
        let path = entry.expect("an entry").path();
        assert_eq!(mode(&path), if path.is_dir() { 0o700 } else { 0o600 }, "{}", path.display());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_demo_leaves_nothing_behind() {
    let files = tempfile::tempdir().expect("temp dir");
    let mut home = Home::new("/nonexistent/kubeconfig");
    home.set("TMPDIR", files.path());
    let mut demo = home.spawn(&["demo", "--serve", "127.0.0.1:0"]);
    let line = demo.wait_for_line("export KUBECONFIG=").await;
    let kubeconfig = line.split_once('=').expect("a path").1;
    assert!(kubeconfig.starts_with(files.path().to_str().expect("UTF-8")), "{kubeconfig}");
    let other = Home::new(kubeconfig);
    assert!(other.run(&["search", "checkout"]).await.success().contains("checkout"));
    assert_eq!(demo.stop().await.0, 0);
    assert_eq!(fs_err::read_dir(files.path()).expect("a directory").count(), 0);
}
