// SPDX-License-Identifier: MIT OR Apache-2.0
//! The reference as a manual page, made of the header: what it says, in the order in which it says
//! it, types as they stand there.

/// The manual page (groff's man macros) of a header.
pub(crate) fn manual(header: &str, version: &str) -> String {
    let mut out = format!(
        ".TH ALE_MEDIA 3 \"\" \"libale_media {version}\" \"Library functions\"\n\
         .SH NAME\nale_media \\- real-time voice media engine\n\
         .SH SYNOPSIS\n.B #include <ale_media.h>\n.PP\nLink with \\fI\\-lale_media\\fR.\n"
    );
    if let Some((_, rest)) = header.split_once("* Conventions\n") {
        let text = rest.split("*/").next().unwrap_or("");
        out.push_str(".SH CONVENTIONS\n");
        for item in comment_text(text).split("- ").skip(1) {
            out.push_str(&format!(".IP \\(bu 2\n{}\n", escape(item.trim())));
        }
    }
    let mut types = true;
    out.push_str(".SH TYPES\n");
    for block in header.split("\n\n") {
        if let Some(title) = block.trim().strip_prefix("/* ---- ") {
            let title = title.split(" ----").next().unwrap_or(title);
            out.push_str(&format!(".SH {}\n", title.to_uppercase()));
            types = false;
        }
        let code = code_of(block);
        let Some(name) = name_of(&code) else { continue };
        if code.ends_with(");") && !code.starts_with("typedef") {
            let comment = block.split("*/").next().unwrap_or("");
            let code = escape(&code);
            out.push_str(&format!(".SS {name}\n.nf\n\\fB{code}\\fR\n.fi\n.PP\n"));
            out.push_str(&escape(&comment_text(comment)).replace("\n\n", "\n.PP\n"));
            out.push('\n');
        } else if types {
            out.push_str(&format!(".SS {name}\n.nf\n{}\n.fi\n", escape(block.trim())));
        }
    }
    out
}

/// What is left of a block without the comment and the conditions in front.
fn code_of(block: &str) -> String {
    let block = block.trim_end().trim_end_matches("#endif").trim_end();
    let rest = block.rsplit_once("*/\n").filter(|_| block.ends_with(");"));
    let code = rest.map_or(block, |(_, code)| code);
    let kept: Vec<_> = code.lines().filter(|line| !line.starts_with('#')).collect();
    kept.join("\n").trim().to_owned()
}

/// The name that a block declares.
fn name_of(code: &str) -> Option<String> {
    let word = |text: &str| {
        let start = text.find("ale_")?;
        let name: String =
            text[start..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        Some(name)
    };
    if code.ends_with(");") && !code.starts_with("typedef") {
        let before = code.split('(').next()?;
        return word(before.rsplit([' ', '*', '\n']).next()?);
    }
    if code.contains("typedef") {
        return word(code.rsplit('}').next()?).or_else(|| word(code.lines().last()?));
    }
    None
}

/// A comment's text without its frame; paragraphs apart.
fn comment_text(comment: &str) -> String {
    let lines = comment.lines().map(|line| {
        line.trim().trim_start_matches("/*").trim_start_matches('*').trim_end_matches("*/").trim()
    });
    let mut out = String::new();
    for line in lines.filter(|line| !line.starts_with('#')) {
        match line {
            "" => out.push_str("\n\n"),
            line => {
                if !out.is_empty() && !out.ends_with('\n') {
                    out.push(' ');
                }
                out.push_str(line);
            }
        }
    }
    out.trim().to_owned()
}

/// Text that groff prints as it is.
fn escape(text: &str) -> String {
    let escaped = text.replace('\\', "\\e").replace('-', "\\-");
    let lines = escaped.lines().map(|line| match line.chars().next() {
        Some('.' | '\'') => format!("\\&{line}"),
        _ => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}
