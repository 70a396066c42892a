#!/bin/sh
# rows.sh ROW ITERATIONS SEED: a program at its work, that often; prints "ROW ITERATIONS" and the check sum of what it wrote.
# Nothing that differs between machines goes into the output: no time, no size of a directory.
row=$1 n=$2 seed=$3
here=/bench
in=$here/input-$seed
export LC_ALL=C PYTHONHASHSEED=0
cd /tmp || exit 1

repeat() { i=0; while [ $i -lt "$n" ]; do "$@" || exit 1; i=$((i + 1)); done; }

fifty() { j=0; while [ $j -lt 50 ]; do /bin/true; j=$((j + 1)); done; }

compile() { gcc -O2 -c -o compiled.o "$in/program.c" && cat compiled.o; }

encrypt() {
    openssl enc -aes-128-cbc -K 000102030405060708090a0b0c0d0e0f -iv 0f -in "$in/large" -out encrypted 2>/dev/null
    tail -c 64 encrypted
}

work() {
    case $row in
    gzip) repeat gzip -6 -n -c "$in/text" ;;
    xz) repeat xz -2 -T1 -c "$in/text" ;;
    sha256sum) repeat sha256sum "$in/large" ;;
    openssl-aes) repeat encrypt ;;
    sort) repeat sort -k 2 "$in/numbers" ;;
    awk) repeat awk '{ sum[$1 % 997] += $2; words[$3]++ } END { for (i = 0; i < 997; i++) print sum[i]; for (w in words) n++; print n }' "$in/numbers" ;;
    grep) repeat grep -c -E '([a-e]n|th)[ai]+[r-u]|q.*z.*q' "$in/large" ;;
    perl) perl "$here/row.pl" "$n" "$in/text" ;;
    python-loop) python3 "$here/loop.py" "$n" "$seed" ;;
    python-json) python3 "$here/records.py" "$n" "$seed" ;;
    lua) lua5.4 "$here/row.lua" "$n" "$seed" ;;
    sqlite-insert) { echo "$table" && repeat echo "$insert"; echo 'select count(*), sum(k), max(v) from t;'; } | sqlite3 :memory: ;;
    sqlite-query) { echo "$table $insert" && repeat echo "$queries"; } | sqlite3 :memory: ;;
    gcc) repeat compile ;;
    ls) repeat ls -lR /usr/share /usr/lib | wc -l ;;
    true) repeat fifty ;;
    *) echo "$row: no such row" >&2; exit 2 ;;
    esac
}

table='create table t(id integer primary key, k int, v text); create index i on t(k, v);'
insert="with recursive c(n) as (select 1 union all select n + 1 from c where n < 2000)
    insert into t(k, v) select (n * 7919 + $seed) % 1009, printf('%08x', n * 2654435761 % 4294967296) from c;"
queries='select k, count(*), max(v) from t group by k order by 2 desc, 1 limit 5;
    select count(*), sum(length(a.v)) from t a join t b on a.k = b.k where a.id % 7 = 3;
    select group_concat(v) from (select v from t where v > "8" order by v desc limit 20);'

out=$(work | cksum) && echo "$row $n $out"
