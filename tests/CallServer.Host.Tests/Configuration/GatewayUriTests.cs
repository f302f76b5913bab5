using CallServer.Host.Configuration;

namespace CallServer.Host.Tests.Configuration;

public sealed class GatewayUriTests
{
    [TestCase("snmp://192.0.2.1", "192.0.2.1", 161)]
    [TestCase("SNMP://gw-1.example.net:1161/", "gw-1.example.net", 1161)]
    [TestCase("snmp://[2001:db8::1]:1161", "2001:db8::1", 1161)]
    [TestCase("snmp://[::1]", "::1", 161)]
    public void AHostAndAPort(string text, string host, int port)
    {
        Assert.That(GatewayUri.TryParse(text, out var uri, out var mistakes), string.Join("; ", mistakes));
        Assert.That((uri!.Host, uri.Port, uri.User), Is.EqualTo((host, port, (string?)null)));
    }

    [Test]
    public void AuthorityHasBracketsAroundIPv6() =>
        Assert.That(Parsed("snmp://[::1]:1161").Authority, Is.EqualTo("[::1]:1161"));

    [Test]
    public void EveryOptionOfVersion3()
    {
        var uri = Parsed("snmp://nms%40hq@host?auth=sha256&priv=aes128&context=vrf%201&profile=cisco-voice");
        Assert.That(
            (uri.User, uri.Auth, uri.Priv, uri.Context, uri.Profile),
            Is.EqualTo(("nms@hq", "sha256", "aes128", "vrf 1", "cisco-voice"))
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
    [TestCase("snmp://h?profile=", "lacks its value")]
    [TestCase("snmp://h?profile=a&profile=b", "twice")]
    [TestCase("snmp://h?auth=sha256", "needs a user")]
    [TestCase("snmp://u@h?auth=sha257", "did you mean sha256?")]
    [TestCase("snmp://u@h?priv=aes128", "needs auth=")]
    [TestCase("snmp://@h", "user before @ is empty")]
    [TestCase("mgcp://h", "not built yet")]
    [TestCase("sip:gw1@h:5060;transport=tcp", "not built yet")]
    [TestCase("ng://h", "not built yet")]
    public void EveryMistakeIsNamed(string text, string expected)
    {
        Assert.That(GatewayUri.TryParse(text, out _, out var mistakes), Is.False);
        Assert.That(string.Join("; ", mistakes), Does.Contain(expected));
    }

    [TestCase("snmp://user:hunter22@h?auth=md5")]
    [TestCase("snmp://h?community=hunter22")]
    [TestCase("snmp://u@h?auth=md5&authpass=hunter22")]
    public void ASecretIsRefusedAndNotRepeated(string text)
    {
        Assert.That(GatewayUri.TryParse(text, out _, out var mistakes), Is.False);
        Assert.That(string.Join("; ", mistakes), Does.Contain("secret").And.Not.Contain("hunter22"));
    }

    [Test]
    public void SeveralMistakesAreAllNamed()
    {
        Assert.That(
            GatewayUri.TryParse("snmp://h:99999?auth=x&colour=red", out _, out var mistakes),
            Is.False
        );
        Assert.That(mistakes, Has.Count.EqualTo(4), string.Join("; ", mistakes));
    }

    private static GatewayUri Parsed(string text) =>
        GatewayUri.TryParse(text, out var uri, out var mistakes)
            ? uri
            : throw new AssertionException(string.Join("; ", mistakes));
}
