# What the scripts share; sourced from the root of the repository.

# configure FOLDER OPTION... : makes a Meson build folder, again when the options or the set of rooms
# and tests have changed (Meson by itself does not see a file that is new).
configure() {
	local folder=$1 wanted
	shift
	set -- --prefix=/usr "$@"
	wanted=$(printf '%s\n' "CC=${CC:-cc}" "$@" src/*/meson.build tests/unit/*/test_*.c tests/fuzz/fuzz_*.c)
	if [ -f "$folder/build.ninja" ] && [ "$wanted" = "$(cat "$folder/configured" 2>/dev/null)" ]; then
		return
	fi
	rm -rf "$folder"
	mkdir -p "$folder"
	meson setup "$folder" "$@" >"$folder/setup.log" || { cat "$folder/setup.log"; return 1; }
	printf '%s\n' "$wanted" >"$folder/configured"
}

configure_release() {
	configure build/release -Dtests=false -Doptimization=2 -Ddebug=true -Db_lto=true -Db_lto_threads=2
}

# The developer's build: gcc with ASan and UBSan.
configure_checked() {
	CC="${CC:-gcc}" configure build/checked -Doptimization=1 -Ddebug=true -Db_sanitize=address,undefined
}

# The other compiler, for its warnings and for libFuzzer.
configure_fuzz() {
	CC=clang configure build/fuzz -Doptimization=1 -Ddebug=true -Db_lundef=false -Dfuzz=true
}

# What threads share, under ThreadSanitizer.
configure_threads() {
	CC="${CC:-gcc}" configure build/threads -Doptimization=1 -Ddebug=true -Db_sanitize=thread
}
