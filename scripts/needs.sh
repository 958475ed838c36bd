# Sourced by the other scripts: what they need, installed where it is missing.

# need COMMAND ADVICE: ends the script where a command is missing.
need() {
    command -v "$1" >/dev/null || { printf '%s is missing: %s\n' "$1" "$2" >&2; exit 1; }
}

# need_component NAME: a part of the Rust toolchain.
need_component() {
    cargo "${1/rustfmt/fmt}" --version >/dev/null 2>&1 && return
    rustup component add "$1" || { printf 'rust component %s is missing\n' "$1" >&2; exit 1; }
}

# need_cargo_tool NAME VERSION: a program of the Cargo registry.
need_cargo_tool() {
    command -v "$1" >/dev/null && return
    printf 'installing %s %s\n' "$1" "$2"
    cargo install --quiet --locked --version "^$2" "$1"
}

# need_package COMMAND PACKAGE: a program of a Debian package; says so and fails where it cannot be had.
need_package() {
    command -v "$1" >/dev/null && return
    local as_root=()
    [ "$(id -u)" -eq 0 ] || as_root=(sudo -n)
    if command -v apt-get >/dev/null; then
        printf 'installing %s for %s\n' "$2" "$1"
        if "${as_root[@]}" apt-get install -y -q "$2" >/dev/null 2>&1 ||
            { "${as_root[@]}" apt-get update -q >/dev/null 2>&1 &&
                "${as_root[@]}" apt-get install -y -q "$2" >/dev/null 2>&1; }; then
            return
        fi
    fi
    printf 'cannot install %s, which provides %s\n' "$2" "$1" >&2
    return 1
}
