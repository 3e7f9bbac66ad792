// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reads the C headers: what they declare, for the checks that hold code, documents and tests to them.
//!
//! It reads what `ale-media-header` writes: one declaration a paragraph, members and values a line each.

/// What one or several headers declare, in their order.
#[derive(Debug, Default)]
pub struct Header {
    /// Functions.
    pub functions: Vec<Function>,
    /// Structs whose members are seen.
    pub structs: Vec<Struct>,
    /// Enumerations, by the names of their values' types.
    pub enumerations: Vec<String>,
    /// What is defined, and the values of enumerations.
    pub constants: Vec<Constant>,
}

/// A function.
#[derive(Debug)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// What stands in front of it, without the comment's frame.
    pub comment: String,
    /// The declaration in one line, without the semicolon.
    pub declaration: String,
    /// Whether only builds with some feature have it.
    pub conditional: bool,
}

/// A struct.
#[derive(Debug)]
pub struct Struct {
    /// Its name.
    pub name: String,
    /// The names of its members, functions among them.
    pub members: Vec<String>,
}

/// A number with a name.
#[derive(Debug)]
pub struct Constant {
    /// Its name.
    pub name: String,
    /// What it stands for, as it is written.
    pub value: String,
}

impl Header {
    /// Reads all headers (`ale_*.h`) of a folder.
    ///
    /// # Errors
    /// When there is none, or one can't be read.
    pub fn read(folder: &std::path::Path) -> Result<Self, String> {
        let told = |error: std::io::Error| format!("{}: {error}", folder.display());
        let mut files = std::fs::read_dir(folder)
            .and_then(|entries| {
                entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, _>>()
            })
            .map_err(told)?;
        files.retain(|file| file.extension().is_some_and(|extension| extension == "h"));
        files.sort();
        let mut header = Self::default();
        for file in files {
            header.take(&std::fs::read_to_string(file).map_err(told)?);
        }
        if header.functions.is_empty() {
            return Err(format!("{}: no header with a function", folder.display()));
        }
        Ok(header)
    }

    fn take(&mut self, text: &str) {
        let mut lines = text.lines();
        let (mut comment, mut conditional) = (String::new(), false);
        while let Some(line) = lines.next() {
            if line.starts_with("/*") {
                comment = comment_from(line, &mut lines);
            } else if line.starts_with("#if defined(ALE_WITH_") {
                conditional = true;
            } else if line == "#endif" {
                conditional = false;
            } else if let Some((name, value)) =
                line.strip_prefix("#define ").and_then(split_once_space)
            {
                self.constants.push(Constant { name, value });
            } else if let Some(name) = body_of(line, "typedef struct ") {
                let members = items(&mut lines, ';').iter().map(|item| member(item)).collect();
                self.structs.push(Struct { name, members });
            } else if let Some(name) = body_of(line, "typedef enum ") {
                let values = items(&mut lines, ',');
                self.constants.extend(values.iter().filter_map(|item| {
                    let (name, value) = item.split_once(" = ")?;
                    Some(Constant { name: name.to_owned(), value: value.to_owned() })
                }));
                self.enumerations.push(name);
            } else if line.contains('(') && !line.starts_with(['#', '}']) {
                let mut declaration = line.to_owned();
                while !declaration.ends_with(';') {
                    let Some(more) = lines.next() else { break };
                    declaration.push(' ');
                    declaration.push_str(more.trim());
                }
                self.functions.extend(function(&declaration, &comment, conditional));
            }
        }
    }
}

/// The comment that begins with `first`, without its frame.
fn comment_from<'a>(first: &'a str, lines: &mut impl Iterator<Item = &'a str>) -> String {
    let (mut text, mut line) = (String::new(), first);
    loop {
        let bare = line.trim().trim_start_matches(['/', '*']).trim_end_matches(['/', '*']).trim();
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(bare);
        if line.ends_with("*/") {
            return text;
        }
        let Some(next) = lines.next() else { return text };
        line = next;
    }
}

fn split_once_space(text: &str) -> Option<(String, String)> {
    text.split_once(' ').map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
}

fn body_of(line: &str, keyword: &str) -> Option<String> {
    Some(line.strip_prefix(keyword)?.strip_suffix(" {")?.to_owned())
}

/// What stands between braces, each up to `end`, without comments.
fn items<'a>(lines: &mut impl Iterator<Item = &'a str>, end: char) -> Vec<String> {
    let (mut items, mut item) = (Vec::new(), String::new());
    while let Some(line) = lines.next() {
        if line.starts_with('}') {
            break;
        }
        if line.trim().starts_with("/*") {
            comment_from(line, lines);
            continue;
        }
        let code = line.split("  /*").next().unwrap_or(line);
        let code = if code.trim().is_empty() { line } else { code };
        item.push_str(code.trim());
        match item.strip_suffix(end) {
            Some(whole) => {
                items.push(whole.to_owned());
                item.clear();
            }
            None => item.push(' '),
        }
    }
    items
}

/// The name of a member by its declaration: `void *(*allocate)(size_t)`, `uint8_t key[32]`.
fn member(declaration: &str) -> String {
    let name = match declaration.split_once("(*") {
        Some((_, rest)) => rest.split(')').next(),
        None => declaration.split('[').next().and_then(|left| left.rsplit([' ', '*']).next()),
    };
    name.unwrap_or("").to_owned()
}

fn function(declaration: &str, comment: &str, conditional: bool) -> Option<Function> {
    let declaration = declaration.strip_suffix(';')?;
    let declaration = declaration.split_whitespace().collect::<Vec<_>>().join(" ");
    let name = declaration.split('(').next()?.rsplit([' ', '*']).next()?.to_owned();
    let comment = comment.to_owned();
    name.starts_with("ale_").then_some(Function { name, comment, declaration, conditional })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declarations_of_each_kind_are_read() {
        let mut header = Header::default();
        header.take(
            "/* A title */\n#ifndef X\n#define X\n\n#define ALE_A 7\n\n\
             /*\n * Two\n * lines. Real-time.\n */\nale_status ale_f(struct ale_s *s,\n                size_t n);\n\n\
             #if defined(ALE_WITH_X)\n/* Rare. */\nconst char *ale_g(void);\n#endif\n\n\
             typedef struct ale_s {\n  uint32_t struct_size;  /* Size (bytes); of this. */\n  /*\n   * Long;\n   */\n  \
             void *(*give)(void *c,\n                size_t n);\n  uint8_t key[32];\n  struct ale_t *t;\n} ale_s;\n\n\
             typedef enum ale_e_value {\n  ALE_B = -1,  /* Less, */\n  /* More. */\n  ALE_C = 2,\n} ale_e_value;\n",
        );
        let [f, g] = header.functions.as_slice() else { panic!("{:?}", header.functions) };
        assert_eq!(f.declaration, "ale_status ale_f(struct ale_s *s, size_t n)");
        assert_eq!((f.comment.as_str(), f.conditional), ("Two\nlines. Real-time.\n", false));
        assert_eq!((g.name.as_str(), g.conditional), ("ale_g", true));
        assert_eq!(header.structs[0].members, ["struct_size", "give", "key", "t"]);
        let constants: Vec<_> =
            header.constants.iter().map(|c| (c.name.as_str(), c.value.as_str())).collect();
        assert_eq!(constants, [("ALE_A", "7"), ("ALE_B", "-1"), ("ALE_C", "2")]);
        assert_eq!(header.enumerations, ["ale_e_value"]);
    }

    #[test]
    fn our_headers_are_read_whole() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../include");
        let header = Header::read(std::path::Path::new(folder)).expect("headers");
        // What the shared library exports is counted by Debian's list, which its package is held to.
        let listed =
            concat!(env!("CARGO_MANIFEST_DIR"), "/../package/debian/libale-media0.symbols");
        let listed = std::fs::read_to_string(listed).expect("the list");
        let exported: Vec<_> =
            listed.lines().filter_map(|l| l.strip_prefix(' ')?.split_once('@')).collect();
        let mut declared: Vec<_> =
            header.functions.iter().filter(|f| !f.conditional).map(|f| f.name.as_str()).collect();
        declared.sort_unstable();
        assert_eq!(declared, exported.iter().map(|(name, _)| *name).collect::<Vec<_>>());
        assert!(header.structs.len() > 30 && header.enumerations.len() > 5);
        assert!(header.structs.iter().all(|s| s.members.iter().all(|member| !member.is_empty())));
    }
}
