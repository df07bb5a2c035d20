set -eu
sed '/^main "\$@"/d' /work/wt/h/bootstrap > /tmp/h-bs.sh
stages="$*"; set --
. /tmp/h-bs.sh
top=/work/wt/h build=/work/wt/h/build prefix=/work/wt/h/build/inst log=/work/wt/h/build/bootstrap.log
. $top/tests/check
mkdir -p $results
for s in $stages; do stage $s "x"; cat $results/$s.sum; done
