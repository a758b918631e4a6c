//! Makes accesses in this program or in a plugin: `bench-plugin-tls-host ROW N [PLUGIN]`.

bench_access::lazy_accesses!(plugin_tls::thread_local);

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let times = args[2].parse().expect("a number");
    let Some(plugin) = args.get(3) else {
        println!("{}", bench_access::time(&[LAZY], &args[1], times));
        return;
    };
    // SAFETY: the library was built by the driver for this program; its functions have these types.
    let time = unsafe {
        let library = libloading::Library::new(plugin).expect("the library can be opened");
        let library = std::mem::ManuallyDrop::new(library);
        library
            .get::<extern "C" fn(plugin_tls::Context)>("bench_initialize")
            .expect("it has the function")(plugin_tls::Context::get());
        let access = library
            .get::<unsafe extern "C" fn(*const u8, usize, u64) -> u64>("bench_access")
            .expect("it has the function");
        access(args[1].as_ptr(), args[1].len(), times)
    };
    println!("{time}");
}
