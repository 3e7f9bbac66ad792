// SPDX-License-Identifier: MIT OR Apache-2.0
//! What `package/Containerfile` says, beside the workspace that it is built of; no image is built.
#![allow(missing_docs, unreachable_pub)]

use std::fs::read_to_string;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Instructions and their arguments; a line that ends in a backslash goes on.
fn instructions(text: &str) -> Vec<(String, Vec<String>)> {
    let text = text.replace("\\\n", " ");
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let words = lines.map(|line| line.split_whitespace().map(String::from).collect());
    words.map(|mut words: Vec<String>| (words.remove(0), words)).collect()
}

#[test]
fn what_is_compiled_is_what_is_run_and_by_a_compiler_that_is_new_enough() {
    let root = root();
    let text = read_to_string(root.join("node/package/Containerfile")).unwrap();
    let instructions = instructions(&text);
    let all = |name: &str| {
        let named = instructions.iter().filter(move |(instruction, _)| instruction == name);
        named.map(|(_, words)| &words[..]).collect::<Vec<_>>()
    };
    // Two stages of one release of Debian, so that the C library is the one that was linked to.
    let [compiling, running] = all("FROM")[..] else { panic!("two stages") };
    let (image, stage) = (&compiling[0], &compiling[2]);
    assert_eq!(compiling[1], "AS");
    let (compiler, release) =
        image.strip_prefix("docker.io/library/rust:").unwrap().split_once('-').unwrap();
    assert_eq!(running[0], format!("docker.io/library/debian:{release}-slim"));
    let workspace: toml::Table =
        toml::from_str(&read_to_string(root.join("Cargo.toml")).unwrap()).unwrap();
    let wanted = workspace["workspace"]["package"]["rust-version"].as_str().unwrap();
    let minor = |version: &str| version.split('.').nth(1).unwrap().parse::<u32>().unwrap();
    assert!(minor(compiler) >= minor(wanted), "{compiler} compiles no {wanted}");

    // What is copied is there, or has been made.
    let [workdir] = all("WORKDIR")[..] else { panic!("one folder") };
    let made = format!("{}/target/release/{}", workdir[0], env!("CARGO_PKG_NAME"));
    let mut program = None;
    for copied in all("COPY") {
        match copied[0].strip_prefix("--from=") {
            Some(from) => {
                assert_eq!((from, &copied[1]), (&stage[..], &made));
                program = Some(&copied[2]);
            }
            None => assert!(root.join(&copied[0]).exists(), "{}", copied[0]),
        }
    }
    let entry: Vec<String> = serde_json::from_str(&all("ENTRYPOINT")[0].concat()).unwrap();
    assert_eq!(Some(&entry[0]), program);

    // The lock file is one of the repository's, and the program is one of the package that is built.
    let built = all("RUN").into_iter().find(|words| words[0] == "cargo").expect("it is compiled");
    let command: Vec<_> = built.iter().take_while(|word| *word != "&&").collect();
    let package = format!("cargo build --release --locked -p {}", env!("CARGO_PKG_NAME"));
    assert_eq!(command, package.split(' ').collect::<Vec<_>>());
    assert!(root.join("Cargo.lock").exists());
    assert!(root.join("node/src/main.rs").exists());
}

#[test]
fn what_was_built_here_is_not_sent_to_the_builder() {
    let ignored = read_to_string(root().join(".dockerignore")).unwrap();
    let ignored: Vec<_> = ignored.lines().filter(|line| !line.starts_with('#')).collect();
    for folder in ["target", ".git", "out"] {
        assert!(ignored.contains(&folder), "{folder}");
    }
    // And what it compiles is.
    for needed in ["Cargo.lock", "Cargo.toml", "core", "node", "sinks"] {
        assert!(root().join(needed).exists() && !ignored.contains(&needed), "{needed}");
    }
}
