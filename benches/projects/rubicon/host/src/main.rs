//! Makes accesses in a library: `bench-rubicon-host LIBRARY ROW N`.

fn main() {
    assert!(bench_rubicon_exports::link() > 0);
    let args: Vec<String> = std::env::args().collect();
    let times = args[3].parse().expect("a number");
    // SAFETY: the library was built by the driver for this program; its function takes a string
    // and a number, as `bench_access::Exported` says.
    let time = unsafe {
        let library = libloading::Library::new(&args[1]).expect("the library can be opened");
        let library = std::mem::ManuallyDrop::new(library);
        let access = library
            .get::<unsafe extern "C" fn(*const u8, usize, u64) -> u64>("bench_access")
            .expect("it has the function");
        access(args[2].as_ptr(), args[2].len(), times)
    };
    println!("{time}");
}
