# lib - what the scripts share: where things are, the packages, and how they are installed.
# shellcheck shell=bash
# To be sourced by bash with `set -euo pipefail`; leaves the caller in the repository's root.

ENL_ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$ENL_ROOT" || exit 1

# Debian 12's names.  ENL_PACKAGES_RUN: to build and run the service under tools/localhost.
# shellcheck disable=SC2034  # read through a name, in packages_of
ENL_PACKAGES_RUN=(
    gcc libc6-dev cmake ninja-build pkg-config
    libcivetweb-dev libcurl4-openssl-dev unixodbc-dev libssl-dev libjansson-dev
    libsqlite3-dev            # the queues of tools/localhost
    libsqliteodbc odbcinst    # the driver "SQLite3", and what registers it
    ca-certificates           # the authorities that an Odoo behind TLS is known by
    python3 curl sqlite3)     # settings and simulator; the lines that scripts/run prints
# shellcheck disable=SC2034
ENL_PACKAGES_TEST=(libcmocka-dev openssl)
# shellcheck disable=SC2034
ENL_PACKAGES_POSTGRESQL=(odbc-postgresql postgresql python3-psycopg2)
# shellcheck disable=SC2034
ENL_PACKAGES_VALGRIND=(valgrind)
# shellcheck disable=SC2034
ENL_PACKAGES_MODEL=(spin)
# shellcheck disable=SC2034
ENL_PACKAGES_LINT=(clang-format clang-tidy cppcheck)
# shellcheck disable=SC2034
ENL_PACKAGES_BENCH=(wrk)
# shellcheck disable=SC2034
ENL_PACKAGES_FUZZ=(clang-14 libclang-rt-14-dev)

say() {
    printf '== %s\n' "$*"
}

die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# packages_of run|test|valgrind|model|lint|postgresql|fuzz|bench... - one package a line.
packages_of() {
    local kind
    for kind in "$@"; do
        local -n list="ENL_PACKAGES_${kind^^}"
        printf '%s\n' "${list[@]}"
    done
}

# missing_of KIND... - those of them that are not installed.
missing_of() {
    local package
    for package in $(packages_of "$@"); do
        if [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) != installed ]]; then
            printf '%s\n' "$package"
        fi
    done
}

# ensure_packages KIND... - installs what is missing, and asks apt for nothing otherwise.
ensure_packages() {
    local missing
    local as_root=(env DEBIAN_FRONTEND=noninteractive)

    if ! command -v dpkg-query >/dev/null; then
        printf '%s: no Debian here; assuming what stands for: %s\n' "$(basename "$0")" \
            "$(packages_of "$@" | tr '\n' ' ')" >&2
        return
    fi
    mapfile -t missing < <(missing_of "$@")
    if ((${#missing[@]} == 0)); then
        return
    fi
    if ((EUID != 0)); then
        if ! command -v sudo >/dev/null; then
            die "these packages are missing, and there is neither root nor sudo to install them:" \
                "${missing[*]}"
        fi
        as_root=(sudo "${as_root[@]}")
    fi
    say "installing ${missing[*]}"
    "${as_root[@]}" apt-get update -q
    "${as_root[@]}" apt-get install -q -y --no-install-recommends "${missing[@]}"
}
