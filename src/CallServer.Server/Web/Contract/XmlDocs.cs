using System.Collections.Concurrent;
using System.Reflection;
using System.Text.RegularExpressions;
using System.Xml;
using System.Xml.Linq;

namespace CallServer.Server.Web.Contract;

/// <summary>
/// The docstrings of our types, from the files that the compiler writes beside the assemblies. Without the files the
/// document has no descriptions.
/// </summary>
internal static partial class XmlDocs
{
    private static readonly ConcurrentDictionary<Assembly, Dictionary<string, XElement>> files = new();

    /// <summary>What a type is; null if nothing says so.</summary>
    public static string? Of(Type type) => Text(Member(type, "T:" + Name(type))?.Element("summary"));

    /// <summary>What a property holds; null if nothing says so.</summary>
    public static string? Of(PropertyInfo property)
    {
        var type = property.DeclaringType!;
        return Text(Member(type, $"P:{Name(type)}.{property.Name}")?.Element("summary"))
            // A record's properties are the parameters of its constructor.
            ?? Text(
                Member(type, "T:" + Name(type))
                    ?.Elements("param")
                    .FirstOrDefault(parameter => parameter.Attribute("name")?.Value == property.Name)
            );
    }

    private static string Name(Type type) =>
        (type.IsGenericType ? type.GetGenericTypeDefinition() : type).FullName!.Replace('+', '.');

    private static XElement? Member(Type type, string id) =>
        files.GetOrAdd(type.Assembly, Read).GetValueOrDefault(id);

    private static Dictionary<string, XElement> Read(Assembly assembly)
    {
        var found = new Dictionary<string, XElement>(StringComparer.Ordinal);
        var file = Path.Combine(AppContext.BaseDirectory, assembly.GetName().Name + ".xml");
        if (!File.Exists(file))
            return found;
        try
        {
            foreach (var member in XDocument.Load(file).Descendants("member"))
                found.TryAdd(member.Attribute("name")?.Value ?? "", member);
        }
        catch (Exception fault) when (fault is XmlException or IOException or UnauthorizedAccessException)
        {
            // A document without descriptions is better than none.
        }

        return found;
    }

    private static string? Text(XElement? element)
    {
        if (element is null)
            return null;
        var text = string.Concat(
            element
                .Nodes()
                .Select(node =>
                    node is XElement { Name.LocalName: "c" } code ? $"`{code.Value}`" : Plain(node)
                )
        );
        text = Space().Replace(text, " ").Trim();
        return text.Length == 0 ? null : text;
    }

    private static string Plain(XNode node) =>
        node switch
        {
            XText text => text.Value,
            XElement element => element.Value,
            _ => "",
        };

    [GeneratedRegex(@"\s+")]
    private static partial Regex Space();
}
