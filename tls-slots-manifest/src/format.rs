//! The bytes of a manifest, and how they are read.
//!
//! A section is a sequence of records, in any order, as the linker put them one after the other, with
//! any number of zeroes between them. All numbers are little-endian.
//!
//! ```text
//! record   magic: 8 bytes | format: u16 | kind: u16 | length: u32 | fields, `length` bytes
//! field    tag: u16 | length: u32 | contents, `length` bytes
//! ```
//!
//! | kind | what | who writes it |
//! | --- | --- | --- |
//! | 1 | the compiler; exactly one, or several that are equal | `tls-keys` |
//! | 2 | a forked crate | a file that `fork` generates in it |
//! | 3 | a key | the macros that declare keys |
//! | 4 | the global allocator; at most one | whoever declares it |
//!
//! Contents are text (UTF-8), a number (`u64`), or, where a field may occur several times, one of
//!
//! ```text
//! feature, cfg  flags: u8 | name
//! dependency    flags: u8 | length of the name: u32 | name | version
//! type          size: u64 | align: u64 | fields: u64 | name
//! ```
//!
//! A kind or a tag that this reader does not know is skipped: later versions may tell more.
//! What has to be understood to tell whether two images fit gets a new format number, and a record of
//! another format is an error.
//!
//! The writer's half is `record.rs` of `tls-keys`, which must not be linked by tools that only
//! read. A test there reads back what it writes.

use std::fmt;

use crate::{Allocator, Cfg, Compiler, Crate, Dependency, Feature, Key, KeyKind, Manifest, Type};

/// What each record starts with. Not zero, and not valid UTF-8.
const MAGIC: [u8; 8] = *b"\xA7tlsrec\n";

/// Bytes of a record before its fields.
const HEADER: usize = 16;

/// The format that is described here.
const FORMAT: u16 = 1;

const COMPILER: u16 = 1;
const CRATE: u16 = 2;
const KEY: u16 = 3;
const ALLOCATOR: u16 = 4;

/// Bits of the flags of features, cfgs and dependencies.
const ENABLED: u8 = 1;
const GROUP: u8 = 2;

/// Why the bytes of a section are no manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseError {
    /// There is something that is no record.
    NoRecord {
        /// Where in the section.
        offset: usize,
    },
    /// A record has another format.
    Format {
        /// Its number.
        found: u16,
    },
    /// A record or field is longer than what is left.
    CutOff {
        /// Where in the section.
        offset: usize,
    },
    /// A text is not UTF-8.
    NotText {
        /// Where in the section the record starts.
        offset: usize,
    },
    /// A field has a value that it cannot have.
    Value {
        /// The field.
        field: &'static str,
        /// Where in the section the record starts.
        offset: usize,
    },
    /// A record lacks a field.
    Missing {
        /// The field.
        field: &'static str,
        /// Where in the section the record starts.
        offset: usize,
    },
    /// A record has a field twice.
    Twice {
        /// The field.
        field: &'static str,
        /// Where in the section the record starts.
        offset: usize,
    },
    /// No record says what the image was built by.
    NoCompiler,
    /// Two records of which there can be one say different things.
    Contradiction {
        /// What they are about.
        what: &'static str,
    },
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRecord { offset } => {
                write!(f, "there is no record at byte {offset} of the manifest")
            }
            Self::Format { found } => write!(
                f,
                "the manifest has a record of format {found}, and this reader knows format {FORMAT}"
            ),
            Self::CutOff { offset } => {
                write!(f, "the manifest is cut off at byte {offset}")
            }
            Self::NotText { offset } => write!(
                f,
                "a text is not UTF-8 in the record at byte {offset} of the manifest"
            ),
            Self::Value { field, offset } => write!(
                f,
                "`{field}` has an impossible value in the record at byte {offset} of the manifest"
            ),
            Self::Missing { field, offset } => write!(
                f,
                "`{field}` is missing in the record at byte {offset} of the manifest"
            ),
            Self::Twice { field, offset } => write!(
                f,
                "`{field}` is there twice in the record at byte {offset} of the manifest"
            ),
            Self::NoCompiler => f.write_str("the manifest does not say what built the image"),
            Self::Contradiction { what } => write!(
                f,
                "the manifest has two records of the {what} that say different things"
            ),
        }
    }
}

impl std::error::Error for ParseError {}

impl Manifest {
    /// Reads the bytes of a section.
    ///
    /// # Errors
    ///
    /// [`ParseError`] says what is wrong, and where.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let mut compiler: Option<(u32, Compiler)> = None;
        let mut allocator = None;
        let mut crates = Vec::new();
        let mut keys = Vec::new();
        let mut reader = Reader::new(bytes, 0);
        while reader.skip_padding() {
            let offset = reader.at;
            if !reader.bytes[offset..].starts_with(&MAGIC) {
                return Err(ParseError::NoRecord { offset });
            }
            reader.take(MAGIC.len())?;
            let format = reader.u16()?;
            if format != FORMAT {
                return Err(ParseError::Format { found: format });
            }
            let kind = reader.u16()?;
            let length = reader.u32()? as usize;
            let record = Record {
                fields: reader.take(length)?,
                offset,
            };
            match kind {
                COMPILER => once("compiler", &mut compiler, record.compiler()?)?,
                ALLOCATOR => once("global allocator", &mut allocator, record.allocator()?)?,
                CRATE => crates.push(record.forked_crate()?),
                KEY => keys.push(record.key()?),
                _ => {}
            }
        }
        let (abi, compiler) = compiler.ok_or(ParseError::NoCompiler)?;
        Ok(Self {
            abi,
            compiler,
            crates,
            keys,
            allocator,
        })
    }
}

/// Keeps what there can be only one of. The same crate may be linked twice, and then says it twice.
fn once<T: PartialEq>(
    what: &'static str,
    place: &mut Option<T>,
    value: T,
) -> Result<(), ParseError> {
    match place {
        Some(known) if *known != value => Err(ParseError::Contradiction { what }),
        _ => {
            *place = Some(value);
            Ok(())
        }
    }
}

/// Bytes that are read from front to back.
struct Reader<'a> {
    bytes: &'a [u8],
    /// Invariant: no more than the length of `bytes`.
    at: usize,
    /// Where in the section `bytes` starts, for messages.
    base: usize,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8], base: usize) -> Self {
        Self { bytes, at: 0, base }
    }

    /// Goes to the next byte that is not zero, if there is one.
    fn skip_padding(&mut self) -> bool {
        let rest = &self.bytes[self.at..];
        self.at += rest.iter().take_while(|byte| **byte == 0).count();
        !self.is_empty()
    }

    fn is_empty(&self) -> bool {
        self.at == self.bytes.len()
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], ParseError> {
        let cut_off = ParseError::CutOff {
            offset: self.base.saturating_add(self.at),
        };
        let end = self.at.checked_add(length).ok_or(cut_off.clone())?;
        let taken = self.bytes.get(self.at..end).ok_or(cut_off)?;
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ParseError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn u16(&mut self) -> Result<u16, ParseError> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32, ParseError> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, ParseError> {
        self.array().map(u64::from_le_bytes)
    }

    fn rest(&mut self) -> &'a [u8] {
        let rest = &self.bytes[self.at..];
        self.at = self.bytes.len();
        rest
    }
}

/// The fields of one record.
struct Record<'a> {
    fields: &'a [u8],
    /// Where in the section it starts, for messages.
    offset: usize,
}

/// A field that occurs once.
struct Once<'a> {
    name: &'static str,
    contents: Option<&'a [u8]>,
}

impl<'a> Record<'a> {
    /// Calls `each` with every field: its tag and contents.
    fn each(
        &self,
        mut each: impl FnMut(u16, &'a [u8]) -> Result<(), ParseError>,
    ) -> Result<(), ParseError> {
        let mut reader = Reader::new(self.fields, self.offset.saturating_add(HEADER));
        while !reader.is_empty() {
            let (tag, length) = (reader.u16()?, reader.u32()? as usize);
            each(tag, reader.take(length)?)?;
        }
        Ok(())
    }

    /// The fields that occur once, by tag: the first name is that of tag 1. Others go to `others`.
    fn fields<const N: usize>(
        &self,
        names: [&'static str; N],
        mut others: impl FnMut(u16, &'a [u8]) -> Result<(), ParseError>,
    ) -> Result<[Once<'a>; N], ParseError> {
        let mut all = names.map(|name| Once {
            name,
            contents: None,
        });
        self.each(|tag, contents| {
            match usize::from(tag)
                .checked_sub(1)
                .and_then(|at| all.get_mut(at))
            {
                None => others(tag, contents),
                Some(once) if once.contents.is_some() => Err(ParseError::Twice {
                    field: once.name,
                    offset: self.offset,
                }),
                Some(once) => {
                    once.contents = Some(contents);
                    Ok(())
                }
            }
        })?;
        Ok(all)
    }

    fn contents(&self, field: &Once<'a>) -> Result<&'a [u8], ParseError> {
        field.contents.ok_or(ParseError::Missing {
            field: field.name,
            offset: self.offset,
        })
    }

    fn as_text(&self, bytes: &[u8]) -> Result<String, ParseError> {
        match str::from_utf8(bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(_) => Err(ParseError::NotText {
                offset: self.offset,
            }),
        }
    }

    fn text(&self, field: &Once<'a>) -> Result<String, ParseError> {
        self.as_text(self.contents(field)?)
    }

    fn impossible(&self, field: &'static str) -> ParseError {
        ParseError::Value {
            field,
            offset: self.offset,
        }
    }

    fn number(&self, field: &Once<'a>) -> Result<u64, ParseError> {
        match self.contents(field)?.try_into() {
            Ok(bytes) => Ok(u64::from_le_bytes(bytes)),
            Err(_) => Err(self.impossible(field.name)),
        }
    }

    fn small(&self, field: &Once<'a>) -> Result<u32, ParseError> {
        u32::try_from(self.number(field)?).map_err(|_| self.impossible(field.name))
    }

    fn flag(&self, field: &Once<'a>) -> Result<bool, ParseError> {
        match self.number(field)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.impossible(field.name)),
        }
    }

    fn compiler(&self) -> Result<(u32, Compiler), ParseError> {
        let names = [
            "abi",
            "rustc",
            "commit",
            "target",
            "panic",
            "debug_assertions",
            "layout_probe",
        ];
        let [abi, rustc, commit, target, panic, debug, probe] =
            self.fields(names, |_, _| Ok(()))?;
        Ok((
            self.small(&abi)?,
            Compiler {
                rustc: self.text(&rustc)?,
                commit: self.text(&commit)?,
                target: self.text(&target)?,
                panic: self.text(&panic)?,
                debug_assertions: self.flag(&debug)?,
                layout_probe: self.number(&probe)?,
            },
        ))
    }

    fn forked_crate(&self) -> Result<Crate, ParseError> {
        let (mut features, mut cfgs) = (Vec::new(), Vec::new());
        let (mut dependencies, mut types) = (Vec::new(), Vec::new());
        let names = ["name", "version", "checksum", "source"];
        let [name, version, checksum, source] = self.fields(names, |tag, bytes| {
            let mut reader = Reader::new(bytes, self.offset);
            match tag {
                5 => {
                    let [flags] = reader.array()?;
                    features.push(Feature {
                        name: self.as_text(reader.rest())?,
                        enabled: flags & ENABLED != 0,
                        group: flags & GROUP != 0,
                    });
                }
                6 => {
                    let [flags] = reader.array()?;
                    cfgs.push(Cfg {
                        name: self.as_text(reader.rest())?,
                        enabled: flags & ENABLED != 0,
                    });
                }
                7 => {
                    let [flags] = reader.array()?;
                    let length = reader.u32()? as usize;
                    dependencies.push(Dependency {
                        name: self.as_text(reader.take(length)?)?,
                        version: self.as_text(reader.rest())?,
                        enabled: flags & ENABLED != 0,
                    });
                }
                8 => types.push(Type {
                    size: reader.u64()?,
                    align: reader.u64()?,
                    fields: reader.u64()?,
                    name: self.as_text(reader.rest())?,
                }),
                _ => {}
            }
            Ok(())
        })?;
        Ok(Crate {
            name: self.text(&name)?,
            version: self.text(&version)?,
            checksum: self.text(&checksum)?,
            source: self.text(&source)?,
            features,
            cfgs,
            dependencies,
            types,
        })
    }

    fn key(&self) -> Result<Key, ParseError> {
        let names = [
            "kind", "package", "version", "path", "name", "file", "line", "column", "type", "size",
            "align",
        ];
        let [
            kind,
            package,
            version,
            path,
            name,
            file,
            line,
            column,
            type_text,
            size,
            align,
        ] = self.fields(names, |_, _| Ok(()))?;
        Ok(Key {
            kind: match self.number(&kind)? {
                1 => KeyKind::ThreadLocal,
                2 => KeyKind::Process,
                _ => return Err(self.impossible(kind.name)),
            },
            package: self.text(&package)?,
            version: self.text(&version)?,
            path: self.text(&path)?,
            name: self.text(&name)?,
            file: self.text(&file)?,
            line: self.small(&line)?,
            column: self.small(&column)?,
            type_text: self.text(&type_text)?,
            size: self.number(&size)?,
            align: self.number(&align)?,
        })
    }

    fn allocator(&self) -> Result<Allocator, ParseError> {
        let [name, forwards] = self.fields(["name", "forwards"], |_, _| Ok(()))?;
        Ok(Allocator {
            name: self.text(&name)?,
            forwards: self.flag(&forwards)?,
        })
    }
}
