#!/bin/sh
# Makes keys and passwords of the three nodes in compose.federation.yaml and writes them to .env beside it (mode 0600).
# Uses the `lamina` of PATH, or the command given as: LAMINA=/opt/lamina/bin/lamina ./prepare-federation.sh
set -eu
umask 077
here=$(cd "$(dirname "$0")" && pwd)
target=${1:-$here/.env}
lamina=${LAMINA:-lamina}

if [ -e "$target" ]; then
    echo "$target exists already; move it away if the federation is to begin anew" >&2
    exit 4
fi
work=$(mktemp -d "$(dirname "$target")/.federation.XXXXXX")
trap 'rm -rf "$work"' EXIT

password() {
    od -An -N24 -tx1 /dev/urandom | tr -d ' \n'
}

secret=$(password)
echo "LOG_PASSWORD=$secret" >"$work/env"
for node in 1 2 3; do
    file=$work/$node.json
    "$lamina" ledger -y -c "$file" configure embedded >&2
    secret=$(password)
    public=$("$lamina" ledger -c "$file" export-my-pubkey)
    private=$(sed -n 's/^ *"private": "\([^"]*\)".*/\1/p' "$file")
    [ -n "$private" ] || { echo "there is no private key in what configure wrote" >&2; exit 1; }
    cat >>"$work/env" <<END
NODE${node}_PASSWORD=$secret
NODE${node}_PUBLIC=$public
NODE${node}_PRIVATE=$private
END
done
sync "$work/env"
mv "$work/env" "$target"
echo "wrote $target"
