using System.Reflection;

namespace CallServer.Storage;

/// <summary>
/// The steps of a schema: the first .sql file that an assembly holds makes version 1, and so on. A released file is
/// never edited; every change is a new file.
/// </summary>
internal static class Migrations
{
    public static IReadOnlyList<string> In(Assembly assembly)
    {
        var names = assembly
            .GetManifestResourceNames()
            .Where(name => name.EndsWith(".sql", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal);
        return [.. names.Select(Text)];

        string Text(string name)
        {
            using var reader = new StreamReader(assembly.GetManifestResourceStream(name)!);
            return reader.ReadToEnd();
        }
    }
}
