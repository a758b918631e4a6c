//! The smallest files that have a manifest, one for each format, written by hand.
//!
//! Each gives the bytes, and where its headers are: what is worth damaging.
#![cfg(feature = "formats")]

use std::ops::Range;

type File = (Vec<u8>, Vec<Range<usize>>);

/// Each writes a file around a section.
pub(crate) const FORMATS: [fn(&[u8]) -> File; 5] = [elf64, elf32_big, macho, pe, elf64];

/// Numbers of one width and order.
struct Writer {
    bytes: Vec<u8>,
    big: bool,
}

impl Writer {
    fn put(&mut self, number: u64, width: usize) {
        let little = number.to_le_bytes();
        let mut bytes = little[..width].to_vec();
        if self.big {
            bytes.reverse();
        }
        self.bytes.extend(bytes);
    }

    fn all(&mut self, numbers: &[(u64, usize)]) {
        for (number, width) in numbers {
            self.put(*number, *width);
        }
    }

    fn align(&mut self) -> usize {
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        self.bytes.len()
    }
}

const NAMES: &[u8] = b"\0tls_slots_manifest_v1\0.shstrtab\0";

/// A shared object for x86-64.
fn elf64(section: &[u8]) -> File {
    elf(section, false, 8, 62)
}

/// One for a 32-bit machine of the other byte order.
fn elf32_big(section: &[u8]) -> File {
    elf(section, true, 4, 8)
}

fn elf(section: &[u8], big: bool, word: usize, machine: u64) -> File {
    let header_size = if word == 8 { 64 } else { 52 };
    let section_size = if word == 8 { 64 } else { 40 };
    let class = if word == 8 { 2 } else { 1 };
    let order = if big { 2 } else { 1 };
    let mut file = Writer {
        bytes: vec![0x7f, b'E', b'L', b'F', class, order, 1],
        big,
    };
    file.bytes.resize(16, 0);
    let sections = (header_size + section.len() + NAMES.len()).next_multiple_of(8);
    file.all(&[(3, 2), (machine, 2), (1, 4)]);
    // Entry, program headers, section headers.
    file.all(&[(0, word), (0, word), (sections as u64, word)]);
    file.all(&[(0, 4), (header_size as u64, 2), (0, 2), (0, 2)]);
    file.all(&[(section_size as u64, 2), (3, 2), (2, 2)]);
    assert_eq!(file.bytes.len(), header_size);
    file.bytes.extend(section);
    file.bytes.extend(NAMES);
    assert_eq!(file.align(), sections);
    for (name, kind, offset, size) in [
        (0, 0, 0, 0),
        (1, 1, header_size, section.len()),
        (23, 3, header_size + section.len(), NAMES.len()),
    ] {
        let flags = if kind == 1 { 2 } else { 0 };
        file.all(&[(name, 4), (kind, 4), (flags, word), (0, word)]);
        file.all(&[(offset as u64, word), (size as u64, word)]);
        file.all(&[(0, 4), (0, 4), (1, word), (0, word)]);
    }
    let end = file.bytes.len();
    (file.bytes, vec![0..header_size, sections..end])
}

/// A shared object whose sections' names all begin at the start of a table of so many bytes,
/// without an end but the table's.
pub(crate) fn elf_with_names(sections: usize, names: usize) -> Vec<u8> {
    let mut file = Writer {
        bytes: elf64(&[]).0[..64].to_vec(),
        big: false,
    };
    file.bytes.extend(vec![b'n'; names]);
    let start = file.align();
    for at in 0..sections {
        let kind = if at == 1 { 3 } else { u64::from(at > 0) };
        file.all(&[(0, 4), (kind, 4), (0, 8), (0, 8), (64, 8)]);
        file.all(&[(names as u64, 8), (0, 4), (0, 4), (1, 8), (0, 8)]);
    }
    file.bytes[40..48].copy_from_slice(&(start as u64).to_le_bytes());
    file.bytes[60..62].copy_from_slice(&(sections as u16).to_le_bytes());
    file.bytes[62..64].copy_from_slice(&1_u16.to_le_bytes());
    file.bytes
}

/// A dynamic library for aarch64.
fn macho(section: &[u8]) -> File {
    let mut file = Writer {
        bytes: Vec::new(),
        big: false,
    };
    let commands = 72 + 80;
    let start = 32 + commands;
    file.all(&[(0xfeed_facf, 4), (0x0100_000c, 4), (0, 4), (6, 4)]);
    file.all(&[(1, 4), (commands, 4), (0, 4), (0, 4)]);
    let name = |file: &mut Writer, name: &str| {
        let end = file.bytes.len() + 16;
        file.bytes.extend(name.as_bytes());
        file.bytes.resize(end, 0);
    };
    file.all(&[(0x19, 4), (commands, 4)]);
    name(&mut file, "__DATA");
    let size = section.len() as u64;
    file.all(&[(0, 8), (size, 8), (start, 8), (size, 8)]);
    file.all(&[(3, 4), (3, 4), (1, 4), (0, 4)]);
    name(&mut file, "__tls_slots_m_v1");
    name(&mut file, "__DATA");
    file.all(&[(0, 8), (size, 8), (start, 4), (0, 4)]);
    file.all(&[(0, 4), (0, 4), (0, 4), (0, 4), (0, 4), (0, 4)]);
    let end = file.bytes.len();
    assert_eq!(end as u64, start);
    file.bytes.extend(section);
    (file.bytes, vec![0..32, 32..end])
}

/// A DLL for x86-64.
fn pe(section: &[u8]) -> File {
    let mut file = Writer {
        bytes: b"MZ".to_vec(),
        big: false,
    };
    file.bytes.resize(60, 0);
    file.put(64, 4);
    file.bytes.extend(b"PE\0\0");
    let optional = 112 + 16 * 8;
    file.all(&[(0x8664, 2), (1, 2), (0, 4), (0, 4), (0, 4)]);
    file.all(&[(optional, 2), (0x2022, 2)]);
    let start = file.bytes.len();
    let data = (start as u64 + optional + 40).next_multiple_of(0x200);
    let size = section.len() as u64;
    file.all(&[(0x20b, 2), (0, 2), (0, 4), (size, 4), (0, 4)]);
    file.all(&[(0, 4), (0, 4), (0x1_8000_0000, 8), (0x1000, 4), (0x200, 4)]);
    file.all(&[(6, 2), (0, 2), (0, 4), (6, 2), (0, 2), (0, 4)]);
    file.all(&[(0x2000, 4), (data, 4), (0, 4), (3, 2), (0, 2)]);
    file.all(&[(0, 8), (0, 8), (0, 8), (0, 8), (0, 4), (16, 4)]);
    file.bytes.resize(start + optional as usize, 0);
    file.bytes.extend(b".tlsman\0");
    file.all(&[(size, 4), (0x1000, 4), (size, 4), (data, 4)]);
    file.all(&[(0, 4), (0, 4), (0, 4), (0x4000_0040, 4)]);
    let end = file.bytes.len();
    file.bytes.resize(data as usize, 0);
    file.bytes.extend(section);
    (file.bytes, vec![0..64, 64..start, start..end])
}
