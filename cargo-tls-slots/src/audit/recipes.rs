//! What the recipes say of a static: that the fork shares it, or that each copy keeps its own.
//!
//! The recipe is the one place where somebody has thought about each static of a crate. So the
//! audit has no list of its own for such a crate. It reads the entries by which the fork was made:
//!
//! | the recipe | the crate is forked here | the verdict |
//! | --- | --- | --- |
//! | keeps the static in each copy (`[[per_copy]]`) | yes or no | harmless, with the entry's reason |
//! | shares it, or does so in one of its forms | yes or no | breaks: in a fork it would be a key, so this copy is no fork |
//! | does not name it | yes | harmless: an error of `fork`, if it were state |
//! | does not name it | no | breaks, as the crate has a fork for a reason |
//!
//! An image may link two releases of a crate, one of them forked. A static that the recipe shares
//! and that is no key is then of the other one.

use super::verdict::{Judgement, Verdict, fork};
use crate::recipe::{Recipe, RecipeError};

/// All recipes of this command.
pub(super) struct Recipes(Vec<One>);

/// One recipe.
struct One {
    /// The crate, as the compiler names it.
    krate: String,
    package: String,
    /// What happens where each image has a copy.
    breaks: String,
    claims: Vec<Claim>,
}

/// What an entry says about statics.
struct Claim {
    /// The file, or the folder with `**`.
    file: String,
    /// The statics; `None` is all of the file.
    names: Option<Vec<String>>,
    /// The reason, if each copy keeps its own; `None` if they are shared.
    kept: Option<String>,
}

impl Recipes {
    /// Reads the recipes that the command carries.
    ///
    /// # Errors
    ///
    /// [`RecipeError`], if one of them is wrong.
    pub(super) fn embedded() -> Result<Self, RecipeError> {
        let mut all = Vec::new();
        for recipe in Recipe::names().into_iter().filter_map(Recipe::embedded) {
            let recipe = recipe?;
            // A procedural macro is in no image.
            if let Some(breaks) = &recipe.breaks {
                all.push(One {
                    krate: recipe.name.replace('-', "_"),
                    package: recipe.name.clone(),
                    breaks: breaks.clone(),
                    claims: claims(&recipe),
                });
            }
        }
        Ok(Recipes(all))
    }

    /// What the recipe of the crate `krate` says of the static at `path`. `is_forked`: the image
    /// has the crate's record. `None` if there is no recipe for it.
    pub(super) fn judgement(&self, krate: &str, path: &str, is_forked: bool) -> Option<Judgement> {
        let one = self.0.iter().find(|one| one.krate == krate)?;
        let words = words(path);
        let about = one.claims.iter().filter(|claim| claim.names_one_of(&words));
        let mut about: Vec<&Claim> = about.collect();
        // A name may be that of several statics. The file tells them apart, where the path has it.
        if about.iter().any(|claim| claim.is_of(&words)) {
            about.retain(|claim| claim.is_of(&words));
        }
        let kept = about
            .iter()
            .map(|claim| claim.kept.as_deref())
            .collect::<Option<Vec<_>>>();
        Some(match kept.as_deref() {
            Some([reason, ..]) => Judgement::harmless(reason),
            Some([]) if is_forked => Judgement::harmless("of the fork itself, or never changed"),
            _ => Judgement {
                verdict: Verdict::Breaks,
                reason: one.breaks.clone(),
                fix: Some(fork(&one.package)),
                fold: None,
            },
        })
    }
}

/// The claims of a recipe's entries.
fn claims(recipe: &Recipe) -> Vec<Claim> {
    let one_line = |reason: &str| reason.split_whitespace().collect::<Vec<_>>().join(" ");
    let shared = |file: &String, names: Vec<String>| Claim {
        file: file.clone(),
        names: Some(names),
        kept: None,
    };
    let mut all = Vec::new();
    all.extend(
        recipe
            .shares
            .iter()
            .map(|one| shared(&one.about.file, vec![one.name.clone()])),
    );
    let locals = recipe.thread_locals.iter();
    all.extend(locals.map(|one| shared(&one.about.file, vec![one.name.clone()])));
    let replaced = recipe.replaces.iter().filter(|one| !one.shares.is_empty());
    all.extend(replaced.map(|one| shared(&one.about.file, one.shares.clone())));
    all.extend(recipe.per_copies.iter().map(|one| Claim {
        file: one.about.file.clone(),
        names: one.names.clone(),
        kept: Some(one_line(&one.about.why.reason)),
    }));
    all
}

impl Claim {
    /// Whether the claim is about a static whose path has these words, by its name; or by its file
    /// where the claim is about all of a file.
    fn names_one_of(&self, words: &[&str]) -> bool {
        match &self.names {
            Some(names) => names.iter().any(|name| words.contains(&name.as_str())),
            None => self.is_of(words),
        }
    }

    /// Whether a path with these words is one of the claim's file: the file's Rust modules stand
    /// in it one after another, as in `tokio::runtime::io` for `src/runtime/io/mod.rs`.
    ///
    /// A function or a type in the path adds words and takes none away. A `#[path]` does: such a
    /// static is found by its name alone.
    fn is_of(&self, words: &[&str]) -> bool {
        let file = self.file.trim_end_matches("**").trim_end_matches('/');
        let module = file.strip_prefix("src/").unwrap_or(file);
        let module = module.strip_suffix(".rs").unwrap_or(module);
        let module = module.strip_suffix("/mod").unwrap_or(module);
        let parts: Vec<&str> = match module {
            "lib" | "src" => return true,
            module => module.split('/').collect(),
        };
        words.windows(parts.len()).any(|window| window == parts)
    }
}

/// The identifiers in a path, in their order, those inside of `<A as B>` too.
fn words(path: &str) -> Vec<&str> {
    path.split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(krate: &str, path: &str, is_forked: bool) -> Option<Verdict> {
        let recipes = Recipes::embedded().unwrap();
        let found = recipes.judgement(krate, path, is_forked);
        found.map(|one| one.verdict)
    }

    #[test]
    fn what_a_recipe_keeps_per_copy_is_harmless_and_what_it_shares_breaks() {
        for is_forked in [false, true] {
            let of = |name: &str| {
                let path = format!("foldhash::seed::gen_per_hasher_seed::{name}");
                verdict("foldhash", &path, is_forked)
            };
            assert_eq!(of("PER_HASHER_NONDETERMINISM"), Some(Verdict::Harmless));
            assert_eq!(of("GLOBAL_SEED_STORAGE"), Some(Verdict::Breaks));
        }
        assert_eq!(
            verdict("foldhash", "foldhash::NEW", true),
            Some(Verdict::Harmless)
        );
        assert_eq!(
            verdict("foldhash", "foldhash::NEW", false),
            Some(Verdict::Breaks)
        );
        assert_eq!(verdict("nobody", "nobody::NEW", false), None);
        // A `static ref` has its name in the path of a type.
        let path = "<metrics::recorder::GLOBAL_RECORDER as core::ops::Deref>::deref::LAZY";
        assert_eq!(verdict("metrics", path, true), Some(Verdict::Breaks));
    }

    #[test]
    fn a_claim_without_names_is_about_its_file() {
        let kept = "tokio::runtime::scheduler::multi_thread::counters::super_::NUM_MAINTENANCE";
        assert_eq!(verdict("tokio", kept, false), Some(Verdict::Harmless));
        let other = "tokio::runtime::scheduler::multi_thread::worker::NUM_MAINTENANCE";
        assert_eq!(verdict("tokio", other, false), Some(Verdict::Breaks));
    }

    #[test]
    fn every_static_of_every_recipe_has_the_verdict_that_the_recipe_gives_it() {
        let recipes = Recipes::embedded().unwrap();
        let mut count = 0;
        for one in &recipes.0 {
            assert!(!one.breaks.trim().is_empty());
            for claim in &one.claims {
                for name in claim.names.iter().flatten() {
                    let file = claim.file.trim_end_matches("**").trim_end_matches(".rs");
                    let module = file.trim_end_matches("/mod").replace('/', "::");
                    let path = format!("{}::{module}::{name}", one.krate);
                    let found = recipes.judgement(&one.krate, &path, true).unwrap();
                    // A nightly form of a thread-local, which cannot be shared, has the name of
                    // the usual one.
                    let is_shared = one.claims.iter().any(|other| {
                        let mut names = other.names.iter().flatten();
                        other.kept.is_none()
                            && other.file == claim.file
                            && names.any(|it| it == name)
                    });
                    let expected = match is_shared {
                        true => Verdict::Breaks,
                        false => Verdict::Harmless,
                    };
                    assert_eq!(found.verdict, expected, "{path}: {found:?}");
                    assert_eq!(is_shared, found.fix.is_some());
                    count += 1;
                }
            }
        }
        assert!(count > 60, "{count}");
    }

    #[test]
    fn every_crate_with_a_recipe_breaks_without_its_fork() {
        for name in Recipe::names()
            .into_iter()
            .filter(|name| *name != "tokio-macros")
        {
            let krate = name.replace('-', "_");
            let recipes = Recipes::embedded().unwrap();
            let found = recipes
                .judgement(&krate, &format!("{krate}::ANY"), false)
                .unwrap();
            assert_eq!(found.verdict, Verdict::Breaks, "{name}");
            assert_eq!(found.fix, Some(format!("cargo tls-slots fork {name}")));
        }
    }
}
