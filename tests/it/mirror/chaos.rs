//! Everything at once, by a seed: the cluster changes while kubesift, Chroma and the API server are killed, stopped,
//! wiped and restored and rights come and go. Every round ends equal, and nothing is wrongly deleted.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use super::sync::equal;
use super::{parts, to};
use crate::support::controlplane::Snapshot;
use crate::support::{ControlPlane, Home, chroma::Chroma};

/// Names that objects have.
const NAMES: u32 = 40;

fn object(random: &mut StdRng) -> Value {
    let kind = ["ConfigMap", "Secret", "ServiceAccount"][random.random_range(0..3)];
    let labels = json!({ "app": format!("a{}", random.random_range(0..3)) });
    let labels = if random.random_bool(0.5) { labels } else { json!({}) };
    json!({ "apiVersion": "v1", "kind": kind, "metadata": {
        "name": format!("chaos-{}", random.random_range(0..NAMES)), "namespace": "default", "labels": labels } })
}

async fn change(plane: &ControlPlane, random: &mut StdRng) {
    let objects: Vec<Value> = (0..random.random_range(1..15)).map(|_| object(random)).collect();
    plane.apply_objects(&objects).await;
    for _ in 0..random.random_range(0..4) {
        let kind = ["configmap", "secret", "serviceaccount"][random.random_range(0..3)];
        let name = format!("chaos-{}", random.random_range(0..NAMES));
        plane.kubectl(&["delete", kind, &name, "-n", "default", "--ignore-not-found"]).await;
    }
}

struct Round<'a> {
    plane: &'a mut ControlPlane,
    chroma: &'a mut Chroma,
    home: &'a Home,
    random: StdRng,
    snapshot: Option<Snapshot>,
}

impl Round<'_> {
    async fn run(&mut self) {
        let url = self.chroma.url();
        let arguments = to("sync", &url, &["--watch"]);
        let mut writer = Some(self.home.spawn(&arguments));
        change(self.plane, &mut self.random).await;
        for _ in 0..self.random.random_range(3..7) {
            match self.random.random_range(0..8) {
                0 => {
                    writer.take().expect("runs").kill().await;
                    change(self.plane, &mut self.random).await;
                    writer = Some(self.home.spawn(&arguments));
                }
                1 => {
                    self.chroma.kill();
                    change(self.plane, &mut self.random).await;
                    self.chroma.resume().await;
                }
                2 => {
                    self.chroma.freeze();
                    change(self.plane, &mut self.random).await;
                    self.chroma.thaw();
                }
                3 => self.chroma.wipe().await,
                4 => self.plane.restart_apiserver().await,
                5 => match &self.snapshot {
                    Some(snapshot) => self.plane.restore(snapshot).await,
                    None => self.snapshot = Some(self.plane.snapshot()),
                },
                6 => {
                    // Another user's index of the same cluster can read next to nothing: it must not take over.
                    self.plane.grant("limited", None, &["configmaps"]).await;
                    let limited = super::home(self.plane.kubeconfig("limited"));
                    let mut other = limited.spawn(&to("sync", &url, &["--watch"]));
                    other.wait_for_line("mirror").await;
                    other.kill().await;
                }
                _ => {
                    writer.take().expect("runs").stop().await;
                    change(self.plane, &mut self.random).await;
                    writer = Some(self.home.spawn(&arguments));
                }
            }
            change(self.plane, &mut self.random).await;
        }
        equal(self.home, &url).await;
        let status = self.home.status().await;
        assert_eq!(
            (&status["mirror"]["held_back"], &status["drift_corrected"]),
            (&json!(0), &json!(0)),
            "{status}"
        );
        writer.take().expect("runs").stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn chaos_ends_equal() {
    let Some((mut plane, mut chroma, home)) = parts().await else { return };
    let rounds: u64 = if crate::support::long() { 50 } else { 1 };
    let first: u64 =
        std::env::var("KUBESIFT_CHAOS_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(7);
    for seed in first..first + rounds {
        println!("chaos seed {seed}");
        let random = StdRng::seed_from_u64(seed);
        Round { plane: &mut plane, chroma: &mut chroma, home: &home, random, snapshot: None }.run().await;
    }
}
