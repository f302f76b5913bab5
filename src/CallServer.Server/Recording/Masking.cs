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

    /// <summary>Whether lists and events hide numbers.</summary>
    public bool Masks => privacy.Masks;

    /// <summary>A connection as lists show it.</summary>
    public ConnectionView Shown(ConnectionView connection) =>
        privacy.Masks ? NumberMask.Last4(connection) : connection;

    /// <summary>A call as lists show it.</summary>
    public CallView Shown(CallView call) => privacy.Masks ? NumberMask.Last4(call) : call;

    /// <summary>A call with its legs as it is shown.</summary>
    public CallDetailView Shown(CallDetailView call) => privacy.Masks ? NumberMask.Last4(call) : call;

    /// <summary>A fact that changed as stories show it.</summary>
    public FactChange Shown(FactChange change) => privacy.Masks ? NumberMask.Last4(change) : change;

    /// <summary>The JSON of a change as events show it.</summary>
    public string ShownChange(string json)
    {
        if (
            !privacy.Masks
            || JsonNode.Parse(json)!.AsObject() is not { } change
            || change["facts"] is not JsonArray facts
        )
            return json;
        foreach (var fact in facts.OfType<JsonObject>())
        {
            if (
                fact["fact"]?.GetValue<string>() is not { } name
                || !Numbers.Contains(name, StringComparer.Ordinal)
            )
                continue;
            Mask(fact, "before");
            Mask(fact, "after");
        }

        return change.ToJsonString(RecordJson.Camel);
    }

    /// <summary>The JSON of a CDR as lists show it.</summary>
    public string ShownCdr(string json) => privacy.Masks ? Masked(json) : json;

    /// <summary>The JSON of a CDR as files have it.</summary>
    public string FiledCdr(string json) => privacy.MasksCdrFiles ? Masked(json) : json;

    private static string Masked(string json)
    {
        var cdr = JsonNode.Parse(json)!.AsObject();
        foreach (var name in Numbers)
            Mask(cdr, name);
        return cdr.ToJsonString(RecordJson.Snake);
    }

    private static void Mask(JsonObject of, string name)
    {
        if (of[name] is JsonValue number && number.TryGetValue<string>(out var text))
            of[name] = NumberMask.Last4(text);
    }
}
