//! Plain text from the texts of feeds and questionnaires, which may hold markup, character references and control
//! characters. The work is in proportion to the length of the text.

use std::borrow::Cow;

use crate::value::unicode;

/// The elements of HTML that begin and end a line of their own.
const BLOCKS: [&str; 40] = [
    "address",
    "article",
    "aside",
    "blockquote",
    "body",
    "br",
    "caption",
    "center",
    "dd",
    "details",
    "dialog",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "html",
    "li",
    "main",
    "nav",
    "ol",
    "p",
    "pre",
    "section",
    "summary",
    "table",
    "tbody",
    "tr",
    "ul",
];
/// The other elements of HTML that occur in texts. `td` and `th` are followed by a space, the others by nothing.
const INLINE: [&str; 58] = [
    "a", "abbr", "acronym", "area", "audio", "b", "base", "bdi", "bdo", "big", "button", "canvas", "cite",
    "code", "col", "data", "del", "dfn", "em", "embed", "font", "i", "iframe", "img", "input", "ins", "kbd",
    "label", "legend", "link", "map", "mark", "meta", "object", "option", "picture", "q", "s", "samp",
    "select", "small", "source", "span", "strike", "strong", "sub", "sup", "svg", "td", "textarea", "tfoot",
    "th", "thead", "time", "tt", "u", "var", "video",
];
/// The elements whose content is no text.
const WITHOUT_TEXT: [&str; 6] = ["script", "style", "template", "head", "noscript", "title"];

/// A piece of markup at the beginning of a text.
enum Markup<'a> {
    /// A tag, and the text after it.
    Tag(String, &'a str),
    /// A comment or a declaration, and the text after it.
    Comment(&'a str),
}

/// Converts a text with HTML to plain text. Tags of HTML are taken out; those of blocks become line breaks.
/// Comments go, and so does the content of scripts and styles. Character references are decoded once.
/// Other text in angle brackets stays, and so do `<` and `&` that belong to no markup.
pub fn from_html(text: &str) -> String {
    let text = without_controls(text);
    if !text.contains(['<', '&']) {
        return tidy(&text);
    }
    tidy(&without_controls(&html_escape::decode_html_entities(
        &without_tags(&text),
    )))
}

/// Whether a text has markup or a character reference that [`from_html`] takes out or decodes.
pub fn has_markup(text: &str) -> bool {
    text.contains(['<', '&'])
        && (without_tags(text) != text || html_escape::decode_html_entities(text) != text)
}

/// Decodes the character references of an address, in which `&` is written as `&amp;`.
pub fn from_html_address(text: &str) -> String {
    without_controls(&html_escape::decode_html_entities(text))
        .trim()
        .to_owned()
}

/// Replaces line breaks and repeated spaces by one space.
pub fn in_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a text has a character that a person can see.
pub fn is_visible(text: &str) -> bool {
    text.chars().any(unicode::is_visible)
}

/// Replaces carriage returns by line feeds, and takes out the other control characters but tab and line feed.
pub fn without_controls(text: &str) -> Cow<'_, str> {
    let is_kept = |c: char| matches!(c, '\n' | '\t') || !c.is_control();
    if text.chars().all(is_kept) {
        return Cow::Borrowed(text);
    }
    let unified = text.replace("\r\n", "\n").replace('\r', "\n");
    Cow::Owned(unified.chars().filter(|c| is_kept(*c)).collect())
}

fn without_tags(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, from)) = rest.find('<').and_then(|at| rest.split_at_checked(at)) {
        plain.push_str(before);
        let mut after = from.get(1..).unwrap_or_default();
        match markup(from) {
            // Without an end, no later tag has one either. The rest is text.
            Err(NoEnd) => {
                plain.push_str(from);
                return plain;
            }
            Ok(None) => plain.push('<'),
            Ok(Some(Markup::Comment(end))) => after = end,
            Ok(Some(Markup::Tag(name, end))) => {
                after = end;
                if WITHOUT_TEXT.contains(&name.as_str()) {
                    after = after_element(end, &name);
                } else if BLOCKS.contains(&name.trim_start_matches('/')) {
                    plain.push('\n');
                } else if matches!(name.as_str(), "td" | "th") {
                    plain.push(' ');
                }
            }
        }
        rest = after;
    }
    plain + rest
}

/// A tag or comment has no end.
struct NoEnd;

/// Reads the tag or comment with which a text begins; `None` if it begins with neither. The name of an end tag
/// begins with `/`.
fn markup(text: &str) -> Result<Option<Markup<'_>>, NoEnd> {
    if let Some(comment) = text.strip_prefix("<!--") {
        let (_, after) = comment.split_once("-->").ok_or(NoEnd)?;
        return Ok(Some(Markup::Comment(after)));
    }
    let after = text.strip_prefix('<').unwrap_or(text);
    if after.starts_with("!DOCTYPE") || after.starts_with("!doctype") || after.starts_with("?xml") {
        let (_, after) = after.split_once('>').ok_or(NoEnd)?;
        return Ok(Some(Markup::Comment(after)));
    }
    let length = after.len()
        - after
            .trim_start_matches('/')
            .trim_start_matches(|c: char| c.is_ascii_alphanumeric())
            .len();
    let (name, attributes) = after.split_at_checked(length).unwrap_or(("", after));
    let name = name.to_ascii_lowercase();
    let bare = name.trim_start_matches('/');
    let is_element = BLOCKS.contains(&bare) || INLINE.contains(&bare) || WITHOUT_TEXT.contains(&bare);
    let is_named = attributes.starts_with('>')
        || attributes.starts_with("/>")
        || attributes.starts_with(char::is_whitespace);
    if !is_element || !is_named {
        return Ok(None);
    }
    let after = after_tag(attributes).ok_or(NoEnd)?;
    Ok(Some(Markup::Tag(name, after)))
}

/// The text after the `>` of a tag. A `>` in a quoted attribute does not end it.
fn after_tag(attributes: &str) -> Option<&str> {
    let mut quote = None;
    let end = attributes.find(|c: char| {
        match (quote, c) {
            (None, '>') => return true,
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            _ => {}
        }
        false
    });
    attributes.get(end? + 1..)
}

/// The text after the end tag of an element; nothing if it has none.
fn after_element<'a>(text: &'a str, name: &str) -> &'a str {
    let mut rest = text;
    while let Some((_, tag)) = rest.split_once("</") {
        let (found, after) = tag.split_at_checked(name.len()).unwrap_or((tag, ""));
        if found.eq_ignore_ascii_case(name) {
            return after.split_once('>').map_or("", |(_, after)| after);
        }
        rest = tag;
    }
    ""
}

/// Trims each line, makes repeated spaces one, and leaves at most one line empty between others.
fn tidy(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let line = in_one_line(line);
        if !line.is_empty() || lines.last().is_some_and(|last| !last.is_empty()) {
            lines.push(line);
        }
    }
    lines.join("\n").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn markup_becomes_plain_text() {
        for (html, plain) in [
            (
                "Ring the bell<br>Second floor<br/>",
                "Ring the bell\nSecond floor",
            ),
            ("<p>One</p>\n\n<p>Two &amp; three</p>", "One\n\nTwo & three"),
            (
                "It&#8217;s for men. <a href=\"https://example.org\">More</a>",
                "It\u{2019}s for men. More",
            ),
            ("<ul><li>one</li><li>two</li></ul>", "one\n\ntwo"),
            ("a < b && c > d <3", "a < b && c > d <3"),
            (
                "mail <kim@example.org> or see <https://example.org/a>",
                "mail <kim@example.org> or see <https://example.org/a>",
            ),
            (
                "&amp;lt;b&amp;gt; is decoded once: &lt;b&gt;",
                "&lt;b&gt; is decoded once: <b>",
            ),
            (
                "a<script>alert('<b>')</SCRIPT >b<style>p{}</style>c<!-- no -->d",
                "abcd",
            ),
            ("<b>bold</b>ly <IMG alt='a > b' src=x>done", "boldly done"),
            ("<table><tr><td>1</td><td>2</td></tr></table>", "1 2"),
            ("never ends <script>alert(1)", "never ends"),
            ("never ends <a href=\"<b>x", "never ends <a href=\"<b>x"),
            (
                "bell\u{7}&#7; and\u{0} return\r\nnext\rlast",
                "bell&#7; and return\nnext\nlast",
            ),
            ("&nbsp;&unknown; &#xFFFFFFFF;", "&unknown; &#xFFFFFFFF;"),
        ] {
            assert_eq!(from_html(html), plain, "{html}");
        }
    }

    #[test]
    fn an_address_is_decoded_and_nothing_else() {
        assert_eq!(
            from_html_address(" https://example.org/j/8?a=1&amp;b=2&copy=3 "),
            "https://example.org/j/8?a=1&b=2&copy=3"
        );
    }

    #[test]
    fn a_text_of_spaces_and_joiners_is_not_visible() {
        for text in [
            "",
            " \n\u{a0}",
            "\u{200b}\u{feff}",
            "\u{3164}",
            "\u{2800}",
            "\u{202e}\u{202c}",
            "\u{7}",
        ] {
            assert!(!is_visible(text), "{text:?}");
        }
        assert!(is_visible("\u{200f}א") && is_visible("1"));
    }

    /// The texts are so long that work in proportion to the square of their length would take minutes.
    #[test]
    fn hostile_markup_is_read_to_its_end_and_becomes_no_longer() {
        for (piece, plain) in [
            ("<a ", None),
            ("<", None),
            ("<!--", None),
            ("</", None),
            ("<script>", Some("")),
            ("<a \"", None),
            ("&", None),
            ("&#", None),
            ("<script></", Some("")),
            ("<p>", Some("")),
            ("<a >", Some("")),
            ("<!---->", Some("")),
        ] {
            let text = piece.repeat(1_000_000 / piece.len());
            let expected = plain.unwrap_or_else(|| text.trim());
            let found = from_html(&text);
            assert!(found.len() <= text.len(), "{piece}");
            assert!(found == expected, "{piece}: {:?}", found.get(..40));
        }
    }

    proptest! {
        /// The result is plain: it has no control characters, and no tag that was in the text.
        #[test]
        fn any_text_becomes_plain(pieces in prop::collection::vec(prop_oneof![
            Just("<b>"), Just("</b>"), Just("<br>"), Just("<p class='x'>"), Just("<!-- c -->"), Just("&amp;"), Just("&#8217;"),
            Just("\u{0}"), Just("&#0;"), Just("\r\n"), Just(" "), Just("word"), Just("<3"), Just("&"), Just("ä"), Just("<script>x</script>"),
        ], 0..40)) {
            let text = pieces.concat();
            let plain = from_html(&text);
            prop_assert!(plain.chars().all(|c| !c.is_control() || c == '\n'));
            for tag in ["<b>", "</b>", "<br>", "<p ", "<!--", "<script"] {
                prop_assert!(!plain.contains(tag), "{plain}");
            }
            prop_assert_eq!(plain.matches("word").count(), pieces.iter().filter(|piece| **piece == "word").count());
        }

        #[test]
        fn a_text_without_markup_only_loses_spaces(text in "[a-z ,.]{0,60}") {
            prop_assert_eq!(from_html(&text), in_one_line(&text));
        }

        #[test]
        fn no_text_is_too_much(text in any::<String>()) {
            from_html(&text);
            has_markup(&text);
        }
    }
}
