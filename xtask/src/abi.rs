// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether programs built against an older header still run with this library: everything that the
//! header names is still what it was, and a program of then works.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use ale_media_header::Header;

use crate::step::{self, cc, make_folder};
use crate::{Outcome, output};

/// The program of then.
const PROGRAM: &str = "ffi/tests/abi/program.c";
const NEW: &str = "include";

/// The headers of a folder beside those of now and the library; `work` is for what is built.
pub(crate) fn check(old: &Path, archive: &Path, work: &Path) -> Outcome {
    make_folder(work)?;
    let (then, now) = (Header::read(old)?, Header::read(Path::new(NEW))?);
    let headers = old;
    let old = &old.display().to_string();
    gone(&numbers(&then), &numbers(&now), old)?;
    gone(&declarations(&then), &declarations(&now), old)?;

    let source = work.join("layout.c");
    std::fs::write(&source, layout(&then))
        .map_err(|error| format!("{}: {error}", source.display()))?;
    let measured = |headers: &Path| {
        let program = work.join("layout");
        compile(headers, &source, archive, &program)?;
        output(&mut Command::new(&program))
    };
    let (places, places_now) = (measured(headers)?, measured(Path::new(NEW))?);
    let moved = places.lines().zip(places_now.lines()).find(|(then, now)| then != now);
    if let Some((then, now)) = moved {
        return Err(format!("{then} in {old}, and now {now}"));
    }

    let program = work.join("program");
    compile(headers, Path::new(PROGRAM), archive, &program)?;
    print!("{}", output(&mut Command::new(&program))?);
    println!("abi: {} sizes and places of {old}, and a program of then", places.lines().count());
    Ok(())
}

fn compile(headers: &Path, source: &Path, archive: &Path, program: &Path) -> Outcome {
    // Before the folder of now, which all programs have.
    let compiler = format!("{} -I{}", cc(), headers.display());
    step::compile(&compiler, source, program, &[archive])
}

fn gone(then: &BTreeSet<String>, now: &BTreeSet<String>, old: &str) -> Outcome {
    let gone: Vec<_> = then.difference(now).map(String::as_str).collect();
    match (then.is_empty(), gone.is_empty()) {
        (true, _) => Err(format!("found nothing in {old}")),
        (false, false) => Err(format!("gone or changed since {old}:\n{}", gone.join("\n"))),
        (false, true) => Ok(()),
    }
}

fn numbers(header: &Header) -> BTreeSet<String> {
    let constants = header.constants.iter().filter(|c| !c.name.starts_with("ALE_VERSION"));
    constants.map(|c| format!("{} {}", c.name, c.value)).collect()
}

fn declarations(header: &Header) -> BTreeSet<String> {
    header.functions.iter().map(|function| function.declaration.clone()).collect()
}

/// A program that prints where members are and how large types are. Structs that say their size may have
/// grown, the others must not.
fn layout(header: &Header) -> String {
    let mut out = String::from(
        "#include <ale_media.h>\n#include <stddef.h>\n#include <stdio.h>\nint main(void) {\n",
    );
    let fixed = header.structs.iter().filter(|of| of.members.iter().all(|m| m != "struct_size"));
    let fixed = fixed.map(|of| &of.name);
    for name in fixed.chain(&header.enumerations) {
        let _ = writeln!(out, "printf(\"{name}: size %d\\n\", (int)sizeof({name}));");
    }
    for of in &header.structs {
        for member in &of.members {
            let (name, place) = (&of.name, format!("offsetof({}, {member})", of.name));
            let _ = writeln!(out, "printf(\"{name}.{member} at %d\\n\", (int){place});");
        }
    }
    out.push_str("return 0; }\n");
    out
}
