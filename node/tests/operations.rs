// SPDX-License-Identifier: MIT OR Apache-2.0
//! What operators use names what there is.
#![allow(missing_docs, unreachable_pub)]

mod support;

use std::collections::BTreeSet;

use support::Node;

/// Names of metrics in a text, with what counters end in.
fn names(text: &str) -> BTreeSet<String> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let parts = text.split(|c| !word(c)).filter(|part| part.starts_with("ale_"));
    parts.map(|part| part.strip_suffix("_total").unwrap_or(part).to_owned()).collect()
}

#[test]
fn each_metric_of_the_dashboard_exists_and_each_that_exists_is_on_it() {
    let node = Node::on("127.0.0.1", support::ports::free(100));
    let text = ale_media_node::metrics::text(&node.control, Default::default(), 5_000_000_000);
    let told: BTreeSet<_> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    let told: BTreeSet<_> =
        told.iter().filter_map(|line| Some(line.split(' ').next()?.to_owned())).collect();
    let dashboard: serde_json::Value =
        serde_json::from_str(include_str!("../package/dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let queries = panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    let shown: BTreeSet<_> =
        queries.flat_map(|target| names(target["expr"].as_str().unwrap())).collect();
    assert_eq!(shown, told);
    // What counts only grows, and says so by its name.
    for line in text.lines().filter(|line| line.ends_with(" counter")) {
        let name = line.split(' ').nth(2).unwrap();
        let samples = text.lines().filter(|line| line.starts_with(name));
        assert!(samples.clone().count() > 0);
        assert!(samples.into_iter().all(|line| line[name.len()..].starts_with("_total")), "{name}");
    }
}

#[test]
fn files_that_are_installed_are_fit_to_run() {
    use ale_media_node::config::Config;
    let installed = Config::parse(include_str!("../package/node.toml")).unwrap();
    assert_eq!(installed.check(), Ok(()));
    let kubernetes = include_str!("../package/kubernetes.yaml");
    let (_, rest) = kubernetes.split_once("node.toml: |\n").unwrap();
    let text: String =
        rest.lines().take_while(|line| *line != "---").map(|l| format!("{l}\n")).collect();
    let pod = Config::parse(&text).unwrap();
    // The grace that a pod has is longer than what its calls are given to end.
    let (_, rest) = kubernetes.split_once("terminationGracePeriodSeconds: ").unwrap();
    let grace_s: u32 = rest.lines().next().unwrap().parse().unwrap();
    assert!(grace_s > pod.media.drain_s);
    let unit = include_str!("../package/ale-media-node.service");
    let (_, rest) = unit.split_once("TimeoutStopSec=").unwrap();
    let stop_s: u32 = rest.lines().next().unwrap().parse().unwrap();
    assert!(stop_s > installed.media.drain_s);
}

#[test]
fn an_address_that_the_machine_does_not_have_is_named_before_anything_begins() {
    use std::process::Command;
    // Kept for documents (RFC 5737, RFC 3849): nobody has them.
    for (address, here) in [("192.0.2.7", false), ("2001:db8::7", false), ("127.0.0.1", true)] {
        for check in [true, false] {
            if here && !check {
                continue;
            }
            let mut node = Command::new(env!("CARGO_BIN_EXE_ale-media-node"));
            node.args(["--interface", "127.0.0.1", "--interface", &format!("far/{address}")]);
            node.args(["--listen-ng", "127.0.0.1:0"]).args(check.then_some("--check"));
            let ended = node.output().unwrap();
            assert_eq!(ended.status.success(), here, "{address}");
            let told = String::from_utf8(ended.stderr).unwrap();
            assert_eq!(told.contains(&format!("\"far\": no socket on {address}")), !here, "{told}");
        }
    }
}
