//! One record: its fields, and what they say.

use crate::format::{ENABLED, GROUP, HEADER};
use crate::manifest::{
    Allocator, Cfg, Compiler, Crate, Dependency, Feature, Flag, Key, KeyKind, Type,
};
use crate::parse::error::ParseError;
use crate::parse::reader::Reader;

/// The fields of one record.
pub(super) struct Record<'a> {
    pub(super) fields: &'a [u8],
    /// Where in the section the record starts. Errors name it.
    pub(super) offset: usize,
}

/// A field that occurs once; empty as long as it has not been found.
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

    /// The fields that occur once, by tag: the first name is that of tag 1. `others` is called with
    /// all other fields.
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

    /// The contents of a field that must be there.
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

    /// A text that a writer may leave out where there is none.
    fn text_if_any(&self, field: &Once<'a>) -> Result<String, ParseError> {
        self.as_text(field.contents.unwrap_or_default())
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

    /// A number that fits 32 bits.
    fn small(&self, field: &Once<'a>) -> Result<u32, ParseError> {
        u32::try_from(self.number(field)?).map_err(|_| self.impossible(field.name))
    }

    /// A number that is 0 or 1.
    fn flag(&self, field: &Once<'a>) -> Result<bool, ParseError> {
        match self.number(field)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.impossible(field.name)),
        }
    }

    /// Kind 1: the version of the binary interface, and the compiler.
    pub(super) fn compiler(&self) -> Result<(u32, Compiler), ParseError> {
        let names = [
            "abi",
            "rustc",
            "commit",
            "target",
            "panic",
            "debug_assertions",
            "layout_probe",
        ];
        let mut flags = Vec::new();
        let mut asked_for = String::new();
        let [abi, rustc, commit, target, panic, debug, probe] =
            self.fields(names, |tag, bytes| {
                if tag == 9 {
                    asked_for = self.as_text(bytes)?;
                }
                if tag == 8 {
                    for flag in self.as_text(bytes)?.split_ascii_whitespace() {
                        let (name, value) = flag.split_once('=').ok_or(self.impossible("flags"))?;
                        flags.push(Flag {
                            name: name.to_owned(),
                            value: value.to_owned(),
                        });
                    }
                }
                Ok(())
            })?;
        Ok((
            self.small(&abi)?,
            Compiler {
                rustc: self.text(&rustc)?,
                commit: self.text(&commit)?,
                target: self.text(&target)?,
                panic: self.text(&panic)?,
                debug_assertions: self.flag(&debug)?,
                layout_probe: self.number(&probe)?,
                asked_for,
                flags,
            },
        ))
    }

    /// A cfg, and whether it is set.
    fn cfg(&self, bytes: &[u8]) -> Result<Cfg, ParseError> {
        let mut reader = Reader::new(bytes, self.offset);
        let [flags] = reader.array()?;
        Ok(Cfg {
            name: self.as_text(reader.rest())?,
            enabled: flags & ENABLED != 0,
        })
    }

    /// Kind 2.
    pub(super) fn forked_crate(&self) -> Result<Crate, ParseError> {
        let (mut features, mut cfgs) = (Vec::new(), Vec::new());
        let (mut dependencies, mut types) = (Vec::new(), Vec::new());
        let mut lib = String::new();
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
                6 => cfgs.push(self.cfg(bytes)?),
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
                9 => lib = self.as_text(reader.rest())?,
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
            lib,
        })
    }

    /// Kind 3.
    pub(super) fn key(&self) -> Result<Key, ParseError> {
        let names = [
            "kind", "package", "version", "path", "name", "file", "line", "column", "type", "size",
            "align", "sources",
        ];
        let mut cfgs = Vec::new();
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
            sources,
        ] = self.fields(names, |tag, bytes| {
            if tag == 13 {
                let cfg = self.cfg(bytes)?;
                cfgs.extend(cfg.enabled.then_some(cfg.name));
            }
            Ok(())
        })?;
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
            sources: self.text_if_any(&sources)?,
            cfgs,
        })
    }

    /// Kind 4.
    pub(super) fn allocator(&self) -> Result<Allocator, ParseError> {
        let [name, forwards] = self.fields(["name", "forwards"], |_, _| Ok(()))?;
        Ok(Allocator {
            name: self.text(&name)?,
            forwards: self.flag(&forwards)?,
        })
    }
}
