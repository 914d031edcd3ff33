#!/bin/sh
# Limit what one peer sends to its neighbours. It runs beside the peer, in the same network namespace, with NET_ADMIN.
#
#   link.sh NEIGHBOUR:RATE:DELAY …      such as: link.sh p1:5mbit:20ms p2:1mbit:-
#
# It is healthy (--check) when all limits are set. Each neighbour is found by name again and again: who comes later, or
# comes back with another address, is limited as well.
set -eu

DEVICE=eth0
STATE=/run/link
UNLIMITED=100gbit
LOOK_EVERY_S=0.5

if [ "${1:-}" = --check ]; then
  if [ -e $STATE/problem ]; then cat $STATE/problem; fi
  test -e $STATE/limited
  exit
fi

trap 'exit 0' TERM INT

refuse() { # problem, mend: told in the log and by --check, which never succeeds then
  echo "error: $1; $2" | tee $STATE/problem >&2
  sleep infinity & wait
}

rate_of() { rest=${1#*:}; rate=${rest%%:*}; if [ "$rate" = - ]; then echo $UNLIMITED; else echo "$rate"; fi; }
# A name without an address of IPv6 is told in its words all the same: ::ffff:10.0.0.2.
address_of() { getent "ahostsv$1" "$2" | grep -v '^::ffff:' | head -n 1 | cut -d ' ' -f 1; }

# link, family, protocol, match, bits, neighbour: what goes to the neighbour's address is of the link's class.
direct() {
  address=$(address_of "$2" "$6")
  if [ -z "$address" ] || [ "$address" = "$(cat "$STATE/address.$1.$2" 2>/dev/null)" ]; then return; fi
  priority=$((2 * $1 + $2 / 6)) # each protocol has priorities of its own
  tc filter delete dev $DEVICE parent 1: protocol "$3" prio $priority 2>/dev/null || true
  tc filter add dev $DEVICE parent 1: protocol "$3" prio $priority u32 match "$4" dst "$address/$5" \
    flowid "1:$(printf %x "$1")"
  echo "$address" >"$STATE/address.$1.$2"
}

mkdir -p $STATE
rm -f $STATE/*
tc qdisc replace dev $DEVICE root handle 1: htb default 0 2>$STATE/said ||
  refuse "the links cannot be limited: $(cat $STATE/said)" "the kernel needs sch_htb, the container the right NET_ADMIN"
number=0
for link in "$@"; do
  number=$((number + 1))
  class=1:$(printf %x $number)
  delay=${link##*:}
  tc class replace dev $DEVICE parent 1: classid "$class" htb rate "$(rate_of "$link")" quantum 1514
  if [ "$delay" = - ]; then
    tc qdisc replace dev $DEVICE parent "$class" pfifo limit 1000
  else
    tc qdisc replace dev $DEVICE parent "$class" netem delay "$delay" limit 10000 2>$STATE/said ||
      refuse "no delay of $delay to ${link%%:*}: this machine's kernel has no netem ($(cat $STATE/said))" \
        "modprobe sch_netem on the machine, or ask for no --delay"
  fi
  echo "limited to ${link%%:*}: rate $(rate_of "$link"), delay $delay"
done
touch $STATE/limited

while true; do
  number=0
  for link in "$@"; do
    number=$((number + 1))
    direct $number 4 ip ip 32 "${link%%:*}"
    direct $number 6 ipv6 ip6 128 "${link%%:*}"
  done
  sleep $LOOK_EVERY_S & wait $!
done
