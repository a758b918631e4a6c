//! What the files of `tls-slots` know of `tls-keys`: the files of that crate that are under test,
//! among stand-ins for the others.

#[path = "../../../tls-keys/src/shared/access.rs"]
pub(crate) mod access;
#[path = "../../../tls-keys/src/shared/answer.rs"]
mod answer;
#[path = "../../../tls-keys/src/shared/key.rs"]
mod key;
#[path = "../../../tls-keys/src/shared/local.rs"]
mod local;
#[path = "../../../tls-keys/src/shared/process.rs"]
pub(crate) mod process;

use crate::sync;

pub(crate) use crate::stand_ins::{arch, calls, host, names, own_image as image};

/// As in `tls-keys`.
pub(crate) mod abi {
    pub(crate) use super::answer::{Answer, Buffer, Status};
    pub(crate) use super::key::{Declared, DropInPlace, Image, Init, Key, Kind, Text};
}
