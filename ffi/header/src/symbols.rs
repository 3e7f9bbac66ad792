// SPDX-License-Identifier: MIT OR Apache-2.0
//! The functions of the shared library as Debian lists them (deb-symbols(5)): each with the first version
//! that had it, so that a program depends on no newer library than what it calls needs.

use crate::block::Kind;
use crate::layout::Header;

/// The list's name, in `ffi/package/debian`.
pub(crate) const FILE: &str = "libale-media0.symbols";

/// The list anew: what the kept one has keeps its version, what is new has this one. Refused is that a
/// function of an earlier version is gone: programs that call it would not start any more.
pub(crate) fn list(headers: &[Header], kept: &str, version: &str) -> Result<String, String> {
    // A line of the kept list is "SYMBOL@Base VERSION".
    let kept: Vec<(&str, &str)> =
        kept.lines().filter_map(|line| line.strip_prefix(' ')?.split_once("@Base ")).collect();
    let declarations = headers.iter().flat_map(|h| &h.sections).flat_map(|s| &s.declarations);
    // Those of features that packages are built without stand between #if and #endif.
    let exported =
        declarations.filter(|(kind, _, text)| *kind == Kind::Function && !text.ends_with("#endif"));
    let mut names: Vec<&str> = exported.map(|(_, name, _)| name.as_str()).collect();
    names.sort_unstable();
    if let Some((gone, since)) =
        kept.iter().find(|(name, since)| *since != version && names.binary_search(name).is_err())
    {
        return Err(format!(
            "{gone} is gone, which is there since {since}: that needs a new SONAME"
        ));
    }
    let mut out = String::from(
        "libale_media.so.0 libale-media0 #MINVER#\n* Build-Depends-Package: libale-media-dev\n",
    );
    for name in names {
        let since = kept.iter().find(|(kept, _)| *kept == name).map_or(version, |(_, since)| since);
        out.push_str(&format!(" {name}@Base {since}\n"));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Section;

    fn header(functions: &[(&str, &str)]) -> Vec<Header> {
        let declarations = functions
            .iter()
            .map(|(name, text)| (Kind::Function, (*name).to_owned(), (*text).to_owned()))
            .collect();
        let sections = vec![Section { title: "Library", declarations }];
        vec![Header { file: "ale_media.h", text: String::new(), sections }]
    }

    #[test]
    fn functions_keep_the_version_that_first_had_them() {
        let kept = "libale_media.so.0 libale-media0 #MINVER#\n ale_b@Base 0.2.0\n";
        let headers = header(&[("ale_b", "void ale_b(void);"), ("ale_a", "void ale_a(void);")]);
        let list = list(&headers, kept, "0.3.0").expect("nothing is gone");
        let lines: Vec<&str> = list.lines().skip(2).collect();
        assert_eq!(lines, [" ale_a@Base 0.3.0", " ale_b@Base 0.2.0"]);
    }

    #[test]
    fn functions_of_other_builds_are_not_listed() {
        let text = "#if defined(ALE_WITH_OPENSSL)\nvoid ale_a(void);\n#endif";
        let list = list(&header(&[("ale_a", text)]), "", "0.3.0").expect("nothing is gone");
        assert_eq!(list.lines().count(), 2);
    }

    #[test]
    fn released_functions_do_not_go() {
        let kept = " ale_a@Base 0.2.0\n";
        assert!(list(&header(&[]), kept, "0.3.0").is_err());
        assert!(list(&header(&[]), kept, "0.2.0").is_ok(), "0.2.0 is not out yet");
    }
}
