//! The section headers, compared with the program headers.
//!
//! The problem: no loader reads section headers, so they are an independent description of the same
//! memory. A damaged program header contradicts them. Where both agree, the file is taken to be
//! whole.

use object::Endianness;
use object::elf;
use object::read::elf::{FileHeader, SectionHeader, SectionTable};

use super::file::ElfFile;
use super::range::{Checked, Range};
use super::segments::Segments;

/// A section that is loaded.
pub(super) struct Section {
    pub(super) name: Vec<u8>,
    pub(super) kind: elf::SectionType,
    pub(super) flags: elf::SectionFlags,
    pub(super) memory: Range,
    pub(super) entry_size: u64,
    /// Where it is in the file, if it has a place there.
    offset: u64,
}

/// The sections that are loaded and have a place in memory.
pub(super) struct Sections(Vec<Section>);

impl Sections {
    /// Reads the section headers, and checks each section against its segment.
    ///
    /// # Errors
    ///
    /// What is damaged.
    pub(super) fn read<Elf>(file: &ElfFile<'_, Elf>, segments: &Segments) -> Checked<Self>
    where
        Elf: FileHeader<Endian = Endianness>,
    {
        let table = file
            .header
            .sections(file.endian, file.data)
            .map_err(|error| error.to_string())?;
        if table.is_empty() {
            return Err("there are no section headers".to_owned());
        }
        let mut found = Vec::new();
        let mut tls_end = 0;
        for header in table.iter() {
            if !header.sh_flags(file.endian).contains(elf::SHF_ALLOC) {
                continue;
            }
            let section = Section::read(&table, header, file.endian)?;
            if section.memory.is_empty() {
                // It may still be a table of no entries. The dynamic section need not name it.
                continue;
            }
            if section.is_thread_local() {
                tls_end = tls_end.max(section.memory.end);
                section.check_in_tls(segments)?;
                if section.is_zeroes() {
                    continue;
                }
            }
            section.check_in_its_segment(segments)?;
            found.push(section);
        }
        // The size of the thread-local segment is that of its sections, and nothing else.
        let largest = tls_end.checked_next_multiple_of(segments.tls_align.max(1));
        if segments.tls.is_some_and(|tls| Some(tls.end) > largest) {
            return Err("the thread-local segment is larger than what is in it".to_owned());
        }
        let found = Self(found);
        let unwind = found.named(b".eh_frame_hdr");
        if unwind.map(|section| section.memory) != segments.unwind {
            return Err("the unwind table is not where it should be".to_owned());
        }
        Ok(found)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Section> {
        self.0.iter()
    }

    /// The first section of this kind.
    pub(super) fn of_kind(&self, kind: elf::SectionType) -> Option<&Section> {
        self.iter().find(|section| section.kind == kind)
    }

    /// The first section of this name.
    pub(super) fn named(&self, name: &[u8]) -> Option<&Section> {
        self.iter().find(|section| section.name == name)
    }
}

impl Section {
    fn read<Elf>(
        table: &SectionTable<'_, Elf>,
        header: &Elf::SectionHeader,
        endian: Endianness,
    ) -> Checked<Self>
    where
        Elf: FileHeader<Endian = Endianness>,
    {
        let name = table
            .section_name(endian, header)
            .map_err(|error| error.to_string())?;
        let (start, size) = (header.sh_addr(endian).into(), header.sh_size(endian).into());
        Ok(Self {
            name: name.to_owned(),
            kind: header.sh_type(endian),
            flags: header.sh_flags(endian),
            memory: Range::new(&String::from_utf8_lossy(name), start, size)?,
            entry_size: header.sh_entsize(endian).into(),
            offset: header.sh_offset(endian).into(),
        })
    }

    /// Its bytes in the file.
    ///
    /// # Errors
    ///
    /// Not all of it comes from the file.
    pub(super) fn bytes<'data>(
        &self,
        data: &'data [u8],
        segments: &Segments,
    ) -> Checked<&'data [u8]> {
        let load = segments
            .of(self.memory)
            .filter(|load| load.mapped.holds(self.memory))
            .ok_or("a table is not in the file")?;
        let start = self.memory.start - load.memory.start + load.offset;
        let end = self.memory.end - load.memory.start + load.offset;
        let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
        range
            .and_then(|(start, end)| data.get(start..end))
            .ok_or_else(|| "a table is not in the file".to_owned())
    }

    /// How the section is called in messages.
    fn shown(&self) -> String {
        String::from_utf8_lossy(&self.name).into_owned()
    }

    fn is_thread_local(&self) -> bool {
        self.flags.contains(elf::SHF_TLS)
    }

    /// Whether it has no bytes in the file.
    fn is_zeroes(&self) -> bool {
        self.kind == elf::SHT_NOBITS
    }

    fn check_in_tls(&self, segments: &Segments) -> Checked {
        match segments.tls.is_some_and(|tls| tls.holds(self.memory)) {
            true => Ok(()),
            false => Err(format!("{} is in no thread-local segment", self.shown())),
        }
    }

    /// Checks its place and its rights.
    fn check_in_its_segment(&self, segments: &Segments) -> Checked {
        let (memory, shown) = (self.memory, self.shown());
        let load = segments
            .of(memory)
            .ok_or_else(|| format!("{shown} is not loaded"))?;
        if !self.is_zeroes() && !load.has_at(memory, self.offset) {
            return Err(format!("{shown} is elsewhere in memory than in the file"));
        }
        if self.is_zeroes() && memory.start < load.mapped.end && memory.end > load.mapped.end {
            return Err(format!("{shown} is partly in the file"));
        }
        let rights = [(elf::SHF_WRITE, elf::PF_W), (elf::SHF_EXECINSTR, elf::PF_X)];
        if !load.flags.contains(elf::PF_R)
            || rights
                .iter()
                .any(|(needs, has)| self.flags.contains(*needs) && !load.flags.contains(*has))
        {
            return Err(format!("{shown} lacks a right of its segment"));
        }
        // These are written to when the module runs. They must not become read-only after
        // relocation.
        let name = self.name.as_slice();
        let stays_writable =
            matches!(name, b".data" | b".bss") || name.starts_with(b"tls_slots_keys");
        if stays_writable && segments.relro.is_some_and(|relro| relro.meets(memory)) {
            return Err(format!("{shown} would be read-only"));
        }
        Ok(())
    }
}
