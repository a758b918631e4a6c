//! What the dynamic linker takes on trust in an ELF file, looked at before it does.
//!
//! The problem: `dlopen` maps whatever the program headers say and follows whatever addresses the
//! dynamic section holds. A file that was cut off, or damaged in one byte of a header, ends the
//! process there, by a signal or by an assertion of the dynamic linker, where a host wants an error.
//!
//! The section headers say most of it a second time, and no loader reads them. So the two
//! descriptions are compared, both ways: every section that is loaded lies in a segment, at the same
//! distance from its start in the file and in memory, and with no more rights than the segment
//! gives; every table that the dynamic section names is a section, and every such section is named.
//! What both leave out, such as code, data and the relocations' contents, is not looked at: that is
//! what a digest is for.
//!
//! | step | |
//! | --- | --- |
//! | [`segments`] | `PT_LOAD`s: order, size in the file, alignment; what lies inside them |
//! | [`sections`] | every loaded section against its segment |
//! | [`dynamic`] | the dynamic section against the sections |

use object::Endianness;
use object::elf;
use object::read::elf::{Dyn, FileHeader, ProgramHeader, Rela, SectionHeader};

type Checked<T = ()> = Result<T, String>;

/// A range of addresses or of the file; an end that does not fit in 64 bits is an error.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Range {
    start: u64,
    end: u64,
}

impl Range {
    fn new(what: &str, start: u64, size: u64) -> Checked<Self> {
        match start.checked_add(size) {
            Some(end) => Ok(Self { start, end }),
            None => Err(format!("{what} has no end")),
        }
    }

    fn holds(self, other: Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    fn meets(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    fn is_empty(self) -> bool {
        self.start == self.end
    }
}

/// A `PT_LOAD`.
struct Load {
    memory: Range,
    /// The part of `memory` that comes from the file.
    mapped: Range,
    offset: u64,
    flags: elf::ProgramFlags,
}

/// The segments that mean something to the dynamic linker or to unwinding.
#[derive(Default)]
struct Segments {
    loads: Vec<Load>,
    dynamic: Option<Range>,
    tls: Option<Range>,
    /// Of the thread-local segment: what its size may be rounded up to.
    tls_align: u64,
    relro: Option<Range>,
    unwind: Option<Range>,
}

impl Segments {
    fn of(&self, memory: Range) -> Option<&Load> {
        self.loads.iter().find(|load| load.memory.holds(memory))
    }
}

/// A section that is loaded.
struct Section {
    name: Vec<u8>,
    kind: elf::SectionType,
    flags: elf::SectionFlags,
    memory: Range,
    entry_size: u64,
}

/// Checks a file of this machine's class and byte order; says what is damaged.
pub(crate) fn check<Elf>(data: &[u8]) -> Checked
where
    Elf: FileHeader<Endian = Endianness>,
{
    let header = Elf::parse(data).map_err(|error| error.to_string())?;
    let endian = header.endian().map_err(|error| error.to_string())?;
    let segments = segments(header, endian, data)?;
    let sections = sections(header, endian, data, &segments)?;
    dynamic(header, endian, data, &segments, &sections)
}

/// The program headers.
fn segments<Elf>(header: &Elf, endian: Endianness, data: &[u8]) -> Checked<Segments>
where
    Elf: FileHeader<Endian = Endianness>,
{
    let length = Range {
        start: 0,
        end: data.len() as u64,
    };
    let headers = header
        .program_headers(endian, data)
        .map_err(|error| error.to_string())?;
    let mut all = Segments::default();
    // What is inside the others is compared when all of those are known.
    let mut inside = Vec::new();
    for segment in headers {
        let (kind, align) = (segment.p_type(endian), segment.p_align(endian).into());
        let (address, offset) = (
            segment.p_vaddr(endian).into(),
            segment.p_offset(endian).into(),
        );
        let (in_file, in_memory) = (
            segment.p_filesz(endian).into(),
            segment.p_memsz(endian).into(),
        );
        let memory = Range::new("a segment", address, in_memory)?;
        let slot = match kind {
            elf::PT_LOAD => {
                let load = Load {
                    memory,
                    mapped: Range::new("a segment", address, in_file)?,
                    offset,
                    flags: segment.p_flags(endian),
                };
                if !length.holds(Range::new("a segment", offset, in_file)?) {
                    return Err("a segment lies beyond the end of the file".to_owned());
                }
                if in_file > in_memory {
                    return Err("a segment is larger in the file than in memory".to_owned());
                }
                // The page size is not known here, but no page is smaller.
                if align < 0x1000
                    || !align.is_power_of_two()
                    || (address ^ offset) & (align - 1) != 0
                {
                    return Err("a segment is not aligned".to_owned());
                }
                if all
                    .loads
                    .last()
                    .is_some_and(|last| last.memory.end > address)
                {
                    return Err("segments overlap or are out of order".to_owned());
                }
                all.loads.push(load);
                continue;
            }
            elf::PT_DYNAMIC => &mut all.dynamic,
            elf::PT_TLS => {
                // Each thread gets that much, so aligned, from a linker that asserts that it can.
                if in_file > in_memory || !align.is_power_of_two() || align > 0x1000 {
                    return Err("the thread-local segment has an impossible size".to_owned());
                }
                all.tls_align = align;
                &mut all.tls
            }
            elf::PT_GNU_RELRO => &mut all.relro,
            elf::PT_GNU_EH_FRAME => &mut all.unwind,
            elf::PT_PHDR if offset != header.e_phoff(endian).into() => {
                return Err("the program headers are not where they say".to_owned());
            }
            elf::PT_PHDR | elf::PT_NOTE | elf::PT_GNU_PROPERTY => &mut None,
            // `dlopen` ignores the others.
            _ => continue,
        };
        if slot.replace(memory).is_some() {
            return Err("a segment that there can be one of is there twice".to_owned());
        }
        inside.push((
            kind,
            memory,
            Range::new("a segment", address, in_file)?,
            offset,
        ));
    }
    if all.loads.is_empty() {
        return Err("there is nothing to load".to_owned());
    }
    for (kind, memory, mapped, offset) in inside {
        let outside = "a segment lies outside of what is loaded";
        if kind == elf::PT_GNU_RELRO {
            // Only its place in memory means something, and it may go on to the end of the page.
            // Its first byte, not an empty range: that would be in the segment that ends there, too.
            let start = Range {
                end: memory.start.saturating_add(1),
                ..memory
            };
            let load = all.of(start).ok_or(outside)?.memory;
            if all
                .loads
                .iter()
                .any(|other| other.memory != load && other.memory.meets(memory))
            {
                return Err(outside.to_owned());
            }
            continue;
        }
        // Zeroes of thread-locals have no place in memory.
        let load = match kind {
            elf::PT_TLS => all.of(mapped),
            _ => all.of(memory),
        };
        let load = load.ok_or(outside)?;
        if mapped.is_empty() {
            continue;
        }
        if !load.mapped.holds(mapped)
            || mapped.start - load.memory.start != offset.wrapping_sub(load.offset)
        {
            return Err("a segment is elsewhere in memory than in the file".to_owned());
        }
    }
    Ok(all)
}

/// The section headers, against the segments.
fn sections<Elf>(
    header: &Elf,
    endian: Endianness,
    data: &[u8],
    segments: &Segments,
) -> Checked<Vec<Section>>
where
    Elf: FileHeader<Endian = Endianness>,
{
    let table = header
        .sections(endian, data)
        .map_err(|error| error.to_string())?;
    if table.is_empty() {
        return Err("there are no section headers".to_owned());
    }
    let mut found = Vec::new();
    let mut tls_end = 0;
    for section in table.iter() {
        let (kind, flags) = (section.sh_type(endian), section.sh_flags(endian));
        if !flags.contains(elf::SHF_ALLOC) {
            continue;
        }
        let name = table
            .section_name(endian, section)
            .map_err(|error| error.to_string())?;
        let shown = String::from_utf8_lossy(name);
        let memory = Range::new(
            &shown,
            section.sh_addr(endian).into(),
            section.sh_size(endian).into(),
        )?;
        let zeroes = kind == elf::SHT_NOBITS;
        let thread_local = flags.contains(elf::SHF_TLS);
        if thread_local && !memory.is_empty() {
            tls_end = tls_end.max(memory.end);
            if !segments.tls.is_some_and(|tls| tls.holds(memory)) {
                return Err(format!("{shown} is in no thread-local segment"));
            }
            if zeroes {
                continue;
            }
        }
        if memory.is_empty() {
            // It may still be a table of no entries, which the dynamic section need not name.
            continue;
        }
        let load = segments
            .of(memory)
            .ok_or_else(|| format!("{shown} is not loaded"))?;
        let offset: u64 = section.sh_offset(endian).into();
        if !zeroes
            && (!load.mapped.holds(memory)
                || memory.start - load.memory.start != offset.wrapping_sub(load.offset))
        {
            return Err(format!("{shown} is elsewhere in memory than in the file"));
        }
        if zeroes && memory.start < load.mapped.end && memory.end > load.mapped.end {
            return Err(format!("{shown} is partly in the file"));
        }
        let rights = [(elf::SHF_WRITE, elf::PF_W), (elf::SHF_EXECINSTR, elf::PF_X)];
        if !load.flags.contains(elf::PF_R)
            || rights
                .iter()
                .any(|(needs, has)| flags.contains(*needs) && !load.flags.contains(*has))
        {
            return Err(format!("{shown} lacks a right of its segment"));
        }
        // What is written to later must not be made read-only after relocation.
        let stays_writable =
            matches!(name, b".data" | b".bss") || name.starts_with(b"tls_slots_keys");
        if stays_writable && segments.relro.is_some_and(|relro| relro.meets(memory)) {
            return Err(format!("{shown} would be read-only"));
        }
        found.push(Section {
            name: name.to_owned(),
            kind,
            flags,
            memory,
            entry_size: section.sh_entsize(endian).into(),
        });
    }
    // Nothing but its sections makes the segment so large.
    let largest = tls_end.checked_next_multiple_of(segments.tls_align.max(1));
    if segments.tls.is_some_and(|tls| Some(tls.end) > largest) {
        return Err("the thread-local segment is larger than what is in it".to_owned());
    }
    let unwind = found
        .iter()
        .find(|section| section.name == b".eh_frame_hdr");
    match (unwind, segments.unwind) {
        (Some(section), Some(segment)) if section.memory == segment => {}
        (None, None) => {}
        _ => return Err("the unwind table is not where it should be".to_owned()),
    }
    Ok(found)
}

/// One table that the dynamic section names.
struct Table {
    what: &'static str,
    address: elf::DynamicTag,
    size: Option<elf::DynamicTag>,
    kind: elf::SectionType,
}

/// Tables of which a file has one, each a section of its own.
const TABLES: [Table; 9] = [
    Table {
        what: "the symbol table",
        address: elf::DT_SYMTAB,
        size: None,
        kind: elf::SHT_DYNSYM,
    },
    Table {
        what: "the hash table",
        address: elf::DT_HASH,
        size: None,
        kind: elf::SHT_HASH,
    },
    Table {
        what: "the hash table",
        address: elf::DT_GNU_HASH,
        size: None,
        kind: elf::SHT_GNU_HASH,
    },
    Table {
        what: "the versions of symbols",
        address: elf::DT_VERSYM,
        size: None,
        kind: elf::SHT_GNU_VERSYM,
    },
    Table {
        what: "the versions needed",
        address: elf::DT_VERNEED,
        size: None,
        kind: elf::SHT_GNU_VERNEED,
    },
    Table {
        what: "the versions defined",
        address: elf::DT_VERDEF,
        size: None,
        kind: elf::SHT_GNU_VERDEF,
    },
    Table {
        what: "the list of constructors",
        address: elf::DT_INIT_ARRAY,
        size: Some(elf::DT_INIT_ARRAYSZ),
        kind: elf::SHT_INIT_ARRAY,
    },
    Table {
        what: "the list of destructors",
        address: elf::DT_FINI_ARRAY,
        size: Some(elf::DT_FINI_ARRAYSZ),
        kind: elf::SHT_FINI_ARRAY,
    },
    Table {
        what: "the packed relocations",
        address: elf::DT_RELR,
        size: Some(elf::DT_RELRSZ),
        kind: elf::SHT_RELR,
    },
];

/// The dynamic section, against the sections.
fn dynamic<Elf>(
    header: &Elf,
    endian: Endianness,
    data: &[u8],
    segments: &Segments,
    sections: &[Section],
) -> Checked
where
    Elf: FileHeader<Endian = Endianness>,
{
    let bytes = |section: &Section| -> Checked<&[u8]> {
        let load = segments
            .of(section.memory)
            .filter(|load| load.mapped.holds(section.memory))
            .ok_or("a table is not in the file")?;
        let start = section.memory.start - load.memory.start + load.offset;
        let end = section.memory.end - load.memory.start + load.offset;
        let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
        range
            .and_then(|(start, end)| data.get(start..end))
            .ok_or_else(|| "a table is not in the file".to_owned())
    };
    let of_kind = |kind| sections.iter().find(|section| section.kind == kind);

    let section = of_kind(elf::SHT_DYNAMIC).ok_or("there is no dynamic section")?;
    if segments.dynamic != Some(section.memory) {
        return Err("the dynamic section is not where it should be".to_owned());
    }
    let count = bytes(section)?.len() / size_of::<Elf::Dyn>();
    let entries: &[Elf::Dyn] = object::pod::slice_from_bytes(bytes(section)?, count)
        .map_err(|()| "the dynamic section is not aligned")?
        .0;
    let end = entries
        .iter()
        .position(|entry| entry.tag(endian) == elf::DT_NULL)
        .ok_or("the dynamic section has no end")?;
    let entries = &entries[..end];
    // Of two of a kind, one reader takes the first and another the last.
    let may_repeat = [elf::DT_NEEDED, elf::DT_AUXILIARY, elf::DT_FILTER];
    let mut tags: Vec<_> = entries.iter().map(|entry| entry.tag(endian)).collect();
    tags.retain(|tag| !may_repeat.contains(tag));
    tags.sort_unstable();
    if tags.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err("the dynamic section says something twice".to_owned());
    }
    let value = |tag| {
        let found = entries.iter().find(|entry| entry.tag(endian) == tag);
        found.map(|entry| entry.val(endian))
    };

    for table in TABLES {
        let section = of_kind(table.kind);
        let wrong = || format!("{} is not where it should be", table.what);
        match (value(table.address), section) {
            (Some(address), Some(section)) if address == section.memory.start => {
                let size = section.memory.end - section.memory.start;
                if table.size.is_some_and(|tag| value(tag) != Some(size)) {
                    return Err(format!("{} has another size", table.what));
                }
            }
            (None, None) => {}
            // An empty table has no section here.
            (Some(_), None) if table.size.is_some_and(|tag| value(tag) == Some(0)) => {}
            _ => return Err(wrong()),
        }
    }
    for (tag, name) in [(elf::DT_INIT, &b".init"[..]), (elf::DT_FINI, b".fini")] {
        let section = sections.iter().find(|section| section.name == name);
        let place = section.map(|section| section.memory.start);
        let wrong = value(tag).is_some_and(|address| Some(address) != place);
        // BOLT moves functions and leaves the sections' headers as they were.
        if wrong && !sections.iter().any(|one| one.name == b".bolt.org.text") {
            return Err(format!(
                "{} is not where it should be",
                String::from_utf8_lossy(name)
            ));
        }
    }

    // Strings: the section that the symbols refer to, and everything in it ends.
    let strings = value(elf::DT_STRTAB).ok_or("there is no table of names")?;
    let strings = sections
        .iter()
        .find(|section| section.kind == elf::SHT_STRTAB && section.memory.start == strings)
        .ok_or("the table of names is not where it should be")?;
    let size = strings.memory.end - strings.memory.start;
    if value(elf::DT_STRSZ) != Some(size) || bytes(strings)?.last() != Some(&0) {
        return Err("the table of names has another size".to_owned());
    }
    for entry in entries {
        if entry.is_string(endian) && entry.val(endian) >= size {
            return Err("a name lies outside of the table of names".to_owned());
        }
    }
    let symbols = of_kind(elf::SHT_DYNSYM).ok_or("there is no symbol table")?;
    if value(elf::DT_SYMENT) != Some(symbols.entry_size)
        || symbols.entry_size != size_of::<Elf::Sym>() as u64
    {
        return Err("the symbol table has entries of another size".to_owned());
    }

    relocations::<Elf>(header, endian, segments, sections, &value, &bytes)
}

/// The tables of relocations: those of the dynamic section are the sections of that type.
fn relocations<'data, Elf>(
    header: &Elf,
    endian: Endianness,
    segments: &Segments,
    sections: &[Section],
    value: &dyn Fn(elf::DynamicTag) -> Option<u64>,
    bytes: &dyn Fn(&Section) -> Checked<&'data [u8]>,
) -> Checked
where
    Elf: FileHeader<Endian = Endianness>,
{
    let with_addend = sections.iter().any(|section| section.kind == elf::SHT_RELA);
    let (table, size, entry, kind, entry_size) = if with_addend {
        let size = size_of::<Elf::Rela>();
        (
            elf::DT_RELA,
            elf::DT_RELASZ,
            elf::DT_RELAENT,
            elf::SHT_RELA,
            size,
        )
    } else {
        let size = size_of::<Elf::Rel>();
        (
            elf::DT_REL,
            elf::DT_RELSZ,
            elf::DT_RELENT,
            elf::SHT_REL,
            size,
        )
    };
    let other = if with_addend {
        elf::DT_REL
    } else {
        elf::DT_RELA
    };
    if value(other).is_some() {
        return Err("there are relocations of two kinds".to_owned());
    }
    let mut named = Vec::new();
    for (address, size) in [(table, size), (elf::DT_JMPREL, elf::DT_PLTRELSZ)] {
        match (value(address), value(size)) {
            (Some(address), Some(size)) => {
                named.push(Range::new("the relocations", address, size)?);
            }
            (None, None | Some(0)) => {}
            _ => return Err("the relocations have no place or no size".to_owned()),
        }
    }
    if value(table).is_some() && value(entry) != Some(entry_size as u64) {
        return Err("the relocations have another size".to_owned());
    }
    // The dynamic linker asserts this.
    if value(elf::DT_JMPREL).is_some() && value(elf::DT_PLTREL) != Some(table.0 as u64) {
        return Err("the relocations are of another kind".to_owned());
    }
    let tables: Vec<_> = sections
        .iter()
        .filter(|section| section.kind == kind)
        .collect();
    for section in &tables {
        if !named.iter().any(|range| range.holds(section.memory)) {
            return Err("relocations are not in the dynamic section".to_owned());
        }
    }
    for range in &named {
        let covered: u64 = tables
            .iter()
            .filter(|section| range.holds(section.memory))
            .map(|section| section.memory.end - section.memory.start)
            .sum();
        if covered != range.end - range.start {
            return Err("the dynamic section has relocations that are no section".to_owned());
        }
    }

    let symbols = sections
        .iter()
        .find(|section| section.kind == elf::SHT_DYNSYM)
        .map_or(0, |section| {
            (section.memory.end - section.memory.start) / size_of::<Elf::Sym>() as u64
        });
    let is_relative = |one: &Elf::Rela| {
        let kind = one.r_type(endian, header.is_mips64el(endian));
        match header.e_machine(endian) {
            elf::EM_X86_64 => kind == elf::R_X86_64_RELATIVE,
            elf::EM_AARCH64 => kind == elf::R_AARCH64_RELATIVE,
            _ => true,
        }
    };
    let mut relative = 0;
    for section in tables.iter().filter(|_| with_addend) {
        let bytes = bytes(section)?;
        let count = bytes.len() / size_of::<Elf::Rela>();
        let all: &[Elf::Rela] = object::pod::slice_from_bytes(bytes, count)
            .map_err(|()| "the relocations are not aligned")?
            .0;
        if value(table) == Some(section.memory.start) {
            relative = all.iter().take_while(|one| is_relative(one)).count() as u64;
        }
        for one in all {
            if u64::from(one.r_sym(endian, header.is_mips64el(endian))) >= symbols.max(1) {
                return Err("a relocation names no symbol".to_owned());
            }
            if one.r_type(endian, header.is_mips64el(endian)).0 == 0 {
                continue;
            }
            let place = Range::new("a relocation", one.r_offset(endian).into(), 1)?;
            let load = segments.of(place).ok_or("a relocation lies outside")?;
            if !load.flags.contains(elf::PF_W) && value(elf::DT_TEXTREL).is_none() {
                return Err("a relocation lies in what cannot be written".to_owned());
            }
        }
    }
    // The dynamic linker applies that many without looking at their kind.
    if with_addend && value(elf::DT_RELACOUNT).is_some_and(|count| count > relative) {
        return Err("fewer relocations are relative than the dynamic section says".to_owned());
    }
    // Constructors run before anybody could catch what they do: their list is where pointers are.
    for section in sections {
        let is_list = matches!(section.kind, elf::SHT_INIT_ARRAY | elf::SHT_FINI_ARRAY);
        if is_list && !section.flags.contains(elf::SHF_WRITE) {
            return Err("the list of constructors cannot be relocated".to_owned());
        }
    }
    Ok(())
}
