//! From the bytes of a file to a [`Description`].

use std::io;

use object::{File, ReadCache, ReadRef};

use crate::description::Description;
use crate::file::{self, FileError};
use crate::needed;
use crate::private_state::PrivateState;

impl Description {
    /// Reads all that the bytes of an executable or a shared object tell, as
    /// [`Manifest::from_object`] reads the manifest.
    ///
    /// # Errors
    ///
    /// As [`Manifest::from_object`].
    pub fn from_object(bytes: &[u8]) -> Result<Self, FileError> {
        Self::of(bytes)
    }

    /// As [`from_object`](Self::from_object), for a file that is not in memory. Its code and its
    /// debug information are not read.
    ///
    /// # Errors
    ///
    /// As [`Manifest::from_object`]. A file that cannot be read counts as corrupt.
    pub fn from_reader(file: impl io::Read + io::Seek) -> Result<Self, FileError> {
        Self::of(&ReadCache::new(file))
    }

    fn of<'a>(data: impl ReadRef<'a>) -> Result<Self, FileError> {
        let file = file::open(data)?;
        Ok(Self {
            manifest: file::manifest(&file)?,
            std: needed::std_copy(&file),
            private: private(&file, data),
        })
    }
}

impl PrivateState {
    /// Reads the state of a file that need not have a manifest. What cannot be read tells nothing.
    pub fn from_object(bytes: &[u8]) -> Self {
        Self::from_data(bytes)
    }

    /// As [`from_object`](Self::from_object), for a file that is not in memory.
    pub fn from_reader(file: impl io::Read + io::Seek) -> Self {
        Self::from_data(&ReadCache::new(file))
    }

    fn from_data<'a>(data: impl ReadRef<'a>) -> Self {
        let file = file::open(data);
        file.map(|file| private(&file, data)).unwrap_or_default()
    }
}

fn private<'a, Data: ReadRef<'a>>(file: &File<'a, Data>, data: Data) -> PrivateState {
    PrivateState::of(file, data.len().unwrap_or_default())
}
