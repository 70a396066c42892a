# row.pl ITERATIONS FILE: words of a text counted, sorted and rewritten.
use strict;
use warnings;
my ($iterations, $file) = @ARGV;
open my $in, '<', $file or die "$file: $!";
my @lines = <$in>;
splice @lines, 400;
my $sum = 0;
for my $round (1 .. $iterations) {
    my %count;
    for my $line (@lines) {
        $count{lc $_}++ for $line =~ /\b(\w+)\b/g;
        (my $copy = $line) =~ s/(\w+) (\w+)/$2 $1/g;
        $sum += length($copy =~ tr/a-m//dr);
    }
    my @words = sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count;
    $sum = ($sum * 31 + unpack '%32C*', join ',', map { "$_=$count{$_}" } @words[0 .. 50]) % 1000003;
}
print "$sum\n";
