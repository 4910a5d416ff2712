#!/bin/sh
# Makes a user of the VPS for AgentFlow to log in as, instead of root. To be run there as root; running it again changes nothing.
#
#   sh ssh-user.sh --key id_ed25519.pub [--user agentflow] [--root /opt/agentflow] [--forwarding] [--check]
#
# --check tells what is missing and changes nothing; it ends with 1 if something is.
# --forwarding lets the key forward ports and sockets, which AgentFlow does not need today.
set -eu
umask 022

AGENT_ID=1001 # of agents in their containers: a user of that id could write their files
user=agentflow root=/opt/agentflow key_file='' options=restrict check='' missing=0

refuse() { # problem, remedy
    printf 'ssh-user.sh: %s %s\n' "$1" "$2" >&2
    exit 2
}

lack() { # what is missing
    printf 'missing: %s\n' "$1"
    missing=1
}

value() { # option, number of words left
    [ "$2" -ge 2 ] || refuse "$1 needs a value." 'See the first lines of this file.'
}

while [ $# -gt 0 ]; do
    case $1 in
        --key) value "$1" $# && key_file=$2 && shift ;;
        --user) value "$1" $# && user=$2 && shift ;;
        --root) value "$1" $# && root=$2 && shift ;;
        --forwarding) options=restrict,port-forwarding ;;
        --check) check=yes ;;
        *) refuse "$1 is no option." 'See the first lines of this file.' ;;
    esac
    shift
done

check_input() {
    [ "$(id -u)" = 0 ] || refuse 'Only root can do this.' 'Run it with sudo, or log in as root.'
    printf '%s' "$user" | tr '\n' ' ' | grep -Eqx '[a-z_][a-z0-9_-]{0,30}' || refuse "--user: '$user' is no name for a user." \
        'Use lower-case letters, digits, - and _.'
    printf '%s' "$root" | tr '\n' ' ' | grep -Eqx '(/[A-Za-z0-9_-][A-Za-z0-9._-]*){2,}' || refuse "--root: '$root' cannot be used." \
        'Name a directory of its own at least one level down, such as /opt/agentflow.'
    case $root in
        /etc/* | /usr/bin* | /usr/lib* | /usr/sbin* | /boot/* | /dev/* | /proc/* | /run/* | /sys/*)
            refuse "--root: $root belongs to the system." 'Use /opt/agentflow, say.' ;;
    esac
    [ "$(realpath -m -- "$root")" = "$root" ] || refuse "--root: a link is in the way to $root." 'Name where it leads.'
    getent group docker >/dev/null || refuse 'There is no group docker.' 'Install Docker first: apt-get install docker.io.'
}

check_key() {
    [ -n "$key_file" ] || refuse '--key is missing.' 'Name the public half of the key, such as id_ed25519.pub.'
    [ -f "$key_file" ] || refuse "--key: there is no file $key_file." 'Name the public half of the key, such as id_ed25519.pub.'
    ! grep -q 'PRIVATE KEY' "$key_file" || refuse "--key: $key_file is a private key." 'Give the file that ends with .pub.'
    [ "$(grep -c . "$key_file")" = 1 ] || refuse "--key: $key_file has not one line." 'Give one public key.'
    # Without options of its own: those that hold are set here.
    key=$(grep . "$key_file" | grep -Eox '(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp[0-9]+|sk-[a-z0-9-]+@openssh.com) [A-Za-z0-9+/]+=*( .*)?' |
        cut -d' ' -f1,2) || key=''
    [ -n "$key" ] || refuse "--key: $key_file is no public key." 'Make one with: ssh-keygen -t ed25519.'
    ssh-keygen -l -f "$key_file" >/dev/null 2>&1 || refuse "--key: $key_file is damaged." 'Copy it again.'
}

check_user() {
    if id -u "$user" >/dev/null 2>&1; then
        for id in "$(id -u "$user")" "$(id -g "$user")"; do
            [ "$id" != "$AGENT_ID" ] || refuse "--user: $user has the id $AGENT_ID, which is the agents' own." 'Use another user.'
            [ "$id" != 0 ] || refuse "--user: $user is root, or in its group." 'Use another user.'
        done
    elif [ "$check" ]; then
        lack "the user $user"
    else
        # A system user's ids are below 1000. A password of * is none, and unlike ! does not lock the account for sshd without PAM.
        useradd --system --user-group --create-home --home-dir "/home/$user" --shell /bin/sh --password '*' "$user"
    fi
}

check_group() {
    ! id -nG "$user" 2>/dev/null | tr ' ' '\n' | grep -qx docker || return 0
    if [ "$check" ]; then lack "$user in the group docker"; else usermod --append --groups docker "$user"; fi
}

check_authorized() {
    home=$(getent passwd "$user" | cut -d: -f6) || home=''
    file=$home/.ssh/authorized_keys line="$options $key agentflow"
    ! [ -f "$file" ] || ! grep -qFx "$line" "$file" || return 0
    if [ "$check" ]; then
        lack "the key, with '$options', in ${home:-/home/$user}/.ssh/authorized_keys"
        return
    fi
    # As that user, so that no link in its home leads root astray.
    # shellcheck disable=SC2016 # the inner shell expands its own parameters
    setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups -- sh -euc '
        umask 077
        mkdir -p "$1/.ssh"
        touch "$1/.ssh/authorized_keys"
        grep -vF "$2" "$1/.ssh/authorized_keys" > "$1/.ssh/authorized_keys.new" || :
        printf "%s\n" "$3" >> "$1/.ssh/authorized_keys.new"
        mv "$1/.ssh/authorized_keys.new" "$1/.ssh/authorized_keys"
    ' keys "$home" "$key" "$line"
}

check_root() {
    if ! [ -e "$root" ]; then
        if [ "$check" ]; then lack "the directory $root"; else install -d -m 0750 -o "$user" -g "$(id -g "$user")" "$root"; fi
        return
    fi
    [ -d "$root" ] || refuse "--root: $root is no directory." 'Name another one.'
    if [ "$(stat -c %U "$root")" != "$user" ]; then
        [ -z "$(ls -A "$root")" ] || refuse "--root: $root belongs to $(stat -c %U "$root") and is not empty." \
            'Run agentflow uninstall as that user first, or choose another directory.'
        if [ "$check" ]; then lack "$user as the owner of $root"; else chown -h "$user:$(id -g "$user")" "$root"; fi
    fi
    [ "$(stat -c %a "$root")" = 750 ] || if [ "$check" ]; then lack "mode 0750 of $root"; else chmod 0750 "$root"; fi
}

check_input
check_key
check_user
check_group
check_authorized
check_root
[ "$missing" = 0 ] || exit 1
cat <<TEXT
$user may log in with that key, and AgentFlow may work in $root.
Whoever is in the group docker is root on this machine: keep the key as you would keep root's.
Set HETZNER_SSH_USER=$user and AGENTFLOW_ROOT=$root.
TEXT
