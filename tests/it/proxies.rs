//! Through what stands between a person and the API server.

use crate::support::proxy::{BEHIND, Proxy};
use crate::support::steps::{appears, config_map_in, found, live};
use crate::support::{ControlPlane, Home, Options};

/// A home whose kubeconfig reaches the API server by a name that only the proxy knows.
fn behind(plane: &ControlPlane, scheme: &str, proxy: &Proxy) -> Home {
    Home::new(plane.kubeconfig_with("admin", |config| {
        config.server = format!("https://{BEHIND}:{}", plane.port());
        config.proxy = Some(format!("{scheme}://{}", proxy.address()));
    }))
}

/// A search of its own, then a writer that outlives the loss of the proxy.
async fn searches_and_follows_through(plane: &ControlPlane, namespace: &str, scheme: &str, proxy: &Proxy) {
    plane.namespace(namespace).await;
    plane.apply_objects(&[config_map_in(namespace, "before")]).await;
    let home = behind(plane, scheme, proxy);
    home.run(&["search", "kind:configmap", "name:=before", "-n", namespace]).await.success();
    assert!(proxy.connections() >= 1, "the proxy saw no connection");
    assert!(proxy.bytes() > 10_000, "the proxy passed on {} bytes", proxy.bytes());

    let mut writer = live(&home).await;
    plane.apply_objects(&[config_map_in(namespace, "live")]).await;
    appears(&home, &format!("ns:{namespace} name:=live")).await;
    proxy.drop_everything();
    writer.wait_for_line("offline").await;
    plane.apply_objects(&[config_map_in(namespace, "missed")]).await;
    assert_eq!(found(&home, &format!("ns:{namespace} kind:configmap name:=before")).await, 1);
    proxy.resume();
    appears(&home, &format!("ns:{namespace} name:=missed")).await;
    let (code, output) = writer.stop().await;
    assert_eq!(code, 0, "{output}");
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_goes_through_an_http_connect_proxy_and_comes_back_with_it() {
    let Some(plane) = ControlPlane::shared().await else { return };
    searches_and_follows_through(plane, "through-connect", "http", &Proxy::connect().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_goes_through_a_socks5_proxy_and_comes_back_with_it() {
    let Some(plane) = ControlPlane::shared().await else { return };
    searches_and_follows_through(plane, "through-socks", "socks5", &Proxy::socks5().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_is_not_there_is_named() {
    let Some(plane) = ControlPlane::shared().await else { return };
    let proxy = Proxy::connect().await;
    let address = proxy.address().to_string();
    let home = behind(plane, "http", &proxy);
    drop(proxy);
    let output = home.run(&["search", "checkout"]).await;
    assert_eq!(output.code, 3, "{output:?}");
    assert!(output.stderr.contains(&address) && output.stdout.is_empty(), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_speaks_http1_only_is_read_with_bounded_connections() {
    let Some(plane) = ControlPlane::start(Options::default()).await else { return };
    let proxy = Proxy::http1(&plane).await;
    let kubeconfig = plane.kubeconfig("admin");
    let text = fs_err::read_to_string(&kubeconfig).expect("kubeconfig");
    let text = text.replace(&format!("127.0.0.1:{}", plane.port()), &proxy.address().to_string());
    let through = plane.dir().join("http1.kubeconfig");
    fs_err::write(&through, text).expect("kubeconfig");
    let home = Home::new(&through);
    home.run(&["sync", "--once"]).await.success();
    assert!(found(&home, "kind:namespace").await >= 4);
    assert!(proxy.connections() <= 60, "{} connections", proxy.connections());
}
