// SPDX-License-Identifier: MIT OR Apache-2.0
//! Programs and tests in C.

use std::path::{Path, PathBuf};

use crate::step::{
    archive, c_libs, cc, compile, files, make_folder, program_at, release, stem, step, target,
    tools, valgrind, variable,
};
use crate::{Outcome, abi, covered, read, wired};

/// Where programs in C are.
fn built() -> PathBuf {
    release().join("c")
}

fn debug() -> PathBuf {
    target().join("debug")
}

/// Programs of examples/c that stand alone.
pub(crate) fn programs(_: &[String]) -> Outcome {
    for source in files("examples/c", ".c")? {
        if stem(&source) != "sip_bridge" {
            compile(&cc(), &source, &built().join(stem(&source)), &[&archive()])?;
        }
    }
    Ok(())
}

/// `sip_bridge`, on libre.
pub(crate) fn sip_bridge(_: &[String]) -> Outcome {
    tools("re.h")?;
    make_folder(&built())?;
    // Its headers are not held to our warnings.
    let flags = step("pkg-config --cflags libre").output()?.replace("-I", "-isystem ");
    let libraries = step("pkg-config --libs libre").output()?;
    step(&cc())
        .words(crate::step::C_FLAGS)
        .words("-Iinclude")
        .words(&flags)
        .words("examples/c/sip_bridge.c -o")
        .arg(built().join("sip_bridge"))
        .arg(archive())
        .words(&libraries)
        .words(&c_libs())
        .run()
}

/// All tests: plain, under valgrind, by clang's sanitizers, and those that need more.
pub(crate) fn test(_: &[String]) -> Outcome {
    covered::run(&[])?;
    wired::run(&[])?;
    for source in files("ffi/tests/c", ".c")? {
        let program = built().join(stem(&source));
        compile(&cc(), &source, &program, &[&archive()])?;
        program_at(&program).run()?;
        valgrind(&program)?;
    }
    let readme = built().join("readme.c");
    std::fs::write(&readme, fenced(&read("README.md")?, "c")).map_err(|error| error.to_string())?;
    compile(&cc(), &readme, &built().join("readme"), &[&archive()])?;
    valgrind(&built().join("readme"))?;
    for headers in files("ffi/tests/abi", "")?.iter().filter(|path| path.is_dir()) {
        abi::check(headers, &archive(), &target().join("abi"))?;
    }
    step(".ci/c-phones").arg(built()).run()?;
    for program in ["codec_plugin", "own_memory", "ivr", "two_lines", "mini_pbx"] {
        valgrind(&built().join(program))?;
    }
    program_at(&built().join("handsfree")).run()?;
    for more in [sanitize, destroyed_twice, wiped, stack, bindings] {
        more(&[])?;
    }
    Ok(())
}

/// What stands in a text between fences of a language.
fn fenced(text: &str, language: &str) -> String {
    let begin = format!("```{language}");
    let mut within = false;
    let mut code = String::new();
    for line in text.lines() {
        match line {
            "```" => within = false,
            line if line == begin => within = true,
            line if within => {
                code.push_str(line);
                code.push('\n');
            }
            _ => {}
        }
    }
    code
}

/// The tests by clang, under AddressSanitizer and UndefinedBehaviorSanitizer.
pub(crate) fn sanitize(_: &[String]) -> Outcome {
    tools("clang libclang-rt")?;
    let clang = "clang -fsanitize=address,undefined -fno-sanitize-recover=all";
    for source in files("ffi/tests/c", ".c")? {
        let program = built().join(format!("{}-sanitized", stem(&source)));
        compile(clang, &source, &program, &[&archive()])?;
        program_at(&program).silent().run()?;
    }
    Ok(())
}

/// The library's debug build, and its archive.
fn debug_archive() -> Result<PathBuf, String> {
    step("cargo build --quiet -p ale-media-ffi").run()?;
    Ok(debug().join("libale_media.a"))
}

/// What only a debug build does: to find out what is destroyed twice.
pub(crate) fn destroyed_twice(_: &[String]) -> Outcome {
    let program = debug().join("c/destroyed_twice");
    let source = Path::new("ffi/tests/debug/destroyed_twice.c");
    compile(&cc(), source, &program, &[&debug_archive()?])?;
    program_at(&program).run()?;
    program_at(&program).arg("taken").run()
}

/// No copy of a key on the stack or in freed memory, in release and debug builds. Not under valgrind, which
/// minds that a stack and blocks are read as they are.
pub(crate) fn wiped(_: &[String]) -> Outcome {
    let compiler = format!("{} -Iffi/tests/c", cc());
    for (program, library) in [(built(), archive()), (debug().join("c"), debug_archive()?)]
        .map(|(at, a)| (at.join("wiped"), a))
    {
        compile(&compiler, Path::new("ffi/tests/memory/wiped.c"), &program, &[&library])?;
        program_at(&program).run()?;
    }
    Ok(())
}

/// How much stack each function takes. Not under valgrind either, for the same reason.
pub(crate) fn stack(_: &[String]) -> Outcome {
    let (compiler, program) = (format!("{} -Iffi/tests/c", cc()), built().join("stack"));
    compile(&compiler, Path::new("ffi/tests/memory/stack.c"), &program, &[&archive()])?;
    program_at(&program).run()
}

/// What pycparser, cffi and bindgen make of the headers.
pub(crate) fn bindings(_: &[String]) -> Outcome {
    tools("clang python3-venv")?;
    // Left out by the test where it can't be had.
    let _ = crate::step::rust_tools("bindgen");
    step("ffi/tests/bindings/run include")
        .arg(release().join("libale_media.so"))
        .arg(target().join("bindings"))
        .env("CC", cc())
        .env("XTASK", itself()?)
        .run()
}

/// This program.
pub(crate) fn itself() -> Result<PathBuf, String> {
    std::env::current_exe().map_err(|error| error.to_string())
}

/// Each header alone and after each other, as C99 and C++11, by two compilers; enumerations are as wide as
/// they were for who has them short.
pub(crate) fn headers(_: &[String]) -> Outcome {
    tools("clang")?;
    let headers: Vec<String> =
        files("include", ".h")?.iter().map(|path| format!("{}.h", stem(path))).collect();
    let source = target().join("include-order");
    make_folder(&target())?;
    for (c, cxx) in [(cc(), variable("CXX_COMPILER", "c++")), ("clang".into(), "clang++".into())] {
        for (first, second) in
            headers.iter().flat_map(|one| headers.iter().map(move |two| (one, two)))
        {
            let text = format!("#include <{first}>\n#include <{second}>\n");
            std::fs::write(&source, text).map_err(|error| error.to_string())?;
            for language in [
                format!("{c} -std=c99 -x c"),
                format!("{c} -std=c99 -fshort-enums -x c"),
                format!("{cxx} -std=c++11 -x c++"),
            ] {
                let checked = step(&language)
                    .words("-Iinclude -Wall -Wextra -Werror -pedantic -fsyntax-only")
                    .arg(&source)
                    .succeeds();
                if !checked {
                    return Err(format!("{language}: {first}, then {second}"));
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::fenced;

    #[test]
    fn code_is_what_stands_between_its_fences() {
        let text = "a\n```sh\nb\n```\n```c\nint c;\n\nint d;\n```\ne\n```c\nint f;\n```\n";
        assert_eq!(fenced(text, "c"), "int c;\n\nint d;\nint f;\n");
    }
}
