// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether programs built against an older header still run with this library: everything that the
//! header names is still what it was, and a program of then works.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use ale_media_header::Header;

use crate::{Outcome, argument, output};

/// The program of then.
const PROGRAM: &str = "ffi/tests/abi/program.c";
const NEW: &str = "include";

pub(crate) fn run(arguments: &[String]) -> Outcome {
    let (old, archive) = (argument(arguments, 0)?, argument(arguments, 1)?);
    let work = argument(arguments, 2)?;
    std::fs::create_dir_all(work).map_err(|error| format!("{work}: {error}"))?;
    let (then, now) = (Header::read(Path::new(old))?, Header::read(Path::new(NEW))?);
    gone(&numbers(&then), &numbers(&now), old)?;
    gone(&declarations(&then), &declarations(&now), old)?;

    let source = format!("{work}/layout.c");
    std::fs::write(&source, layout(&then)).map_err(|error| format!("{source}: {error}"))?;
    let measured = |headers: &str| {
        let program = format!("{work}/layout");
        compile(headers, &source, archive, &program)?;
        output(&mut Command::new(&program))
    };
    let (places, places_now) = (measured(old)?, measured(NEW)?);
    let moved = places.lines().zip(places_now.lines()).find(|(then, now)| then != now);
    if let Some((then, now)) = moved {
        return Err(format!("{then} in {old}, and now {now}"));
    }

    let program = format!("{work}/program");
    compile(old, PROGRAM, archive, &program)?;
    print!("{}", output(&mut Command::new(&program))?);
    println!("abi: {} sizes and places of {old}, and a program of then", places.lines().count());
    Ok(())
}

fn compile(headers: &str, source: &str, archive: &str, program: &str) -> Outcome {
    let words = |name: &str, otherwise: &str| {
        let value = std::env::var(name).unwrap_or_else(|_| otherwise.to_owned());
        value.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    let compiler = words("CC", "cc");
    let mut command = Command::new(compiler.first().ok_or("CC is empty")?);
    command.args(&compiler[1..]).arg(format!("-I{headers}")).args(words("C_FLAGS", "-std=c99"));
    command.args([source, "-o", program, archive]).args(words("C_LIBS", ""));
    output(&mut command).map(drop)
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
