using System.Net;
using CallServer.Surface;

namespace CallServer.Server.Configuration;

/// <summary>Reads <c>mode</c> and the section <c>fleet</c>, and whether the other sections go with them.</summary>
internal static class FleetReader
{
    private const string Section = "fleet";

    private static readonly string[] OfAPair = ["pair", "backup"];

    /// <summary>Null unless the mode is fleet and all it needs is there; mistakes go to the reader.</summary>
    /// <param name="read">Takes the mistakes.</param>
    /// <param name="root">The whole configuration.</param>
    /// <param name="store">Where the record is kept.</param>
    public static FleetConfiguration? Read(DocumentReader read, Document root, StoreSettings store)
    {
        var mode = Keys.Mode.Word.In(root);
        var word = read.Word(mode, Keys.Mode.Word.Words);
        var paired = OfAPair
            .Select(name => DocumentReader.Member(root, name))
            .FirstOrDefault(one => one is not null);
        var fleet = read.Section(root, Section);
        if (word != "fleet")
        {
            if (fleet is not null && (word is not null || mode is null))
                read.Fail(fleet, "has no effect without \"mode\": \"fleet\"");
            if (word == "single" && paired is not null)
                read.Fail(paired, "has no effect with \"mode\": \"single\"");
            if (word == "pair" && paired is null)
                read.Fail(mode!, "a pair needs a section \"pair\" that says where the other server is");
            return null;
        }

        if (paired is not null)
            read.Fail(paired, "a fleet has no pairs: its hosts take over from each other");
        var place = Keys.Store.Place.In(root);
        if (store.Address is null && !StoreSettings.IsMeant(place))
            read.Fail(
                place ?? mode!,
                "a fleet shares a record in PostgreSQL: \"store\": \"postgres://USER@HOST/DATABASE\""
            );
        return Host(read, root, mode!, fleet);
    }

    private static FleetConfiguration? Host(
        DocumentReader read,
        Document root,
        Document mode,
        Document? fleet
    )
    {
        var at = Keys.Fleet.Listen.In(fleet);
        if (at is null && (fleet is not null || DocumentReader.Member(root, Section) is null))
            read.Fail(
                fleet ?? mode,
                "lacks where the other hosts reach this one: \"fleet\": { \"listen\": \"ADDRESS:PORT\" }"
            );
        var units = read.Integer(fleet, Keys.Fleet.Units) ?? FleetConfiguration.UsualUnits;
        if (read.EndPoint(at) is not { } listen)
            return null;
        if (listen.Address.Equals(IPAddress.Any) || listen.Address.Equals(IPAddress.IPv6Any))
            read.Fail(at!, $"{listen.Address} is no address that other hosts could reach");
        return new FleetConfiguration(listen) { Units = units };
    }
}
