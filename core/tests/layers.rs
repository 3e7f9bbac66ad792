// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who uses whom: no two folders of the crate use each other, and no two files of a folder do, directly or
//! around a corner. A `mod.rs` that names its children's items with `pub use` uses nothing by that; a path
//! through such a name leads to where the item is.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A module by its path, as `["session", "rtcp", "nack"]`; the crate's root is empty.
type Module = Vec<String>;

/// One source file without comments, strings and modules for tests.
struct Source {
    /// Paths that it uses, split at `::`.
    uses: Vec<Module>,
    /// Names that it hands on, and where they come from.
    exports: BTreeMap<String, Module>,
}

/// All modules below `folder`, by their paths.
fn read(folder: &Path, module: &[String], into: &mut BTreeMap<Module, String>) {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            read(&path, &[module, &[name]].concat(), into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            let module = match &name[..] {
                "lib" | "mod" => module.to_vec(),
                _ => [module, &[name]].concat(),
            };
            into.insert(module, code(&fs::read_to_string(&path).unwrap()));
        }
    }
}

/// The code without comments, string literals, and whatever stands behind a `#[cfg(…test…)]`.
fn code(text: &str) -> String {
    let mut plain = String::new();
    for line in text.lines() {
        let line = line.split("//").next().unwrap();
        let outside = line.split('"').step_by(2);
        plain.extend(outside);
        plain.push('\n');
    }
    let mut kept = String::new();
    let mut rest = &plain[..];
    while let Some(at) = rest.find("#[cfg(") {
        let end = at + rest[at..].find("]\n").map_or(rest.len() - at, |n| n + 1);
        let condition = &rest[at..end];
        kept.push_str(&rest[..at]);
        rest = &rest[end..];
        let tests = ["test", "loom", "shuttle", "planted"]
            .iter()
            .any(|word| condition.contains(word) && !condition.contains(&format!("not({word})")));
        if tests {
            rest = behind_the_item(rest);
        }
    }
    kept + rest
}

/// What follows the item that `text` begins with: behind its `;`, or its last brace.
fn behind_the_item(text: &str) -> &str {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 && c == '}' {
                    return &text[at + 1..];
                }
            }
            ';' if depth == 0 => return &text[at + 1..],
            _ => (),
        }
    }
    ""
}

/// `a::{b, c::d}` as `a::b` and `a::c::d`.
fn spread(tree: &str, before: &[String], into: &mut Vec<Module>) {
    let tree = tree.trim();
    let (path, branches) = match tree.split_once('{') {
        Some((path, branches)) => (path, Some(branches.strip_suffix('}').unwrap_or(branches))),
        None => (tree.split(" as ").next().unwrap(), None),
    };
    let mut path: Module = [
        before,
        &path
            .split("::")
            .map(|s| s.trim().to_owned())
            .filter(|s| !s.is_empty())
            .collect::<Vec<_>>(),
    ]
    .concat();
    let Some(branches) = branches else {
        if path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        return into.push(path);
    };
    let mut depth = 0;
    let mut start = 0;
    for (at, c) in branches.char_indices().chain([(branches.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                if !branches[start..at].trim().is_empty() {
                    spread(&branches[start..at], &path, into);
                }
                start = at + 1;
            }
            _ => (),
        }
    }
}

fn parse(code: &str) -> Source {
    let mut source = Source { uses: Vec::new(), exports: BTreeMap::new() };
    let mut body = String::new();
    let mut code = code.to_owned();
    // Modules within the file: what is above them is in this file.
    while let Some((at, open)) = inline_module(&code) {
        let rest = behind_the_item(&code[open..]).len();
        let end = code.len() - rest;
        let inner = parse(&code[open + 1..end.saturating_sub(1)]);
        let outside = |path: Module| match path.split_first() {
            Some((first, rest)) if first == "super" => rest.to_vec(),
            _ => path,
        };
        source.uses.extend(inner.uses.into_iter().map(outside));
        code.replace_range(at..end, "");
    }
    // Statements, at semicolons: one that ends in a `use` is one; what stands before it is code.
    for statement in code.split(';') {
        let at = statement
            .rfind("use ")
            .filter(|at| statement[..*at].chars().next_back().is_none_or(char::is_whitespace));
        let Some(at) = at else {
            body.push_str(statement);
            body.push(';');
            continue;
        };
        let line = statement[..at].rfind('\n').map_or(0, |n| n + 1);
        let (before, visibility) = (&statement[..line], statement[line..at].trim());
        body.push_str(before);
        let mut paths = Vec::new();
        spread(&statement[at + 4..], &[], &mut paths);
        if visibility.starts_with("pub") {
            for path in paths {
                source.exports.insert(path.last().unwrap().clone(), path);
            }
        } else {
            source.uses.extend(paths);
        }
    }
    // Paths in the code itself; `pub(in …)` is none.
    let body = body.replace("pub(in crate", "");
    let is_path = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    for word in body.split(|c| !is_path(c)).filter(|word| word.contains("::")) {
        source.uses.push(word.split("::").map(str::to_owned).collect());
    }
    source
}

/// Where the first `mod name {` stands, and its brace.
fn inline_module(code: &str) -> Option<(usize, usize)> {
    code.match_indices("mod ").find_map(|(at, word)| {
        let name = code[at + word.len()..].find(|c: char| !c.is_alphanumeric() && c != '_')?;
        let open = at + word.len() + name;
        let alone = code[..at].chars().next_back().is_none_or(char::is_whitespace);
        (alone && code[open..].trim_start().starts_with('{'))
            .then(|| (at, open + code[open..].find('{').unwrap_or(0)))
    })
}

/// The module that a path in `from` leads to.
fn resolve(from: &[String], path: &[String], sources: &BTreeMap<Module, Source>) -> Option<Module> {
    let mut at = from.to_vec();
    let mut rest = path;
    let mut named = false;
    while let Some((first, behind)) = rest.split_first() {
        match &first[..] {
            "crate" => at.clear(),
            "super" => {
                at.pop();
            }
            "self" => (),
            name => {
                at.push(name.to_owned());
                if !sources.contains_key(&at) {
                    at.pop();
                    break;
                }
            }
        }
        named = true;
        rest = behind;
    }
    if let (Some(name), Some(source)) = (rest.first(), sources.get(&at))
        && let Some(export) = source.exports.get(name)
        && (named || export.first().is_some_and(|first| first != name))
    {
        return resolve(&at, &[export, &rest[1..]].concat(), sources);
    }
    named.then_some(at)
}

type Arrows = BTreeMap<Module, BTreeSet<Module>>;

fn is_test(module: &Module) -> bool {
    module.iter().any(|name| name.contains("test"))
}

/// Whom each module uses, the crate's root and tests left out.
fn arrows() -> Arrows {
    let mut code = BTreeMap::new();
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &[], &mut code);
    let sources: BTreeMap<Module, Source> =
        code.iter().map(|(module, code)| (module.clone(), parse(code))).collect();
    let mut arrows = Arrows::new();
    for (module, source) in &sources {
        let to = source.uses.iter().filter_map(|path| resolve(module, path, &sources));
        let to = to.filter(|to| to != module && !to.is_empty() && !is_test(to));
        arrows.insert(module.clone(), to.collect());
    }
    arrows.retain(|module, _| !is_test(module));
    arrows
}

/// Those from which an arrow leads back to them, by walking: as slow as obvious.
fn in_cycles(arrows: &Arrows) -> Vec<String> {
    let reaches_itself = |start: &Module| {
        let mut seen = BTreeSet::new();
        let mut open: Vec<&Module> = arrows[start].iter().collect();
        while let Some(next) = open.pop() {
            if next == start {
                return true;
            }
            if seen.insert(next) {
                open.extend(arrows.get(next).into_iter().flatten());
            }
        }
        false
    };
    let all = arrows.keys().filter(|module| reaches_itself(module));
    all.map(|module| module.join("/")).collect()
}

#[test]
fn no_folder_uses_one_that_uses_it() {
    let mut folders = Arrows::new();
    for (module, to) in arrows() {
        let Some(folder) = module.first() else { continue };
        let to = to.iter().filter_map(|to| to.first()).filter(|to| *to != folder);
        folders.entry(vec![folder.clone()]).or_default().extend(to.map(|to| vec![to.clone()]));
    }
    // The walk itself sees something: a leg stands on a session, and that on SRTP.
    assert!(folders[&vec!["leg".to_owned()]].contains(&vec!["session".to_owned()]));
    assert!(folders[&vec!["session".to_owned()]].contains(&vec!["srtp".to_owned()]));
    let cycles = in_cycles(&folders);
    let arrows: Vec<_> = folders.iter().filter(|(m, _)| cycles.contains(&m[0])).collect();
    assert!(cycles.is_empty(), "{arrows:?}");
}

#[test]
fn no_file_uses_one_that_uses_it() {
    let arrows = arrows();
    assert!(
        arrows[&vec!["leg".to_owned()]].contains(["leg", "control"].map(str::to_owned).as_slice())
    );
    let mut cycles = in_cycles(&arrows);
    // In these an object's methods stand in several files, each with the state that it works on.
    cycles.retain(|m| !m.starts_with("srtp/") && !m.starts_with("jitter/playout"));
    assert!(cycles.is_empty(), "{cycles:#?}");
}

#[test]
fn a_cycle_is_found_where_there_is_one() {
    let source = |text: &str| parse(&code(text));
    let module = |path: &str| path.split('/').map(str::to_owned).collect::<Module>();
    let sources = BTreeMap::from([
        (module("a"), source("mod b;\nmod c;\npub use b::{B as Other, Thing};\n")),
        (module("a/b"), source("use super::c::C;\n#[cfg(test)]\nmod tests {\n use crate::a; }\n")),
        (module("a/c"), source("// super::x::y\nmod inner { use super::super::Thing; }\n")),
    ]);
    let to = |from: &str, path: &str| {
        let path: Module = path.split("::").map(str::to_owned).collect();
        resolve(&module(from), &path, &sources)
    };
    assert_eq!(to("a/c", "super::Thing"), Some(module("a/b")));
    assert_eq!(to("a/b", "super::c::C"), Some(module("a/c")));
    assert_eq!(to("a/b", "core::fmt"), None);
    assert_eq!(sources[&module("a/b")].uses, [module("super/c/C")]);
    assert_eq!(sources[&module("a/c")].uses, [module("super/Thing")]);
    let cycle = Arrows::from([
        (module("a/b"), BTreeSet::from([module("a/c")])),
        (module("a/c"), BTreeSet::from([module("a/b")])),
        (module("a"), BTreeSet::from([module("a/b")])),
    ]);
    assert_eq!(in_cycles(&cycle), ["a/b", "a/c"]);
}

/// Elsewhere a wrong sum costs a sample (`within.rs`); under SRTP it must refuse the packet, since going on with
/// less may mean plaintext that is sent or a replay that is let in. Kernels are left out, where lengths follow
/// from the suite alone and vectors check them, and so are keys, of which a longer part is no weaker.
#[test]
fn in_srtp_no_wrong_sum_goes_on_with_less() {
    const WORDS: [&str; 13] = [
        "head", "head_mut", "past", "past_mut", "last_of", "span", "span_mut", "cut", "cut_mut",
        "put", "put_all", "copy_of", "shift",
    ];
    // Behind a part that has been refused if it is not there.
    const ALLOWED: [(&str, &str); 2] =
        [("srtp::session_keys", "head_mut"), ("srtp::extension", "shift")];
    let mut code = BTreeMap::new();
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &[], &mut code);
    let is_kernel = |module: &Module| module.get(1).is_some_and(|name| name == "crypto");
    code.retain(|module, _| {
        module.first().is_some_and(|name| name == "srtp") && !is_kernel(module) && !is_test(module)
    });
    assert!(code.len() > 15, "{} files: is this SRTP?", code.len());
    let mut found = Vec::new();
    for (module, code) in code {
        let name = module.join("::");
        for word in WORDS.iter().filter(|word| code.contains(&format!(".{word}("))) {
            if !ALLOWED.contains(&(name.as_str(), word)) {
                found.push(format!("{name}: {word}"));
            }
        }
    }
    assert_eq!(found, [""; 0]);
}
