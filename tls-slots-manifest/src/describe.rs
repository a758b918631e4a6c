//! From the bytes of a file to a [`Description`].

use std::io;

use object::{ReadCache, ReadRef};

use crate::bounded::Bounded;
use crate::description::Description;
use crate::file::{self, FileError};
use crate::needed;
use crate::private_state::PrivateState;

impl Description {
    /// Reads the bytes of an executable or a shared object, as
    /// [`Manifest::from_object`](crate::Manifest::from_object) does. Its private state is left out:
    /// it is for who [is asked](crate::asks_for_private_state).
    ///
    /// # Errors
    ///
    /// As [`Manifest::from_object`](crate::Manifest::from_object).
    pub fn from_object(bytes: &[u8]) -> Result<Self, FileError> {
        Self::of(bytes)
    }

    /// As [`from_object`](Self::from_object), for a file that is not in memory. Only its headers,
    /// its tables and the manifest are read.
    ///
    /// # Errors
    ///
    /// As [`Manifest::from_object`](crate::Manifest::from_object). A file that cannot be read
    /// counts as corrupt.
    pub fn from_reader(file: impl io::Read + io::Seek) -> Result<Self, FileError> {
        Self::of(Bounded(&ReadCache::new(file)))
    }

    fn of<'a>(data: impl ReadRef<'a>) -> Result<Self, FileError> {
        let file = file::open(data)?;
        let mut description = Self::from(file::manifest(&file)?);
        description.std = needed::std_copy(&file);
        Ok(description)
    }
}

impl PrivateState {
    /// Finds the state in a file, which need not have a manifest. What cannot be read tells
    /// nothing.
    pub fn from_object(bytes: &[u8]) -> Self {
        Self::from_data(bytes)
    }

    /// As [`from_object`](Self::from_object), for a file that is not in memory. Its symbols and its
    /// constants are read.
    pub fn from_reader(file: impl io::Read + io::Seek) -> Self {
        Self::from_data(Bounded(&ReadCache::new(file)))
    }

    fn from_data<'a>(data: impl ReadRef<'a>) -> Self {
        let length = data.len().unwrap_or_default();
        let file = file::open(data);
        file.map(|file| Self::of(&file, length)).unwrap_or_default()
    }
}
