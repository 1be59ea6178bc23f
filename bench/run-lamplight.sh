#!/bin/bash
# Start the built server for each workload group, run the suite, print figures.
# run-lamplight.sh [group...]   groups: reg regtcp auth call callrate tcp pres blf mem sipp
# Environment: USERS (default 10000; mem needs 100000), PORT, SC/GC (cores of server and generator).
cd "$(dirname "$0")" || exit 1
. ./bench-rig.sh; export WORK
trap server_stop EXIT
build
PORT=${PORT:-15060}; S=127.0.0.1:$PORT
SC=${SC:-0} GC=${GC:-1}
SPID=

# server_start require=none|register|all
server_start() {
	local dir=$WORK/lamplight users=${USERS:-10000}
	rm -rf "$dir"; mkdir -p "$dir"
	{
		echo "domain: bench.example"
		echo "listen: [udp://$S, tcp://$S]"
		echo "authentication: { require: $1 }"
		echo "web: { listen: \"http://127.0.0.1:$((PORT + 1))\", auth: none }"
		echo "log: { level: warn }"
		echo "directory: ./directory.yaml"
	} > "$dir/lamplight.yaml"
	{
		echo "users:"
		echo "  - { id: caller, password: secret }"
		seq 0 $((users - 1)) | sed 's/.*/  - { id: u&, password: secret }/'
	} > "$dir/directory.yaml"
	chmod 600 "$dir"/*.yaml
	local pin=(); [ "$SC" = - ] || pin=(taskset -c "$SC")
	"${pin[@]}" nice -n "${NICE:-0}" node ../dist/main.js start --config "$dir/lamplight.yaml" --data "$dir/data" > "$dir/server.log" 2>&1 &
	SPID=$!
	local i; for i in $(seq 300); do
		sleep 0.1
		kill -0 "$SPID" 2> /dev/null || break
		(exec 3<> "/dev/tcp/127.0.0.1/$((PORT + 1))" && printf 'GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nConnection: close\r\n\r\n' $((PORT + 1)) >&3 && head -1 <&3 | grep -q ' 200 ') 2> /dev/null && return 0
	done
	echo "the server did not start" >&2; tail -5 "$dir/server.log" >&2; server_stop; return 1
}
server_stop() {
	[ -n "$SPID" ] || return 0
	# The longest garbage-collection pause of the run, the set-up included.
	curl -s "http://127.0.0.1:$((PORT + 1))/metrics" | grep -E '^lamplight_(gc_pause_max|resident_memory)' | sed 's/^/METRIC /'
	kill "$SPID" 2> /dev/null
	local i; for i in $(seq 60); do kill -0 "$SPID" 2> /dev/null || break; sleep 0.1; done
	kill -9 "$SPID" 2> /dev/null
	wait "$SPID" 2> /dev/null; SPID=
}
suite() { local w=$1; shift; bash ./suite.sh "$w" "$S" "$SPID" "$@"; }
group() {
	echo "=== $1 (server cpu $SC, generator cpu $GC)"
	case $1 in
	reg)    server_start none || return; suite register "$GC"; W=256 suite register "$GC"; server_stop ;;
	regtcp) server_start none || return; suite register-tcp "$GC"; server_stop ;;
	auth)   server_start register || return; suite register-auth "$GC"; W=256 suite register-auth "$GC"; server_stop ;;
	call)   server_start none || return; suite call "$GC"; W=256 suite call "$GC"; server_stop ;;
	callrate) server_start none || return; for R in ${RATES:-500 1000}; do R=$R suite call-rate "$GC"; done; server_stop ;;
	tcp)    server_start none || return; suite call-tcp "$GC"; server_stop ;;
	pres)   server_start none || return; suite presence "$GC"; R=${R:-100} suite presence-rate "$GC"; server_stop ;;
	blf)    server_start none || return; R=${R:-50} suite blf "$GC"; server_stop ;;
	mem)    USERS=${USERS:-100000} server_start none || return; suite mem-register "$GC"; server_stop; server_start none || return; suite mem-subs "$GC"; server_stop ;;
	sipp)   server_start none || return; bash ./sipp.sh register "$S" 2000 10000 "$GC"; server_stop
	        # Afresh: the phones of the first run are gone.
	        server_start none || return; bash ./sipp.sh call "$S" "${R:-400}" 4000 "$GC"; server_stop ;;
	*) echo "unknown group $1" >&2 ;;
	esac
}
for x in ${*:-reg regtcp auth call tcp pres blf sipp}; do group "$x"; done
