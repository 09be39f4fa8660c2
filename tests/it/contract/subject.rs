//! One of the two servers that keep the contract, and what the cases do to it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use kubesift::cluster::access::Environment;
use kubesift::cluster::client::{RequestSpec, Response, WatchPermit};
use kubesift::cluster::review::{self, Rights};
use kubesift::cluster::wire::{
    Encoding, Gunzip, JSON, ListDecoder, ListEnd, ListPart, WatchDecoder, WatchEvent,
};
use kubesift::cluster::{Access, AccessOptions, Client, ClientOptions};
use kubesift::demo::{self, Crd, Server, ServerOptions, User};
use kubesift::object::Object;
use serde_json::{Value, json};

use crate::support::wait::DEADLINE;
use crate::support::{ControlPlane, Options, wait_for};

/// Largest body that a case reads.
const LIMIT: usize = 16 << 20;
/// Everything happens here, in config maps.
pub(super) const NAMESPACE: &str = "contract";
/// The collection that the cases read.
pub(super) const PATH: &str = "/api/v1/namespaces/contract/configmaps";

/// The collection that can't be converted.
pub(super) const UNCONVERTED: &str = "/apis/contract.example.org/v1/namespaces/contract/widgets";

enum Kind {
    Real(Box<ControlPlane>),
    Simulated { server: Server, dir: tempfile::TempDir },
}

/// A server under test: `admin` may do everything, `nobody` nothing.
pub(super) struct Subject {
    kind: Kind,
    admin: Client,
}

/// What a server answered.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) content_type: String,
    pub(super) body: Bytes,
}

impl Subject {
    /// The real API server; `None` where it can't run.
    pub(super) async fn real() -> Option<Self> {
        let plane = ControlPlane::start(Options::default()).await?;
        let admin = client(&plane.kubeconfig("admin"));
        let own = Self { kind: Kind::Real(Box::new(plane)), admin };
        own.prepare().await;
        Some(own)
    }

    /// The simulated one.
    pub(super) async fn simulated(options: ServerOptions) -> Self {
        let user = |name: &str| User {
            name: name.to_owned(),
            token: format!("token-of-{name}"),
            groups: if name == "admin" {
                vec!["system:masters".to_owned()]
            } else {
                vec!["testers".to_owned()]
            },
        };
        let users = vec![user("admin"), user("nobody")];
        let fresh_wait = Duration::from_millis(200);
        let options = ServerOptions { objects: 0, users, fresh_wait, ..options };
        let server = Server::start(options).await.expect("the simulated server starts");
        server.set_rights("nobody", demo::Rights::none());
        let dir = tempfile::tempdir().expect("temp dir");
        for user in server.users() {
            fs_err::write(dir.path().join(&user.name), server.kubeconfig_for(user)).expect("kubeconfig");
        }
        let admin = client(&dir.path().join("admin"));
        let own = Self { kind: Kind::Simulated { server, dir }, admin };
        own.prepare().await;
        own
    }

    /// The namespace and the objects that every case may read.
    async fn prepare(&self) {
        match &self.kind {
            Kind::Real(plane) => plane.namespace(NAMESPACE).await,
            Kind::Simulated { server, .. } => {
                let namespace = Object { name: NAMESPACE.to_owned(), ..Object::default() };
                server.apply("namespaces", namespace).expect("namespaces are served");
            }
        }
        for (name, labels) in [
            ("a", &[("app", "web"), ("env", "prod")][..]),
            ("b", &[("app", "web")]),
            ("c", &[("app", "db"), ("empty", "")]),
            ("d", &[]),
            ("e", &[("env", "stage")]),
        ] {
            self.put(name, labels).await;
        }
    }

    /// Makes or changes a config map.
    pub(super) async fn put(&self, name: &str, labels: &[(&str, &str)]) {
        let labels: BTreeMap<String, String> =
            labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        match &self.kind {
            Kind::Real(plane) => {
                let object = json!({ "apiVersion": "v1", "kind": "ConfigMap",
                    "metadata": { "name": name, "namespace": NAMESPACE, "labels": labels } });
                plane.apply_objects(&[object]).await;
            }
            Kind::Simulated { server, .. } => {
                let object = Object {
                    name: name.to_owned(),
                    namespace: NAMESPACE.to_owned(),
                    labels,
                    ..Object::default()
                };
                server.apply("configmaps", object).expect("config maps are served");
            }
        }
    }

    /// Makes a Pod of one container, `app`, that no node has.
    pub(super) async fn put_pod(&self, name: &str) {
        match &self.kind {
            Kind::Real(plane) => {
                let pod = json!({ "apiVersion": "v1", "kind": "Pod",
                    "metadata": { "name": name, "namespace": NAMESPACE },
                    "spec": { "containers": [{ "name": "app", "image": "example.org/app" }] } });
                plane.apply_objects(&[pod]).await;
            }
            Kind::Simulated { server, .. } => {
                let pod =
                    Object { name: name.to_owned(), namespace: NAMESPACE.to_owned(), ..Object::default() };
                server.apply("pods", pod).expect("Pods are served");
            }
        }
    }

    /// A custom resource with one object that is stored in v1alpha1, and a conversion webhook that nobody listens for:
    /// what is asked for in v1 can't be had.
    pub(super) async fn break_conversion(&self) {
        let (kind, name) = ("widgets.contract.example.org", "own");
        match &self.kind {
            Kind::Real(plane) => {
                let version = |name: &str| {
                    json!({ "name": name, "served": true, "storage": name == "v1alpha1",
                        "schema": { "openAPIV3Schema": { "type": "object" } } })
                };
                let mut crd = json!({
                    "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
                    "metadata": { "name": kind },
                    "spec": {
                        "group": "contract.example.org", "scope": "Namespaced",
                        "names": { "kind": "Widget", "plural": "widgets", "singular": "widget" },
                        "versions": [version("v1alpha1"), version("v1")],
                    },
                });
                plane.apply_objects(&[crd.clone()]).await;
                let widget = json!({ "apiVersion": "contract.example.org/v1alpha1", "kind": "Widget",
                    "metadata": { "name": name, "namespace": NAMESPACE } });
                wait_for("the kind", async || {
                    self.get(&format!("{UNCONVERTED}?limit=1"), JSON).await.status == 200
                })
                .await;
                plane.apply_objects(&[widget]).await;
                crd["spec"]["conversion"] = json!({ "strategy": "Webhook", "webhook": {
                    "clientConfig": { "url": "https://127.0.0.1:1/convert" }, "conversionReviewVersions": ["v1"] } });
                plane.apply_objects(&[crd]).await;
            }
            Kind::Simulated { server, .. } => {
                let crd = Crd {
                    versions: vec!["v1".to_owned(), "v1alpha1".to_owned()],
                    ..Crd::new("contract.example.org", "v1", "Widget", "widgets")
                };
                server.add_crd(&crd).expect("a new kind");
                let own =
                    Object { name: name.to_owned(), namespace: NAMESPACE.to_owned(), ..Object::default() };
                server.apply(kind, own).expect("widgets are served");
                let why = "conversion webhook for contract.example.org/v1alpha1, Kind=Widget failed: Post \
                           \"https://127.0.0.1:1/convert?timeout=30s\": dial tcp 127.0.0.1:1: connect: connection \
                           refused";
                server.set_conversion(kind, Some(why)).expect("widgets are served");
            }
        }
        // The API server takes a moment until it works by the new definition.
        wait_for("the webhook to be asked", async || {
            self.get(&format!("{UNCONVERTED}?limit=1"), JSON).await.status == 500
        })
        .await;
    }

    /// The client of admin.
    pub(super) fn client(&self) -> Client {
        self.admin.clone()
    }

    /// Deletes a config map.
    pub(super) async fn delete(&self, name: &str) {
        match &self.kind {
            Kind::Real(plane) => {
                plane.kubectl(&["delete", "configmap", name, "-n", NAMESPACE]).await;
            }
            Kind::Simulated { server, .. } => {
                server.delete("configmaps", NAMESPACE, name);
            }
        }
    }

    /// Makes the server forget its history, so that older versions are expired.
    pub(super) async fn forget_history(&mut self) {
        match &mut self.kind {
            Kind::Real(plane) => {
                plane.compact().await;
                plane.restart_apiserver().await;
            }
            Kind::Simulated { server, .. } => server.compact(),
        }
    }

    /// Runs kubectl as admin in the namespace; panics when it fails.
    pub(super) async fn kubectl(&self, plane: Option<&ControlPlane>, arguments: &[&str]) -> Option<String> {
        let arguments = [arguments, &["-n", NAMESPACE]].concat();
        match &self.kind {
            Kind::Real(plane) => Some(plane.kubectl(&arguments).await),
            Kind::Simulated { dir, .. } => {
                let path = dir.path().join("admin");
                let through = ["--kubeconfig", path.to_str().expect("UTF-8")];
                Some(plane?.kubectl(&[&through, arguments.as_slice()].concat()).await)
            }
        }
    }

    /// The real control plane, whose kubectl reads the simulated server too.
    pub(super) fn plane(&self) -> Option<&ControlPlane> {
        match &self.kind {
            Kind::Real(plane) => Some(plane),
            Kind::Simulated { .. } => None,
        }
    }

    /// A GET as admin.
    pub(super) async fn get(&self, path: &str, accept: &'static str) -> Answer {
        get(&self.admin, path, accept).await
    }

    /// A GET as the user without rights.
    pub(super) async fn get_as_nobody(&self, path: &str) -> Answer {
        get(&client(&self.kubeconfig("nobody")), path, JSON).await
    }

    /// A GET with a token that nobody has.
    pub(super) async fn get_as_stranger(&self, path: &str) -> Answer {
        let text = fs_err::read_to_string(self.kubeconfig("nobody")).expect("kubeconfig");
        let file = tempfile::NamedTempFile::new().expect("temp file");
        fs_err::write(file.path(), text.replace("-of-nobody", "-of-a-stranger")).expect("kubeconfig");
        get(&client(file.path()), path, JSON).await
    }

    /// What a user may do in a namespace.
    pub(super) async fn rights(&self, user: &str, namespace: &str) -> Rights {
        review::rights(&client(&self.kubeconfig(user)), namespace).await.expect("a review")
    }

    /// Who a user is.
    pub(super) async fn who(&self, user: &str) -> Option<String> {
        review::user(&client(&self.kubeconfig(user))).await.expect("an answer")
    }

    /// How long a watch has to last to see a few changes: the real server's are made by kubectl.
    pub(super) fn watch_seconds(&self) -> u32 {
        match &self.kind {
            Kind::Real(_) => 8,
            Kind::Simulated { .. } => 3,
        }
    }

    /// Opens a watch.
    pub(super) async fn watch(&self, query: &str, accept: &'static str) -> Watch {
        let spec = RequestSpec::new(format!("{PATH}?watch=1&{query}")).accept(accept);
        let permit = self.admin.acquire_watch().expect("a place");
        let response = self.admin.watch(&spec, &permit).await.expect("a watch");
        let decoder = WatchDecoder::new(Encoding::of(response.content_type()).expect("protobuf or JSON"));
        Watch { response, decoder: Some(decoder), events: Vec::new(), _permit: permit }
    }

    fn kubeconfig(&self, user: &str) -> PathBuf {
        match &self.kind {
            Kind::Real(plane) => plane.kubeconfig(user),
            Kind::Simulated { dir, .. } => dir.path().join(user),
        }
    }
}

impl Answer {
    /// The body as JSON.
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!("{error} in an answer of {} as {}: {:?}", self.status, self.content_type, self.body)
        })
    }

    /// What it refuses with: HTTP status, and the code, reason and message of its `Status`.
    pub(super) fn refusal(&self) -> String {
        let status = self.json();
        assert_eq!(status["kind"], "Status", "{status}");
        let said = ["code", "reason", "message"].map(|field| status[field].to_string()).join(" ");
        format!("{} {} {said}", self.status, essence(&self.content_type))
    }

    /// A list of metadata, as kubesift decodes it.
    pub(super) fn list(&self) -> (Vec<Object>, ListEnd) {
        assert_eq!(self.status, 200, "{:?}", self.body);
        let mut decoder = ListDecoder::new(Encoding::of(&self.content_type).expect("protobuf or JSON"));
        let mut objects = Vec::new();
        let mut take = |part| {
            if let ListPart::Item(object) = part {
                objects.push(*object);
            }
        };
        // Cut in awkward places: the wire does that too.
        for chunk in self.body.chunks(37) {
            decoder.push(chunk, &mut take).expect("a list");
        }
        (objects, decoder.finish().expect("a whole list"))
    }
}

/// An open watch.
pub(super) struct Watch {
    response: Response,
    decoder: Option<WatchDecoder>,
    events: Vec<WatchEvent>,
    _permit: WatchPermit,
}

impl Watch {
    /// Its content type.
    pub(super) fn content_type(&self) -> &str {
        self.response.content_type()
    }

    /// Reads until the server ends the stream, which it does at the timeout that was asked for.
    pub(super) async fn read_to_end(&mut self) -> &[WatchEvent] {
        let mut decoder = self.decoder.take().expect("read once");
        let mut gunzip = if self.response.is_gzip() { Gunzip::new() } else { Gunzip::identity() };
        while let Some(chunk) = self.response.chunk_within(DEADLINE).await.expect("no broken stream") {
            let events = &mut self.events;
            gunzip
                .push(&chunk, &mut |plain| decoder.push(plain, &mut |event| events.push(event)))
                .expect("whole frames");
        }
        decoder.finish().expect("ends between two frames");
        &self.events
    }
}

/// kubesift's own client: what the contract is for.
fn client(kubeconfig: &Path) -> Client {
    let access = Access::load(&AccessOptions {
        kubeconfig: Some(kubeconfig.to_owned()),
        environment: Environment::fixed::<String, String>([]),
        ..AccessOptions::default()
    });
    Client::new(&access.expect("a kubeconfig that works"), ClientOptions::default()).expect("a client")
}

async fn get(client: &Client, path: &str, accept: &'static str) -> Answer {
    match client.get(&RequestSpec::new(path).accept(accept)).await {
        Ok(response) => {
            let (status, content_type) = (response.status.as_u16(), response.content_type().to_owned());
            let body = response.bytes(LIMIT).await.expect("a whole body");
            Answer { status, content_type, body }
        }
        Err(error) => {
            let failure = error.failure().unwrap_or_else(|| panic!("{path}: no answer: {error}"));
            Answer {
                status: failure.status,
                content_type: failure.content_type.clone(),
                body: failure.body.clone(),
            }
        }
    }
}

/// A content type without parameters.
pub(super) fn essence(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default()
}
