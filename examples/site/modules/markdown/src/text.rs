//! The part of the renderer that needs no runtime: Markdown's events, before and after the answers.
//!
//! The problem: formulas and links are answered elsewhere, so a page is walked twice.
//!
//! The way: the parser's events are kept in a vector. The first walk collects what to ask, and the
//! second walk puts the answers in.

use std::collections::{HashMap, HashSet};

use pulldown_cmark::{CowStr, Event, HeadingLevel, LinkType, Options, Parser, Tag, TagEnd, html};
use site_contract::{Heading, Page};

use crate::links::Target;

/// The MathML of a formula, or what is wrong with its LaTeX.
pub(crate) type Answer = Result<String, String>;

/// A parsed page.
pub(crate) struct Text<'a> {
    events: Vec<Event<'a>>,
    title: String,
    headings: Vec<Heading>,
    ids: HashSet<String>,
}

impl<'a> Text<'a> {
    /// Parses Markdown, and gives each heading the id that the usual forges give it.
    pub(crate) fn parse(source: &'a str) -> Self {
        let options = Options::ENABLE_TABLES
            | Options::ENABLE_FOOTNOTES
            | Options::ENABLE_STRIKETHROUGH
            | Options::ENABLE_TASKLISTS
            | Options::ENABLE_GFM
            | Options::ENABLE_MATH;
        let mut text = Self {
            events: Parser::new_ext(source, options).collect(),
            title: String::new(),
            headings: Vec::new(),
            ids: HashSet::new(),
        };
        text.set_heading_ids();
        text
    }

    /// Gives each heading an id, and notes the headings for the table of contents.
    fn set_heading_ids(&mut self) {
        let starts = self.events.iter().enumerate();
        let starts: Vec<usize> = starts
            .filter(|(_, event)| matches!(event, Event::Start(Tag::Heading { .. })))
            .map(|(index, _)| index)
            .collect();
        for start in starts {
            let words = plain_text(&self.events[start + 1..]);
            let slug = unused(slug(&words), &mut self.ids);
            let Event::Start(Tag::Heading { level, id, .. }) = &mut self.events[start] else {
                unreachable!("the index is a heading's")
            };
            *id = Some(slug.clone().into());
            match level {
                HeadingLevel::H1 if self.title.is_empty() => self.title = words,
                HeadingLevel::H2 => self.headings.push(Heading {
                    level: 2,
                    id: slug,
                    text: words,
                }),
                HeadingLevel::H3 => self.headings.push(Heading {
                    level: 3,
                    id: slug,
                    text: words,
                }),
                _ => {}
            }
        }
    }

    /// The destinations of the relative links, each once, without their fragments.
    pub(crate) fn relative_links(&self) -> Vec<String> {
        let mut seen = HashSet::new();
        let links = self.events.iter().filter_map(relative_link);
        let links = links
            .map(|link| without_fragment(link).0)
            .filter(|link| !link.is_empty());
        links
            .filter(|link| seen.insert(*link))
            .map(str::to_owned)
            .collect()
    }

    /// How many formulas the page has.
    pub(crate) fn formulas(&self) -> usize {
        self.events
            .iter()
            .filter(|event| formula(event).is_some())
            .count()
    }

    /// The formulas, each once, and whether it stands on a line of its own.
    pub(crate) fn distinct_formulas(&self) -> Vec<(String, bool)> {
        let mut seen = HashSet::new();
        let formulas = self.events.iter().filter_map(formula);
        formulas
            .filter(|formula| seen.insert(formula.clone()))
            .collect()
    }

    /// Puts the MathML in.
    pub(crate) fn set_formulas(
        &mut self,
        answers: &HashMap<(String, bool), Answer>,
        warnings: &mut Vec<String>,
    ) {
        for event in &mut self.events {
            let Some(asked) = formula(event) else {
                continue;
            };
            let html = match answers.get(&asked) {
                Some(Ok(mathml)) => mathml.clone(),
                other => {
                    let reason = match other {
                        Some(Err(reason)) => reason,
                        _ => "its task failed",
                    };
                    warnings.push(format!("the formula `{}`: {reason}", asked.0.trim()));
                    let mut html = String::from(r#"<code class="broken">"#);
                    escape(&mut html, &asked.0);
                    html + "</code>"
                }
            };
            *event = Event::InlineHtml(html.into());
        }
    }

    /// Puts the addresses of the links in.
    pub(crate) fn set_links(
        &mut self,
        targets: &HashMap<String, Target>,
        warnings: &mut Vec<String>,
    ) {
        // Markdown does not nest links, so the next end is the end of this one.
        let mut end = None;
        for event in &mut self.events {
            if matches!(event, Event::End(TagEnd::Link)) {
                if let Some(html) = end.take() {
                    *event = Event::InlineHtml(CowStr::Borrowed(html));
                }
                continue;
            }
            let Some(link) = relative_link(event) else {
                continue;
            };
            let (path, fragment) = without_fragment(link);
            if path.is_empty() {
                if !self.ids.contains(fragment.trim_start_matches('#')) {
                    warnings.push(format!("the link `{link}`: no such heading"));
                }
                continue;
            }
            let (class, title) = match targets.get(path) {
                Some(Target::Page(url)) => {
                    let url = format!("{url}{fragment}");
                    if let Event::Start(Tag::Link { dest_url, .. }) = event {
                        *dest_url = url.into();
                    }
                    continue;
                }
                Some(Target::File(file)) => ("in-repository", format!("in the repository: {file}")),
                other => {
                    let reason = match other {
                        Some(Target::Missing(reason)) => reason,
                        _ => "the catalogue did not say",
                    };
                    warnings.push(format!("the link `{link}`: {reason}"));
                    ("broken", reason.to_owned())
                }
            };
            let mut html = format!(r#"<span class="{class}" title=""#);
            escape(&mut html, &title);
            *event = Event::InlineHtml((html + r#"">"#).into());
            end = Some("</span>");
        }
    }

    /// Writes the HTML into `page`.
    pub(crate) fn finish(self, page: &mut Page) {
        html::push_html(&mut page.html, self.events.into_iter());
        page.title = self.title;
        page.headings = self.headings;
    }
}

fn formula(event: &Event<'_>) -> Option<(String, bool)> {
    match event {
        Event::InlineMath(latex) => Some((latex.to_string(), false)),
        Event::DisplayMath(latex) => Some((latex.to_string(), true)),
        _ => None,
    }
}

fn relative_link<'e>(event: &'e Event<'_>) -> Option<&'e str> {
    match event {
        Event::Start(Tag::Link {
            link_type,
            dest_url,
            ..
        }) => {
            let absolute = dest_url.starts_with('/')
                || dest_url
                    .split(['/', '#', '?'])
                    .next()
                    .is_some_and(|first| first.contains(':'));
            (*link_type != LinkType::Email && !absolute && !dest_url.is_empty()).then_some(dest_url)
        }
        _ => None,
    }
}

/// The two parts of `path#fragment`; the second has its `#`.
fn without_fragment(link: &str) -> (&str, &str) {
    link.split_at(link.find('#').unwrap_or(link.len()))
}

/// The text of the heading that `events` continue.
fn plain_text(events: &[Event<'_>]) -> String {
    let mut text = String::new();
    for event in events {
        match event {
            Event::Text(part) | Event::Code(part) | Event::InlineMath(part) => text.push_str(part),
            Event::SoftBreak | Event::HardBreak => text.push(' '),
            Event::End(TagEnd::Heading(_)) => break,
            _ => {}
        }
    }
    text
}

/// `Where does it run?` becomes `where-does-it-run`.
fn slug(heading: &str) -> String {
    let kept = heading
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c })
        .collect::<String>()
        .to_lowercase()
}

/// The slug, or the slug with a number where a heading before has it already.
fn unused(slug: String, ids: &mut HashSet<String>) -> String {
    let mut id = slug.clone();
    let mut count = 0;
    while !ids.insert(id.clone()) {
        count += 1;
        id = format!("{slug}-{count}");
    }
    id
}

/// Appends text as HTML has it.
fn escape(html: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            c => html.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_get_ids() {
        let text = Text::parse("# The *Title*\n\n## `fork` it\n\n### Again?\n\n## `fork` it\n");
        assert_eq!(text.title, "The Title");
        let ids: Vec<_> = text
            .headings
            .iter()
            .map(|heading| heading.id.as_str())
            .collect();
        assert_eq!(ids, ["fork-it", "again", "fork-it-1"]);
    }

    #[test]
    fn only_relative_links_are_asked_for() {
        let source =
            "[a](A.md#x) [a](A.md) [b](https://b/) [c](#c) <d@e.f> [g](mailto:g@h) [i](/i)";
        assert_eq!(Text::parse(source).relative_links(), ["A.md"]);
    }

    #[test]
    fn links_are_rewritten_and_broken_ones_reported() {
        let mut text = Text::parse("[a](A.md#x) [b](src/) [c](C.md) [d](#d)");
        let targets = HashMap::from([
            ("A.md".to_owned(), Target::Page("a.html".to_owned())),
            ("src/".to_owned(), Target::File("src".to_owned())),
            (
                "C.md".to_owned(),
                Target::Missing("no \"such\" file".to_owned()),
            ),
        ]);
        let (mut page, mut warnings) = (Page::default(), Vec::new());
        text.set_links(&targets, &mut warnings);
        text.finish(&mut page);
        assert_eq!(
            page.html.trim(),
            "<p><a href=\"a.html#x\">a</a> \
             <span class=\"in-repository\" title=\"in the repository: src\">b</span> \
             <span class=\"broken\" title=\"no &quot;such&quot; file\">c</span> \
             <a href=\"#d\">d</a></p>"
        );
        assert_eq!(
            warnings,
            [
                "the link `C.md`: no \"such\" file",
                "the link `#d`: no such heading"
            ]
        );
    }

    #[test]
    fn a_formula_without_an_answer_is_shown_and_reported() {
        let mut text = Text::parse("$a<b$ costs $5 and $6");
        assert_eq!(text.distinct_formulas(), [("a<b".to_owned(), false)]);
        let (mut page, mut warnings) = (Page::default(), Vec::new());
        let answers = HashMap::from([(("a<b".to_owned(), false), Err("no".to_owned()))]);
        text.set_formulas(&answers, &mut warnings);
        text.finish(&mut page);
        assert!(
            page.html
                .contains(r#"<code class="broken">a&lt;b</code> costs"#),
            "{}",
            page.html
        );
        assert_eq!(warnings, ["the formula `a<b`: no"]);
    }
}
