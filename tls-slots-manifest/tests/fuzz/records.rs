//! Manifests as `tls-keys` and the fork write them, with random contents; the format is told in
//! `src/format.rs`.

use crate::mutate::{Random, mutate};

const COMPILER: u16 = 1;
const CRATE: u16 = 2;
const KEY: u16 = 3;
const ALLOCATOR: u16 = 4;

/// A record that is being written.
struct Record {
    kind: u16,
    fields: Vec<u8>,
}

impl Record {
    fn new(kind: u16) -> Self {
        Self {
            kind,
            fields: Vec::new(),
        }
    }

    fn field(&mut self, tag: u16, contents: &[u8]) {
        self.fields.extend(tag.to_le_bytes());
        let length = u32::try_from(contents.len()).expect("a field is short");
        self.fields.extend(length.to_le_bytes());
        self.fields.extend(contents);
    }

    fn text(&mut self, tag: u16, text: &str) {
        self.field(tag, text.as_bytes());
    }

    fn number(&mut self, tag: u16, number: u64) {
        self.field(tag, &number.to_le_bytes());
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = b"\xA7tlsrec\n".to_vec();
        bytes.extend(1_u16.to_le_bytes());
        bytes.extend(self.kind.to_le_bytes());
        let length = u32::try_from(self.fields.len()).expect("a record is short");
        bytes.extend(length.to_le_bytes());
        bytes.extend(&self.fields);
        bytes
    }
}

/// Few, so that two manifests often have the same.
const NAMES: [&str; 10] = [
    "tokio",
    "mio",
    "tracing-core",
    "full",
    "rt",
    "test-util",
    "CONTEXT",
    "tokio::runtime::context",
    "Ünïcode ☃",
    "",
];
const VERSIONS: [&str; 6] = ["1.54.1", "1.53.0", "0.8.1", "0.0.3", "1", "not a version"];

pub(crate) fn compiler() -> Vec<u8> {
    compiler_of("rustc 1.95.0 (59807616e 2026-04-14)", true).bytes()
}

fn compiler_of(rustc: &str, debug_assertions: bool) -> Record {
    let mut record = Record::new(COMPILER);
    record.number(1, 1);
    record.text(2, rustc);
    record.text(3, "59807616e1fa2540724bfbac14d7976d7e4a3860");
    record.text(4, "x86_64-unknown-linux-gnu");
    record.text(5, "unwind");
    record.number(6, debug_assertions.into());
    record.number(7, 0x1234_5678_9abc_def0);
    record
}

/// A crate of that name with features that are on or off.
pub(crate) fn crate_record<'a>(
    name: &str,
    version: &str,
    features: impl Iterator<Item = (&'a str, bool)>,
) -> Vec<u8> {
    let mut record = Record::new(CRATE);
    record.text(1, name);
    record.text(2, version);
    record.text(
        3,
        "b52fd3255258d26fac7264ab5a76b53c13367136dc011d3d6ad4f8ed070396a3",
    );
    record.text(4, "the same");
    for (feature, on) in features {
        record.field(5, &[&[u8::from(on)], feature.as_bytes()].concat());
    }
    record.bytes()
}

fn random_crate(random: &mut Random) -> Vec<u8> {
    let mut record = Record::new(CRATE);
    record.text(1, random.pick(&NAMES));
    record.text(2, random.pick(&VERSIONS));
    record.text(3, random.pick(&["1234", "5678"]));
    record.text(4, random.pick(&["9abc", "9abc", "def0"]));
    for _ in 0..random.below(6) {
        let name = random.pick(&NAMES).as_bytes();
        match random.below(4) {
            0 => record.field(5, &[&[random.below(4) as u8], name].concat()),
            1 => record.field(6, &[&[random.below(2) as u8], name].concat()),
            2 => {
                let length = (name.len() as u32).to_le_bytes();
                let version = random.pick(&VERSIONS).as_bytes();
                let flags = [random.below(2) as u8];
                record.field(7, &[&flags, &length[..], name, version].concat());
            }
            _ => {
                let mut contents = Vec::new();
                for _ in 0..3 {
                    contents.extend((random.below(3) as u64).to_le_bytes());
                }
                record.field(8, &[&contents, name].concat());
            }
        }
    }
    record.bytes()
}

fn random_key(random: &mut Random) -> Vec<u8> {
    let mut record = Record::new(KEY);
    record.number(1, 1 + random.below(2) as u64);
    record.text(2, random.pick(&NAMES));
    record.text(3, random.pick(&VERSIONS));
    record.text(4, random.pick(&NAMES));
    record.text(5, random.pick(&NAMES));
    record.text(6, "src/runtime/context.rs");
    record.number(7, random.below(3) as u64);
    record.number(8, 5);
    record.text(9, random.pick(&["Context", "AtomicU64"]));
    record.number(10, random.below(3) as u64 * 8);
    record.number(11, 8);
    record.bytes()
}

fn random_record(random: &mut Random) -> Vec<u8> {
    match random.below(8) {
        0..3 => random_crate(random),
        3..7 => random_key(random),
        // Of a kind that a later version may have.
        _ => {
            let mut record = Record::new(5 + random.below(100) as u16);
            record.text(1, "unknown");
            record.bytes()
        }
    }
}

/// A valid manifest.
pub(crate) fn manifest(random: &mut Random) -> Vec<u8> {
    let rustc = random.pick(&["rustc 1.95.0", "rustc 1.95.0", "rustc 1.97.0-nightly"]);
    let compiler = compiler_of(rustc, random.one_in(2));
    let mut records = vec![compiler.bytes()];
    for _ in 0..random.below(8) {
        records.push(random_record(random));
    }
    if random.one_in(3) {
        let mut record = Record::new(ALLOCATOR);
        record.text(1, "tls_keys::HostAllocator");
        record.number(2, random.below(2) as u64);
        records.push(record.bytes());
    }
    // Any order, with padding.
    for at in 1..records.len() {
        records.swap(at, random.below(at + 1));
    }
    let mut bytes = Vec::new();
    for record in records {
        bytes.extend(record);
        bytes.resize(bytes.len() + random.below(9), 0);
    }
    bytes
}

/// Damage that leaves most manifests readable: in the contents of fields, and whole records more,
/// less or twice.
pub(crate) fn mutate_values(random: &mut Random, bytes: &mut Vec<u8>) {
    for _ in 0..random.below(3) {
        match random.below(8) {
            0 => bytes.extend(random_record(random)),
            1 => {
                let more = random_record(random);
                bytes.splice(0..0, more);
            }
            2 => {
                // A long name, with all that a terminal should not be shown.
                let name = random.pick(&["\n\x1b[2J", "a\0b", "☃", "\r", "\u{9b}"]);
                let name = name.repeat(1 + random.below(500));
                let features = [(&*name, true), ("rt", false)].into_iter();
                bytes.extend(crate_record(
                    random.pick(&["tokio", &name]),
                    "1.54.1",
                    features,
                ));
            }
            3 => mutate(random, bytes),
            // A digit or a letter, in place.
            _ if bytes.is_empty() => {}
            _ => {
                let at = random.below(bytes.len());
                let letters = || bytes[at..].iter().position(u8::is_ascii_alphanumeric);
                if let Some(next) = letters() {
                    bytes[at + next] = b'a' + random.below(26) as u8;
                }
            }
        }
    }
}
