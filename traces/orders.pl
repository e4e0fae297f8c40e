# The traced program of perl.lackey.xz: reads a text of orders, picks some at random, adds them up by customer, lists the best customers.
#
#   orders.pl FILE      lines of 32 characters with the newline: number, customer, amount, filled up with spaces
open my $file, '<', $ARGV[0] or die "$ARGV[0]: $!\n";
read $file, my $text, -s $file;
my $count = length($text) / 32;

my ($random, %total, %orders) = (1);
for (1 .. 20_000) {
  $random = $random * 1103515245 + 12345 & 0x7fffffff;
  my ($number, $customer, $amount) = split ' ', substr($text, ($random >> 8) % $count * 32, 32);
  $total{$customer} += $amount;
  push @{$orders{$customer}}, $number;
}
for my $customer ((sort { $total{$b} <=> $total{$a} || $a cmp $b } keys %total)[0 .. 9]) {
  print "$customer: $total{$customer} for ", join(', ', sort { $a <=> $b } @{$orders{$customer}}), "\n";
}
