//! Checks that the bytes of a file are a module for this host.
//!
//! The problem: the parts of this answer come from three places: the file's headers (`format.rs`),
//! its manifest, and the host's manifest. Here they come together. Each way of not fitting becomes
//! one error of its own.

use std::path::Path;

use sha2::{Digest as _, Sha256};
use tls_slots::loader;
use tls_slots_manifest::{
    Agreed, Allowed, Description, FileError, PrivateState, Unforked, asks_for_private_state,
};

use super::error::{HostProblem, LoadError};
use super::format::{self, Headers};
use super::look::unfit;
use super::own;

/// Compares the SHA-256 of a file's bytes with the one that the host expects.
///
/// # Errors
///
/// [`LoadError::Digest`].
pub(crate) fn digest(path: &Path, bytes: &[u8], expected: [u8; 32]) -> Result<(), LoadError> {
    let found: [u8; 32] = Sha256::digest(bytes).into();
    if found == expected {
        return Ok(());
    }
    Err(LoadError::Digest {
        path: path.to_owned(),
        expected,
        found,
    })
}

/// Checks everything else that can be known of the bytes before they are loaded. Gives what the
/// headers tell, and what host and module have agreed on.
///
/// # Errors
///
/// [`LoadError::NotShared`], `Architecture`, `Corrupt`, `ContainsHost`, `NoManifest`, `Dylib`,
/// `Manifest`, `Abi`, `Mismatch`; or `Host`, if the host has no manifest.
pub(crate) fn check(
    path: &Path,
    bytes: &[u8],
    allowed: &Allowed,
) -> Result<(Headers, Agreed), LoadError> {
    let path = path.to_owned();
    let seen = format::read(bytes).map_err(|reason| unfit(&path, reason))?;
    if let Some(symbol) = seen.host_symbol() {
        return Err(LoadError::ContainsHost {
            path,
            symbol: symbol.to_owned(),
        });
    }
    let damaged = |source| LoadError::Host {
        problem: HostProblem::Manifest { source },
    };
    let host = loader::description().map_err(damaged)?;
    let mut module = match Description::from_object(bytes) {
        Ok(module) => module,
        Err(FileError::NoManifest) => {
            let unforked = Unforked::find(host, &PrivateState::from_object(bytes));
            return Err(LoadError::NoManifest { path, unforked });
        }
        Err(FileError::OtherAbi { found }) => {
            return Err(LoadError::Abi {
                path,
                module: found,
            });
        }
        Err(FileError::Dylib { libraries }) => return Err(LoadError::Dylib { path, libraries }),
        Err(FileError::Manifest(source)) => return Err(LoadError::Manifest { path, source }),
        Err(other) => {
            return Err(LoadError::Corrupt {
                path,
                reason: other.to_string(),
            });
        }
    };
    if asks_for_private_state(&module.manifest, &host.manifest) {
        module.private = PrivateState::from_object(bytes);
    }
    tls_slots_manifest::compare(own::with_state(host, &module), &module, allowed)
        .map_err(|source| LoadError::Mismatch { path, source })?;
    let agreed = tls_slots_manifest::agreed(&host.manifest, &module.manifest, allowed);
    Ok((seen, agreed))
}
