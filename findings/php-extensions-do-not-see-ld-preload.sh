#!/usr/bin/env bash
# FACT      A function that LD_PRELOAD replaces is replaced for the program `php`, and not for its
#           extensions: one process gives two answers to the same call.
# SEEN WITH PHP 8.2.36 (Debian php8.2-cli 8.2.36-1~deb12u1), glibc 2.36, x86-64
# EXPECTED  ld.so(8), LD_PRELOAD: preloaded objects come before all others, so their functions
#           replace those of other shared objects.
# SEEN      With a preloaded getpid that answers 4242, getmypid() (in the program) answers 4242, and
#           posix_getpid() (in the extension posix.so) answers the true number.
# WHY       PHP opens extensions with RTLD_DEEPBIND: an extension's symbols are looked up in its own
#           dependencies, libc among them, before preloaded objects.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

command -v php8.2 > /dev/null ||
    { apt-get update -qq && apt-get install -qq --yes php8.2-cli; } > /dev/null 2>&1
echo 'int getpid(void) { return 4242; }' > preloaded.c
gcc -O2 -fPIC -shared -o preloaded.so preloaded.c
cat > both.php <<'PHP'
<?php
$words = fn (int $number) => $number === 4242 ? "preloaded" : "libc's";
echo "program: ", $words(getmypid()), ", extension: ", $words(posix_getpid()), "\n";
PHP

php8.2 --version | sed -n 1p
ldd --version | sed -n 1p
plain=$(php8.2 -n -d extension=posix both.php)
preloaded=$(LD_PRELOAD="$work/preloaded.so" php8.2 -n -d extension=posix both.php)
echo "without LD_PRELOAD: $plain"
echo "with LD_PRELOAD:    $preloaded"
[[ $plain == "program: libc's, extension: libc's" ]] &&
    [[ $preloaded == "program: preloaded, extension: libc's" ]] || { echo "CHANGED"; exit 1; }
