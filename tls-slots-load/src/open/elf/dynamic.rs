//! The dynamic section, compared with the sections.
//!
//! The problem: the dynamic linker follows the addresses in the dynamic section without a check. So
//! each address must be that of a section of the right type, with the right size.

use object::Endianness;
use object::elf;
use object::read::elf::{Dyn, FileHeader};

use super::file::ElfFile;
use super::range::Checked;
use super::sections::{Section, Sections};
use super::segments::Segments;
use super::tables::TABLES;

/// The entries of the dynamic section, up to its end.
pub(super) struct Dynamic(Vec<Entry>);

struct Entry {
    tag: elf::DynamicTag,
    value: u64,
    /// Whether the value is an offset into the table of names.
    is_name: bool,
}

impl Dynamic {
    /// Reads the dynamic section.
    ///
    /// # Errors
    ///
    /// It is not where the program header says, has no end, or has one tag twice.
    pub(super) fn read<Elf>(
        file: &ElfFile<'_, Elf>,
        segments: &Segments,
        sections: &Sections,
    ) -> Checked<Self>
    where
        Elf: FileHeader<Endian = Endianness>,
    {
        let section = sections
            .of_kind(elf::SHT_DYNAMIC)
            .ok_or("there is no dynamic section")?;
        if segments.dynamic != Some(section.memory) {
            return Err("the dynamic section is not where it should be".to_owned());
        }
        let bytes = section.bytes(file.data, segments)?;
        let entries: &[Elf::Dyn] =
            object::pod::slice_from_bytes(bytes, bytes.len() / size_of::<Elf::Dyn>())
                .map_err(|()| "the dynamic section is not aligned")?
                .0;
        let end = entries
            .iter()
            .position(|entry| entry.tag(file.endian) == elf::DT_NULL)
            .ok_or("the dynamic section has no end")?;
        let entries = entries[..end].iter().map(|entry| Entry {
            tag: entry.tag(file.endian),
            value: entry.val(file.endian),
            is_name: entry.is_string(file.endian),
        });
        let all = Self(entries.collect());
        match all.has_a_tag_twice() {
            true => Err("the dynamic section says something twice".to_owned()),
            false => Ok(all),
        }
    }

    /// The value of a tag.
    pub(super) fn value(&self, tag: elf::DynamicTag) -> Option<u64> {
        let found = self.0.iter().find(|entry| entry.tag == tag);
        found.map(|entry| entry.value)
    }

    /// Of two entries with one tag, one reader takes the first and another takes the last.
    fn has_a_tag_twice(&self) -> bool {
        let may_repeat = [elf::DT_NEEDED, elf::DT_AUXILIARY, elf::DT_FILTER];
        let mut tags: Vec<_> = self.0.iter().map(|entry| entry.tag).collect();
        tags.retain(|tag| !may_repeat.contains(tag));
        tags.sort_unstable();
        tags.windows(2).any(|pair| pair[0] == pair[1])
    }

    /// Compares everything but the relocations with the sections.
    ///
    /// # Errors
    ///
    /// What is damaged.
    pub(super) fn check<Elf>(
        &self,
        file: &ElfFile<'_, Elf>,
        segments: &Segments,
        sections: &Sections,
    ) -> Checked
    where
        Elf: FileHeader<Endian = Endianness>,
    {
        self.check_tables(sections)?;
        self.check_functions(sections)?;
        self.check_names(file.data, segments, sections)?;
        let symbols = sections
            .of_kind(elf::SHT_DYNSYM)
            .ok_or("there is no symbol table")?;
        if self.value(elf::DT_SYMENT) != Some(symbols.entry_size)
            || symbols.entry_size != size_of::<Elf::Sym>() as u64
        {
            return Err("the symbol table has entries of another size".to_owned());
        }
        Ok(())
    }

    /// Each table that is named is a section, and each such section is named.
    fn check_tables(&self, sections: &Sections) -> Checked {
        for table in TABLES {
            match (self.value(table.address), sections.of_kind(table.kind)) {
                (Some(address), Some(section)) if address == section.memory.start => {
                    let size = Some(section.memory.size());
                    if table.size.is_some_and(|tag| self.value(tag) != size) {
                        return Err(format!("{} has another size", table.what));
                    }
                }
                (None, None) => {}
                // An empty table has no section here.
                (Some(_), None) if table.size.is_some_and(|tag| self.value(tag) == Some(0)) => {}
                _ => return Err(format!("{} is not where it should be", table.what)),
            }
        }
        Ok(())
    }

    /// The functions that run first and last are the sections of that name.
    fn check_functions(&self, sections: &Sections) -> Checked {
        for (tag, name) in [(elf::DT_INIT, &b".init"[..]), (elf::DT_FINI, b".fini")] {
            let start = sections.named(name).map(|section| section.memory.start);
            let is_elsewhere = self
                .value(tag)
                .is_some_and(|address| Some(address) != start);
            // BOLT moves functions, and leaves the section headers as they were.
            if is_elsewhere && sections.named(b".bolt.org.text").is_none() {
                return Err(format!(
                    "{} is not where it should be",
                    String::from_utf8_lossy(name)
                ));
            }
        }
        Ok(())
    }

    /// The table of names is a section, every name in it has an end, and every entry's name is in
    /// it.
    fn check_names(&self, data: &[u8], segments: &Segments, sections: &Sections) -> Checked {
        let start = self
            .value(elf::DT_STRTAB)
            .ok_or("there is no table of names")?;
        let is_table =
            |section: &&Section| section.kind == elf::SHT_STRTAB && section.memory.start == start;
        let table = sections
            .iter()
            .find(is_table)
            .ok_or("the table of names is not where it should be")?;
        let size = table.memory.size();
        if self.value(elf::DT_STRSZ) != Some(size)
            || table.bytes(data, segments)?.last() != Some(&0)
        {
            return Err("the table of names has another size".to_owned());
        }
        let mut names = self.0.iter().filter(|entry| entry.is_name);
        match names.any(|entry| entry.value >= size) {
            true => Err("a name lies outside of the table of names".to_owned()),
            false => Ok(()),
        }
    }
}
