//! The names of the demo's world.

/// A team with its applications; every environment has a namespace of it, e.g. `payments-prod`.
pub(super) struct Domain {
    pub(super) name: &'static str,
    pub(super) team: &'static str,
    pub(super) apps: &'static [App],
}

/// One application.
pub(super) struct App {
    pub(super) name: &'static str,
    pub(super) role: Role,
    pub(super) description: &'static str,
}

/// What an application is, and so which objects it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Behind an Ingress.
    Web,
    /// A service for others.
    Api,
    /// No service.
    Worker,
    /// A CronJob.
    Batch,
    /// A StatefulSet with volumes.
    Database,
    /// A database that the platform runs: a SqlClaim.
    Claimed,
}

const fn app(name: &'static str, role: Role, description: &'static str) -> App {
    App { name, role, description }
}

/// The shop's teams.
pub(super) const DOMAINS: &[Domain] = &[
    Domain {
        name: "payments",
        team: "team-payments",
        apps: &[
            app("checkout", Role::Web, "Takes an order from the cart to the paid receipt"),
            app("payments-api", Role::Api, "Authorises and captures card payments with the acquirer"),
            app("fraud-detector", Role::Worker, "Scores every payment and holds back the suspicious ones"),
            app("payments-db", Role::Database, "PostgreSQL with every payment since 2019; backed up hourly"),
            app("ledger", Role::Claimed, "Double-entry ledger; the books are closed on it"),
            app("settlement", Role::Batch, "Settles the day with the acquirer every night at two"),
        ],
    },
    Domain {
        name: "shop",
        team: "team-storefront",
        apps: &[
            app("storefront", Role::Web, "The shop as customers see it"),
            app("cart", Role::Api, "Shopping carts; survives a lost session"),
            app("catalog", Role::Api, "Products, prices and pictures"),
            app("catalog-search", Role::Database, "Elasticsearch index of the catalog"),
            app("recommendations", Role::Api, "Customers also bought"),
            app("sessions-cache", Role::Database, "Redis; sessions and rate limits, safe to lose"),
        ],
    },
    Domain {
        name: "orders",
        team: "team-fulfilment",
        apps: &[
            app("orders-api", Role::Api, "The life of an order from paid to delivered"),
            app("orders-db", Role::Claimed, "Relational store of orders and shipments"),
            app("shipping", Role::Worker, "Books parcels with the carriers and prints labels"),
            app("inventory", Role::Api, "What is in which warehouse"),
            app("warehouse-sync", Role::Batch, "Reads stock levels from the warehouses every ten minutes"),
        ],
    },
    Domain {
        name: "accounts",
        team: "team-identity",
        apps: &[
            app("accounts", Role::Api, "Customer accounts, addresses and consent"),
            app("auth-gateway", Role::Web, "Sign-in, tokens and multi-factor"),
            app("accounts-db", Role::Database, "MySQL with the customer accounts"),
            app("mailer", Role::Worker, "Sends receipts and password resets"),
        ],
    },
];

/// What larger clusters have more of.
pub(super) const TENANT_APPS: &[&str] = &[
    "billing",
    "pricing",
    "reviews",
    "loyalty",
    "gift-cards",
    "returns",
    "invoices",
    "tax-rates",
    "geo-lookup",
    "image-resizer",
    "newsletter",
    "feature-flags",
    "chat",
    "partner-api",
    "exports",
    "audit-trail",
    "scheduler",
    "translations",
    "wishlist",
    "checkout-experiments",
];

/// One custom resource.
type Custom =
    (&'static str, &'static [&'static str], &'static str, &'static str, &'static str, bool, &'static str);

/// Custom resources: group, versions, kind, plural, short names, namespaced, description.
pub(super) const CUSTOM: &[Custom] = &[
    (
        "platform.example.org",
        &["v1", "v1beta1"],
        "SqlClaim",
        "sqlclaims",
        "sqlc",
        true,
        "A relational database run by the platform",
    ),
    (
        "platform.example.org",
        &["v1", "v1beta1"],
        "QueueClaim",
        "queueclaims",
        "qc",
        true,
        "A message queue run by the platform",
    ),
    ("platform.example.org", &["v1", "v1beta1"], "Bucket", "buckets", "", false, "Object storage"),
    (
        "cert-manager.io",
        &["v1"],
        "Certificate",
        "certificates",
        "cert,certs",
        true,
        "A TLS certificate that is renewed in time",
    ),
    ("cert-manager.io", &["v1"], "ClusterIssuer", "clusterissuers", "", false, "Who signs certificates"),
    (
        "argoproj.io",
        &["v1alpha1"],
        "Application",
        "applications",
        "app,apps",
        true,
        "What Git says that should run",
    ),
    (
        "monitoring.coreos.com",
        &["v1"],
        "ServiceMonitor",
        "servicemonitors",
        "smon",
        true,
        "Where metrics are scraped",
    ),
    (
        "monitoring.coreos.com",
        &["v1"],
        "PrometheusRule",
        "prometheusrules",
        "promrule",
        true,
        "When somebody is woken up",
    ),
    (
        "networking.istio.io",
        &["v1", "v1beta1"],
        "VirtualService",
        "virtualservices",
        "vs",
        true,
        "How requests are routed in the mesh",
    ),
    (
        "flags.example.org",
        &["v1alpha1"],
        "FeatureFlag",
        "featureflags",
        "ff",
        true,
        "What is switched on for whom",
    ),
];

/// Controllers and agents in platform namespaces: namespace, name, whether one runs on every node.
pub(super) const PLATFORM: &[(&str, &str, bool)] = &[
    ("kube-system", "coredns", false),
    ("kube-system", "kube-proxy", true),
    ("kube-system", "metrics-server", false),
    ("ingress-nginx", "ingress-nginx-controller", false),
    ("cert-manager", "cert-manager", false),
    ("argocd", "argocd-server", false),
    ("argocd", "argocd-repo-server", false),
    ("observability", "prometheus", false),
    ("observability", "grafana", false),
    ("observability", "node-exporter", true),
];

/// Cluster roles with the colons that real ones have.
pub(super) const CLUSTER_ROLES: &[&str] = &[
    "admin",
    "cluster-admin",
    "edit",
    "view",
    "system:basic-user",
    "system:controller:deployment-controller",
    "system:controller:horizontal-pod-autoscaler",
    "system:coredns",
    "system:discovery",
    "system:kube-scheduler",
    "system:node",
    "system:public-info-viewer",
    "shop:on-call:read-secrets",
];
