// SPDX-License-Identifier: MIT OR Apache-2.0
//! The reference as manual pages, made of the headers: one a function, with the types that it takes, and
//! one on the whole.

use crate::block::Kind;
use crate::layout::Header;

/// The pages (groff's man macros) by the names of their files.
pub(crate) fn pages(headers: &[Header], version: &str) -> Vec<(String, String)> {
    let mut pages = vec![("ale_media.3".to_owned(), overview(headers, version))];
    let types: Vec<&(Kind, String, String)> = headers
        .iter()
        .flat_map(|header| header.sections.iter().flat_map(|section| &section.declarations))
        .filter(|(kind, _, _)| *kind == Kind::Type)
        .collect();
    for header in headers {
        for section in &header.sections {
            for (kind, name, text) in &section.declarations {
                if *kind == Kind::Function {
                    let taken = types.iter().filter(|(_, of, _)| is_taken(text, of));
                    let page = page(header.file, section.title, name, text, taken, version);
                    pages.push((format!("{name}.3"), page));
                }
            }
        }
    }
    pages
}

/// Whether a declaration takes or gives this type, which is one with members or values.
fn is_taken(text: &str, name: &str) -> bool {
    let code = text.rsplit("*/\n").next().unwrap_or(text);
    name != "ale_status"
        && code.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|word| word == name)
}

fn page<'a>(
    file: &str,
    section: &str,
    name: &str,
    text: &str,
    types: impl Iterator<Item = &'a &'a (Kind, String, String)>,
    version: &str,
) -> String {
    let (comment, code) = text.split_at(text.rfind("*/\n").map_or(0, |at| at + 3));
    let code: Vec<_> = code.lines().filter(|line| !line.starts_with('#')).collect();
    let comment = comment_text(comment);
    // Abbreviations end in a dot, too: a sentence ends before a capital.
    let summary = comment.split(". ").next().unwrap_or("").replace('\n', " ");
    let mut out = format!(
        ".TH {} 3 \"\" \"libale_media {version}\" \"{section}\"\n.SH NAME\n{name} \\- {}\n\
         .SH SYNOPSIS\n.nf\n.B #include <{file}>\n.PP\n\\fB{}\\fR\n.fi\n.SH DESCRIPTION\n{}\n",
        name.to_uppercase(),
        escape(summary.trim_end_matches('.')),
        escape(&code.join("\n")),
        escape(&comment).replace("\n\n", "\n.PP\n"),
    );
    for (_, name, text) in types.filter(|(_, _, text)| text.contains('{')) {
        out.push_str(&format!(".SS {name}\n.nf\n{}\n.fi\n", escape(text.trim())));
    }
    out.push_str(".SH SEE ALSO\n.BR ale_media (3)\n");
    out
}

fn overview(headers: &[Header], version: &str) -> String {
    let mut out = format!(
        ".TH ALE_MEDIA 3 \"\" \"libale_media {version}\" \"Library functions\"\n\
         .SH NAME\nale_media \\- real-time voice media engine\n\
         .SH SYNOPSIS\n.B #include <ale_media.h>\n.PP\nLink with \\fI\\-lale_media\\fR.\n"
    );
    let first = &headers[0].text;
    let after = |title: &str| first.split_once(title).map(|(_, rest)| rest).unwrap_or("");
    let call = after(" * A call\n").split(" *\n").next().unwrap_or("");
    let call: Vec<_> = call.lines().map(|line| line.trim_start_matches(" *")).collect();
    out.push_str(&format!(".SH A CALL\n.nf\n{}\n.fi\n", escape(&call.join("\n"))));
    out.push_str(".SH CONVENTIONS\n");
    let text = after(" * Conventions\n").split(" *\n").next().unwrap_or("");
    for item in comment_text(text).split("- ").skip(1) {
        out.push_str(&format!(".IP \\(bu 2\n{}\n", escape(item.trim())));
    }
    for header in headers {
        for section in &header.sections {
            out.push_str(&format!(".SH {}\n.nf\n", section.title.to_uppercase()));
            for (kind, name, _) in &section.declarations {
                if *kind == Kind::Function {
                    out.push_str(&format!(".BR {name} (3)\n"));
                }
            }
            out.push_str(".fi\n");
        }
    }
    out
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
