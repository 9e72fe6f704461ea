#!/bin/sh
# tools/postgres.sh DIRECTORY: puts initdb and postgres into DIRECTORY/bin: those of this machine, else Debian's packages,
# unpacked there. Nothing is installed and no service starts.
set -eu

rm -rf "$1"
mkdir -p "$1/bin"
cd "$1"

# The wrappers say where the unpacked libraries are; where nothing was unpacked there is nothing to say. They find
# what was unpacked from where they are, so that the directory can be moved.
wrap() {
    for program in initdb postgres; do
        printf '#!/bin/sh\nhere=$(cd "$(dirname "$0")/.." && pwd)\n%sexec "%s/%s" "$@"\n' "${2:-}" "$1" "$program" >"bin/$program"
        chmod 755 "bin/$program"
    done
}

found=
for directory in "$(dirname "$(command -v initdb || echo /nowhere/initdb)")" /usr/lib/postgresql/*/bin; do
    if [ -z "${NOVACENTER_UNPACK:-}" ] && [ -x "$directory/initdb" ] && [ -x "$directory/postgres" ]; then
        found=$directory
    fi
done
if [ -n "$found" ]; then
    wrap "$found"
    exit 0
fi
if ! command -v apt-get >/dev/null; then
    echo "initdb and postgres are not on PATH, and this is not Debian. Install the PostgreSQL server, 13 or newer" >&2
    exit 1
fi

# What would be installed, without Perl, the service, and the compiler for queries (libllvm, 90 MB; it is only an option).
packages() {
    {
        apt-get install --simulate --no-install-recommends postgresql |
            sed -n 's/^Inst \([^ ]*\) .*/\1/p' | grep -E '^(postgresql-(client-)?[0-9]+|lib.*|tzdata)$' | grep -Ev '^(libllvm|libz3|libperl|.*-perl)'
        echo libpq5 # initdb needs it, so it is there even if this machine has it
    } | sort -u
}

if ! names=$(packages) || ! printf '%s\n' "$names" | grep -q '^postgresql-[0-9]'; then
    if [ "$(id -u)" != 0 ]; then
        echo "The package lists do not know postgresql. Run as root: apt-get update (or apt-get install postgresql)" >&2
        exit 1
    fi
    apt-get update -qq
    names=$(packages)
fi
mkdir packages
# apt drops to the user _apt, who may not be allowed to write here.
(cd packages && apt-get download -qq -o APT::Sandbox::User=root $names)
for package in packages/*.deb; do
    dpkg-deb -x "$package" .
done
rm -r packages
libraries=$(ls -d lib/*-linux-* usr/lib/*-linux-* 2>/dev/null | sed 's|^|$here/|' | tr '\n' ':')
for directory in usr/lib/postgresql/*/bin; do
    found=$directory
done
wrap "\$here/$found" "LD_LIBRARY_PATH=\"${libraries%:}\" "
