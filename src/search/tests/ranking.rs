//! The order that a person expects, over names that look alike.

use super::*;

/// Kind, namespace, name, age in hours, labels, annotations, owner.
fn world() -> Vec<Thing> {
    let pod = |name: &str, hours: i64| thing("Pod", "shop", name).created(NOW - hours * 3600);
    let set = |name: &str, hours: i64| thing("StatefulSet", "shop", name).created(NOW - hours * 3600);
    vec![
        set("checkout", 900),
        set("checkout-api", 800),
        set("checkout-worker", 700),
        set("pre-checkout", 600),
        set("check-out", 500),
        set("chkout", 400),
        set("checkouts", 300),
        set("mycheckoutapp", 200),
        pod("checkout-0", 5),
        pod("checkout-api-7d9f8bc6d4-x2k4p", 4),
        pod("checkout-api-7d9f8bc6d4-zz9pq", 2),
        pod("api", 50),
        pod("apiary", 60),
        pod("rapid", 70),
        pod("grape-api", 80),
        pod("payment-api", 90),
        pod("payment", 91).label("app", "payment"),
        pod("paiment", 92),
        pod("postgres-0", 10).label("app", "postgres").label("role", "primary"),
        pod("postgres-1", 11).label("app", "postgres").label("role", "replica"),
        pod("postgres-exporter", 12).label("app", "exporter"),
        pod("orders-db", 13).label("app", "postgres").annotation("team", "orders and billing"),
        set("redis", 100),
        set("redis-cluster", 101),
        pod("redis-0", 20).owner("StatefulSet", "redis", ""),
        pod("session-cache", 21).label("app", "redis"),
        pod("webFrontend", 22),
        pod("frontend-web", 23),
        pod("web", 24),
        pod("web-1", 25),
        pod("web-2", 25),
        pod("web-10", 25),
        pod("cobweb", 26),
        thing("Pod", "web", "unrelated").created(NOW - 27 * 3600),
        thing("Pod", "stage", "web").created(NOW - 28 * 3600),
        thing("Node", "", "web-node"),
        thing("Node", "", "ip-10-0-1-2").label("zone", "eu-west-1a"),
        pod("system:metrics-server", 30),
        pod("metrics-server", 31),
        pod("metrics", 32),
        pod("kube-state-metrics", 33),
        pod("app.kubernetes.io", 34),
    ]
}

/// What is typed, and the names as they should come; `...` where more may follow; `~` before what is only similar.
const TABLE: &str = r#"
checkout              | checkout checkouts checkout-0 checkout-api checkout-worker checkout-api-7d9f8bc6d4-zz9pq checkout-api-7d9f8bc6d4-x2k4p pre-checkout mycheckoutapp ~check-out ~chkout
check                 | checkout checkouts check-out checkout-0 ...
check-out             | check-out ~checkout ...
chkout                | chkout ~checkout ~checkouts ...
chekout               | ~chkout ~checkout ~checkout-0 ...
checkuot              | ~checkout ...
checkout-api          | checkout-api checkout-api-7d9f8bc6d4-zz9pq checkout-api-7d9f8bc6d4-x2k4p ...
checkout api          | checkout-api checkout-api-7d9f8bc6d4-zz9pq checkout-api-7d9f8bc6d4-x2k4p
api checkout          | checkout-api checkout-api-7d9f8bc6d4-zz9pq checkout-api-7d9f8bc6d4-x2k4p
checkouts             | checkouts ~checkout ...
precheckout           | ~pre-checkout
pre-checkout          | pre-checkout ...
mycheckout            | mycheckoutapp ...
out                   | check-out chkout checkout checkouts ...
api                   | api apiary grape-api payment-api checkout-api ...
apia                  | apiary
pay                   | payment payment-api
payment               | payment payment-api ~paiment
paiment               | paiment ~payment ~payment-api
paymant               | ~payment ~payment-api ~paiment
payment-apu           | ~payment-api
paymetn-apu           | ~payment-api
metrcs-srever         | ~metrics-server ~system:metrics-server
metrcs srever         | ~metrics-server ~system:metrics-server
kind:pod ns:shop metrcs srever | ~metrics-server ~system:metrics-server
kind:sts metrcs srever |
payment api           | payment-api
postgres              | postgres-0 postgres-1 postgres-exporter orders-db
postgre               | postgres-0 postgres-1 postgres-exporter orders-db
postgers              | ~postgres-0 ~postgres-1 ~postgres-exporter
primary               | postgres-0
orders                | orders-db
billing               | orders-db
order bill            | orders-db
redis                 | redis redis-0 redis-cluster session-cache
reids                 | ~redis ~redis-0 ~redis-cluster
redis-0               | redis-0 ...
web                   | web web web-1 web-2 web-10 web-node webFrontend frontend-web cobweb unrelated
web-1                 | web-1 web-10 ...
frontend              | frontend-web webFrontend
front                 | frontend-web webFrontend
webfrontend           | webFrontend
Frontend              | webFrontend ~frontend-web
web front             | frontend-web webFrontend
metrics               | metrics metrics-server kube-state-metrics system:metrics-server
metrics-server        | metrics-server system:metrics-server ...
system:metrics        | system:metrics-server
server                | metrics-server system:metrics-server
kubernetes            | app.kubernetes.io
kubernets             | ~app.kubernetes.io
state metrics         | kube-state-metrics
eu-west               | ip-10-0-1-2
10-0                  | ip-10-0-1-2
ip-10                 | ip-10-0-1-2
node                  | web-node ip-10-0-1-2
7d9f8bc6d4            | checkout-api-7d9f8bc6d4-zz9pq checkout-api-7d9f8bc6d4-x2k4p
x2k4p                 | checkout-api-7d9f8bc6d4-x2k4p
name:api              | api apiary grape-api payment-api checkout-api ...
^api                  | api apiary
api$                  | api grape-api payment-api checkout-api
'eck                  | checkout checkouts check-out checkout-0 pre-checkout ...
/^check.?out$/        | checkout check-out
/api|web$/            | web web api rapid cobweb apiary grape-api ...
kind:sts checkout     | checkout checkouts checkout-api checkout-worker pre-checkout mycheckoutapp ...
kind:pod checkout     | checkout-0 checkout-api-7d9f8bc6d4-zz9pq checkout-api-7d9f8bc6d4-x2k4p ...
sts/checkout          | checkout checkouts checkout-api checkout-worker pre-checkout mycheckoutapp
ns:stage web          | web
app=postgres          | orders-db postgres-0 postgres-1
app=postgres -role    | orders-db
checkout -api         | checkout checkouts checkout-0 checkout-worker pre-checkout ...
"checkout api"        |
redis OR postgres     | redis redis-0 postgres-0 postgres-1 redis-cluster ...
owner:redis           | redis-0
web sort:name         | cobweb frontend-web unrelated web web web-1 web-10 web-2 web-node webFrontend
web sort:age          | webFrontend frontend-web web web-1 web-2 web-10 cobweb unrelated web web-node
zzzz                  |
"#;

#[test]
fn names_come_in_the_order_that_a_person_expects() {
    let (_writer, searcher) = index(&world());
    let mut wrong = Vec::new();
    let rows: Vec<(&str, &str)> =
        TABLE.lines().filter_map(|line| line.split_once(" | ").or(line.split_once(" |"))).collect();
    for (typed, expected) in &rows {
        let (typed, expected) = (typed.trim(), expected.trim());
        let query = parse(typed).unwrap_or_else(|error| panic!("{typed}: {error}"));
        let answer = searcher.search(&query, &Options { now: Some(NOW), ..Options::default() }).unwrap();
        let names: Vec<String> = answer
            .hits
            .iter()
            .map(|hit| format!("{}{}", if hit.similar { "~" } else { "" }, hit.document.metadata.name))
            .collect();
        let found = names.join(" ");
        let fits = match expected.strip_suffix("...") {
            Some(start) => format!("{found} ").starts_with(start.trim_start()),
            None => found == expected,
        };
        if !fits {
            wrong.push(format!("{typed}\n  expected {expected}\n  found    {found}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(rows.len() >= 60, "{} rows", rows.len());
}
