//! `#[tokio::module]`: a function of a module, exported for its host.
//!
//! The problem: a symbol has no type, and a panic must not leave the module. So what is exported is
//! not the function but a static `Entry`, which tells the signature and holds a caller that catches
//! panics. The function itself stays as it is written, so the module's own code and tests call it
//! as any other.

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;

/// What a symbol of an entry starts with; `tls_keys::names::ENTRY_PREFIX` is the same.
///
/// Without it, an entry called `write` would define the symbol `write`, and take the place of
/// libc's in a program that the module is linked into.
const PREFIX: &str = "tls_slots_entry_v1_";

/// How many arguments `tls_keys::entry::Signature` goes up to.
const MAX_ARGUMENTS: usize = 8;

/// `name = "…"` and `crate = "…"`, both optional.
struct Options {
    name: Option<syn::LitStr>,
    krate: syn::Path,
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut options = Self {
            name: None,
            krate: syn::parse_quote!(::tokio),
        };
        while !input.is_empty() {
            let option: syn::Ident = input.call(syn::ext::IdentExt::parse_any)?;
            input.parse::<syn::Token![=]>()?;
            let value: syn::LitStr = input.parse()?;
            if option == "name" {
                let text = value.value();
                let is_word = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
                if text.is_empty() || !is_word {
                    return Err(syn::Error::new(
                        value.span(),
                        "an entry's name consists of ASCII letters, digits and underscores",
                    ));
                }
                options.name = Some(value);
            } else if option == "crate" {
                options.krate = value.parse()?;
            } else {
                return Err(syn::Error::new(
                    option.span(),
                    "unknown option: `name` and `crate` are known",
                ));
            }
            if !input.is_empty() {
                input.parse::<syn::Token![,]>()?;
            }
        }
        Ok(options)
    }
}

/// Expands the attribute; an error becomes a `compile_error!` beside the unchanged item.
pub(crate) fn expand(
    args: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    let item = TokenStream::from(item);
    let added = syn::parse::<Options>(args).and_then(|options| {
        let function = syn::parse2::<syn::ItemFn>(item.clone()).map_err(|error| {
            syn::Error::new(
                error.span(),
                "`#[tokio::module]` goes on a `pub fn` or a `pub async fn`",
            )
        })?;
        entry(&options, &function)
    });
    let added = added.unwrap_or_else(|error| error.to_compile_error());
    quote!(#item #added).into()
}

/// The static behind the symbol.
fn entry(options: &Options, function: &syn::ItemFn) -> syn::Result<TokenStream> {
    let types = check(function)?;
    let krate = &options.krate;
    let name = &function.sig.ident;
    let symbol = match &options.name {
        Some(name) => format!("{PREFIX}{}", name.value()),
        None => {
            let name = name.to_string();
            format!("{PREFIX}{}", name.strip_prefix("r#").unwrap_or(&name))
        }
    };
    let output = match &function.sig.output {
        syn::ReturnType::Default => quote!(()),
        syn::ReturnType::Type(_, output) => quote!(#output),
    };
    let arguments: Vec<_> = (0..types.len())
        .map(|at| syn::Ident::new(&format!("argument_{at}"), name.span()))
        .collect();
    let (make, result, body) = if function.sig.asyncness.is_some() {
        (
            quote!(future),
            quote!(#krate::external_tls::entry::EntryFuture<#output>),
            quote!(#krate::external_tls::entry::call_async(#name(#(#arguments),*))),
        )
    } else {
        (
            quote!(function),
            quote!(::core::result::Result<
                #output,
                #krate::external_tls::entry::EntryPanic,
            >),
            quote!(#krate::external_tls::entry::call(move || #name(#(#arguments),*))),
        )
    };
    // `#[cfg]`s of the function hold for its entry.
    let cfgs = function
        .attrs
        .iter()
        .filter(|attr| attr.path().is_ident("cfg"));
    Ok(quote! {
        #(#cfgs)*
        const _: () = {
            fn call((#(#arguments,)*): (#(#types,)*)) -> #result {
                #body
            }

            // SAFETY: the prefix is reserved for entries, and two of one name are a linker error.
            #[unsafe(export_name = #symbol)]
            static ENTRY: #krate::external_tls::entry::Entry =
                #krate::external_tls::entry::Entry::#make::<fn(#(#types),*) -> #output>(
                    call,
                    ::core::module_path!(),
                );
        };
    })
}

/// The argument types of a function that can be an entry.
fn check(function: &syn::ItemFn) -> syn::Result<Vec<&syn::Type>> {
    let signature = &function.sig;
    if !matches!(function.vis, syn::Visibility::Public(_)) {
        return Err(syn::Error::new(
            signature.span(),
            "an entry of a module is `pub`: its host calls it",
        ));
    }
    if !signature.generics.params.is_empty() {
        return Err(syn::Error::new(
            signature.generics.span(),
            "an entry of a module cannot be generic: it is one symbol",
        ));
    }
    // By its tokens: the field's name differs between the versions of syn that tokio's releases
    // use.
    let is_unsafe = quote!(#signature)
        .into_iter()
        .take_while(|token| token.to_string() != "fn")
        .any(|token| token.to_string() == "unsafe");
    if is_unsafe {
        return Err(syn::Error::new(
            signature.span(),
            "an entry of a module is called by safe code: it cannot be `unsafe`",
        ));
    }
    if signature.inputs.len() > MAX_ARGUMENTS {
        return Err(syn::Error::new(
            signature.inputs.span(),
            "an entry of a module has at most eight arguments: put them into a struct",
        ));
    }
    signature
        .inputs
        .iter()
        .map(|input| match input {
            syn::FnArg::Receiver(receiver) => Err(syn::Error::new(
                receiver.span(),
                "an entry of a module is a free function, not a method",
            )),
            syn::FnArg::Typed(argument) => match &*argument.ty {
                syn::Type::ImplTrait(_) => Err(syn::Error::new(
                    argument.ty.span(),
                    "an entry of a module cannot be generic: name the type",
                )),
                syn::Type::Reference(reference)
                    if !matches!(&reference.lifetime, Some(lifetime) if lifetime.ident == "static") =>
                {
                    Err(syn::Error::new(
                        argument.ty.span(),
                        "an entry of a module owns its arguments: the call may outlive a borrow",
                    ))
                }
                ty => Ok(ty),
            },
        })
        .collect()
}
