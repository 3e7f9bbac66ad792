// SPDX-License-Identifier: MIT OR Apache-2.0
//! Calls that are kept in Redis: Debian's server, with and without replicas, and peers that fail.
#![allow(missing_docs, unreachable_pub)]
#![cfg(feature = "redis")]

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ale_media_node::config::{Failover, Secret};
use ale_media_node::failover::{Failure, Redis, Store as _, StoreError};
use ale_media_node::metrics;
use support::Node;
use support::encrypted::{EncryptedCall, Turns, keeping};
use support::redis::{Server, peer, settings};

fn failure<T: core::fmt::Debug>(done: Result<T, StoreError>) -> Failure {
    done.unwrap_err().failure
}

/// Tries again until a store that was away is back; the pause after a failure is half a second.
fn at_last(mut done: impl FnMut() -> Result<(), StoreError>) {
    let since = Instant::now();
    while let Err(error) = done() {
        assert!(since.elapsed() < Duration::from_secs(20), "{error}");
        assert_ne!(error.failure, Failure::Fenced, "{error}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn the_last_record_of_each_name_is_there_and_who_began_last_owns_them() {
    let Some(server) = Server::start("owners") else { return };
    let mut first = Redis::open(&server.settings("a", 0)).unwrap();
    let bytes: Vec<u8> = (0..=255).collect();
    first.put("one", b"1").unwrap();
    first.put("two", b"2").unwrap();
    first.put("one", &bytes).unwrap();
    first.remove("two").unwrap();
    first.remove("two").unwrap();
    let expected = [(String::from("one"), bytes)];
    assert_eq!(first.all().unwrap(), expected);
    let expiry_ms: u64 = server.cli(&["pttl", "ale:{a}:calls"]).parse().unwrap();
    assert!(expiry_ms > 23 * 3_600_000, "{expiry_ms}");
    assert_eq!(server.cli(&["pttl", "ale:{a}:owner"]), "-1", "who owns them is never forgotten");
    // Another node's are others.
    let mut other = Redis::open(&server.settings("b", 0)).unwrap();
    assert!(other.all().unwrap().is_empty());
    // Its connection is lost, which is no loss of what it owns.
    server.cli(&["client", "kill", "type", "normal"]);
    at_last(|| first.put("three", b"3"));
    let mut second = Redis::open(&server.settings("a", 0)).unwrap();
    assert_eq!(second.epoch(), first.epoch() + 1);
    assert_eq!(second.all().unwrap().len(), 2);
    assert_eq!(failure(first.put("one", b"late")), Failure::Fenced);
    assert_eq!(failure(first.remove("one")), Failure::Fenced);
    assert_eq!(failure(first.all()), Failure::Fenced);
    assert_eq!(second.all().unwrap().iter().find(|(name, _)| name == "one"), expected.first());
    // What is longer than a record is none, and its owner can throw it away.
    server.cli(&[
        "eval",
        "redis.call('hset', KEYS[1], 'long', string.rep('x', 2^21))",
        "1",
        "ale:{a}:calls",
    ]);
    let all = second.all().unwrap();
    assert!(all.contains(&(String::from("long"), Vec::new())));
    second.remove("long").unwrap();
    at_last(|| other.remove("one"));
    server.cli(&["config", "set", "maxmemory", "1"]);
    assert_eq!(failure(other.put("one", b"1")), Failure::Refused, "no room");
    other.remove("one").unwrap();
    server.cli(&["config", "set", "maxmemory", "0"]);
    // A Redis that was emptied belongs to nobody, and is not written to as if nothing had been.
    server.cli(&["flushall"]);
    assert_eq!(failure(second.put("one", b"1")), Failure::Refused);
    server.cli(&["set", "ale:{a}:owner", "of another kind"]);
    assert_eq!(failure(second.put("one", b"1")), Failure::Refused);
}

#[test]
fn a_record_counts_when_the_replica_has_it_and_one_that_takes_over_has_what_counted() {
    let (Some(primary), Some(replica)) = (Server::start("primary"), Server::start("replica"))
    else {
        return;
    };
    assert_eq!(failure(Redis::open(&primary.settings("a", 1))), Failure::Unconfirmed);
    replica.follow(&primary);
    // It says so once a second at first.
    let opened = || {
        let mut opened = None;
        at_last(|| Redis::open(&primary.settings("a", 1)).map(|store| opened = Some(store)));
        opened.unwrap()
    };
    let mut first = opened();
    first.put("one", b"1").unwrap();
    replica.signal("-STOP");
    assert_eq!(failure(first.put("one", b"2")), Failure::Unconfirmed);
    assert_eq!(failure(Redis::open(&primary.settings("a", 1))), Failure::Unconfirmed);
    replica.signal("-CONT");
    // The claim that nobody believed in was one all the same: who lives learns it.
    replica.until(|| failure_or_none(first.put("one", b"3")) == Some(Failure::Fenced));
    let mut second = opened();
    second.put("one", b"4").unwrap();
    // A client that asks a replica is told that it takes no writes.
    assert_eq!(failure(Redis::open(&replica.settings("a", 0))), Failure::Gone);
    replica.cli(&["replicaof", "no", "one"]);
    let mut third = Redis::open(&replica.settings("a", 0)).unwrap();
    assert_eq!(third.epoch(), second.epoch() + 1);
    assert_eq!(third.all().unwrap(), [(String::from("one"), b"4".to_vec())]);
}

fn failure_or_none(done: Result<(), StoreError>) -> Option<Failure> {
    done.err().map(|error| error.failure)
}

#[test]
fn what_an_old_connection_still_sends_is_not_written() {
    let Some(server) = Server::start("late") else { return };
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hears = Arc::clone(&heard);
    let url = peer(move |command| {
        if command[0] != "EVAL" {
            return Some(String::from("+OK\r\n"));
        }
        hears.lock().unwrap().push(command.to_vec());
        Some(String::from("*2\r\n:1\r\n:1\r\n"))
    });
    let mut store = Redis::open(&settings(&url, "a", 0)).unwrap();
    store.put("one", b"old").unwrap();
    // The same words, said to a Redis in which another connection of the same owner's has come first, or has not.
    let heard = heard.lock().unwrap().clone();
    let say = |words: &[String]| {
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        server.cli(&words)
    };
    assert_eq!(say(&heard[0]), "1\n1");
    assert_eq!(say(&heard[1]), "1\n1");
    assert_eq!(server.cli(&["hget", "ale:{a}:calls", "one"]), "old");
    server.cli(&["hset", "ale:{a}:calls", "one", "new"]);
    server.cli(&["hset", "ale:{a}:owner", "connection", "2"]);
    assert_eq!(say(&heard[1]), "0\n1");
    assert_eq!(server.cli(&["hget", "ale:{a}:calls", "one"]), "new");
}

#[test]
fn what_a_peer_does_wrong_has_a_name_and_it_is_left_alone_for_a_while() {
    let said = |answer: &'static str| {
        peer(move |command| Some(if command[0] == "EVAL" { answer } else { "+OK\r\n" }.into()))
    };
    for (answer, expected) in [
        ("-ERR unknown command\r\n", Failure::Refused),
        ("-MOVED 3999 127.0.0.1:6381\r\n", Failure::Refused),
        ("-NOAUTH Authentication required.\r\n", Failure::Refused),
        ("-OOM command not allowed\r\n", Failure::Refused),
        ("-READONLY You can't write against a read only replica.\r\n", Failure::Gone),
        ("-LOADING Redis is loading the dataset in memory\r\n", Failure::Gone),
        ("+OK\r\n", Failure::Refused),
        ("*1\r\n:1\r\n", Failure::Refused),
        ("*2\r\n:1\r\n$-1\r\n", Failure::Refused),
        ("?what\r\n", Failure::Refused),
        ("*2\r\n:0\r\n:7\r\n", Failure::Fenced),
        ("*2\r\n:2\r\n:0\r\n", Failure::Refused),
        ("", Failure::Slow),
        ("*2\r\n:1\r\n", Failure::Slow),
    ] {
        let done = Redis::open(&settings(&said(answer), "a", 0));
        assert_eq!(failure(done), expected, "{answer}");
    }
    let ends = peer(|command| (command[0] != "EVAL").then(|| String::from("+OK\r\n")));
    assert_eq!(failure(Redis::open(&settings(&ends, "a", 0))), Failure::Gone);
    assert_eq!(failure(Redis::open(&settings("redis://127.0.0.1:1", "a", 0))), Failure::Gone);
    // One that answers the first question alone is not asked a hundred times.
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let url = peer(move |command| {
        let first = command[0] != "EVAL" || counter.fetch_add(1, Ordering::Relaxed) == 0;
        Some(String::from(if !first {
            ""
        } else if command[0] == "EVAL" {
            "*2\r\n:1\r\n:1\r\n"
        } else {
            "+OK\r\n"
        }))
    });
    let mut store = Redis::open(&settings(&url, "a", 0)).unwrap();
    let since = Instant::now();
    for _ in 0..100 {
        assert_eq!(failure(store.put("one", b"1")), Failure::Slow);
    }
    assert!(asked.load(Ordering::Relaxed) < 10, "{asked:?} in {:?}", since.elapsed());
    assert!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());
}

#[test]
fn a_node_stops_where_redis_is_gone_goes_on_when_it_is_back_and_ends_calls_that_are_anothers() {
    let Some(mut server) = Server::start("node") else { return };
    let failover = Failover {
        redis: Some(server.settings("a", 0)),
        key: Some(Secret("a5".repeat(32))),
        ..Failover::default()
    };
    let mut node = keeping(failover, support::ports::free(100));
    let mut call = EncryptedCall::through(&mut node);
    let mut turns = Turns::new();
    let mut until = |node: &mut Node, is_so: &dyn Fn(&Node) -> bool| turns.until(node, 500, is_so);
    let failing = |node: &Node| node.control.kept().unwrap().failing;
    until(&mut node, &|node| node.control.kept().unwrap().written >= 2);
    assert_eq!(call.pass(20), 20);
    let told = |node: &Node, line: &str| {
        let text = metrics::text(&node.control, Default::default(), 0);
        assert!(text.lines().any(|one| one == line), "{line} in {text}");
    };
    told(&node, "ale_kept_store{outcome=\"written\"} 1");
    server.die();
    until(&mut node, &|node| failing(node) == Some(Failure::Gone));
    told(&node, "ale_kept_store{outcome=\"gone\"} 1");
    let last = call.pass(2_000);
    assert!((1..200).contains(&last), "{last} beyond the reservation");
    server.again();
    let written = node.control.kept().unwrap().written;
    until(&mut node, &|node| node.control.kept().unwrap().written > written + 1);
    assert_eq!(failing(&node), None);
    assert!(call.runs(), "the call goes on");
    assert!(node.control.is_accepting());
    // Another process begins in its place.
    let mut other = Redis::open(&server.settings("a", 0)).unwrap();
    until(&mut node, &|node| node.control.calls() == 0);
    told(&node, "ale_kept_store{outcome=\"fenced\"} 1");
    told(&node, "ale_calls_ended_total{reason=\"handed_over\"} 1");
    assert!(!node.control.is_accepting());
    assert_eq!(other.all().unwrap().len(), 1, "what is kept is the other's");
    assert_eq!(call.pass(20), 0);
}

/// What docs/scale.md tells: `cargo test --release -p ale-media-node --test redis costs -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn what_a_record_in_redis_costs() {
    const RECORDS: u32 = 2_000;
    let Some(server) = Server::start("costs") else { return };
    for fsync in ["always", "everysec"] {
        server.cli(&["config", "set", "appendfsync", fsync]);
        let mut store = Redis::open(&server.settings("a", 0)).unwrap();
        let begun = Instant::now();
        for n in 0..RECORDS {
            store.put(&(n % 500).to_string(), &[7; 3_400]).unwrap();
        }
        println!("{fsync}: {:?} a record", begun.elapsed() / RECORDS);
    }
}
