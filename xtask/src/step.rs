// SPDX-License-Identifier: MIT OR Apache-2.0
//! Commands that a task runs, one after the other, and where things are built.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Outcome;

/// A command that is told before it runs.
#[derive(Debug)]
pub(crate) struct Step(Command);

/// A command by its words, with blanks between. What has blanks of its own follows by [`Step::arg`].
pub(crate) fn step(words: &str) -> Step {
    let mut words = words.split_whitespace();
    let mut step = program_at(Path::new(words.next().unwrap_or_default()));
    step.0.args(words);
    step
}

/// A program that stands somewhere, without arguments.
pub(crate) fn program_at(path: &Path) -> Step {
    let mut command = Command::new(path);
    // Of a `make` that has begun this; its job server can't be reached from here.
    command.env_remove("MAKEFLAGS").env_remove("MAKELEVEL");
    Step(command)
}

impl Step {
    /// With an argument more.
    pub(crate) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.0.arg(argument);
        self
    }

    /// With arguments by their words.
    pub(crate) fn words(mut self, words: &str) -> Self {
        self.0.args(words.split_whitespace());
        self
    }

    /// With a variable of the environment.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.0.env(name, value);
        self
    }

    /// Without what it prints.
    pub(crate) fn silent(mut self) -> Self {
        self.0.stdout(Stdio::null());
        self
    }

    /// Runs it.
    pub(crate) fn run(mut self) -> Outcome {
        println!("{}", self.text());
        let done = self.0.status().map_err(|error| self.failed(&error.to_string()))?;
        if done.success() { Ok(()) } else { Err(self.failed(&done.to_string())) }
    }

    /// Whether it succeeds; it is not told.
    pub(crate) fn succeeds(mut self) -> bool {
        self.0.status().is_ok_and(|done| done.success())
    }

    /// What it prints; it is not told.
    pub(crate) fn output(mut self) -> Result<String, String> {
        crate::output(&mut self.0)
    }

    /// To be run by who knows more ways.
    pub(crate) fn command(self) -> Command {
        self.0
    }

    fn text(&self) -> String {
        let told = |word: &OsStr| word.to_string_lossy().into_owned();
        let mut words = vec![told(self.0.get_program())];
        words.extend(self.0.get_args().map(told));
        words.join(" ")
    }

    fn failed(&self, error: &str) -> String {
        format!("{}: {error}", self.text())
    }
}

/// A variable of the environment, or what stands for it.
pub(crate) fn variable(name: &str, otherwise: &str) -> String {
    std::env::var(name)
        .ok()
        .filter(|value| !value.is_empty())
        .unwrap_or_else(|| otherwise.to_owned())
}

/// Where everything is built.
pub(crate) fn target() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| OsString::from("target"));
    std::path::absolute(&target).unwrap_or_else(|_| target.into())
}

/// Where release builds are.
pub(crate) fn release() -> PathBuf {
    target().join("release")
}

/// The archive in which all names but `ale_*` are local.
pub(crate) fn archive() -> PathBuf {
    release().join("package/libale_media.a")
}

/// Flags of C programs.
pub(crate) const C_FLAGS: &str = "-std=c99 -O2 -g -Wall -Wextra -Werror -pedantic";

/// Libraries that a static Rust library needs of the system.
pub(crate) fn c_libs() -> String {
    variable("C_LIBS", "-lpthread -ldl -lm")
}

/// The C compiler.
pub(crate) fn cc() -> String {
    variable("C_COMPILER", "cc")
}

/// Compiles a C program: the compiler and flags of its own, its source, itself, and libraries.
pub(crate) fn compile(
    compiler: &str,
    source: &Path,
    program: &Path,
    libraries: &[&Path],
) -> Outcome {
    if let Some(folder) = program.parent() {
        make_folder(folder)?;
    }
    let mut step =
        step(compiler).words(C_FLAGS).arg("-Iinclude").arg(source).arg("-o").arg(program);
    for library in libraries {
        step = step.arg(library);
    }
    step.words(&c_libs()).run()
}

/// Runs a program under valgrind: no error, no leak.
pub(crate) fn valgrind(program: &Path) -> Outcome {
    step("valgrind --quiet --leak-check=full --error-exitcode=1").arg(program).run()
}

/// Makes a folder and those above it.
pub(crate) fn make_folder(folder: &Path) -> Outcome {
    std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))
}

/// Removes a folder with all that is in it, if it is there.
pub(crate) fn remove_folder(folder: &Path) -> Outcome {
    match std::fs::remove_dir_all(folder) {
        Err(error) if folder.exists() => Err(format!("{}: {error}", folder.display())),
        _ => Ok(()),
    }
}

/// Installs what tests need and this machine lacks.
pub(crate) fn tools(names: &str) -> Outcome {
    step(".ci/install-tools").words(names).run()
}

/// Whether there are Rust's tools of these names, after an attempt to install what is missing.
pub(crate) fn rust_tools(names: &str) -> bool {
    step(".ci/rust-tool").words(names).succeeds()
}

/// Whether there is a standard library for this target, after an attempt to install it; says for which task there is not.
pub(crate) fn rust_target(task: &str, triple: &str) -> bool {
    let has = step(".ci/rust-target").arg(triple).succeeds();
    if !has {
        println!("{task}: {triple} is left out, there is no standard library for it");
    }
    has
}

/// The files of a folder that end so, in order.
pub(crate) fn files(folder: &str, end: &str) -> Result<Vec<PathBuf>, String> {
    let told = |error: std::io::Error| format!("{folder}: {error}");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(told)? {
        let path = entry.map_err(told)?.path();
        if path.to_string_lossy().ends_with(end) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// A file's name without what it ends with.
pub(crate) fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}
