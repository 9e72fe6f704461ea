# shellcheck shell=bash disable=SC2034
# Settings and helpers of up.sh and down.sh. Source it; do not run it. Everything written lies below $LAB_STATE.

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$HERE/../../.." && pwd)
LAB_STATE=${LAB_STATE:-$ROOT/.build/openstack}
mkdir -p "$LAB_STATE"
LAB_STATE=$(cd "$LAB_STATE" && pwd)
LAB_COMPUTES=${LAB_COMPUTES:-vmware1 fake1} # of vmware1, vmware2 (a second cluster, for live migration) and fake1
LAB_PYTHON=${LAB_PYTHON:-python3}           # 3.11 or newer

PASSWORD=secret # one for every account: nothing here is reachable from outside
CONF=$LAB_STATE/conf LOG=$LAB_STATE/log RUN=$LAB_STATE/run BIN=$LAB_STATE/venv/bin
DB_SOCKET=$LAB_STATE/db.sock

export LAB_STATE PYTHONUNBUFFERED=1
export NO_PROXY="127.0.0.1,localhost${NO_PROXY:+,$NO_PROXY}" no_proxy="127.0.0.1,localhost${no_proxy:+,$no_proxy}"

say() { printf '%(%H:%M:%S)T %s\n' -1 "$*"; }
die() { say "FAILED: $*" >&2; exit 1; }

# alive NAME: our service runs and is not a zombie; its name in /proc may contain spaces
alive() {
    local pid
    pid=$(cat "$RUN/$1.pid" 2>/dev/null) && [[ "$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null)" == [!Z]* ]]
}

# spawn NAME COMMAND...: in a session of its own, output to log/NAME.log, pid to run/NAME.pid
spawn() {
    local name=$1; shift
    alive "$name" && return 0
    setsid "$@" >>"$LOG/$name.log" 2>&1 </dev/null &
    echo $! >"$RUN/$name.pid"
}

# wait_for SECONDS NAME COMMAND...: until the command succeeds; gives up when the service NAME has ended
wait_for() {
    local limit=$1 name=$2 t0=$SECONDS; shift 2
    until "$@" >/dev/null 2>&1; do
        alive "$name" || die "$name has ended (see $LOG/$name.log)"
        [ $((SECONDS - t0)) -lt "$limit" ] || die "$name not ready after ${limit}s (see $LOG/$name.log)"
        sleep 0.3
    done
}

port_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
http_ok() { curl -ksf -o /dev/null --max-time 5 "$1"; }

# stop NAME [SECONDS]: TERM, then KILL, always by our own pid
stop() {
    local name=$1 limit=${2:-8} pid t0=$SECONDS
    pid=$(cat "$RUN/$name.pid" 2>/dev/null) || return 0
    if alive "$name"; then
        kill -CONT -- "-$pid" 2>/dev/null
        kill -TERM "$pid" 2>/dev/null
        while alive "$name" && [ $((SECONDS - t0)) -lt "$limit" ]; do sleep 0.2; done
        alive "$name" && kill -KILL -- "-$pid" 2>/dev/null
    fi
    rm -f "$RUN/$name.pid"
}
