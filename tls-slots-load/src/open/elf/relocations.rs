//! The tables of relocations, and what each relocation refers to.
//!
//! The problem: the dynamic linker writes to the place that a relocation names. A damaged one is a
//! write to somebody else's memory. So the dynamic section's relocations must be exactly the
//! sections of that type, each place must be writable memory of the file, and each symbol must be
//! in the symbol table. What is written there is not checked.

use object::Endianness;
use object::elf;
use object::read::elf::{FileHeader, Rela};

use super::dynamic::Dynamic;
use super::file::ElfFile;
use super::range::{Checked, Range};
use super::sections::{Section, Sections};
use super::segments::Segments;

/// One of the two kinds of relocations that a file can have.
struct Kind {
    /// The tags of its table: address, size, and size of an entry.
    table: elf::DynamicTag,
    size: elf::DynamicTag,
    entry: elf::DynamicTag,
    /// The type of its sections.
    section: elf::SectionType,
    entry_size: usize,
    /// The tag of the other kind's table.
    other: elf::DynamicTag,
}

impl Kind {
    fn with_addend<Elf: FileHeader>() -> Self {
        Self {
            table: elf::DT_RELA,
            size: elf::DT_RELASZ,
            entry: elf::DT_RELAENT,
            section: elf::SHT_RELA,
            entry_size: size_of::<Elf::Rela>(),
            other: elf::DT_REL,
        }
    }

    fn without_addend<Elf: FileHeader>() -> Self {
        Self {
            table: elf::DT_REL,
            size: elf::DT_RELSZ,
            entry: elf::DT_RELENT,
            section: elf::SHT_REL,
            entry_size: size_of::<Elf::Rel>(),
            other: elf::DT_RELA,
        }
    }
}

/// Compares the relocations with the sections, and looks at each of them that has an addend.
///
/// # Errors
///
/// What is damaged.
pub(super) fn check<Elf>(
    file: &ElfFile<'_, Elf>,
    segments: &Segments,
    sections: &Sections,
    dynamic: &Dynamic,
) -> Checked
where
    Elf: FileHeader<Endian = Endianness>,
{
    let with_addend = sections.of_kind(elf::SHT_RELA).is_some();
    let kind = match with_addend {
        true => Kind::with_addend::<Elf>(),
        false => Kind::without_addend::<Elf>(),
    };
    let named = named(dynamic, &kind)?;
    let tables: Vec<_> = sections
        .iter()
        .filter(|section| section.kind == kind.section)
        .collect();
    covers(&named, &tables)?;
    if with_addend {
        entries(file, segments, sections, dynamic, &tables)?;
    }
    // Constructors run before anybody could catch what they do. Their list holds pointers, so it
    // has relocations.
    for section in sections.iter() {
        let is_list = matches!(section.kind, elf::SHT_INIT_ARRAY | elf::SHT_FINI_ARRAY);
        if is_list && !section.flags.contains(elf::SHF_WRITE) {
            return Err("the list of constructors cannot be relocated".to_owned());
        }
    }
    Ok(())
}

/// The ranges of relocations that the dynamic section names.
fn named(dynamic: &Dynamic, kind: &Kind) -> Checked<Vec<Range>> {
    if dynamic.value(kind.other).is_some() {
        return Err("there are relocations of two kinds".to_owned());
    }
    let mut named = Vec::new();
    for (address, size) in [(kind.table, kind.size), (elf::DT_JMPREL, elf::DT_PLTRELSZ)] {
        match (dynamic.value(address), dynamic.value(size)) {
            (Some(address), Some(size)) => {
                named.push(Range::new("the relocations", address, size)?);
            }
            (None, None | Some(0)) => {}
            _ => return Err("the relocations have no place or no size".to_owned()),
        }
    }
    if dynamic.value(kind.table).is_some()
        && dynamic.value(kind.entry) != Some(kind.entry_size as u64)
    {
        return Err("the relocations have another size".to_owned());
    }
    // The dynamic linker asserts this.
    if dynamic.value(elf::DT_JMPREL).is_some()
        && dynamic.value(elf::DT_PLTREL) != Some(kind.table.0 as u64)
    {
        return Err("the relocations are of another kind".to_owned());
    }
    Ok(named)
}

/// Checks that the named ranges are these sections, and nothing else.
fn covers(named: &[Range], tables: &[&Section]) -> Checked {
    for section in tables {
        if !named.iter().any(|range| range.holds(section.memory)) {
            return Err("relocations are not in the dynamic section".to_owned());
        }
    }
    for range in named {
        let covered: u64 = tables
            .iter()
            .filter(|section| range.holds(section.memory))
            .map(|section| section.memory.size())
            .sum();
        if covered != range.size() {
            return Err("the dynamic section has relocations that are no section".to_owned());
        }
    }
    Ok(())
}

/// Checks each relocation, which has an addend.
fn entries<Elf>(
    file: &ElfFile<'_, Elf>,
    segments: &Segments,
    sections: &Sections,
    dynamic: &Dynamic,
    tables: &[&Section],
) -> Checked
where
    Elf: FileHeader<Endian = Endianness>,
{
    let symbols = sections.of_kind(elf::SHT_DYNSYM).map_or(0, |section| {
        section.memory.size() / size_of::<Elf::Sym>() as u64
    });
    let may_write_anywhere = dynamic.value(elf::DT_TEXTREL).is_some();
    let mut relative = 0;
    for section in tables {
        let bytes = section.bytes(file.data, segments)?;
        let all: &[Elf::Rela] =
            object::pod::slice_from_bytes(bytes, bytes.len() / size_of::<Elf::Rela>())
                .map_err(|()| "the relocations are not aligned")?
                .0;
        if dynamic.value(elf::DT_RELA) == Some(section.memory.start) {
            let first = all.iter().take_while(|one| is_relative(file, *one));
            relative = first.count() as u64;
        }
        let mips64el = file.header.is_mips64el(file.endian);
        for one in all {
            if u64::from(one.r_sym(file.endian, mips64el)) >= symbols.max(1) {
                return Err("a relocation names no symbol".to_owned());
            }
            if one.r_type(file.endian, mips64el).0 == 0 {
                continue;
            }
            let place = Range::new("a relocation", one.r_offset(file.endian).into(), 1)?;
            let load = segments.of(place).ok_or("a relocation lies outside")?;
            if !load.flags.contains(elf::PF_W) && !may_write_anywhere {
                return Err("a relocation lies in what cannot be written".to_owned());
            }
        }
    }
    // The dynamic linker applies this many without a look at their type.
    let said = dynamic.value(elf::DT_RELACOUNT);
    match said.is_some_and(|count| count > relative) {
        true => Err("fewer relocations are relative than the dynamic section says".to_owned()),
        false => Ok(()),
    }
}

/// Whether a relocation only adds the image's address. On machines that are not listed, all are
/// taken to be.
fn is_relative<Elf>(file: &ElfFile<'_, Elf>, one: &Elf::Rela) -> bool
where
    Elf: FileHeader<Endian = Endianness>,
{
    let kind = one.r_type(file.endian, file.header.is_mips64el(file.endian));
    match file.header.e_machine(file.endian) {
        elf::EM_X86_64 => kind == elf::R_X86_64_RELATIVE,
        elf::EM_AARCH64 => kind == elf::R_AARCH64_RELATIVE,
        _ => true,
    }
}
