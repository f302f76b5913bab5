using System.Globalization;
using CallServer.Surface;

namespace CallServer.Server.Configuration;

/// <summary>
/// Environment variables override the file, as .NET users expect: <c>CALLSERVER__POLLING__INTERVAL=5s</c> sets
/// <c>polling.interval</c>, and <c>CALLSERVER__GATEWAYS__0__URI</c> sets the first gateway's URI. Unknown names are
/// refused.
/// </summary>
internal static class EnvironmentOverrides
{
    private const string Prefix = "CALLSERVER__";

    /// <summary>The document with the environment's values over it.</summary>
    public static Document Apply(
        Document document,
        IReadOnlyDictionary<string, string> environment,
        List<ConfigurationMistake> mistakes
    )
    {
        foreach (var (variable, value) in environment.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            if (!variable.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase))
                continue;
            if (!TryFind(variable[Prefix.Length..].Split("__"), out var steps, out var why))
                mistakes.Add(new ConfigurationMistake("environment", 0, variable, why));
            else if (document.TryWith(steps, value, variable, out var changed))
                document = changed;
            else
                mistakes.Add(
                    new ConfigurationMistake("environment", 0, variable, "the file has no place for it")
                );
        }

        return document;
    }

    private static bool TryFind(string[] names, out List<string> steps, out string why)
    {
        steps = [];
        var shape = Shape.Root;
        foreach (var name in names)
        {
            if (shape.Item is not null)
            {
                if (!int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out _))
                {
                    why = $"the number of an item is expected, not {name}";
                    return false;
                }

                steps.Add(name);
                shape = shape.Item;
                continue;
            }

            var known = shape.Members.Keys.FirstOrDefault(key =>
                key.Equals(name, StringComparison.OrdinalIgnoreCase)
            );
            if (known is null)
            {
                why =
                    shape.Members.Count == 0
                        ? $"nothing can be set below {string.Join('.', steps)} from the environment"
                        : $"{name} is not known{Nearest.Hint(name, shape.Members.Keys)}; known are {string.Join(", ", shape.Members.Keys)}";
                return false;
            }

            steps.Add(known);
            shape = shape.Members[known];
        }

        why = $"names a part of the configuration, not one value of it";
        return shape.Members.Count == 0 && shape.Item is null && !shape.IsOpen;
    }
}
