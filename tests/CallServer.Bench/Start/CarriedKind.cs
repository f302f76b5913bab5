namespace CallServer.Bench.Start;

/// <summary>What a gateway of a carried fleet speaks, and how it is asked.</summary>
/// <param name="Word">In <c>--mix</c>.</param>
/// <param name="Protocol">As the simulation calls it.</param>
/// <param name="Profile">Of SNMP; null elsewhere.</param>
internal sealed record CarriedKind(string Word, string Protocol, string? Profile)
{
    private static readonly string[] Protocols = ["mgcp", "sip", "ng"];

    /// <summary>A protocol, or a profile of SNMP.</summary>
    public static CarriedKind Of(string word) =>
        Protocols.Contains(word) ? new CarriedKind(word, word, null) : new CarriedKind(word, "snmp", word);

    /// <summary>What the server is told; SIP and ng over TCP, where their answers may be long.</summary>
    public string Uri(string address) =>
        Protocol switch
        {
            "snmp" => $"snmp://{address}?profile={Profile}",
            "sip" => $"sip:gw@{address};transport=tcp",
            _ => $"{Protocol}://{address}",
        };
}
