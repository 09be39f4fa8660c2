//! What every cluster has, and the platform that the shop stands on.

use std::collections::BTreeSet;

use super::apps::{self, Workload};
use super::builder::{Builder, pairs};
use super::world::{CLUSTER_ROLES, CUSTOM, PLATFORM};
use crate::demo::DemoError;
use crate::demo::custom::{self, Crd};

/// Namespaces and APIServices: there even in an empty cluster.
pub(super) fn skeleton(builder: &mut Builder<'_>) -> Result<(), DemoError> {
    for name in ["kube-system", "default", "kube-public", "kube-node-lease"] {
        namespace(builder, name, "", "")?;
    }
    let versions: BTreeSet<_> = builder
        .state
        .catalog
        .all()
        .flat_map(|served| served.versions.iter().map(|version| (served.kind.group.clone(), version.clone())))
        .collect();
    for (group, version) in versions {
        custom::add_api_service(builder.state, &group, &version, "onstart", builder.epoch)?;
    }
    Ok(())
}

/// A namespace.
pub(super) fn namespace(
    builder: &mut Builder<'_>,
    name: &str,
    team: &str,
    environment: &str,
) -> Result<(), DemoError> {
    let mut object = builder.object("", name, 900);
    object.generation = 0;
    object.labels.extend(pairs([("kubernetes.io/metadata.name", name)]));
    if !team.is_empty() {
        object.labels.extend(pairs([("team", team), ("env", environment)]));
        object.annotations.extend(pairs([("example.org/owner", team)]));
    }
    builder.put("namespaces", object).map(|_| ())
}

/// The definitions, without their objects.
pub(super) fn custom_resources(builder: &mut Builder<'_>) -> Result<(), DemoError> {
    for (group, versions, kind, plural, short_names, namespaced, description) in CUSTOM {
        let crd = Crd {
            versions: versions.iter().map(|version| (*version).to_owned()).collect(),
            short_names: short_names.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect(),
            namespaced: *namespaced,
            description: (*description).to_owned(),
            ..Crd::new(group, "", kind, plural)
        };
        let created = builder.epoch - 200 * 86_400;
        custom::add(builder.state, &crd, created)?;
    }
    Ok(())
}

/// Nodes, roles, classes.
pub(super) fn cluster_scoped(builder: &mut Builder<'_>) -> Result<(), DemoError> {
    for index in 0..NODES.len() {
        let mut node = builder.object("", NODES[index], 90);
        let zone = ["eu-central-1a", "eu-central-1b", "eu-central-1c"][index % 3];
        node.labels.extend(pairs([
            ("kubernetes.io/arch", "amd64"),
            ("kubernetes.io/hostname", NODES[index]),
            ("node.kubernetes.io/instance-type", "m7i.2xlarge"),
            ("topology.kubernetes.io/zone", zone),
        ]));
        builder.put("nodes", node)?;
        let lease = builder.object("kube-node-lease", NODES[index], 90);
        builder.put("leases.coordination.k8s.io", lease)?;
    }
    for role in CLUSTER_ROLES {
        for kind in
            ["clusterroles.rbac.authorization.k8s.io", "clusterrolebindings.rbac.authorization.k8s.io"]
        {
            let mut object = builder.object("", role, 900);
            object.generation = 0;
            if role.starts_with("system:") {
                object.labels.extend(pairs([("kubernetes.io/bootstrapping", "rbac-defaults")]));
            }
            builder.put(kind, object)?;
        }
    }
    for (kind, name) in [
        ("storageclasses.storage.k8s.io", "gp3"),
        ("ingressclasses.networking.k8s.io", "nginx"),
        ("priorityclasses.scheduling.k8s.io", "system-cluster-critical"),
        ("priorityclasses.scheduling.k8s.io", "shop-critical"),
        ("clusterissuers.cert-manager.io", "letsencrypt"),
        ("buckets.platform.example.org", "product-pictures"),
        ("buckets.platform.example.org", "receipts-archive"),
    ] {
        let object = builder.object("", name, 600);
        builder.put(kind, object)?;
    }
    Ok(())
}

const NODES: [&str; 4] = ["node-a1", "node-b1", "node-c1", "node-a2"];

/// DNS, ingress, certificates, delivery and monitoring.
pub(super) fn services(builder: &mut Builder<'_>) -> Result<(), DemoError> {
    let mut seen = BTreeSet::from(["kube-system"]);
    for (space, name, everywhere) in PLATFORM {
        if seen.insert(space) {
            namespace(builder, space, "team-platform", "prod")?;
        }
        let workload = Workload {
            namespace: space,
            name,
            team: "team-platform",
            environment: "prod",
            description: "",
            replicas: if *everywhere { NODES.len() } else { 2 },
        };
        if *everywhere {
            apps::daemon_set(builder, &workload)?;
        } else {
            apps::deployment(builder, &workload)?;
            apps::service(builder, &workload)?;
        }
    }
    Ok(())
}
