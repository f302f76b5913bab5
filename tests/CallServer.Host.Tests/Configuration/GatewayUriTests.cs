using CallServer.Surface;

namespace CallServer.Host.Tests.Configuration;

public sealed class GatewayUriTests
{
    [TestCase("snmp://192.0.2.1", "192.0.2.1", 161)]
    [TestCase("SNMP://gw-1.example.net:1161/", "gw-1.example.net", 1161)]
    [TestCase("snmp://[2001:db8::1]:1161", "2001:db8::1", 1161)]
    [TestCase("snmp://[::1]", "::1", 161)]
    public void AHostAndAPort(string text, string host, int port)
    {
        Assert.That(
            GatewayProtocols.BuiltIn.TryParse(text, out var uri, out var mistakes),
            string.Join("; ", mistakes)
        );
        Assert.That((uri!.Host, uri.Port, uri.TakesCommunity), Is.EqualTo((host, port, true)));
    }

    [Test]
    public void AuthorityHasBracketsAroundIPv6() =>
        Assert.That(Parsed("snmp://[::1]:1161").Authority, Is.EqualTo("[::1]:1161"));

    [TestCase("mgcp://192.0.2.1", "192.0.2.1", 2427)]
    [TestCase("mgcp://gw:2428/", "gw", 2428)]
    [TestCase("sip:gw1@192.0.2.1", "192.0.2.1", 5060)]
    [TestCase("SIP:gw1@[2001:db8::1]:5070;transport=udp", "2001:db8::1", 5070)]
    [TestCase("ng://192.0.2.1", "192.0.2.1", 2223)]
    [TestCase("ng+tcp://h:22223", "h", 22223)]
    [TestCase("ng+http://[::1]:22224/", "::1", 22224)]
    public void EveryProtocolHasItsPort(string text, string host, int port)
    {
        var uri = Parsed(text);
        Assert.That((uri.Host, uri.Port), Is.EqualTo((host, port)));
        Assert.That(uri.Scheme, Is.EqualTo(text[..text.IndexOf(':')].ToLowerInvariant()));
    }

    [TestCase("ng://h", false, null)]
    [TestCase("snmp://h?replies=any-port", true, null)]
    [TestCase("sip:a@h?replies=b.example", false, "b.example")]
    [TestCase("mgcp://h?replies=[::1]", false, "::1")]
    public void RepliesMayComeFromElsewhere(string text, bool anyPort, string? host) =>
        Assert.That((Parsed(text).RepliesFromAnyPort, Parsed(text).RepliesFrom), Is.EqualTo((anyPort, host)));

    [TestCase("ng://h", "datagrams")]
    [TestCase("ng+tcp://h", "streams")]
    [TestCase("ng+http://h", "http")]
    [TestCase("sip:u@h", "datagrams streams")]
    [TestCase("sip:u@h;transport=udp", "datagrams")]
    [TestCase("sip:u@h;transport=tcp", "streams")]
    [TestCase("snmp://h", "datagrams")]
    public void TheWayThatMessagesTake(string text, string way)
    {
        var uri = Parsed(text);
        Assert.That(
            string.Join(
                ' ',
                new[]
                {
                    uri.OverDatagrams ? "datagrams" : null,
                    uri.OverStreams ? "streams" : null,
                    uri.OverHttp ? "http" : null,
                }.OfType<string>()
            ),
            Is.EqualTo(way)
        );
    }

    [Test]
    public void TheSameTextIsTheSameGateway() =>
        Assert.That(Parsed("mgcp://h?endpoints=a,b"), Is.EqualTo(Parsed("mgcp://h?endpoints=a,b")));

    [TestCase("snmp://h", "community")]
    [TestCase("snmp://nms%40hq@h?auth=sha256&priv=aes128&context=vrf%201&profile=cisco-voice", "auth priv")]
    [TestCase("snmp://u@h", "")]
    [TestCase("sip:u@h?from=sip:a@b", "auth")]
    [TestCase("sip:u@h", "")]
    [TestCase("mgcp://h", "")]
    [TestCase("ng://h", "")]
    public void TheSecretsThatAreSentThere(string text, string names)
    {
        var uri = Parsed(text);
        Assert.That(
            string.Join(
                ' ',
                new[]
                {
                    uri.TakesCommunity ? "community" : null,
                    uri.TakesAuth ? "auth" : null,
                    uri.TakesPriv ? "priv" : null,
                }.OfType<string>()
            ),
            Is.EqualTo(names)
        );
    }

    [TestCase("", "a URI such as")]
    [TestCase("192.0.2.1", "a URI such as")]
    [TestCase("snpm://h", "did you mean snmp?")]
    [TestCase("snmp:h", "// is expected")]
    [TestCase("snmp://", "host is missing")]
    [TestCase("snmp://10.0.0", "no host name or address")]
    [TestCase("snmp://h/path", "no path")]
    [TestCase("snmp://h#x", "#fragment")]
    [TestCase("snmp://h:0", "no port")]
    [TestCase("snmp://h:70000", "no port")]
    [TestCase("snmp://2001:db8::1", "in brackets")]
    [TestCase("snmp://[2001:db8::1", "] after the IPv6")]
    [TestCase("snmp://[192.0.2.1]", "no IPv6 address")]
    [TestCase("snmp://h?profil=x", "did you mean profile?")]
    [TestCase("snmp://h?profile=cisco-voce", "there is no profile 'cisco-voce' (did you mean cisco-voice?)")]
    [TestCase("snmp://h?profile=", "lacks its value")]
    [TestCase("snmp://h?profile=a&profile=b", "twice")]
    [TestCase("snmp://h?auth=sha256", "needs a user")]
    [TestCase("snmp://u@h?auth=sha257", "did you mean sha256?")]
    [TestCase("snmp://u@h?priv=aes128", "needs auth=")]
    [TestCase("snmp://@h", "user before @ is empty")]
    [TestCase("mgcp:h", "// is expected")]
    [TestCase("mgcp://", "host is missing")]
    [TestCase("mgcp://ca@h", "know no user")]
    [TestCase("mgcp://h/aaln", "no path")]
    [TestCase("mgcp://2001:db8::1", "[2001:db8::1]:2427")]
    [TestCase("mgcp://h?endpoint=*", "did you mean endpoints?")]
    [TestCase(
        "mgcp://h?profile=x",
        "no option of mgcp gateways; known are endpoints, verify, version, replies"
    )]
    [TestCase("mgcp://h?replies=any port", "replies=any port is neither any-port nor a host")]
    [TestCase("ng://h?replies=", "lacks its value")]
    [TestCase("mgcp://h?endpoints=aaln/[1-24", "a range that cannot be read")]
    [TestCase("mgcp://h?endpoints=aaln/[9-1]", "a range that cannot be read")]
    [TestCase("mgcp://h?endpoints=a[1-999]/[1-999]", "stands for more than 100000 endpoints")]
    [TestCase("mgcp://h?version=1", "version=1 is not known")]
    [TestCase("mgcp://h?endpoints=", "lacks its value")]
    [TestCase("mgcp://h?endpoints=a&endpoints=b", "twice")]
    [TestCase("mgcp://h?endpoints=aaln/1,aaln/1", "'aaln/1' stands there twice")]
    [TestCase("mgcp://h?endpoints=aaln/1,,aaln/2", "no endpoint: LOCAL or LOCAL@DOMAIN")]
    [TestCase("mgcp://h?endpoints=@gw", "no endpoint: LOCAL or LOCAL@DOMAIN")]
    [TestCase("mgcp://h?endpoints=*@", "no endpoint: LOCAL or LOCAL@DOMAIN")]
    [TestCase("mgcp://h?endpoints=a@b@c", "more than one @")]
    [TestCase("mgcp://h?endpoints=aaln/$", "the wildcard $")]
    [TestCase("mgcp://h?endpoints=aaln//1", "an empty term")]
    [TestCase("mgcp://h?endpoints=aaln/1*", "a * within a term")]
    [TestCase("mgcp://h?endpoints=aaln%201", "without spaces")]
    [TestCase("mgcp://h?verify=mdxc", "did you mean mdcx?")]
    [TestCase("sips:u@h", "did you mean sip?")]
    [TestCase("sip://u@h", "has no //")]
    [TestCase("sip:h", "sip:USER@HOST is expected")]
    [TestCase("sip:@h", "user before @ is empty")]
    [TestCase("sip:u@", "host is missing")]
    [TestCase("sip:a b@h", "has to escape with %")]
    [TestCase("sip:<u@h", "has to escape with %")]
    [TestCase("sip:u@h:0", "no port")]
    [TestCase("sip:u@h;transport=tls", "transport=tls is not known; known are udp, tcp")]
    [TestCase("sip:u@h;transprot=tcp", "did you mean transport?")]
    [TestCase("sip:u@h;transport", "lacks its value")]
    [TestCase("sip:u@h;lr=on", "'lr' is no option of sip gateways")]
    [TestCase("sip:u@h?form=sip:a@b", "did you mean from?")]
    [TestCase("sip:u@h?transport=tcp", "'transport' is no option")]
    [TestCase("sip:u@h?watch=yes", "watch=yes is not known; known are true, false")]
    [TestCase("sip:u@h?from=alice", "no SIP URI")]
    [TestCase("sip:u@h?from=sip:alice", "sip:USER@DOMAIN is expected")]
    [TestCase("sip:u@h?from=sip:alice@a;tag=1", "sip:USER@DOMAIN is expected")]
    [TestCase("sip:u@h?from=sip:alice@10.0.0", "'10.0.0' is no host name")]
    [TestCase("sip:u@h?from=sip:alice%0d%0aX@h", "control character")]
    [TestCase("sip:u@h#x", "#fragment")]
    [TestCase("ng:h", "// is expected")]
    [TestCase("ng://u@h", "know no user")]
    [TestCase("ng+udp://h", "did you mean ng+tcp?")]
    [TestCase("ng://h?limit=5", "no option of ng gateways; known are answered, replies")]
    [TestCase("ng://h?answered=yes", "answered=")]
    [TestCase("ng+http://h/ng", "no path")]
    public void EveryMistakeIsNamed(string text, string expected)
    {
        Assert.That(GatewayProtocols.BuiltIn.TryParse(text, out _, out var mistakes), Is.False);
        Assert.That(string.Join("; ", mistakes), Does.Contain(expected));
    }

    [TestCase("snmp://user:hunter22@h?auth=md5")]
    [TestCase("snmp://h?community=hunter22")]
    [TestCase("snmp://u@h?auth=md5&authpass=hunter22")]
    [TestCase("mgcp://ca:hunter22@h")]
    [TestCase("mgcp://h?token=hunter22")]
    [TestCase("sip:gw1:hunter22@h")]
    [TestCase("sip:gw1@h;password=hunter22")]
    [TestCase("sip:gw1@h?from=sip:alice:hunter22@h")]
    [TestCase("sip:gw1@h?from=sip:alice@h&secret=hunter22")]
    [TestCase("ng://u:hunter22@h")]
    [TestCase("ng+http://h?key=hunter22")]
    public void ASecretIsRefusedAndNotRepeated(string text)
    {
        Assert.That(GatewayProtocols.BuiltIn.TryParse(text, out _, out var mistakes), Is.False);
        Assert.That(string.Join("; ", mistakes), Does.Contain("secret").And.Not.Contain("hunter22"));
    }

    [Test]
    public void SeveralMistakesAreAllNamed()
    {
        Assert.That(
            GatewayProtocols.BuiltIn.TryParse("snmp://h:99999?auth=x&colour=red", out _, out var mistakes),
            Is.False
        );
        Assert.That(mistakes, Has.Count.EqualTo(4), string.Join("; ", mistakes));
    }

    private static GatewayUri Parsed(string text) =>
        GatewayProtocols.BuiltIn.TryParse(text, out var uri, out var mistakes)
            ? uri
            : throw new AssertionException(string.Join("; ", mistakes));
}
