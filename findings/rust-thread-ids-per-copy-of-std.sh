#!/usr/bin/env bash
# FACT      Two threads of one process, alive at the same time, have equal `std::thread::ThreadId`s
#           if they were started by two cdylibs.
# SEEN WITH rustc 1.95.0, x86-64 Linux
# EXPECTED  std, documentation of `ThreadId`: it identifies a thread uniquely among all threads
#           created in the life of the *process*, and is never used twice.
# SEEN      Both cdylibs report the same id for different threads of the kernel.
# WHY       Each cdylib has its own copy of std, and each copy counts from 1.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

cat > module.rs <<'RUST'
use std::ffi::{CString, c_char};
use std::sync::mpsc::{Sender, channel};
use std::sync::Mutex;
use std::thread::{self, JoinHandle};

static RUNNING: Mutex<Option<(Sender<()>, JoinHandle<()>)>> = Mutex::new(None);

/// Starts a thread and answers its id and its path below `/proc`, as text.
#[unsafe(no_mangle)]
pub extern "C" fn start() -> *const c_char {
    let (tell, told) = channel();
    let (end, ended) = channel();
    let handle = thread::spawn(move || {
        let kernel = std::fs::read_link("/proc/thread-self").unwrap();
        tell.send(format!("{:?} {}", thread::current().id(), kernel.display())).unwrap();
        ended.recv().unwrap();
    });
    *RUNNING.lock().unwrap() = Some((end, handle));
    CString::new(told.recv().unwrap()).unwrap().into_raw()
}

#[unsafe(no_mangle)]
pub extern "C" fn stop() {
    let (end, handle) = RUNNING.lock().unwrap().take().unwrap();
    end.send(()).unwrap();
    handle.join().unwrap();
}
RUST
cat > host.c <<'C'
#include <dlfcn.h>
#include <stdio.h>

int main(void) {
    void *one = dlopen("./one.so", RTLD_NOW | RTLD_LOCAL);
    void *two = dlopen("./two.so", RTLD_NOW | RTLD_LOCAL);
    const char *first = ((const char *(*)(void))dlsym(one, "start"))();
    const char *second = ((const char *(*)(void))dlsym(two, "start"))();
    printf("%s\n%s\n", first, second);
    ((void (*)(void))dlsym(one, "stop"))();
    ((void (*)(void))dlsym(two, "stop"))();
}
C
rustc --edition 2024 --crate-type cdylib -O -o one.so module.rs
cp one.so two.so
gcc -O2 -o host host.c -ldl

rustc --version
seen=$(./host)
echo "$seen"
{ read -r first_id first_task; read -r second_id second_task; } <<< "$seen"
[[ $first_id == ThreadId* && $first_id == "$second_id" && $first_task != "$second_task" ]] ||
    { echo "CHANGED"; exit 1; }
