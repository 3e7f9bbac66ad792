// SPDX-License-Identifier: MIT OR Apache-2.0
//! Shows that real-time functions neither panic nor allocate, lock, wait or call the system.
//!
//! Follows the relocations of the static library's sections, each of which holds one function or one
//! table, from the functions that the headers call real-time and from all functions that stand in tables,
//! but for those that only creation calls or a developer reads. It knows every call, jump and address, on
//! any processor. A site is a relocation to what begins a panic, to a function of the standard library that
//! has one, or to anything outside the library but arithmetic and libopus. Fails where there are others than
//! docs/real-time.txt lists, each with a reason, and tells their lines, the inlined ones first; with another
//! compiler than the list was written with they are only told.
//!
//! What frees memory is not followed: it stands behind every owner. core/tests/real_time.rs counts that
//! nothing is freed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use ale_media_header::Header;
use regex::Regex;

use crate::{Outcome, output, read};

#[path = "real_time/library.rs"]
mod library;
use library::Library;

const ALLOWED: &str = "docs/real-time.txt";

/// What stands in tables and is not called per packet: makers of codecs and of keys (a session whose keys
/// are derived anew on the way has no outside backend), and text for a developer.
const NOT_PER_PACKET: &str = r"( as ale_media::codec::host::HostCodec>::|HostCodec::static_payload_type|as ale_media::srtp::crypto::backend::Backend>::schedule$| as core::fmt::(Debug|Display|Write)>::|core::fmt::Write::|core::any::Any)";
const PANICS: &str = r"(^core::panicking::|^core::slice::index::slice_|^core::slice::index::range$|^core::slice::.*(len_mismatch|panic)|^core::slice::sort::|^core::slice::<impl \[T\]>::(copy_within|rotate_)|^core::(option|result)::(unwrap|expect)_failed|^core::cell::panic_|^core::str::slice_error_fail|::assert_failed|^alloc::alloc::handle_alloc_error|^alloc::raw_vec::(handle_error|capacity_overflow)|raw_vec::RawVec.*(grow|reserve)|^std::(panicking::|rt::panic)|rust_panic|rust_begin_unwind|^abort$)";
/// What is outside the library and does nothing but compute, with atomics and the processor's features
/// among it.
const ARITHMETIC: &str = r"^(mem(cpy|move|set|cmp)|bcmp|strlen|__aeabi_\w+|__u?(div|mod)\w+|__\w+[sdt][fi]\d?|__aarch64_(cas|swp|ld)\w+|(sin|cos|sincos|exp|log|log10|pow|rint|sqrt|floor|fmin|fmax)f?|getauxval|opus_\w+)$";
const FREES: &str = r"GlobalAlloc>::dealloc$";
/// Sections that are no code, as relocations name them.
const DATA: &str = r"^\.(L|t?data|t?bss|rodata|text$)";
const TABLE: &str = r"^\.(ro)?data\.(rel\.ro\.)?";

/// Offsets of relocations by the function that they are in and the one that they lead to.
type Sites = BTreeMap<(String, String), Vec<String>>;

fn expression(text: &str) -> Regex {
    Regex::new(text).expect("an expression")
}

/// An archive; `all` tells the sites that are allowed, too.
pub(crate) fn check(archive: &Path, all: bool) -> Outcome {
    let text = read(ALLOWED)?;
    let listed: BTreeSet<&str> =
        text.lines().filter(|line| !line.starts_with('#') && line.contains(" -> ")).collect();
    let wrote = text.lines().find_map(|line| line.strip_prefix("# Compiler: "));
    let wrote = wrote.ok_or(format!("{ALLOWED} names no compiler"))?;

    let library = Library::open(archive)?;
    let names = library.plain_names()?;
    let sites = walk(&library, &names)?;
    let plain = |name: &str| names.get(name).cloned().unwrap_or_else(|| name.to_owned());
    let found: BTreeMap<String, (&str, &Vec<String>)> = sites
        .iter()
        .map(|((from, to), at)| (format!("{} -> {}", plain(from), plain(to)), (from.as_str(), at)))
        .collect();
    let beyond = || found.iter().filter(|(site, _)| !listed.contains(site.as_str()));
    for (site, (function, offsets)) in
        found.iter().filter(|(s, _)| all || !listed.contains(s.as_str()))
    {
        println!("{site}");
        for line in library.lines_of(function, offsets)? {
            println!("    {line}");
        }
    }
    let compiler = output(Command::new("rustc").arg("--version"))?;
    let beyond = beyond().count();
    if beyond > 0 && compiler.split(' ').nth(1) == Some(wrote) {
        return Err(format!("{beyond} more than are allowed"));
    }
    if found.len() == beyond {
        return Err(
            "not even what is allowed was found: does the walk still see anything?".to_owned()
        );
    }
    Ok(())
}

/// The functions that the headers call real-time.
fn real_time() -> Result<BTreeSet<String>, String> {
    let header = Header::read(Path::new("include"))?;
    let says = expression(r"\bReal-time\b");
    let functions =
        header.functions.into_iter().filter(|function| says.is_match(&function.comment));
    Ok(functions.map(|function| function.name).collect())
}

fn walk(library: &Library, names: &BTreeMap<String, String>) -> Result<Sites, String> {
    let [panics, arithmetic, frees] = [PANICS, ARITHMETIC, FREES].map(expression);
    let data = expression(DATA);
    let entries: Vec<String> =
        real_time()?.into_iter().filter(|name| library.sections.contains_key(name)).collect();
    let tables = in_tables(library, names);
    if entries.len() < 80 || tables.len() < 20 {
        let (entries, tables) = (entries.len(), tables.len());
        return Err(format!("{entries} entries, {tables} in tables: is this the library?"));
    }
    let counts = (entries.len(), tables.len());
    let mut left: Vec<String> = entries.into_iter().chain(tables).collect();
    let mut reachable: BTreeSet<String> = left.iter().cloned().collect();
    let mut sites = Sites::new();
    while let Some(function) = left.pop() {
        for (target, offset) in library.references_of(&function) {
            let to = library.function(target);
            let plain = names.get(&to).map_or("", String::as_str);
            if frees.is_match(plain) || reachable.contains(&to) {
                continue;
            }
            if library.sections.contains_key(&to) && !panics.is_match(plain) {
                reachable.insert(to.clone());
                left.push(to);
            } else if !data.is_match(target)
                && !library.objects.contains(&to)
                && !arithmetic.is_match(&to)
            {
                sites.entry((function.clone(), to)).or_default().push(offset.clone());
            }
        }
    }
    println!(
        "real-time: {} sites in {} functions that {} entry points and {} in tables reach",
        sites.values().map(Vec::len).sum::<usize>(),
        reachable.len(),
        counts.0,
        counts.1
    );
    Ok(sites)
}

/// Functions that tables name.
fn in_tables(library: &Library, names: &BTreeMap<String, String>) -> BTreeSet<String> {
    let (table, not_per_packet) = (expression(TABLE), expression(NOT_PER_PACKET));
    let mut functions = BTreeSet::new();
    for (section, references) in &library.references {
        // What unwinding would ask is no table of ours.
        if !table.is_match(section) || section.contains("DW.ref.") {
            continue;
        }
        // A function's own table is one of jumps.
        let own = table.replace(section, "");
        functions.extend(
            references
                .iter()
                .map(|(target, _)| library.function(target))
                .filter(|to| library.sections.contains_key(to) && *to != own),
        );
    }
    let plain = |name: &String| names.get(name).map_or("", String::as_str);
    // The standard library's tables are for its own errors and backtraces.
    if names.values().any(|name| name.starts_with("std::panicking::")) {
        functions.retain(|name| plain(name).contains("ale_media::"));
    }
    functions.retain(|name| !not_per_packet.is_match(plain(name)));
    functions
}
