//! The machine that numbers are of, and what else it had to do.
//!
//! Numbers of two machines cannot be compared, and neither can those of one machine that was quiet
//! once and busy the other time. So each section keeps both with its numbers: what the processor
//! and the system are, and the load average before and after.

use std::process::Command;

/// A description of the machine.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Processors and memory.
    pub machine: String,
    /// Kernel and C library.
    pub system: String,
    /// The compiler, as `rustc --version` says.
    pub rustc: String,
    /// Today, in UTC.
    pub date: String,
}

impl Machine {
    /// Asks the system. What it does not tell is empty.
    pub fn look() -> Self {
        let said = |program: &str, args: &[&str]| {
            Command::new(program)
                .args(args)
                .output()
                .ok()
                .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
                .unwrap_or_default()
        };
        let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
        let field = |text: &str, name: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(name)?.split(':').nth(1))
                .unwrap_or_default()
                .trim()
                .to_owned()
        };
        let cpuinfo = read("/proc/cpuinfo");
        let memory = field(&read("/proc/meminfo"), "MemTotal");
        let kilobytes: f64 = memory
            .split_whitespace()
            .next()
            .and_then(|number| number.parse().ok())
            .unwrap_or_default();
        let cpus = std::thread::available_parallelism().map_or(0, usize::from);
        let hypervisor = if cpuinfo.contains(" hypervisor") {
            ", a virtual machine"
        } else {
            ""
        };
        Self {
            machine: format!(
                "{} × {} (family {}, model {}){hypervisor}, {:.0} GiB",
                cpus,
                field(&cpuinfo, "model name"),
                field(&cpuinfo, "cpu family"),
                field(&cpuinfo, "model\t"),
                kilobytes / 1024.0 / 1024.0
            ),
            system: format!(
                "{}, {}",
                said("uname", &["-sr"]),
                said("getconf", &["GNU_LIBC_VERSION"])
            ),
            rustc: said("rustc", &["--version"]),
            date: said("date", &["-u", "+%Y-%m-%d"]),
        }
    }
}

/// The load average of the last minute.
pub fn load() -> f64 {
    std::fs::read_to_string("/proc/loadavg")
        .ok()
        .and_then(|text| text.split_whitespace().next()?.parse().ok())
        .unwrap_or(f64::NAN)
}
