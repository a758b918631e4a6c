//! Which of rustc's arguments the build script takes for flags that change the binary interface.

#[allow(dead_code)] // its `main` is for cargo
#[path = "../build.rs"]
mod build;

use build::abi_flags;

#[test]
fn what_changes_nothing_is_left_out() {
    for flags in [
        &[""][..],
        &[
            "-Ctarget-cpu=native",
            "-C",
            "target-feature=+avx2,-avx512f",
            "--cfg",
            "tokio_unstable",
        ],
        &[
            "-Copt-level=3",
            "-Coverflow-checks=off",
            "-Zub-checks",
            "-Clink-arg=-Zretpoline",
        ],
        // What has its default value.
        &[
            "-Zretpoline=no",
            "-Zfixed-x18=off",
            "-Zregparm=0",
            "-Zpanic-in-drop=unwind",
        ],
        &[
            "-Ctarget-feature=+sse2,-soft-float,+neon",
            "-Csoft-float=no",
        ],
        // What is taken back.
        &[
            "-Zretpoline",
            "-Zretpoline=false",
            "-Ctarget-feature=-sse2",
            "-Ctarget-feature=+sse2",
        ],
        &["-Zsanitizer=leak"],
        // No options.
        &["--extern", "Zretpoline", "-L", "-Z"],
        &[
            "--cfg=regparm",
            "-Ctarget-feature=",
            "-Ctarget-feature=+,-,x",
        ],
    ] {
        assert_eq!(abi_flags(flags), "", "{flags:?}");
    }
}

#[test]
fn each_spelling_is_the_same_flag() {
    for flags in [
        &["-Zretpoline"][..],
        &["-Z", "retpoline"],
        &["-Z", "retpoline=yes"],
        &["-Z retpoline=on"],
        &["-Zretpoline=no", "-Zretpoline=y"],
    ] {
        assert_eq!(abi_flags(flags), "retpoline=on", "{flags:?}");
    }
    for flags in [
        &["-Zreg_struct_return", "-Zregparm=3"][..],
        &["-Zregparm=1", "-Zreg-struct-return=true", "-Zregparm=3"],
    ] {
        assert_eq!(
            abi_flags(flags),
            "reg-struct-return=on regparm=3",
            "{flags:?}"
        );
    }
    for flags in [
        &["-Zsanitizer=memtag,address"][..],
        &[
            "-Zsanitizer=address",
            "-Z",
            "sanitizer=leak,memtag",
            "-Zsanitizer=address",
        ],
    ] {
        assert_eq!(abi_flags(flags), "sanitizer=address,memtag", "{flags:?}");
    }
    for flags in [
        &["-Ctarget-feature=-sse2,+soft-float,+avx"][..],
        &["--codegen", "target_feature=+soft-float,-sse2"],
        &["--codegen=target-feature=-sse2", "-C", "soft-float"],
    ] {
        assert_eq!(
            abi_flags(flags),
            "target-feature=-sse2,+soft-float",
            "{flags:?}"
        );
    }
    assert_eq!(
        abi_flags(&["-Zpanic-in-drop=abort", "-Zbranch-protection=bti,pac-ret"]),
        "branch-protection=bti,pac-ret panic-in-drop=abort"
    );
}
