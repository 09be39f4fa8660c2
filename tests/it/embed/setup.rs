//! `kubesift setup`, with the real pip where there is one.

use std::path::PathBuf;

use crate::support::{Home, skipped};

fn home() -> Home {
    Home::new("/nowhere/kubeconfig")
}

fn library(home: &Home) -> PathBuf {
    home.path().join("data/kubesift/onnxruntime").join(kubesift::embed::LIBRARY)
}

fn has_pip() -> bool {
    let asked = std::process::Command::new("python3").args(["-m", "pip", "--version"]).output();
    asked.is_ok_and(|said| said.status.success())
}

#[tokio::test]
async fn setup_gets_onnx_runtime_once() {
    if !has_pip() {
        return skipped("no python3 with pip, which setup needs");
    }
    let mut home = home();
    for name in
        ["PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_CERT", "PIP_PROXY", "HTTPS_PROXY", "SSL_CERT_FILE"]
    {
        if let Some(value) = std::env::var_os(name) {
            home.set(name, value);
        }
    }
    let first = home.run(&["setup"]).await;
    if first.code == 3 && first.stderr.contains("pip could not download") {
        return skipped("onnxruntime can't be downloaded here");
    }
    let first = first.success();
    assert!(first.contains("is set up for semantic search: ") && first.contains("libonnxruntime"), "{first}");
    let made = fs_err::metadata(library(&home)).expect("the library").modified().expect("a time");

    let second = home.run(&["setup"]).await.success();
    assert!(second.contains("is there already: "), "{second}");
    assert_eq!(fs_err::metadata(library(&home)).expect("the library").modified().expect("a time"), made);

    // A damaged one is replaced.
    fs_err::write(library(&home), "damaged").expect("written");
    assert!(home.run(&["setup"]).await.success().contains("is set up"));
    assert!(fs_err::metadata(library(&home)).expect("the library").len() > 1_000_000);
}

#[tokio::test]
async fn without_a_network_setup_says_so_and_leaves_nothing() {
    if !has_pip() {
        return skipped("no python3 with pip, which setup needs");
    }
    let mut home = home();
    home.set("PIP_INDEX_URL", "http://127.0.0.1:1/");
    home.set("PIP_CONFIG_FILE", "/dev/null");
    home.set("PIP_RETRIES", "0");
    let output = home.run(&["setup"]).await;
    assert_eq!(output.code, 3, "{output:?}");
    assert!(output.stderr.starts_with("error: pip could not download onnxruntime "), "{}", output.stderr);
    assert!(output.stderr.contains("is there a network"), "{}", output.stderr);
    let left = fs_err::read_dir(library(&home).parent().expect("a directory")).expect("listed").count();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn without_python_setup_says_what_to_do() {
    let mut home = home();
    let empty = home.path().to_owned();
    home.set("PATH", empty);
    let output = home.run(&["setup"]).await;
    assert_eq!(output.code, 3, "{output:?}");
    assert!(output.stderr.starts_with("error: Python 3 was not found"), "{}", output.stderr);
    assert!(output.stderr.contains("ORT_DYLIB_PATH"), "{}", output.stderr);
}
