# The traced program of perl.lackey.xz: makes up a text, indexes where each word stands, lists the words by frequency.
use strict;
use warnings;

my @syllables = map { my $c = $_; map { "$c$_" } qw(a e i o u) } qw(b d g k l m n r s t v z);
my $random = 1;
sub random { $random = ($random * 1103515245 + 12345) & 0x7fffffff; return int(($random >> 8) * $_[0] / 0x800000) }

my %places;    # word => numbers of the lines that it stands in
my @lines;
for my $number (1 .. 6000) {
  my @words = map { join '', map { $syllables[random(random(60) + 1)] } 1 .. 3 } 1 .. 6;
  push @lines, join(' ', @words);
  push @{$places{$_}}, $number for @words;
}

my @by_frequency = sort { @{$places{$b}} <=> @{$places{$a}} || $a cmp $b } keys %places;
for my $word (@by_frequency[0 .. 999]) {
  my @found = grep { /\b$word\b/ } map { $lines[$_ - 1] } @{$places{$word}};
  printf "%-8s %4d %s\n", $word, scalar @found, join ',', @{$places{$word}};
}
