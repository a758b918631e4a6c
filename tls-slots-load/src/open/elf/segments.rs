//! The program headers: what the dynamic linker maps.
//!
//! The problem: the kernel maps what a `PT_LOAD` asks for, and the dynamic linker then reads and
//! writes in that memory. A header that goes beyond the file, or beyond the other headers, is a
//! fault there. So each header is checked by itself first. When all `PT_LOAD`s are known, the
//! other segments are checked: each must lie inside one of them.

use object::Endianness;
use object::elf;
use object::read::elf::{FileHeader, ProgramHeader};

use super::file::ElfFile;
use super::range::{Checked, Range};

const OUTSIDE: &str = "a segment lies outside of what is loaded";

/// A `PT_LOAD`: a part of the file that is mapped.
pub(super) struct Load {
    pub(super) memory: Range,
    /// The part of `memory` that comes from the file.
    pub(super) mapped: Range,
    /// Where `memory` begins in the file.
    pub(super) offset: u64,
    pub(super) flags: elf::ProgramFlags,
}

impl Load {
    /// Whether `mapped`, which begins at `offset` in the file, comes from this part of the file.
    pub(super) fn has_at(&self, mapped: Range, offset: u64) -> bool {
        self.mapped.holds(mapped)
            && mapped.start - self.memory.start == offset.wrapping_sub(self.offset)
    }
}

/// The segments that matter to the dynamic linker or to unwinding.
#[derive(Default)]
pub(super) struct Segments {
    loads: Vec<Load>,
    pub(super) dynamic: Option<Range>,
    pub(super) tls: Option<Range>,
    /// The alignment of the thread-local segment. Its size may be rounded up to a multiple of this.
    pub(super) tls_align: u64,
    pub(super) relro: Option<Range>,
    pub(super) unwind: Option<Range>,
}

/// A program header.
struct Segment {
    kind: elf::ProgramType,
    align: u64,
    address: u64,
    offset: u64,
    in_file: u64,
    in_memory: u64,
    flags: elf::ProgramFlags,
    memory: Range,
}

impl Segment {
    fn read<Header>(header: &Header, endian: Endianness) -> Checked<Self>
    where
        Header: ProgramHeader<Endian = Endianness>,
    {
        let address = header.p_vaddr(endian).into();
        let in_memory = header.p_memsz(endian).into();
        Ok(Self {
            kind: header.p_type(endian),
            align: header.p_align(endian).into(),
            address,
            offset: header.p_offset(endian).into(),
            in_file: header.p_filesz(endian).into(),
            in_memory,
            flags: header.p_flags(endian),
            memory: Range::new("a segment", address, in_memory)?,
        })
    }

    /// Whether the dynamic linker or the unwinder reads this segment. `dlopen` ignores the others.
    fn matters(&self) -> bool {
        matches!(
            self.kind,
            elf::PT_LOAD
                | elf::PT_DYNAMIC
                | elf::PT_TLS
                | elf::PT_GNU_RELRO
                | elf::PT_GNU_EH_FRAME
                | elf::PT_PHDR
                | elf::PT_NOTE
                | elf::PT_GNU_PROPERTY
        )
    }

    /// The part of the memory that comes from the file.
    fn mapped(&self) -> Checked<Range> {
        Range::new("a segment", self.address, self.in_file)
    }
}

impl Segments {
    /// Reads and checks the program headers.
    ///
    /// # Errors
    ///
    /// What is damaged.
    pub(super) fn read<Elf>(file: &ElfFile<'_, Elf>) -> Checked<Self>
    where
        Elf: FileHeader<Endian = Endianness>,
    {
        let headers = file
            .header
            .program_headers(file.endian, file.data)
            .map_err(|error| error.to_string())?;
        let mut all = Self::default();
        // These must lie inside a `PT_LOAD`. They are checked when all `PT_LOAD`s are known.
        let mut inside = Vec::new();
        for header in headers {
            let segment = Segment::read(header, file.endian)?;
            if segment.kind == elf::PT_LOAD {
                all.add_load(&segment, file.data.len() as u64)?;
                continue;
            }
            if !segment.matters() {
                continue;
            }
            all.check_alone(&segment, file.header.e_phoff(file.endian).into())?;
            let place = all.place_of(segment.kind);
            if place.is_some_and(|place| place.replace(segment.memory).is_some()) {
                return Err("a segment that there can be one of is there twice".to_owned());
            }
            segment.mapped()?;
            inside.push(segment);
        }
        if all.loads.is_empty() {
            return Err("there is nothing to load".to_owned());
        }
        for segment in inside {
            match segment.kind {
                elf::PT_GNU_RELRO => all.check_relro(&segment)?,
                _ => all.check_inside(&segment)?,
            }
        }
        Ok(all)
    }

    /// The `PT_LOAD` that holds all of this memory.
    pub(super) fn of(&self, memory: Range) -> Option<&Load> {
        self.loads.iter().find(|load| load.memory.holds(memory))
    }

    /// Checks a `PT_LOAD` by itself and against the one before it, in a file of `length` bytes.
    fn add_load(&mut self, segment: &Segment, length: u64) -> Checked {
        let file = Range {
            start: 0,
            end: length,
        };
        let load = Load {
            memory: segment.memory,
            mapped: segment.mapped()?,
            offset: segment.offset,
            flags: segment.flags,
        };
        if !file.holds(Range::new("a segment", segment.offset, segment.in_file)?) {
            return Err("a segment lies beyond the end of the file".to_owned());
        }
        if segment.in_file > segment.in_memory {
            return Err("a segment is larger in the file than in memory".to_owned());
        }
        // The page size is not known here, but no page is smaller than this.
        if segment.align < 0x1000
            || !segment.align.is_power_of_two()
            || (segment.address ^ segment.offset) & (segment.align - 1) != 0
        {
            return Err("a segment is not aligned".to_owned());
        }
        let last = self.loads.last();
        if last.is_some_and(|last| last.memory.end > segment.address) {
            return Err("segments overlap or are out of order".to_owned());
        }
        self.loads.push(load);
        Ok(())
    }

    /// Checks a segment that is no `PT_LOAD` by itself. `program_headers` is where the file header
    /// says that the program headers are.
    fn check_alone(&mut self, segment: &Segment, program_headers: u64) -> Checked {
        match segment.kind {
            elf::PT_TLS => {
                // Each thread gets a block of this size and alignment. The dynamic linker asserts
                // that there can be one.
                if segment.in_file > segment.in_memory
                    || !segment.align.is_power_of_two()
                    || segment.align > 0x1000
                {
                    return Err("the thread-local segment has an impossible size".to_owned());
                }
                self.tls_align = segment.align;
                Ok(())
            }
            elf::PT_PHDR if segment.offset != program_headers => {
                Err("the program headers are not where they say".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// Where the memory of a segment is noted, if a file has at most one segment of this kind.
    fn place_of(&mut self, kind: elf::ProgramType) -> Option<&mut Option<Range>> {
        match kind {
            elf::PT_DYNAMIC => Some(&mut self.dynamic),
            elf::PT_TLS => Some(&mut self.tls),
            elf::PT_GNU_RELRO => Some(&mut self.relro),
            elf::PT_GNU_EH_FRAME => Some(&mut self.unwind),
            _ => None,
        }
    }

    /// Checks that the memory that becomes read-only after relocation lies in one `PT_LOAD`.
    ///
    /// Only its place in memory matters. It may go on to the end of the page.
    fn check_relro(&self, segment: &Segment) -> Checked {
        // The first byte, and not an empty range: an empty range would also lie in the segment that
        // ends there.
        let start = Range {
            end: segment.memory.start.saturating_add(1),
            ..segment.memory
        };
        let load = self.of(start).ok_or(OUTSIDE)?.memory;
        let mut others = self.loads.iter().filter(|other| other.memory != load);
        match others.any(|other| other.memory.meets(segment.memory)) {
            true => Err(OUTSIDE.to_owned()),
            false => Ok(()),
        }
    }

    /// Checks that a segment lies in one `PT_LOAD`, in the file as in memory.
    fn check_inside(&self, segment: &Segment) -> Checked {
        let mapped = segment.mapped()?;
        let load = match segment.kind {
            // The thread-locals that begin as zeroes have no place in memory.
            elf::PT_TLS => self.of(mapped),
            _ => self.of(segment.memory),
        };
        let load = load.ok_or(OUTSIDE)?;
        match mapped.is_empty() || load.has_at(mapped, segment.offset) {
            true => Ok(()),
            false => Err("a segment is elsewhere in memory than in the file".to_owned()),
        }
    }
}
