// SPDX-License-Identifier: MIT OR Apache-2.0
//! The page's files, as they lie in `page/`.

/// A file.
#[derive(Debug, PartialEq, Eq)]
pub struct File {
    path: &'static str,
    /// As in `Content-Type`.
    pub kind: &'static str,
    /// What is in it.
    pub text: &'static str,
}

const FILES: [File; 4] = [
    File {
        path: "/",
        kind: "text/html; charset=utf-8",
        text: include_str!("../../page/index.html"),
    },
    File {
        path: "/page.css",
        kind: "text/css; charset=utf-8",
        text: include_str!("../../page/page.css"),
    },
    File {
        path: "/page.js",
        kind: "text/javascript; charset=utf-8",
        text: include_str!("../../page/page.js"),
    },
    File {
        path: "/words.js",
        kind: "text/javascript; charset=utf-8",
        text: include_str!("../../page/words.js"),
    },
];

/// What browsers are told of all files: nothing of theirs comes from elsewhere or stands in the text of the page,
/// and no other page may show this one.
pub(super) const FIELDS: [(&str, &str); 4] = [
    (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; media-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Permissions-Policy", "microphone=(self), camera=(self), geolocation=()"),
];

/// The file at a path.
pub(super) fn at(path: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.path == path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_asks_for_nothing_but_its_own_files_and_has_no_script_or_style_within() {
        let page = at("/").unwrap().text;
        let named = |attribute: &str| -> Vec<&str> {
            let parts = page.split(&format!("{attribute}=\"")).skip(1).collect::<Vec<_>>();
            parts.into_iter().filter_map(|rest| rest.split('"').next()).collect()
        };
        let mut asked: Vec<_> = [named("src"), named("href")].concat();
        asked.retain(|path| !path.starts_with('#'));
        assert!(asked.len() >= 3, "{asked:?}");
        for path in asked {
            assert!(at(path).is_some(), "{path}");
        }
        for within in ["<style", "style=", "onclick", "onload", "javascript:"] {
            assert!(!page.contains(within), "{within}");
        }
        assert_eq!(page.matches("<script").count(), page.matches("<script src=").count());
        for file in &FILES {
            assert!(!file.text.contains("http://") && !file.text.contains("https://"));
            assert!(!file.text.contains("innerHTML"), "names of others are no markup");
        }
    }

    #[test]
    fn each_label_of_the_page_has_a_word_in_both_languages() {
        let page = at("/").unwrap().text;
        let words = at("/words.js").unwrap().text;
        let (english, german) = words.split_once("de: {").unwrap();
        let of_script = at("/page.js").unwrap().text.split("say(\"").skip(1);
        let of_page = page.split("data-word=\"").skip(1);
        let labels = page.split("data-label=\"").skip(1);
        let keys: Vec<_> =
            of_page.chain(labels).chain(of_script).filter_map(|r| r.split('"').next()).collect();
        assert!(keys.len() > 20);
        for key in keys {
            for words in [english, german] {
                assert!(words.contains(&format!("  {key}: \"")), "{key}");
            }
        }
    }
}
