//! From a mangled name to the crate that it belongs to.
//!
//! rustc has two manglings, and a file may have both. Only the crate is asked for, so neither is
//! read further than to its first crate:
//!
//! | mangling | symbol | where the crate is |
//! | --- | --- | --- |
//! | legacy | `_ZN8arc_swap4debt…` | the first part |
//! | | `_ZN39_$LT$tokio..Foo$u20$as$u20$core..Bar$GT$…` | in the first part; std's own types are skipped |
//! | v0 (RFC 2603) | `_RNvNtCs1234_8arc_swap4debt…` | the first `C`, the crate root |

/// Crates of std, for whose types others may write an `impl`.
const STD: [&str; 3] = ["alloc", "core", "std"];

/// The crate of a symbol, as Rust writes it. `None` for what is not Rust's, or is not understood.
pub(crate) fn crate_of(symbol: &str) -> Option<&str> {
    // Mach-O puts one more underscore before each name.
    let symbol = match symbol.starts_with("__") {
        true => &symbol[1..],
        false => symbol,
    };
    if let Some(path) = symbol.strip_prefix("_ZN") {
        let (length, path) = length(path)?;
        return legacy(path.get(..length)?);
    }
    v0(symbol.strip_prefix("_R")?)
}

/// The crate in the first part of a legacy path.
fn legacy(part: &str) -> Option<&str> {
    let Some((_, inner)) = part.split_once("$LT$") else {
        return Some(part).filter(|name| is_identifier(name));
    };
    // `A as B` and `impl B for A`: whoever wrote this owns `A` or `B`.
    let paths = inner.split("$u20$").filter_map(|word| {
        let (before, _) = word.split_once("..")?;
        before.rsplit('$').next()
    });
    let mut crates = paths.filter(|name| is_identifier(name));
    crates.find(|name| !STD.contains(name))
}

/// The first crate root of a v0 path.
fn v0(path: &str) -> Option<&str> {
    let mut rest = path;
    loop {
        rest = match rest.as_bytes().first()? {
            // A crate root.
            b'C' => {
                let (length, name) = length(disambiguated(&rest[1..])?)?;
                // A name that would be misread after its length has `_` before it.
                return name.strip_prefix('_').unwrap_or(name).get(..length);
            }
            // A path in a namespace, which is a letter.
            b'N' => rest.get(2..)?,
            // An `impl`: the path of the place where it stands comes first.
            b'M' | b'X' => disambiguated(&rest[1..])?,
            // With generic arguments, which come last.
            b'I' => &rest[1..],
            _ => return None,
        };
    }
}

/// What follows a disambiguator, `s` and digits of base 62 to `_`, if there is one.
fn disambiguated(text: &str) -> Option<&str> {
    match text.strip_prefix('s') {
        Some(number) => Some(number.split_once('_')?.1),
        None => Some(text),
    }
}

/// The length that a path begins with, and what follows.
fn length(path: &str) -> Option<(usize, &str)> {
    let digits = path.bytes().take_while(u8::is_ascii_digit).count();
    let (length, rest) = path.split_at(digits);
    Some((length.parse().ok()?, rest))
}

/// Whether it is a name of Rust's, as far as names of crates go.
fn is_identifier(name: &str) -> bool {
    let is_part = |one: u8| one == b'_' || one.is_ascii_alphanumeric();
    !name.is_empty() && name.bytes().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::crate_of;

    #[test]
    fn both_manglings_name_the_crate() {
        for (symbol, krate) in [
            (
                "_ZN8arc_swap4debt4list9LIST_HEAD17h0123456789abcdefE",
                "arc_swap",
            ),
            (
                "__ZN8arc_swap4debt4list9LIST_HEAD17h0123456789abcdefE",
                "arc_swap",
            ),
            (
                "_RNvNtNtCs5fR6WtFxYV9_8arc_swap4debt4list9LIST_HEAD",
                "arc_swap",
            ),
            ("_RNvNtC8arc_swap4debt9LIST_HEAD", "arc_swap"),
            ("_RNvNCNvMs_NtCs1_5tokio2rtNtB4_2Id4next0_7NEXT_ID", "tokio"),
            (
                "_RNvXs_NtCs1_1a1bNtB4_1TNtNtCs2_4core3ops5Deref5deref4LAZY",
                "a",
            ),
            (
                "_ZN61_$LT$a..b..T$u20$as$u20$core..ops..deref..Deref$GT$5deref4LAZY17h0E",
                "a",
            ),
            (
                "_ZN48_$LT$core..option..Option$u20$as$u20$a..Tr$GT$1f1S17h0E",
                "a",
            ),
            (
                "_ZN40_$LT$impl$u20$a..Tr$u20$for$u20$std..X$GT$1f1S17h0E",
                "a",
            ),
        ] {
            assert_eq!(crate_of(symbol), Some(krate), "{symbol}");
        }
        for other in [
            "environ",
            "_ZN",
            "_ZN99a",
            "_R",
            "_RNv",
            "_RNvNtYp",
            "_ZN3\u{e9}xE",
            "",
        ] {
            assert_eq!(crate_of(other), None, "{other}");
        }
    }
}
