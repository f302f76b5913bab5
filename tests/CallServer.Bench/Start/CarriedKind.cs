namespace CallServer.Bench.Start;

/// <summary>What a gateway of a carried fleet speaks, and how it is asked.</summary>
/// <param name="Word">Its name in <c>--mix</c>.</param>
/// <param name="Protocol">The simulation's name for the protocol.</param>
/// <param name="Profile">The SNMP profile; null for other protocols.</param>
internal sealed record CarriedKind(string Word, string Protocol, string? Profile)
{
    private static readonly string[] Protocols = ["mgcp", "sip", "ng"];

    /// <summary>The kind with this name: a protocol, or an SNMP profile.</summary>
    public static CarriedKind Of(string word) =>
        Protocols.Contains(word) ? new CarriedKind(word, word, null) : new CarriedKind(word, "snmp", word);

    /// <summary>The URI that the server is given; SIP and ng over TCP, because their answers may be long.</summary>
    public string Uri(string address) =>
        Protocol switch
        {
            "snmp" => $"snmp://{address}?profile={Profile}",
            "sip" => $"sip:gw@{address};transport=tcp",
            _ => $"{Protocol}://{address}",
        };
}
