using System.Text.Json.Nodes;
using CallServer.Server.Configuration;
using CallServer.Storage;
using CallServer.Surface;

namespace CallServer.Server.Recording;

/// <summary>Hides the numbers of people where the configuration wants it, at the edge: the record keeps them.</summary>
public sealed class Masking(PrivacyConfiguration privacy)
{
    // As they stand in a CDR.
    private static readonly string[] Numbers = ["originator", "remote"];

    /// <summary>A connection as lists show it.</summary>
    public ConnectionView Shown(ConnectionView connection) =>
        privacy.Masks ? NumberMask.Last4(connection) : connection;

    /// <summary>A call as lists show it.</summary>
    public CallView Shown(CallView call) => privacy.Masks ? NumberMask.Last4(call) : call;

    /// <summary>The JSON of a CDR as lists show it.</summary>
    public string ShownCdr(string json) => privacy.Masks ? Masked(json) : json;

    /// <summary>The JSON of a CDR as files have it.</summary>
    public string FiledCdr(string json) => privacy.MasksCdrFiles ? Masked(json) : json;

    private static string Masked(string json)
    {
        var cdr = JsonNode.Parse(json)!.AsObject();
        foreach (var name in Numbers)
        {
            if (cdr[name] is JsonValue number && number.TryGetValue<string>(out var text))
                cdr[name] = NumberMask.Last4(text);
        }

        return cdr.ToJsonString(RecordJson.Snake);
    }
}
