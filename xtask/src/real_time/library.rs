// SPDX-License-Identifier: MIT OR Apache-2.0
//! The static library as binutils show it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::expression;

const CODE: &str = r"^\.text\.(unlikely\.|hot\.)?";

/// What each section refers to.
pub(super) struct Library {
    object: PathBuf,
    /// Names and offsets by section.
    pub(super) references: BTreeMap<String, Vec<(String, String)>>,
    /// Sections of functions by the functions' names.
    pub(super) sections: BTreeMap<String, String>,
    /// Names that are data.
    pub(super) objects: BTreeSet<String>,
    code: regex::Regex,
    folder: PathBuf,
}

impl Drop for Library {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Library {
    /// Reads the largest object of an archive, which has the library in one piece.
    pub(super) fn open(archive: &Path) -> Result<Self, String> {
        let told = |error: std::io::Error| format!("{}: {error}", archive.display());
        let archive_path = std::fs::canonicalize(archive).map_err(told)?;
        let folder = std::env::temp_dir().join(format!("real-time-{}", std::process::id()));
        std::fs::create_dir_all(&folder).map_err(told)?;
        let mut library = Self {
            object: PathBuf::new(),
            references: BTreeMap::new(),
            sections: BTreeMap::new(),
            objects: BTreeSet::new(),
            code: expression(CODE),
            folder,
        };
        quiet(Command::new("ar").arg("x").arg(archive_path).current_dir(&library.folder), "")?;
        let size = |path: &Path| path.metadata().map_or(0, |metadata| metadata.len());
        let members = std::fs::read_dir(&library.folder).map_err(told)?.flatten();
        let objects = members.map(|member| member.path());
        let objects = objects.filter(|path| path.extension().is_some_and(|end| end == "o"));
        library.object = objects.max_by_key(|path| size(path)).ok_or("no object in the archive")?;
        library.read()?;
        Ok(library)
    }

    fn read(&mut self) -> Result<(), String> {
        let tell = |what: &str| quiet(Command::new("readelf").arg(what).arg(&self.object), "");
        let head = expression(r"^Relocation section '\.rela?(\..*)' at offset");
        let to = expression(r"^([0-9a-f]+)\s+\S+\s+R_\S+\s+[0-9a-f]+\s+(\S+)");
        let section = expression(r"(?m)^ *\[ *\d+\] (\S+) +PROGBITS");
        let object = expression(r"(?m) OBJECT .* (\S+)$");
        let (relocations, sections, symbols) = (tell("-rW")?, tell("-SW")?, tell("-sW")?);
        let mut current = String::new();
        for line in relocations.lines() {
            if let Some(found) = head.captures(line) {
                current = found[1].to_owned();
            }
            if let Some(found) = to.captures(line) {
                let reference = (found[2].to_owned(), found[1].to_owned());
                self.references.entry(current.clone()).or_default().push(reference);
            }
        }
        for found in section.captures_iter(&sections).filter(|found| self.code.is_match(&found[1]))
        {
            self.sections.insert(self.function(&found[1]), found[1].to_owned());
        }
        self.objects = object.captures_iter(&symbols).map(|found| found[1].to_owned()).collect();
        Ok(())
    }

    /// A relocation's target without the section's part of the name.
    pub(super) fn function(&self, name: &str) -> String {
        self.code.replace(name, "").into_owned()
    }

    /// What a function refers to.
    pub(super) fn references_of(&self, function: &str) -> &[(String, String)] {
        let section = self.sections.get(function);
        section.and_then(|section| self.references.get(section)).map_or(&[], Vec::as_slice)
    }

    /// The names of all functions as a person writes them.
    pub(super) fn plain_names(&self) -> Result<BTreeMap<String, String>, String> {
        let targets = self.references.values().flatten().map(|(to, _)| self.function(to));
        let names: BTreeSet<String> = targets.chain(self.sections.keys().cloned()).collect();
        let text = names.iter().map(|name| format!("{name}\n")).collect::<String>();
        let plain = quiet(&mut Command::new("c++filt"), &text)?;
        let hash = expression(r"(::h[0-9a-f]{16}|\[[0-9a-f]{16}\]| \[clone .*\]|\.llvm\.\d+)");
        Ok(names
            .into_iter()
            .zip(plain.lines())
            .map(|(name, plain)| (name, hash.replace_all(plain, "").into_owned()))
            .collect())
    }

    /// The source lines of instructions, each with what it was inlined into.
    pub(super) fn lines_of(
        &self,
        function: &str,
        offsets: &[String],
    ) -> Result<Vec<String>, String> {
        let section = self.sections.get(function).map_or("", String::as_str);
        let mut command = Command::new("addr2line");
        command.args(["-i", "-a", "-j", section, "-e"]).arg(&self.object);
        let text = quiet(&mut command, &(offsets.join("\n") + "\n"))?;
        let chains = text.trim().split("0x").skip(1);
        // The standard library's own lines say little.
        let ours = |line: &&str| {
            !line.is_empty() && !line.contains("/rustc/") && !line.contains("/library/")
        };
        Ok(chains
            .map(|chain| {
                chain.lines().skip(1).filter(ours).map(short).collect::<Vec<_>>().join(" < ")
            })
            .collect())
    }
}

/// A line's place from the repository or the registry on.
fn short(line: &str) -> &str {
    let begins =
        ["core/src", "ffi/src", "registry"].iter().filter_map(|begin| line.find(begin)).min();
    let line = &line[begins.unwrap_or(0)..];
    line.split(" (disc").next().unwrap_or(line)
}

/// Runs a command that is told `input`; what it printed.
fn quiet(command: &mut Command, input: &str) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let told = |error: std::io::Error| format!("{name}: {error}");
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = pipes.spawn().map_err(told)?;
    let (stdin, input) = (child.stdin.take(), input.to_owned());
    // It may have said more than a pipe holds before it has heard all.
    let writer =
        std::thread::spawn(move || stdin.map(|mut stdin| stdin.write_all(input.as_bytes())));
    let done = child.wait_with_output().map_err(told)?;
    drop(writer.join());
    match done.status.success() {
        true => Ok(String::from_utf8_lossy(&done.stdout).into_owned()),
        false => Err(format!("{name}: {}", done.status)),
    }
}
