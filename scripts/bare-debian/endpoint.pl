# A billing system that takes CDRs over HTTP: answers every POST with 204, and appends its body to a file.
#   perl endpoint.pl PORT FILE
use strict;
use warnings;
use Socket;
my ($port, $file) = @ARGV;
socket(my $listener, PF_INET, SOCK_STREAM, 0) or die $!;
setsockopt($listener, SOL_SOCKET, SO_REUSEADDR, 1);
bind($listener, sockaddr_in($port, INADDR_LOOPBACK)) or die $!;
listen($listener, 5) or die $!;
while (accept(my $caller, $listener)) {
    my ($length, $line) = (0, '');
    while (defined($line = <$caller>) && $line ne "\r\n") { $length = $1 if $line =~ /^Content-Length: *(\d+)/i }
    read($caller, my $body, $length);
    open(my $out, '>>', $file) or die $!;
    print $out $body;
    close $out;
    syswrite($caller, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
    close $caller;
}
