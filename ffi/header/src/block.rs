// SPDX-License-Identifier: MIT OR Apache-2.0
//! What cbindgen writes, as one block a declaration.

/// What a block declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `#define`.
    Constant,
    /// An enumeration, a struct, or the name of one that stays closed.
    Type,
    Function,
}

/// One declaration with the comment in front of it.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    pub(crate) text: String,
}

impl Block {
    /// Whether the text speaks of `name`.
    pub(crate) fn names(&self, name: &str) -> bool {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        self.text.match_indices(name).any(|(at, _)| {
            !self.text[..at].ends_with(word) && !self.text[at + name.len()..].starts_with(word)
        })
    }
}

/// The declarations in the order in which cbindgen writes them.
pub(crate) fn blocks(declarations: &str) -> Vec<Block> {
    let compact = compact_comments(declarations);
    let mut blocks: Vec<_> =
        compact.split("\n\n").filter_map(|text| block(text.trim_matches('\n'))).collect();
    blocks.iter_mut().for_each(|block| block.text = trailing_comments(&block.text));
    blocks
}

/// Puts a member's or value's comment behind it where both fit a line.
fn trailing_comments(text: &str) -> String {
    let mut out: Vec<String> = Vec::new();
    for line in text.lines() {
        let comment = out.last().filter(|last| last.starts_with("  /* ") && last.ends_with(" */"));
        let member = line.starts_with("  ") && (line.ends_with(';') || line.ends_with(','));
        match comment.map(|comment| format!("{line}  {}", comment.trim())) {
            Some(both) if member && both.len() <= 100 => {
                out.pop();
                out.push(both);
            }
            _ => out.push(line.to_owned()),
        }
    }
    out.join("\n")
}

fn block(text: &str) -> Option<Block> {
    let code = text.rsplit_once("*/\n").map_or(text, |(_, code)| code);
    let plain = |text: &str| text.to_owned();
    if let Some(define) = code.strip_prefix("#define ALE_") {
        let (name, value) = define.split_once(' ')?;
        return Some(Block {
            kind: Kind::Constant,
            name: format!("ALE_{name}"),
            text: text.replacen(value, value.trim(), 1),
        });
    }
    if let Some((before, rest)) = text
        .split_once("\nenum ale_")
        .or_else(|| text.strip_prefix("enum ale_").map(|rest| ("", rest)))
    {
        return Some(enumeration(before, rest));
    }
    if let Some((_, rest)) = text.rsplit_once("} ale_").filter(|_| text.contains("typedef struct "))
    {
        let name = format!("ale_{}", rest.trim_end_matches(';'));
        return Some(Block { kind: Kind::Type, name, text: plain(text) });
    }
    if let Some(rest) = code.strip_prefix("typedef struct ale_") {
        let name = format!("ale_{}", rest.split(' ').next()?);
        return Some(Block { kind: Kind::Type, name, text: plain(text) });
    }
    let function = code.trim_end().trim_end_matches("#endif").trim_end();
    if function.ends_with(");") {
        let before = function.split('(').next()?;
        let name = before.rsplit([' ', '*', '\n']).next()?.to_owned();
        return Some(Block { kind: Kind::Function, name, text: plain(text) });
    }
    None
}

/// An enumeration crosses the boundary as an `int32_t`, whatever `-fshort-enums` says; its values have
/// a name of their own, which debuggers show.
fn enumeration(comment: &str, rest: &str) -> Block {
    let name: String =
        rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    let name = format!("ale_{name}");
    let values = rest.split_once("{\n").and_then(|(_, rest)| rest.split_once("\n};"));
    let values = values.map_or("", |(values, _)| values);
    Block {
        kind: Kind::Type,
        text: format!(
            "{comment}\ntypedef enum {name}_value {{\n{values}\n}} {name}_value;\ntypedef int32_t {name};"
        ),
        name,
    }
}

/// Turns three lines, the middle one text, into one; and aligns the text of longer comments.
fn compact_comments(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let mut out = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at];
        let indent = &line[..line.len() - line.trim_start().len()];
        let end = lines[at..].iter().position(|line| line.trim() == "*/").map(|n| at + n);
        match end {
            Some(end) if line.trim() == "/*" && !lines[at + 1].trim_start().starts_with('*') => {
                let text: Vec<&str> = lines[at + 1..end].iter().map(|line| line.trim()).collect();
                let one = format!("{indent}/* {} */", text.join(" "));
                if text.len() == 1 && one.len() <= 100 {
                    out.push(one);
                } else {
                    out.push(format!("{indent}/*"));
                    let marked = text.iter().map(|text| format!("{indent} * {text}"));
                    out.extend(marked.map(|line| line.trim_end().to_owned()));
                    out.push(format!("{indent} */"));
                }
                at = end + 1;
            }
            _ => {
                out.push(line.to_owned());
                at += 1;
            }
        }
    }
    out.join("\n")
}
