//! Pages: one on request, or all of them into a folder. The work is the modules'.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use site_contract::{Job, PAGE, Page};
use tokio::task::JoinSet;
use tracing::{Instrument as _, info_span};

use crate::catalogue::Catalogue;
use crate::modules::{Modules, flatten};
use crate::output::table;

/// The address of the style sheet.
pub(crate) const STYLE: &str = "style.css";

/// The address of the page whose renderer panics; only when serving.
pub(crate) const PANIC: &str = "panic";

/// A page, and who made it.
#[derive(Debug)]
pub(crate) struct Rendered {
    page: Page,
    /// The modules' builds, if there may be others.
    builds: String,
}

/// All that a page needs.
#[derive(Debug)]
pub(crate) struct Renderer {
    catalogue: Arc<Catalogue>,
    modules: Modules,
    /// The catalogue's TCP service.
    address: SocketAddr,
    template: String,
    sheet: PathBuf,
}

impl Renderer {
    /// Reads the template.
    pub(crate) fn new(
        content: &Path,
        catalogue: Arc<Catalogue>,
        modules: Modules,
        address: SocketAddr,
    ) -> Result<Self, String> {
        let file = content.join("template.html");
        let template = fs::read_to_string(&file)
            .map_err(|error| format!("cannot read {}: {error}", file.display()))?;
        let sheet = content.join("style").join("style.scss");
        Ok(Self {
            catalogue,
            modules,
            address,
            template,
            sheet,
        })
    }

    /// The modules that do the work.
    pub(crate) fn modules(&self) -> &Modules {
        &self.modules
    }

    /// Gives the modules back, at the end.
    pub(crate) fn into_modules(self) -> Modules {
        self.modules
    }

    /// The pages of the site.
    pub(crate) fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// The page at `url` as the Markdown module makes it; `None` if there is no such page.
    pub(crate) async fn page(&self, url: &str) -> Option<Result<Rendered, String>> {
        let (markdown, math) = (self.modules.markdown(), self.modules.math());
        // The page of the failing renderer is as good as any other, until its renderer fails.
        let (render, source) = match url {
            PANIC => (&markdown.panic, "index.html"),
            _ => (&markdown.render, url),
        };
        let job = Job {
            source: self.catalogue.pages().get(source)?.source.clone(),
            catalogue: self.address,
            formulas: math.formulas.clone(),
        };
        let page = PAGE.scope(url.into(), render.call((job,)));
        let page = flatten(page.instrument(info_span!("page", url)).await);
        let builds = match (markdown.number(), math.number()) {
            (Some(markdown), Some(math)) => {
                format!(": markdown's build {markdown}, math's build {math}")
            }
            _ => String::new(),
        };
        Some(page.map(|page| Rendered { page, builds }))
    }

    /// The style sheet, as the style module makes it.
    pub(crate) async fn style(&self) -> Result<String, String> {
        let (style, sheet) = (self.modules.style(), self.sheet.clone());
        let css = PAGE.scope(STYLE.into(), style.render.call((sheet,)));
        let css = flatten(css.instrument(info_span!("page", url = STYLE)).await)?;
        Ok(match style.number() {
            None => css,
            Some(build) => format!("/* style's build {build} */\n{css}"),
        })
    }

    /// The page at `url` as a whole document.
    pub(crate) fn document(&self, url: &str, rendered: &Rendered) -> String {
        let page = &rendered.page;
        let mut navigation = String::new();
        let mut pages: Vec<_> = self.catalogue.pages().iter().collect();
        pages.sort_by_key(|(url, entry)| {
            (*url != "index.html", entry.path.components().count() == 1)
        });
        for (other, entry) in pages {
            let current = if url == other {
                r#" aria-current="page""#
            } else {
                ""
            };
            let title = escape(&entry.title);
            let _ = writeln!(
                navigation,
                r#"<li><a href="{other}"{current}>{title}</a></li>"#
            );
        }
        let mut contents = String::new();
        for heading in &page.headings {
            let (level, id, text) = (heading.level, escape(&heading.id), escape(&heading.text));
            let _ = writeln!(
                contents,
                "<li class=\"level-{level}\"><a href=\"#{id}\">{text}</a></li>"
            );
        }
        let source = self
            .catalogue
            .pages()
            .get(url)
            .map(|entry| entry.path.display().to_string());
        fill(
            &self.template,
            &[
                ("title", &escape(&page.title)),
                ("navigation", &navigation),
                ("contents", &contents),
                ("source", &escape(&source.unwrap_or_default())),
                ("builds", &rendered.builds),
                ("body", &page.html),
            ],
        )
    }
}

/// Puts `values` in place of the `{{name}}`s of the template, in one pass: what a page says about
/// `{{name}}` stays.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut document = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        document.push_str(before);
        let (name, after) = after.split_once("}}").unwrap_or((after, ""));
        let value = values.iter().find(|(other, _)| *other == name);
        document.push_str(value.map_or("", |(_, value)| value));
        rest = after;
    }
    document + rest
}

/// Text as HTML.
pub(crate) fn escape(text: &str) -> String {
    let text = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    text.replace('"', "&quot;")
}

/// A site that was written.
#[derive(Debug)]
pub(crate) struct Site {
    pages: Vec<Written>,
    style: usize,
}

#[derive(Debug)]
struct Written {
    url: String,
    path: PathBuf,
    bytes: usize,
    page: Page,
    time: Duration,
}

/// Renders all pages at once, and writes them into `out`.
pub(crate) async fn render_site(renderer: &Arc<Renderer>, out: &Path) -> Result<Site, String> {
    let failed = |error: io::Error| format!("cannot write to {}: {error}", out.display());
    tokio::fs::create_dir_all(out).await.map_err(failed)?;
    let mut tasks = JoinSet::new();
    for (url, entry) in renderer.catalogue.pages() {
        let (renderer, url, path) = (renderer.clone(), url.clone(), entry.path.clone());
        let file = out.join(&url);
        tasks.spawn(async move {
            let start = Instant::now();
            let rendered = renderer
                .page(&url)
                .await
                .unwrap_or_else(|| Err(format!("no page {url}")))?;
            let document = renderer.document(&url, &rendered);
            tokio::fs::write(&file, &document)
                .await
                .map_err(|error| format!("cannot write {}: {error}", file.display()))?;
            let (bytes, time) = (document.len(), start.elapsed());
            Ok::<_, String>(Written {
                url,
                path,
                bytes,
                page: rendered.page,
                time,
            })
        });
    }
    let css = renderer.style().await?;
    tokio::fs::write(out.join(STYLE), &css)
        .await
        .map_err(failed)?;
    let mut pages = Vec::new();
    while let Some(written) = tasks.join_next().await {
        pages.push(written.map_err(|error| format!("a page's task failed: {error}"))??);
    }
    pages.sort_by(|a, b| a.url.cmp(&b.url));
    Ok(Site {
        pages,
        style: css.len(),
    })
}

impl Site {
    /// What was written, as a table, and how long it took.
    pub(crate) fn report(&self, out: &Path, loaded: Duration, rendered: Duration) -> String {
        let mut text = String::new();
        let rows = self.pages.iter().map(|page| {
            let numbers = [page.bytes, page.page.formulas, page.page.links];
            let [bytes, formulas, links] = numbers.map(|number| number.to_string());
            let time = format!("{:.1} ms", page.time.as_secs_f64() * 1e3);
            [
                page.url.clone(),
                page.path.display().to_string(),
                bytes,
                formulas,
                links,
                time,
            ]
        });
        let head = ["page", "from", "bytes", "formulas", "links", "time"].map(str::to_owned);
        text.push_str(&table(
            &std::iter::once(head).chain(rows).collect::<Vec<_>>(),
            2,
        ));
        for page in &self.pages {
            for warning in &page.page.warnings {
                let _ = writeln!(text, "warning: {}: {warning}", page.path.display());
            }
        }
        let formulas: usize = self.pages.iter().map(|page| page.page.formulas).sum();
        let _ = writeln!(
            text,
            "\n{} pages with {formulas} formulas, and {STYLE} of {} bytes, written to {}\n\
             modules loaded in {:.1} ms, site rendered in {:.1} ms",
            self.pages.len(),
            self.style,
            out.display(),
            loaded.as_secs_f64() * 1e3,
            rendered.as_secs_f64() * 1e3,
        );
        text
    }
}
