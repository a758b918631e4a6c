//! A value ends with its thread, so no reference leaves `with`.

tls_keys::thread_local! {
    static NAME: String = String::from("a name");
}

fn main() {
    let name: &'static String = NAME.with(|name| name);
    println!("{name}");
}
